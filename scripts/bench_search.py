"""What a search costs beside its training, and what cutting hopeless trials saves.

usage: bench_search.py TWEETS.txt WORK_FOLDER [--trials 24] [--epochs 6] [--parallel 1]

TWEETS.txt holds one tweet a line; 3,300 of them, picked by their hash, are the sample. A search draws its trials at
random and runs each to its end. Then it is gone through again with the median rule, on the losses that were measured:
how much of the training would not have been done, and what the best trial would have been. The work folder keeps the
trials, so the bench may be stopped and goes on.
"""

import argparse
import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.dataset import read_tweets
from training.search.decision import is_hopeless, medians
from training.search.experiment import SearchPlan
from training.search.running import SearchDisplay, search
from training.search.space import parse_space
from training.search.trials import Trial
from training.settings import PRESETS, TrainSettings

TRAIN, VALIDATE = 3_000, 300
SPACE = {
    "rnn_size": [64, 128, 256],
    "batch_size": [16, 32, 64],
    "seq_len": [32, 64, 128],
    "learning_rate": {"log_uniform": [0.0003, 0.03]},
    "drop_rate": {"uniform": [0.0, 0.4]},
    "embedding_size": [16, 32, 64],
}


class Timing(SearchDisplay):
    """Adds up what goes on inside the trials' processes."""

    def __init__(self) -> None:
        self.inside = 0.0
        self._since: dict[int, float] = {}

    def began(self, number: int, settings: TrainSettings) -> None:
        self._since[number] = time.monotonic()

    def event(self, number: int, event: dict[str, Any]) -> None:
        if event["event"] == "done":
            self.inside += time.monotonic() - self._since[number]

    def ended(self, trial: Trial, finished: Sequence[Trial]) -> None:
        print(f"trial {trial.trial_num} {trial.status}: {trial.val_loss or float('nan'):.4f}", flush=True)


def write_sample(tweets: Path, folder: Path) -> None:
    if (folder / "validate.txt").exists():
        return
    order = sorted(set(read_tweets(tweets)), key=lambda tweet: hashlib.sha256(tweet.encode()).digest())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.txt").write_text("\n".join(order[:TRAIN]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(order[TRAIN : TRAIN + VALIDATE]) + "\n", "utf-8")


def cut(trials: Sequence[Trial], epochs: int) -> list[Trial]:
    """The trials as they would have ended under the median rule, one after another."""
    ended: list[Trial] = []
    for trial in trials:
        bounds = medians(ended, epochs)
        stop = next((n for n in range(1, len(trial.curve)) if is_hopeless(trial.curve[:n], bounds)), None)
        ended.append(trial if stop is None else replace(trial, status="pruned", curve=trial.curve[:stop]))
    return ended


def training_seconds(trials: Sequence[Trial]) -> float:
    return sum(len(trial.curve) * (trial.epoch_seconds or 0.0) for trial in trials)


def best_loss(trials: Sequence[Trial]) -> float:
    return min(trial.val_loss for trial in trials if trial.status == "ok" and trial.val_loss is not None)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--parallel", type=int, default=1)
    arguments = parser.parse_args()
    write_sample(arguments.tweets, arguments.work)
    base = replace(PRESETS["starling"], num_epochs=arguments.epochs, random_seed=1)
    plan = SearchPlan(
        arguments.work / "search",
        arguments.work / "train.txt",
        arguments.work / "validate.txt",
        parse_space(SPACE, base),
        num_trials=arguments.trials,
        max_epochs=arguments.epochs,
        algorithm="rand",
        prune=False,
        parallel=arguments.parallel,
    )
    display, started = Timing(), time.monotonic()
    trials = search(plan, display)
    wall = time.monotonic() - started
    shortened = cut(trials, arguments.epochs)
    whole, less = training_seconds(trials), training_seconds(shortened)
    if display.inside and arguments.parallel == 1:
        print(f"the search beside its trials' processes: {1 - display.inside / wall:.2%} of {wall:.0f} s")
    print(
        f"cutting: {sum(t.status == 'pruned' for t in shortened)} of {len(trials)} trials, {1 - less / whole:.0%} saved"
    )
    print(f"best loss with all run to their end {best_loss(trials):.4f}, with cutting {best_loss(shortened):.4f}")


if __name__ == "__main__":
    main()
