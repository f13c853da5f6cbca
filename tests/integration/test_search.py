"""Searches with real trials: processes that train networks of a few units, and are killed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from config.errors import CorpusError, UsageError
from model.checkpoint import open_checkpoint
from training.search.experiment import SearchPlan, open_experiment
from training.search.running import SearchDisplay, search
from training.search.space import parse_space
from training.search.trials import Trial, append_trial, read_trials
from training.settings import TrainSettings

pytestmark = pytest.mark.slow

BASE = TrainSettings(rnn_size=8, embedding_size=4, batch_size=4, seq_len=16, num_epochs=2, lr_schedule="constant")
SPACE = parse_space({"rnn_size": [4, 8, 12], "learning_rate": {"log_uniform": [1e-3, 1e-1]}}, BASE)
TIMES = ("seconds", "epoch_seconds", "chars_per_second", "peak_memory_mb", "started")
# Begins the search of plan.json in a process that can be killed
SEARCH = """
import pickle, sys
from training.search.running import search, SearchDisplay
class Told(SearchDisplay):
    def event(self, number, event):
        print(number, event["event"], flush=True)
    def ended(self, trial, finished):
        print(trial.trial_num, "ended", flush=True)
search(pickle.loads(bytes.fromhex(sys.argv[1])), Told())
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(31)
    words = ["rain", "river", "kite", "garden", "heron", "street", "and", "the", "waits", "sings"]
    tweets = [" ".join(rng.choice(words, 6)) + "." for _ in range(64)]
    (folder / "train.txt").write_text("\n".join(tweets[:-8]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(tweets[-8:]) + "\n", "utf-8")
    return folder


@pytest.fixture
def plan(texts, tmp_path) -> SearchPlan:
    return plan_in(tmp_path / "search", texts)


def plan_in(folder: Path, texts: Path) -> SearchPlan:
    return SearchPlan(
        folder, texts / "train.txt", texts / "validate.txt", SPACE, num_trials=3, max_epochs=2, prune=False
    )


@pytest.fixture(scope="module")
def finished(texts, tmp_path_factory) -> Path:
    """An experiment of three trials that nothing disturbed; only to be read."""
    folder = tmp_path_factory.mktemp("finished") / "search"
    search(plan_in(folder, texts), SearchDisplay())
    return folder


def timeless(folder: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in t.as_json().items() if k not in TIMES} for t in read_trials(folder)]


