"""The training step: our LSTM is Keras' LSTM, in values, gradients and what a step does to the weights."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.network import Weights
from model.vocabulary import ASCII98
from training.lstm import lstm
from training.network import build_network, build_optimizer, import_keras, weights_of
from training.settings import TrainSettings
from training.step import build_train_step, choose_arithmetic

pytestmark = pytest.mark.slow

SGD = TrainSettings(
    num_layers=2, rnn_size=8, embedding_size=4, batch_size=2, seq_len=24, optimizer="sgd", lr_schedule="constant",
    learning_rate=1.0, clip_norm=0.0, drop_rate=0.0, weight_decay=0.0,
)  # fmt: skip
NEWLINE = int(ASCII98.encode("\n")[0])


def arrays(weights: Weights) -> list[np.ndarray]:
    layers = [array for layer in weights.layers for array in (layer.kernel, layer.recurrent, layer.bias)]
    return [weights.embedding, *layers, weights.dense_kernel, weights.dense_bias]


def network_and_step(settings: TrainSettings, arithmetic: str = "float32", newline: int | None = None):
    import_keras().utils.set_random_seed(3)
    network = build_network(len(ASCII98), settings, batch=2, stateful=True)
    return network, build_train_step(network, build_optimizer(settings, 10), settings, arithmetic, newline)


def windows(length: int = 24, count: int = 1, text: str = "the river waits for the rain\nand the rain is late\n"):
    """`count` windows of two rows, each row going on where it stood in the window before."""
    ids = ASCII98.encode(text * 9).astype(np.int32)
    row = length * count
    inputs, targets = ids[: 2 * row].reshape(2, row), ids[1 : 2 * row + 1].reshape(2, row)
    return [(inputs[:, i * length : (i + 1) * length], targets[:, i * length : (i + 1) * length]) for i in range(count)]


def changes(settings: TrainSettings, arithmetic: str = "float32", steps: int = 1) -> list[np.ndarray]:
    network, step = network_and_step(settings, arithmetic)
    before = arrays(weights_of(network))
    for inputs, targets in windows(count=steps):
        step(inputs, targets)
    return [new - old for old, new in zip(before, arrays(weights_of(network)), strict=True)]


def norm(values: list[np.ndarray]) -> float:
    return math.sqrt(sum(float((v.astype(np.float64) ** 2).sum()) for v in values))


@pytest.mark.parametrize(("time", "batch", "inputs", "units"), [(1, 1, 1, 1), (5, 3, 4, 8), (33, 2, 7, 16)])
def test_values_and_gradients_equal_those_of_keras(time, batch, inputs, units):
    import tensorflow as tf

    rng = np.random.default_rng(time)
    layer = import_keras().layers.LSTM(units, return_sequences=True, return_state=True)
    layer.build((batch, time, inputs))
    shapes = [(inputs, 4 * units), (units, 4 * units), (4 * units,), (batch, units), (batch, units)]
    x = tf.constant(rng.normal(0, 1, (batch, time, inputs)), tf.float32)
    others = [tf.constant(rng.normal(0, 0.7, shape), tf.float32) for shape in shapes]
    layer.set_weights([tensor.numpy() for tensor in others[:3]])
    # a different weight on each output, so that no two errors cancel
    weigh = [tf.constant(rng.normal(0, 1, shape), tf.float32) for shape in [(batch, time, units), *shapes[3:]]]

    with tf.GradientTape() as tape:
        tape.watch([x, *others])
        outputs, *state = lstm(tf.transpose(x, (1, 0, 2)), *others)
        ours = [tf.transpose(outputs, (1, 0, 2)), *state]
        loss = sum(tf.reduce_sum(w * value) for w, value in zip(weigh, ours, strict=True))
    our_gradients = tape.gradient(loss, [x, *others])
    with tf.GradientTape() as tape:
        tape.watch([x, *others[3:]])
        theirs = layer(x, initial_state=others[3:])
        loss = sum(tf.reduce_sum(w * value) for w, value in zip(weigh, theirs, strict=True))
    their_gradients = tape.gradient(loss, [x, *layer.trainable_variables, *others[3:]])

    for mine, keras in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, keras, rtol=0, atol=2e-6)
    for mine, keras in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(mine, keras, rtol=1e-4, atol=1e-4)


def test_a_reset_equals_a_fresh_start_in_values_and_gradients():
    """What stood before the reset neither shows in the outputs after it nor gets a gradient from them."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(0, 1, (6, 2, 3)), tf.float32)
    weights = [tf.constant(rng.normal(0, 0.7, shape), tf.float32) for shape in [(3, 16), (4, 16), (16,)]]
    state = [tf.constant(rng.normal(0, 1, (2, 4)), tf.float32) for _ in range(2)]
    keep = np.ones((6, 2, 1), np.float32)
    keep[3, 0] = 0  # the first row, before its fourth step

    with tf.GradientTape() as tape:
        tape.watch([x, *weights])
        outputs, *_ = lstm(x, *weights, *state, tf.constant(keep))
        loss = tf.reduce_sum(outputs[3:, 0] ** 2)
    gradients = tape.gradient(loss, [x, *weights])
    with tf.GradientTape() as tape:
        tape.watch([x, *weights])
        fresh, *_ = lstm(x[3:], *weights, tf.zeros((2, 4)), tf.zeros((2, 4)))
        loss = tf.reduce_sum(fresh[:, 0] ** 2)
    fresh_gradients = tape.gradient(loss, [x, *weights])
    unbroken, *_ = lstm(x, *weights, *state)

    np.testing.assert_allclose(outputs[3:, 0], fresh[:, 0], atol=1e-6)
    np.testing.assert_allclose(outputs[:, 1], unbroken[:, 1], atol=1e-6)  # the other row went on
    assert not np.allclose(outputs[3:, 0], unbroken[3:, 0], atol=1e-3)
    for mine, expected in zip(gradients, fresh_gradients, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)


