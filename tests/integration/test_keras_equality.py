"""The NumPy network computes what Keras computes for the file it was read from."""

from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import WEIGHTS_FILE, read_weights
from model.network import LstmWeights, Network, Weights, log_softmax
from model.sampler import Sampling, continue_text
from model.vocabulary import ASCII98
from training.network import build_network, import_keras, set_weights, weights_of
from training.settings import TrainSettings

pytestmark = pytest.mark.slow

VOCAB = len(ASCII98)


def random_weights(settings: TrainSettings, scale: float = 1.0) -> Weights:
    """Of the size that training leaves; biases too, which Keras would start at zero."""
    rng = np.random.default_rng(settings.random_seed)
    units = settings.rnn_size

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, scale / np.sqrt(shape[0]), shape).astype(np.float32)

    layers = tuple(
        LstmWeights(floats(units if i else settings.embedding_size, 4 * units), floats(units, 4 * units),
                    floats(4 * units))
        for i in range(settings.num_layers)
    )  # fmt: skip
    return Weights(floats(VOCAB, settings.embedding_size) * 8, layers, floats(units, VOCAB) * 4, floats(VOCAB))


def save(folder: Path, settings: TrainSettings, scale: float = 1.0):
    """A Keras network with random weights and the file it was saved to."""
    keras_network = build_network(VOCAB, settings)
    set_weights(keras_network, random_weights(settings, scale))
    keras_network.save(folder / WEIGHTS_FILE)
    return keras_network, folder / WEIGHTS_FILE


@pytest.mark.parametrize(("layers", "units"), [(1, 8), (2, 8), (3, 8), (1, 512)], ids=["1x8", "2x8", "3x8", "1x512"])
def test_probabilities_equal_those_of_keras(tmp_path, layers, units):
    """Within 5e-5 over 200 characters, which exercises what both carry from step to step."""
    settings = TrainSettings(num_layers=layers, rnn_size=units, embedding_size=8, random_seed=layers)
    keras_network, path = save(tmp_path, settings, scale=2.0)
    ids = np.random.default_rng(units).integers(0, VOCAB, (2, 200)).astype(np.int32)  # [batch, time]

    network = Network(read_weights(path, VOCAB))
    state = network.initial_state(2)
    ours = np.stack([np.exp(log_softmax(network.step(column, state))) for column in ids.T], axis=1)

    theirs = np.asarray(keras_network(ids, training=False))
    assert theirs.max() > 10 / VOCAB  # else any network would pass
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-5)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_greedy_text_equals_a_greedy_loop_in_keras(tmp_path, layers):
    """500 characters after a prefix; where they part, Keras must find both choices equally good to 1e-5."""
    import tensorflow as tf

    settings = TrainSettings(num_layers=layers, rnn_size=24, embedding_size=8, random_seed=40 + layers)
    _, path = save(tmp_path, settings, scale=2.0)
    weights = read_weights(path, VOCAB)
    stateful = build_network(VOCAB, settings, batch=1, stateful=True)
    set_weights(stateful, weights)
    prefix = ASCII98.encode("The river ")

    @tf.function(input_signature=[tf.TensorSpec((1, 1), tf.int32)])
    def step(ids):
        return stateful(ids, training=False)[0, 0]

    def ask(character: int) -> np.ndarray:
        return step(tf.constant([[character]], tf.int32)).numpy()

    for character in prefix.tolist():
        odds = ask(character)
    theirs, all_odds = [], []
    for _ in range(500):
        all_odds.append(odds)
        theirs.append(int(odds[1:].argmax()) + 1)  # id 0 is never written
        odds = ask(theirs[-1])

    text = continue_text(Network(weights), ASCII98, "The river ", 500, Sampling(top_n=1), random_seed=1)

    ours = ASCII98.encode(text).tolist()
    assert len(ours) == 500
    assert len(set(ours)) > 2  # else the network hardly writes
    parted = next((i for i in range(500) if ours[i] != theirs[i]), None)
    if parted is not None:
        assert all_odds[parted][theirs[parted]] - all_odds[parted][ours[parted]] < 1e-5


def test_saved_file_is_read_as_it_was_written(tmp_path):
    settings = TrainSettings(num_layers=3, rnn_size=8, embedding_size=4)
    keras_network, path = save(tmp_path, settings)
    written, read = weights_of(keras_network), read_weights(path, VOCAB)

    np.testing.assert_array_equal(written.embedding, read.embedding)
    np.testing.assert_array_equal(written.dense_kernel, read.dense_kernel)
    np.testing.assert_array_equal(written.dense_bias, read.dense_bias)
    assert len(read.layers) == 3
    for one, other in zip(written.layers, read.layers, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)
        np.testing.assert_array_equal(one.recurrent, other.recurrent)
        np.testing.assert_array_equal(one.bias, other.bias)


def test_file_loads_in_plain_keras_and_takes_any_batch_and_length(tiny_checkpoint):
    network = import_keras().models.load_model(tiny_checkpoint / WEIGHTS_FILE)

    for batch, time in ((1, 1), (3, 7), (2, 50)):
        odds = np.asarray(network(np.ones((batch, time), np.int32)))
        assert odds.shape == (batch, time, VOCAB)
        np.testing.assert_allclose(odds.sum(axis=-1), 1, rtol=1e-5)


def test_trained_checkpoint_equals_keras(tiny_checkpoint):
    keras_network = import_keras().models.load_model(tiny_checkpoint / WEIGHTS_FILE)
    ids = ASCII98.encode("\nthe river waits for two grey herons.\n").astype(np.int32)
    network = Network(read_weights(tiny_checkpoint / WEIGHTS_FILE, VOCAB))
    state = network.initial_state(1)

    ours = np.array([np.exp(log_softmax(network.step(ids[i : i + 1], state)))[0] for i in range(len(ids))])

    np.testing.assert_allclose(ours, np.asarray(keras_network(ids[None]))[0], rtol=0, atol=5e-5)


def test_weights_go_into_keras_and_come_back_unchanged():
    settings = TrainSettings(num_layers=2, rnn_size=8, embedding_size=4)
    weights = random_weights(settings)
    network = build_network(VOCAB, settings, batch=2, stateful=True)

    set_weights(network, weights)

    back = weights_of(network)
    np.testing.assert_array_equal(back.embedding, weights.embedding)
    np.testing.assert_array_equal(back.layers[1].recurrent, weights.layers[1].recurrent)
    np.testing.assert_array_equal(back.dense_bias, weights.dense_bias)
