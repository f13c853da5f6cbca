"""Everything people see: results to stdout, all else to stderr."""

import json
import sys
from typing import Any


def result(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def result_json(value: dict[str, Any]) -> None:
    """One JSON document; its keys only change with a line in the changelog."""
    result(json.dumps({"schema": 1} | value, ensure_ascii=False, indent=1, default=str))


def notice(text: str) -> None:
    """Something worth knowing that is not the result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def error(text: str) -> None:
    """Why it did not work, on one line."""
    notice("error: " + " ".join(text.split()))


def table(rows: list[list[str]], header: list[str]) -> str:
    """Columns padded to the widest cell; the last one is left as long as it is."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header) - 1)]
    lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)) + "  " + row[-1] for row in cells)
    return "\n".join(line.rstrip() for line in lines)
