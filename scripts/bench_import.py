"""How many tweets of a text file one core imports in a second: read, cleaned, compared with all others, and stored.

usage: bench_import.py TWEETS.txt
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from training.corpus import Corpus


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        report = Corpus(Path(folder)).add_file(Path(sys.argv[1]), now=datetime.now(UTC))
        seconds = time.process_time() - started
    print(f"{report.read:,} tweets in {seconds:.1f} s of processor time: {report.read / seconds:,.0f} a second")


if __name__ == "__main__":
    main()
