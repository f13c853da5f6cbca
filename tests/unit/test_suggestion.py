"""What is tried next depends on the seed and the trials before, and on nothing else."""

import math

import pytest

from training.search.space import parse_space
from training.search.suggestion import STARTUP_TRIALS, Suggester
from training.search.trials import Trial
from training.settings import TrainSettings

SPACE = parse_space(
    {
        "seq_len": [16, 32, 64],
        "rnn_size": {"integer": [8, 64]},
        "learning_rate": {"log_uniform": [1e-4, 1e-1]},
        "drop_rate": {"uniform": [0.0, 0.5]},
        "optimizer": ["sgd", "adam"],
        "batch_size": 16,
    },
    TrainSettings(),
)


def searched(algorithm, count, seed=1, begun=()):
    """Trials whose loss is how many powers of ten the learning rate is from 0.01; every fifth one failed."""
    suggester, trials = Suggester(SPACE, algorithm, seed), list(begun)
    while len(trials) < count:
        settings = suggester.suggest(len(trials) + 1, trials)
        loss = None if len(trials) % 5 == 4 else abs(math.log10(settings.learning_rate) + 2)
        status = "ok" if loss is not None else "fail"
        trials.append(Trial(len(trials) + 1, status, settings.as_json(), val_loss=loss))
    return trials


@pytest.mark.parametrize("algorithm", ["tpe", "rand"])
def test_search_that_goes_on_suggests_what_an_unbroken_one_would(algorithm):
    unbroken = searched(algorithm, STARTUP_TRIALS + 8)

    assert searched(algorithm, STARTUP_TRIALS + 8, begun=unbroken[: STARTUP_TRIALS + 3]) == unbroken
    assert searched(algorithm, STARTUP_TRIALS + 8, begun=unbroken[:2]) == unbroken


def test_seed_decides():
    assert searched("rand", 3, seed=1) != searched("rand", 3, seed=2)


def test_suggestions_stay_in_the_space():
    for trial in searched("tpe", 40):
        s = TrainSettings.from_json(trial.settings)
        assert s.seq_len in (16, 32, 64)
        assert type(s.rnn_size) is int
        assert 8 <= s.rnn_size <= 64
        assert 1e-4 <= s.learning_rate <= 1e-1
        assert 0 <= s.drop_rate <= 0.5
        assert s.batch_size == 16


def test_tpe_goes_where_losses_are_low():
    def late_loss(algorithm):
        losses = [t.val_loss for seed in range(3) for t in searched(algorithm, 40, seed)[20:] if t.val_loss is not None]
        return sorted(losses)[len(losses) // 2]

    assert late_loss("tpe") < 0.8 * late_loss("rand")


def test_no_setting_is_tried_twice_while_there_are_others():
    space = parse_space({"seq_len": [8, 16, 32], "optimizer": ["sgd", "adam"]}, TrainSettings())
    suggester, trials = Suggester(space, "tpe", 1), []
    for number in range(1, 7):
        settings = suggester.suggest(number, trials)
        trials.append(Trial(number, "ok", settings.as_json(), val_loss=float(number)))

    assert len({(t.settings["seq_len"], t.settings["optimizer"]) for t in trials}) == 6
    assert suggester.suggest(7, trials)  # all were tried: one of them again


def test_running_trial_is_not_suggested_again():
    space = parse_space({"seq_len": [8, 16]}, TrainSettings())
    suggester = Suggester(space, "tpe", 1)
    first = suggester.suggest(1, [])

    assert suggester.suggest(2, [], [first]) != first