def test_three_steps_change_the_weights_as_those_of_keras_do():
    """Over three windows, so the state that goes on from one to the next counts too."""
    for mine, keras in zip(changes(SGD, "float32", 3), changes(SGD, "cudnn", 3), strict=True):
        np.testing.assert_allclose(mine, keras, rtol=0, atol=2e-6)
        assert np.abs(keras).max() > 1e-4


def test_bfloat16_points_the_same_way():
    """Products of 8 bits: the update may differ in length and a little in direction."""
    one, other = changes(SGD, "float32"), changes(SGD, "bfloat16")
    dot = sum(float((a * b).sum()) for a, b in zip(one, other, strict=True))

    assert dot / norm(one) / norm(other) > 0.999


def test_with_resets_nothing_of_the_tweet_before_remains():
    """The loss of a tweet is the same after any other; without resets it is not."""

    def loss_after(before: str, newline: int | None) -> float:
        _, step = network_and_step(replace(SGD, learning_rate=1e-9), newline=newline)
        for text in (before, "\nthe heron"):
            ids = np.tile(ASCII98.encode(text).astype(np.int32), (2, 1))
            loss = step(ids[:, :-1], ids[:, 1:])
        return loss

    assert loss_after("rain", NEWLINE) == pytest.approx(loss_after("kite", NEWLINE), abs=1e-7)
    assert loss_after("rain", None) != pytest.approx(loss_after("kite", None), abs=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adadelta", "adam"])
def test_training_step_changes_every_weight(optimizer):
    network, step = network_and_step(replace(SGD, optimizer=optimizer, learning_rate=None))
    before = arrays(weights_of(network))

    loss = step(*windows()[0])

    assert loss == pytest.approx(math.log(98), abs=0.1)  # an untrained network finds all characters alike
    assert all((old != new).any() for old, new in zip(before, arrays(weights_of(network)), strict=True))


@pytest.mark.parametrize("clip_norm", [0.01, 0.5])
def test_gradients_are_clipped_by_their_norm_all_together(clip_norm):
    """With plain SGD at rate 1 the whole update is as long as the clipped gradient."""
    clipped = norm(changes(replace(SGD, clip_norm=clip_norm)))

    assert clipped == pytest.approx(min(clip_norm, norm(changes(SGD))), rel=1e-3)


def test_dropout_drops_its_share_and_keeps_the_mean():
    """200 steps of a network whose inputs are dropped see other masks each, and the loss keeps its mean."""
    _, plain = network_and_step(replace(SGD, learning_rate=1e-9))
    _, dropping = network_and_step(replace(SGD, learning_rate=1e-9, drop_rate=0.5))
    window = windows()[0]
    expected = plain(*window)

    losses = [dropping(*window) for _ in range(200)]

    assert len(set(losses)) > 150
    assert np.mean(losses) == pytest.approx(expected, abs=0.01)


def test_dropout_follows_the_seed_and_the_step():
    settings = replace(SGD, drop_rate=0.5)

    first, again = (changes(settings, steps=2) for _ in range(2))
    other = changes(replace(settings, random_seed=2), steps=2)

    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t: fpu avx2 avx512f avx512_bf16 amx_tile", "bfloat16"),
        ("flags\t: amx_bf16", "bfloat16"),
        ("flags\t: fpu avx2 avx512f", "float32"),
        (None, "float32"),
    ],
)
def test_arithmetic_is_what_the_processor_is_fast_at(tmp_path: Path, flags, expected):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"model name\t: x\n{flags}\n")

    assert choose_arithmetic("auto", cpuinfo) == expected
    assert choose_arithmetic("float32", cpuinfo) == "float32"
    assert choose_arithmetic("bfloat16", cpuinfo) == "bfloat16"
