"""What the shipped model is worth as a base: fine-tuning it on one account against training on that account alone.

usage: bench_finetune.py TWEETS.tsv[.xz] WORK_FOLDER [--account NASA] [--base FOLDER]

TWEETS.tsv has the columns id, date, account, collection, basis, text. The account's tweets are split by time: the
oldest 80 % to train, the next 10 % to validate (which picks the epoch), the newest 10 % to test. Both runs use our
recipe; the one from scratch gets more epochs, as it needs them.
"""

import argparse
import lzma
from collections import Counter
from pathlib import Path

from model.checkpoint import Checkpoint, open_checkpoint, pretrained_path
from model.score import score_tweets
from training.cleaning import Cleaning, RawTweet
from training.dataset import read_tweets
from training.loop import RunPlan, train
from training.network import import_keras
from training.progress import ProgressDisplay
from training.settings import TrainSettings

_DATE, _ACCOUNT, _TEXT = 1, 2, 5
EPOCHS = {"from the base": 10, "from scratch": 30}


def write_parts(tweets: Path, account: str, folder: Path) -> None:
    opener = lzma.open if tweets.suffix == ".xz" else open
    with opener(tweets, "rt", encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    own = sorted((row[_DATE], row[_TEXT]) for row in rows if row[_ACCOUNT].casefold() == account.casefold())
    cleaned = (Cleaning().clean(RawTweet(text), Counter()) for _, text in own)
    texts = list(dict.fromkeys(text for text, reason in cleaned if not reason))
    first, second = round(0.8 * len(texts)), round(0.9 * len(texts))
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", texts[:first]), ("validate", texts[first:second]), ("test", texts[second:])):
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n", "utf-8")
        print(f"{name}: {len(part)} tweets")


def tested(checkpoint: Checkpoint, work: Path) -> float:
    return score_tweets(checkpoint.network(), checkpoint.vocabulary, read_tweets(work / "test.txt")).loss_nats_per_char


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--account", default="NASA")
    parser.add_argument("--base", type=Path, default=pretrained_path())
    arguments = parser.parse_args()
    import_keras()
    work = arguments.work
    write_parts(arguments.tweets, arguments.account, work)
    base = open_checkpoint(arguments.base)
    losses = {"the base as it is": tested(base, work)}
    for name, epochs in EPOCHS.items():
        # from the base as "bot train" does it; so few tweets alone need smaller batches, or there are too few steps
        settings = TrainSettings(num_epochs=epochs, batch_size=64 if name == "from the base" else 16, patience=4)
        folder = work / name.replace(" ", "-")
        start = base if name == "from the base" else None
        with ProgressDisplay() as display:
            train(RunPlan(folder, work / "train.txt", work / "validate.txt", settings, base=start), display)
        losses[name] = tested(open_checkpoint(folder / "best"), work)
    for name, loss in losses.items():
        print(f"{name:18} {loss:.4f} nats a character on the newest tweets of {arguments.account}")
    print(f"{'the base saves':18} {losses['from scratch'] - losses['from the base']:.4f}")


if __name__ == "__main__":
    main()
