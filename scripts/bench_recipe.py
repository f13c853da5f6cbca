"""How much our recipe gains over the one of char-rnn-text-generation, on the same tweets and the same network.

usage: bench_recipe.py TWEETS.txt WORK_FOLDER [--seeds 1 2 3] [--only starling-2] [--set batch_size=32 ...]

TWEETS.txt holds one tweet a line; 20,000 of them, picked by their hash, are the sample: 18,000 to train, 2,000 to
validate. Runs lie in WORK_FOLDER and go on where they were stopped, so it may be run in pieces. --set changes our
recipe, for a trial; such a run has the change in its folder's name.
"""

import argparse
import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from training.dataset import read_tweets
from training.loop import RunPlan, train
from training.network import import_keras
from training.progress import ProgressDisplay
from training.settings import PRESETS, TrainSettings

TRAIN, VALIDATE = 18_000, 2_000
VOCAB = "ascii98"  # the seed has no other, and a loss is only comparable over the same characters
RUNS = {"original-10": ("original", 10), "starling-2": ("starling", 2), "starling-10": ("starling", 10)}


def write_sample(tweets: Path, folder: Path) -> None:
    if (folder / "validate.txt").exists():
        return
    unique = set(read_tweets(tweets))
    sample = sorted(unique, key=lambda tweet: hashlib.sha256(tweet.encode()).digest())[: TRAIN + VALIDATE]
    if len(sample) < TRAIN + VALIDATE:
        raise SystemExit(f"{tweets} holds only {len(sample)} different tweets of the {TRAIN + VALIDATE} needed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_text("\n".join(sample[:TRAIN]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(sample[TRAIN:]) + "\n", "utf-8")


def changed(settings: TrainSettings, pairs: list[str]) -> TrainSettings:
    types: dict[str, Any] = {f.name: type(getattr(settings, f.name)) for f in fields(settings)}
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        changes[name] = json.loads(text) if types[name] is not str else text
    return replace(settings, **changes)


def run(name: str, seed: int, work: Path, pairs: list[str]) -> list[float]:
    """The validation loss after each epoch, in nats a character."""
    preset, epochs = RUNS[name]
    settings = replace(PRESETS[preset], vocab=VOCAB, num_epochs=epochs, random_seed=seed)
    if preset == "starling":
        settings = changed(settings, pairs)
        name = "-".join([name, *pairs])
    folder = work / f"{name}-seed{seed}"
    meta = folder / "last" / "checkpoint.json"
    if not (meta.exists() and json.loads(meta.read_text())["training"]["epochs_done"] == epochs):
        print(f"{folder.name}: training", flush=True)
        with ProgressDisplay() as display:
            train(
                RunPlan(folder, work / "train.txt", work / "validate.txt", settings, resume=meta.exists()),
                display,
            )
    lines = (folder / "last" / "history.csv").read_text().splitlines()
    column = lines[0].split(",").index("val_loss")
    return [float(line.split(",")[column]) for line in lines[1:]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    import_keras()
    write_sample(arguments.tweets, arguments.work)
    final: dict[str, list[float]] = {}
    for name in arguments.only:
        for seed in arguments.seeds:
            losses = run(name, seed, arguments.work, arguments.set)
            print(f"{name:12} seed {seed}: " + " ".join(f"{loss:.4f}" for loss in losses), flush=True)
            final.setdefault(name, []).append(losses[-1])
    if len(final) == len(RUNS):
        seed_best = min(final["original-10"])
        print(f"the original after 10 epochs, its best seed:  {seed_best:.4f} nats a character")
        print(f"ours after 2, its worst seed:                 {max(final['starling-2']):.4f}")
        print(f"ours after 10, its worst seed:                {max(final['starling-10']):.4f}")
        print(f"lower after 10 epochs by:                     {seed_best - max(final['starling-10']):.4f}")


if __name__ == "__main__":
    main()
