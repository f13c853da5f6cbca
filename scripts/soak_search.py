"""Kills a search at random moments, lets it go on each time, and compares its table with that of an unbroken one.

usage: soak_search.py TWEETS.txt WORK_FOLDER [--kills 5] [--trials 8] [--random-seed 1]

TWEETS.txt holds one tweet a line, of which the first 600 are used. Exits with 1 if a column differs that is no time
and no memory.
"""

import argparse
import csv
import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

from training.dataset import read_tweets

TIMES = {"avg_epoch_seconds", "chars_per_second", "seconds", "peak_memory_mb", "pareto", "started"}
BOT = Path(sys.executable).with_name("bot")
SPACE = ["rnn_size=[16, 32, 64]", "learning_rate={log_uniform=[0.001, 0.05]}", "drop_rate={uniform=[0, 0.3]}"]


def command(work: Path, name: str, trials: int) -> list[str]:
    asked = [str(BOT), "--home", str(work / "home"), "search", "--experiment-path", str(work / name)]
    asked += ["--train-text-path", str(work / "train.txt"), "--val-text-path", str(work / "validate.txt")]
    asked += ["--num-trials", str(trials), "--max-epochs-per-trial", "3"]
    for setting in SPACE:
        asked += ["--space", setting]
    return asked


def table(work: Path, name: str) -> list[dict[str, str]]:
    with (work / name / "trials.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("tweets", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--random-seed", type=int, default=1)
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True)
    tweets = list(islice(read_tweets(arguments.tweets), 600))
    (work / "train.txt").write_text("\n".join(tweets[:540]) + "\n", "utf-8")
    (work / "validate.txt").write_text("\n".join(tweets[540:]) + "\n", "utf-8")
    subprocess.run(command(work, "unbroken", arguments.trials), check=True, capture_output=True)
    rng, kills = random.Random(arguments.random_seed), 0  # noqa: S311 - moments to kill at
    while kills < arguments.kills:
        process = subprocess.Popen(
            command(work, "killed", arguments.trials), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(4, 25))
            raise SystemExit(f"the search ended after {kills} kills: ask for more --trials")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        kills += 1
        there = len(table(work, "killed")) if (work / "killed" / "trials.csv").exists() else 0
        print(f"kill {kills}: {there} of {arguments.trials} trials are finished", flush=True)
    subprocess.run(command(work, "killed", arguments.trials), check=True, capture_output=True)
    same = table(work, "unbroken") == table(work, "killed")
    print(f"the tables of the killed search and of the unbroken one are {'equal' if same else 'NOT equal'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
