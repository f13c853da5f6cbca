"""How fast one core imports a text file, and how sure near duplicates are found.

Speed: tweets a second read, cleaned, compared with all others, and stored. Near duplicates: of 2,000 tweets, how many
are recognised when one of their words is another.

usage: bench_import.py TWEETS.txt
"""

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from model.fingerprints import words
from training.cleaning import Cleaning
from training.corpus import Corpus

TWEETS = 2_000
WORDS = 12  # of a tweet at least; in a short one a word is more than a fifth, which makes it another tweet


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        report = Corpus(Path(folder)).add_file(Path(sys.argv[1]), now=datetime.now(UTC))
        seconds = time.process_time() - started
        kept = (text for _, text in Corpus(Path(folder)).tweets_by(lambda key: key[::-1]) if len(words(text)) >= WORDS)
        sample = [text for text, _ in zip(kept, range(TWEETS), strict=False)]
    with tempfile.TemporaryDirectory() as folder:
        found = _near_duplicates_found(Path(folder), sample)
    print(f"{report.read:,} tweets in {seconds:.1f} s of processor time: {report.read / seconds:,.0f} a second")
    print(f"of {len(sample):,} tweets with one word changed, {found:,} are found: {found / len(sample):.1%}")


def _near_duplicates_found(folder: Path, tweets: list[str]) -> int:
    rng = np.random.default_rng(1)
    changed = []
    for tweet in tweets:
        parts = tweet.split()
        parts[int(rng.integers(len(parts)))] = "zebra"
        changed.append(" ".join(parts))
    corpus = Corpus(folder)
    (folder / "originals.txt").write_text("\n".join(tweets), "utf-8")
    (folder / "changed.txt").write_text("\n".join(changed), "utf-8")
    everything = Cleaning(mentions="keep", contacts="keep", urls="keep", retweets=True, cut_texts=True)
    corpus.add_file(folder / "originals.txt", now=datetime.now(UTC), cleaning=everything)
    report = corpus.add_file(folder / "changed.txt", now=datetime.now(UTC), cleaning=everything)
    return report.dropped["near duplicate"] + report.dropped["duplicate"]


if __name__ == "__main__":
    main()
