"""Which trial is recommended, when one is cut, and what lies at an edge."""

import csv
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.search.decision import Limits, edges, is_hopeless, medians, megabytes, recommend
from training.search.space import parse_space
from training.search.trials import ORIGINAL_COLUMNS, Trial, read_table
from training.settings import TrainSettings

SETTINGS = TrainSettings().as_json()
# The end of the search that char-rnn-text-generation was tuned by: (trial, loss, seconds, batch, layers, units)
PUBLISHED = [
    (31, 1.6058531732, 307, 32, 2, 512), (29, 1.6129419922, 319, 32, 2, 512), (16, 1.6339416238, 392, 32, 2, 512),
    (41, 1.6403588219, 58, 128, 1, 512), (15, 1.6484226617, 198, 64, 2, 512), (10, 1.6494271981, 41, 256, 1, 512),
    (40, 1.6621856037, 254, 32, 2, 256), (2, 1.9713149402, 23, 256, 1, 128),
]  # fmt: skip


def trial(number, loss, seconds=10.0, status="ok", **settings):
    curve = settings.pop("curve", [])
    return Trial(
        number, status, SETTINGS | settings, val_loss=loss, epoch_seconds=seconds, curve=curve, parameters=1000
    )


@pytest.fixture
def published(tmp_path) -> Path:
    path = tmp_path / "trials.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(ORIGINAL_COLUMNS)
        for rank, (number, loss, seconds, batch, layers, units) in enumerate(PUBLISHED, 1):
            writer.writerow(
                [rank, number, loss, 1.5, 10, seconds, batch, 0.05, 32, layers, units, 64, "adam", "", "ok"]
            )
    return path


def test_published_search_is_decided_as_its_authors_did(published):
    chosen = recommend(read_table(published), Limits())

    assert chosen.trial.trial_num == 41
    assert "2.1% above the best (1.6059, trial 31), at 58 s an epoch instead of 307 s" in chosen.reason


def test_rule_can_be_adjusted(published):
    trials = read_table(published)

    def chosen(**limits):
        return recommend(trials, Limits(**limits)).trial.trial_num

    assert chosen(within=0) == 31
    assert chosen(within=0.03) == 10
    assert chosen(within=0.03, max_seconds=30) == 2
    assert chosen(max_megabytes=5.5) == 41
    assert recommend(trials, Limits(max_seconds=1)) is None


def test_size_of_a_published_trial_follows_from_its_settings(published):
    by_number = {t.trial_num: t for t in read_table(published)}
    lstm = 4 * 512 * (32 + 512 + 1)

    assert megabytes(by_number[41]) == 4 * (98 * 32 + lstm + 98 * 513) / 1e6
    assert megabytes(by_number[31]) == 4 * (98 * 32 + lstm + 4 * 512 * 1025 + 98 * 513) / 1e6


def test_cut_and_failed_trials_are_never_recommended():
    trials = [trial(1, 1.0, status="pruned"), trial(2, None, status="fail"), trial(3, 2.0)]

    assert recommend(trials, Limits()).trial.trial_num == 3
    assert recommend(trials[:2], Limits()) is None


finished = st.lists(st.tuples(st.floats(0.5, 4), st.floats(0.1, 500)), min_size=1, max_size=20).map(
    lambda pairs: [trial(i + 1, loss, seconds) for i, (loss, seconds) in enumerate(pairs)]
)


@given(finished, st.floats(0, 0.2))
def test_recommended_trial_is_near_the_best_and_none_near_is_cheaper(trials, within):
    chosen = recommend(trials, Limits(within=within)).trial
    bound = min(t.val_loss for t in trials) * (1 + within)

    assert chosen.val_loss <= bound
    assert all(t.epoch_seconds >= chosen.epoch_seconds for t in trials if t.val_loss <= bound)


def test_medians_are_of_the_best_so_far_of_finished_trials():
    trials = [trial(i, None, curve=curve) for i, curve in enumerate([[3, 2], [5, 1], [4, 4.5], [9, 8]], 1)]
    trials.append(trial(5, None, status="pruned", curve=[100.0]))

    assert medians(trials, 3) == [4.5, 3.0, 3.0]
    assert medians(trials[1:], 2) == [None, None]


@pytest.mark.parametrize(
    ("curve", "bounds", "hopeless"),
    [
        ([], [1.0, 1.0], False),
        ([2.0], [1.0, 1.0], True),
        ([1.0], [1.0, 1.0], False),
        ([0.9, 2.0], [1.0, 1.0, 1.0], False),
        ([2.0], [None, 1.0], False),
        ([1.0, 2.0], [1.0, 1.0], False),
        ([math.inf, 2.0], [1.0, 1.0, 1.0], True),
    ],
)
def test_trial_above_the_median_is_hopeless_but_not_at_its_last_epoch(curve, bounds, hopeless):
    assert is_hopeless(curve, bounds) is hopeless


def test_best_value_at_an_edge_is_told():
    space = parse_space(
        {
            "seq_len": [16, 32, 64],
            "drop_rate": {"uniform": [0, 0.5]},
            "learning_rate": {"log_uniform": [1e-4, 1e-1]},
            "optimizer": ["sgd", "adam"],
        },
        TrainSettings(),
    )

    def found(**best):
        values = {"seq_len": 32, "drop_rate": 0.2, "learning_rate": 1e-3} | best
        return [line.split()[0] for line in edges([trial(1, 1.0, **values), trial(2, 2.0)], space)]

    assert found() == []
    assert found(seq_len=16) == found(seq_len=64) == ["seq_len"]
    assert found(drop_rate=0.01) == found(drop_rate=0.49) == ["drop_rate"]
    assert found(learning_rate=1.1e-4) == ["learning_rate"]
    assert found(learning_rate=0.02) == []
    (line,) = edges([trial(1, 1.0, seq_len=64, drop_rate=0.2, learning_rate=1e-3)], space)
    assert line.startswith("seq_len is best at 64, the highest end of what was allowed (16 to 64)")


def test_edges_of_a_bare_table_are_those_of_what_was_tried(published):
    lines = edges(read_table(published), None)

    assert [line.split()[0] for line in lines] == ["batch_size", "num_layers", "rnn_size"]
    assert "lowest end of what was tried (32 to 256)" in lines[0]


def test_search_without_a_result_has_no_edges():
    assert edges([trial(1, None, status="fail")], None) == []
