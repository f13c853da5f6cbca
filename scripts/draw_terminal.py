"""Draws docs/terminal.svg: a real `bot run --dry-run`, as a terminal shows it.

The command runs on a pseudo-terminal in a new home, so colours and line breaks are those a person sees.

usage: draw_terminal.py OUT.svg
"""

import os
import pty
import re
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS = 96
_SHOWN = "./scripts/bot run --dry-run --every 2s --posts 6"


def main() -> None:
    os.environ["COLUMNS"] = str(_COLUMNS)
    written: list[bytes] = []

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        written.append(data)
        return data

    bot = Path(sys.executable).with_name("bot")
    with tempfile.TemporaryDirectory() as home:
        arguments = ["run", "--dry-run", "--every", "2s", "--posts", "6", "--random-seed", "7"]
        pty.spawn([str(bot), "--home", home, *arguments], read)
    output = b"".join(written).decode().replace("\r\n", "\n")
    console = Console(record=True, width=_COLUMNS, file=StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(f"\x1b[1m$ {_SHOWN}\x1b[0m\n{output.rstrip()}"))
    svg = console.export_svg(title="Starling")
    # rich names a web font; a picture in a README loads nothing from elsewhere
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path(sys.argv[1]).write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