def started(plan: SearchPlan) -> subprocess.Popen[str]:
    import pickle

    command = [sys.executable, "-c", SEARCH, pickle.dumps(plan).hex()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert any(line == said.strip() for said in process.stdout)


def test_each_trial_has_a_folder_with_checkpoint_and_logs(finished):
    for trial in read_trials(finished):
        folder = finished / str(trial.trial_num)
        assert open_checkpoint(folder).meta["scores"]["validate"]["loss_nats_per_char"] == trial.val_loss
        assert list((folder / "logs").iterdir())
        assert not (folder / "last").exists()


def test_trials_tell_what_they_cost(finished):
    for trial in read_trials(finished):
        assert trial.status == "ok"
        assert trial.num_epochs == len(trial.curve) == 2
        assert trial.val_loss == min(trial.curve)
        assert trial.parameters == open_checkpoint(finished / str(trial.trial_num)).meta["network"]["parameters"]
        assert 0 < trial.epoch_seconds * 2 < trial.seconds
        assert trial.peak_memory_mb > 100
        assert trial.chars_per_second > 0
    assert (finished / "trials.csv").exists()


def test_finished_search_does_nothing_again(finished, texts):
    before = (finished / "trials.jsonl").read_bytes()

    search(plan_in(finished, texts), SearchDisplay())

    assert (finished / "trials.jsonl").read_bytes() == before


@pytest.mark.parametrize("moment", ["1 epoch", "1 ended", "3 step"])
def test_killed_search_goes_on_as_if_unbroken_and_leaves_no_process(finished, plan, moment):
    process = started(plan)
    wait_for(process, moment)
    children = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    process.stdout.close()
    psutil.wait_procs(children, timeout=60)

    assert not any(child.is_running() for child in children)
    search(plan, SearchDisplay())
    assert timeless(plan.folder) == timeless(finished)


def test_stopped_search_saves_the_running_trial(finished, plan):
    told: list[str] = []

    class Stopping(SearchDisplay):
        def event(self, number, event):
            told.append(event["event"])

    trials = search(plan, Stopping(), should_stop=lambda: "epoch" in told)

    assert len(trials) < 3
    search(plan, SearchDisplay())
    assert timeless(plan.folder) == timeless(finished)


def test_search_stops_when_its_time_is_up(plan):
    ticks = iter(range(10**9))

    assert search(replace(plan, timeout=3), SearchDisplay(), clock=lambda: float(next(ticks))) == []


def test_more_trials_may_be_asked_for_later(finished, plan):
    search(replace(plan, num_trials=1), SearchDisplay())
    search(plan, SearchDisplay())

    assert timeless(plan.folder) == timeless(finished)


def test_trials_run_side_by_side(plan):
    running: list[int] = []
    most = 0

    class Counting(SearchDisplay):
        def began(self, number, settings):
            nonlocal most
            running.append(number)
            most = max(most, len(running))

        def ended(self, trial, finished):
            running.remove(trial.trial_num)

    trials = search(replace(plan, parallel=2), Counting())

    assert most == 2
    assert [t.status for t in trials] == ["ok"] * 3


def test_diverging_trial_fails_with_its_reason_and_the_others_go_on(plan):
    space = parse_space(
        {"learning_rate": [0.01, 1e30]}, replace(BASE, optimizer="sgd", clip_norm=0.0, precision="float32")
    )

    trials = search(replace(plan, space=space, num_trials=2), SearchDisplay())

    by_rate = {t.settings["learning_rate"]: t for t in trials}
    assert by_rate[0.01].status == "ok"
    assert (by_rate[1e30].status, by_rate[1e30].val_loss) == ("fail", None)
    assert "try a lower --learning-rate" in by_rate[1e30].error


def test_trial_beyond_its_limits_is_ended(plan):
    by_memory = search(replace(plan, num_trials=1, trial_memory_mb=50), SearchDisplay())
    by_time = search(replace(plan, num_trials=2, trial_timeout=0.1), SearchDisplay())

    assert [t.error for t in by_time] == [
        "it took more memory than the limit of 50 MB",
        "it took longer than the limit of 0.1 s",
    ]
    assert by_time[0] == by_memory[0]


def test_trial_that_is_killed_fails_and_the_search_goes_on(plan):
    class Killing(SearchDisplay):
        def event(self, number, event):
            if number == 1:
                for child in psutil.Process().children():
                    child.kill()

    trials = search(replace(plan, num_trials=2), Killing())

    assert (trials[0].status, trials[0].error) == ("fail", "it was killed by SIGKILL, as where memory runs out")
    assert trials[1].status == "ok"


def test_hopeless_trial_is_cut_with_its_loss_so_far(plan):
    """Four finished trials set a median that the fifth cannot reach."""
    asked = replace(
        plan, max_epochs=3, space=parse_space({"rnn_size": [4, 8]}, replace(BASE, num_epochs=3)), prune=True
    )
    open_experiment(asked)
    for number in range(1, 5):
        append_trial(plan.folder, Trial(number, "ok", BASE.as_json(), val_loss=0.5, curve=[0.6, 0.5, 0.5], seconds=1.0))

    *_, last = search(replace(asked, num_trials=5), SearchDisplay())

    assert (last.status, last.num_epochs, last.val_loss) == ("pruned", 1, last.curve[0])


def test_other_search_in_the_folder_is_refused_by_what_differs(finished, texts):
    plan = plan_in(finished, texts)

    for change, name in (
        ({"max_epochs": 3}, "max_epochs_per_trial"),
        ({"random_seed": 2}, "random_seed"),
        ({"algorithm": "rand"}, "algo"),
        ({"space": parse_space({"rnn_size": [4, 8]}, BASE)}, "space"),
        ({"train_text": texts / "validate.txt"}, "train_text_sha256"),
        ({"prune": True}, "prune"),
    ):
        with pytest.raises(UsageError, match=f"holds a search with {name} "):
            search(replace(plan, **change), SearchDisplay())


def test_folder_with_something_else_is_refused(plan):
    plan.folder.mkdir()
    (plan.folder / "letter.txt").write_text("mine")

    with pytest.raises(UsageError, match="something else than a search"):
        search(plan, SearchDisplay())


def test_missing_text_is_an_error_before_the_first_trial(plan):
    with pytest.raises(CorpusError, match=r"nothing\.txt cannot be read"):
        search(replace(plan, validate_text=plan.folder / "nothing.txt"), SearchDisplay())
    assert not plan.folder.exists()
