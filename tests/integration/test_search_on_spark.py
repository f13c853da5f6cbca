"""A search on a real Spark cluster of two workers on this machine."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.search.experiment import SearchPlan
from training.search.running import SearchDisplay
from training.search.space import parse_space
from training.search.spark import search_on_spark
from training.search.trials import Trial, read_trials
from training.settings import TrainSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("java") and not os.environ.get("CI"), reason="Spark needs Java"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets to the JVM, which PySpark leaves to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLUSTER = "local-cluster[2,1,1024]"
BASE = TrainSettings(rnn_size=8, embedding_size=4, batch_size=4, seq_len=16, num_epochs=1)


@pytest.fixture
def plan(tmp_path) -> SearchPlan:
    rng = np.random.default_rng(31)
    tweets = [" ".join(rng.choice(["rain", "river", "kite", "heron", "sings"], 6)) + "." for _ in range(48)]
    (tmp_path / "train.txt").write_text("\n".join(tweets[:40]) + "\n", "utf-8")
    (tmp_path / "validate.txt").write_text("\n".join(tweets[40:]) + "\n", "utf-8")
    space = parse_space({"rnn_size": [4, 8, 12], "learning_rate": {"log_uniform": [1e-3, 1e-1]}}, BASE)
    texts = tmp_path / "train.txt", tmp_path / "validate.txt"
    return SearchPlan(tmp_path / "search", *texts, space, num_trials=3, max_epochs=1, parallel=2)


class Ended(SearchDisplay):
    def __init__(self) -> None:
        self.numbers: list[int] = []

    def ended(self, trial: Trial, finished: object) -> None:
        self.numbers.append(trial.trial_num)


def test_trials_run_on_the_workers_and_a_later_call_goes_on(plan):
    display = Ended()

    trials = search_on_spark(plan, CLUSTER, display)

    assert [(t.trial_num, t.status) for t in trials] == [(1, "ok"), (2, "ok"), (3, "ok")]
    assert sorted(display.numbers) == [1, 2, 3]
    assert (plan.folder / "trials.csv").exists()
    assert all(list(Path(plan.folder).glob(f"{t.trial_num}/best/model.keras")) for t in trials)

    more = search_on_spark(replace(plan, num_trials=5), CLUSTER, SearchDisplay())

    assert more[:3] == trials
    assert [t.trial_num for t in more] == [1, 2, 3, 4, 5]
    assert len({(t.settings["rnn_size"], t.settings["learning_rate"]) for t in more}) == 5


def test_search_on_spark_can_be_stopped(plan):
    assert search_on_spark(plan, CLUSTER, SearchDisplay(), should_stop=lambda: True) == read_trials(plan.folder)
    assert not (plan.folder / "stop").exists()
    assert len(read_trials(plan.folder)) < 3
