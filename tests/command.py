"""The installed `bot` command, run as a process of its own."""

import subprocess
import sys
from pathlib import Path

BOT = Path(sys.executable).with_name("bot")


def run(*command, **options):
    """Run a command to its end; its exit code is the test's business."""
    command = list(map(str, command))
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


def bot(home, *arguments, **options):
    """Run `bot` on a home."""
    return run(BOT, "--home", home, *arguments, **options)
