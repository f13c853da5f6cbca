"""Writes the texts of the usgov tweets, one a line, without the account NASA.

usage: usgov_text.py TWEETS.tsv[.xz] OUT.txt
"""

import lzma
import sys
from pathlib import Path

_ACCOUNT, _TEXT = 2, 5


def main() -> None:
    source, target = (Path(argument) for argument in sys.argv[1:3])
    opener = lzma.open if source.suffix == ".xz" else open
    with opener(source, "rt", encoding="utf-8", newline="\n") as lines, target.open("w", encoding="utf-8") as out:
        for line in lines:
            fields = line.rstrip("\n").split("\t")
            if fields[_ACCOUNT].casefold() != "nasa":
                out.write(fields[_TEXT] + "\n")


if __name__ == "__main__":
    main()
