"""How much memory the way from a text to the network's windows takes, for a small text and a large one.

usage: bench_memory.py TWEETS.txt [--megabytes 1 1000]

TWEETS.txt is repeated, with its words numbered anew each time, up to each size. Each size is measured in a process of
its own; the figure is the peak of anonymous memory, as pages of a mapped file can be taken back at any time. A
gigabyte takes about twenty minutes, most of them for the fingerprints.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from model.fingerprints import build_fingerprints
from model.vocabulary import ASCII98, build_vocabulary
from training.dataset import Windows, encode_file, read_tweets, survey


def anonymous_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1024


def write_text(source: Path, size: int, target: Path) -> None:
    written, turn = 0, 0
    with target.open("w", encoding="utf-8") as file:
        while written < size:
            for tweet in read_tweets(source):
                line = tweet.replace(" ", f" {turn}") if turn else tweet  # other words, so other fingerprints
                written += file.write(line + "\n")
                if written >= size:
                    break
            turn += 1


def measure(text: Path, folder: Path) -> float:
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    vocabulary = build_vocabulary(survey(text).counts, ASCII98)
    windows = Windows(encode_file(text, vocabulary), 128, 64)
    for i in range(len(windows)):
        windows[i]
    build_fingerprints(read_tweets(text), folder / "fingerprints.bin")
    done.set()
    watcher.join()
    return peak


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets", type=Path)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.one:
            print(measure(arguments.tweets, Path(folder)))
            return
        for megabytes in arguments.megabytes:
            text = Path(folder) / "text.txt"
            write_text(arguments.tweets, megabytes * 1_000_000, text)
            done = subprocess.run(
                [sys.executable, __file__, "--one", str(text)], capture_output=True, text=True, check=True
            )
            print(
                f"{megabytes:>6} MB of text: {float(done.stdout):6.0f} MB of anonymous memory at the peak", flush=True
            )


if __name__ == "__main__":
    main()
