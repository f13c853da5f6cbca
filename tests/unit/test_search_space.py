"""A search space as people write it, and what is wrong with it."""

import pytest

from config.errors import UsageError
from training.search.space import DEFAULT_SPACE, Dimension, parse_space
from training.settings import PRESETS, TrainSettings

BASE = TrainSettings()


def test_lists_are_choices_tables_are_ranges_and_the_rest_is_constant():
    space = parse_space(
        {
            "seq_len": [16, 32],
            "drop_rate": {"uniform": [0, 0.3]},
            "learning_rate": {"log_uniform": [1e-4, 1e-2]},
            "rnn_size": {"integer": [64, 512]},
            "optimizer": "adam",
            "batch_size": [128],
        },
        BASE,
    )

    assert space.dimensions == (
        Dimension("seq_len", "choice", (16, 32)),
        Dimension("drop_rate", "uniform", (0.0, 0.3)),
        Dimension("learning_rate", "log_uniform", (1e-4, 1e-2)),
        Dimension("rnn_size", "integer", (64, 512)),
        Dimension("optimizer", "constant", ("adam",)),
        Dimension("batch_size", "constant", (128,)),
    )


def test_trial_has_constants_drawn_values_and_the_base():
    space = parse_space({"seq_len": [16, 32], "rnn_size": {"integer": [8, 16]}, "optimizer": "sgd"}, BASE)

    settings = space.settings({"seq_len": 16, "rnn_size": 9.0})

    assert settings == TrainSettings(seq_len=16, rnn_size=9, optimizer="sgd")
    assert type(settings.rnn_size) is int


def test_default_space_is_the_originals():
    space = parse_space(DEFAULT_SPACE, PRESETS["original"])

    assert [d.name for d in space.varied] == ["batch_size", "embedding_size", "seq_len", "optimizer", "clip_norm"]
    assert space.settings({d.name: d.values[0] for d in space.varied}).learning_rate is None


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"seqlen": [16, 32]}, r"space\.seqlen: no such setting; is it seq_len\?"),
        ({"colour": [1, 2]}, r"space\.colour: no such setting; num_layers, "),
        ({"num_epochs": [1, 2]}, r"space\.num_epochs: .* --max-epochs-per-trial"),
        ({"random_seed": [1, 2]}, r"space\.random_seed: .* --random-seed"),
        ({"seq_len": []}, r"space\.seq_len: a choice needs at least one value"),
        ({"seq_len": [16, 16]}, r"space\.seq_len: a value stands twice"),
        ({"seq_len": [16, "32"]}, r"space\.seq_len: '32' is not a whole number"),
        ({"seq_len": [16, 32.0]}, r"space\.seq_len: 32\.0 is not a whole number"),
        ({"seq_len": [True, 16]}, r"space\.seq_len: True is not a whole number"),
        ({"seq_len": [0, 16]}, r"space\.seq_len: --seq-len must be at least 1"),
        ({"drop_rate": [0.1, "0.2"]}, r"space\.drop_rate: '0\.2' is not a number"),
        ({"drop_rate": [0.1, float("nan")]}, r"space\.drop_rate: nan is no number"),
        ({"drop_rate": {"uniform": [0.1, 1.0]}}, r"space\.drop_rate: --drop-rate must be"),
        ({"drop_rate": {"uniform": [0.3, 0.1]}}, r"space\.drop_rate: 0\.3 is not below 0\.1"),
        ({"drop_rate": {"uniform": [0.1]}}, r"space\.drop_rate: uniform needs two numbers"),
        ({"drop_rate": {"normal": [0.1, 0.2]}}, r"space\.drop_rate: .* is no range; write"),
        ({"drop_rate": {"uniform": [0, 0.1], "integer": [1, 2]}}, r"space\.drop_rate: .* is no range"),
        ({"drop_rate": {"integer": [0, 1]}}, r"space\.drop_rate: integer does not go with it"),
        ({"learning_rate": {"log_uniform": [0, 1]}}, r"space\.learning_rate: log_uniform must begin above 0"),
        ({"seq_len": {"uniform": [1, 9]}}, r"space\.seq_len: uniform does not go with it"),
        ({"optimizer": ["adam", "adamw"]}, r"space\.optimizer: --optimizer must be one of"),
        ({"optimizer": {"uniform": [1, 9]}}, r"space\.optimizer: uniform does not go with it"),
        ({"tweet_resets": [True, 0]}, r"space\.tweet_resets: 0 is not true or false"),
        ({"seq_len": 16}, "every setting is a constant"),
        ({}, "every setting is a constant"),
    ],
)
def test_error_names_the_key(table, message):
    with pytest.raises(UsageError, match=message):
        parse_space(table, BASE)
