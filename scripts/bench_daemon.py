"""What the daemon costs in a dry run: seconds from its start to the first candidate, and its memory.

Each run is a new process with a new home; the first is thrown away, as it warms the disk. Linux only (/proc).

usage: bench_daemon.py [--runs N] [--json]
"""

import argparse
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_BOT = Path(sys.executable).with_name("bot")
_POSTS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = [measure() for _ in range(arguments.runs + 1)][1:]
    result = {
        "seconds_to_first_candidate": min(m["seconds_to_first_candidate"] for m in measured),
        "peak_rss_mb": max(m["peak_rss_mb"] for m in measured),
        "peak_anonymous_mb": max(m["peak_anonymous_mb"] for m in measured),
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        print(f"{name.replace('_', ' '):<30}{value:>8.2f}")


def measure() -> dict[str, float]:
    """One daemon, from its start to its third dry post."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        command = [_BOT, "--home", home, "run", "--dry-run", "--every", "1s", "--posts", str(_POSTS)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first = 0.0
        peak = {"VmHWM": 0, "RssAnon": 0}
        while process.poll() is None:
            if not first and _has_candidate(Path(home) / "bot.sqlite3"):
                first = time.perf_counter() - started
            _note_memory(process.pid, peak)
            time.sleep(0.01)
    return {
        "seconds_to_first_candidate": first,
        "peak_rss_mb": peak["VmHWM"] / 1024,
        "peak_anonymous_mb": peak["RssAnon"] / 1024,
    }


def _has_candidate(database: Path) -> bool:
    if not database.exists():
        return False
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return bool(connection.execute("SELECT 1 FROM tweets WHERE state <> 'rejected' LIMIT 1").fetchone())
    except sqlite3.OperationalError:  # being made, or locked for a moment
        return False
    finally:
        connection.close()


def _note_memory(pid: int, peak: dict[str, int]) -> None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return
    for name in peak:
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        if found:
            peak[name] = max(peak[name], int(found[1]))


if __name__ == "__main__":
    main()
