"""The NumPy network against an LSTM written out by the book, in float64."""

import numpy as np
import pytest

from model.network import LstmWeights, Network, State, Weights, log_softmax, parameter_count

VOCAB, EMBEDDING, UNITS = 11, 5, 8


def random_weights(layers: int, seed: int = 3) -> Weights:
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.6, shape).astype(np.float32)

    lstms = tuple(
        LstmWeights(floats(UNITS if i else EMBEDDING, 4 * UNITS), floats(UNITS, 4 * UNITS), floats(4 * UNITS))
        for i in range(layers)
    )
    return Weights(floats(VOCAB, EMBEDDING), lstms, floats(UNITS, VOCAB), floats(VOCAB))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def reference_logits(weights: Weights, ids: list[int]) -> np.ndarray:
    """The logits after each character, float64[time, vocab]; one text, gate by gate."""
    hidden = [np.zeros(UNITS) for _ in weights.layers]
    cell = [np.zeros(UNITS) for _ in weights.layers]
    logits = []
    for character in ids:
        x = weights.embedding[character].astype(np.float64)
        for i, layer in enumerate(weights.layers):
            gates = x @ layer.kernel.astype(np.float64) + hidden[i] @ layer.recurrent.astype(np.float64) + layer.bias
            write, forget, candidate, output = np.split(gates, 4)
            cell[i] = sigmoid(forget) * cell[i] + sigmoid(write) * np.tanh(candidate)
            x = hidden[i] = sigmoid(output) * np.tanh(cell[i])
        logits.append(x @ weights.dense_kernel.astype(np.float64) + weights.dense_bias)
    return np.array(logits)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_network_computes_the_textbook_lstm(layers):
    weights = random_weights(layers)
    ids = np.random.default_rng(4).integers(0, VOCAB, 60)
    network = Network(weights)
    state = network.initial_state(1)

    logits = np.array([network.step(np.array([i]), state)[0] for i in ids])

    np.testing.assert_allclose(logits, reference_logits(weights, ids.tolist()), rtol=0, atol=2e-5)


def test_each_row_of_a_batch_is_its_own_text():
    weights = random_weights(2)
    ids = np.random.default_rng(5).integers(0, VOCAB, (3, 20))  # [batch, time]
    network = Network(weights)
    state = network.initial_state(3)

    for column in ids.T:
        logits = network.step(column, state)

    expected = [reference_logits(weights, row.tolist())[-1] for row in ids]
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5)


def test_new_state_is_zero():
    state = Network(random_weights(2)).initial_state(3)

    assert state.hidden.shape == state.cell.shape == (2, 3, UNITS)
    assert not state.hidden.any()
    assert not state.cell.any()


def test_step_changes_state_and_no_weights():
    weights = random_weights(2)
    network = Network(weights)
    state = network.initial_state(1)

    first = network.step(np.array([4]), state)
    assert state.hidden.all()
    assert state.cell.all()

    again = network.step(np.array([4]), network.initial_state(1))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(weights.dense_bias, random_weights(2).dense_bias)


def test_saturated_gates_stay_finite():
    weights = random_weights(1)
    layer = weights.layers[0]
    loud = Weights(
        weights.embedding * 1e4, (LstmWeights(layer.kernel * 1e4, layer.recurrent, layer.bias),),
        weights.dense_kernel, weights.dense_bias,
    )  # fmt: skip
    network = Network(loud)
    state = network.initial_state(1)

    for i in range(VOCAB):
        assert np.isfinite(network.step(np.array([i]), state)).all()


def test_reading_a_prefix_is_reading_its_characters_in_turn():
    network = Network(random_weights(2))
    ids = np.array([1, 7, 3])
    read, stepped = network.initial_state(2), network.initial_state(2)

    logits = network.read(ids, read)

    for i in ids:
        expected = network.step(np.full(2, i), stepped)
    np.testing.assert_array_equal(logits, expected)
    np.testing.assert_array_equal(read.hidden, stepped.hidden)
    np.testing.assert_array_equal(read.cell, stepped.cell)


def test_rows_of_a_state_are_copies():
    state = State(np.arange(12, dtype=np.float32).reshape(1, 3, 4), np.zeros((1, 3, 4), np.float32))

    for index in (np.array([2, 0]), slice(0, 2)):
        taken = state.rows(index)
        np.testing.assert_array_equal(taken.hidden, state.hidden[:, index])
        taken.hidden += 1
        taken.cell += 1
        np.testing.assert_array_equal(state.hidden.ravel(), np.arange(12))
        assert not state.cell.any()


def test_assign_replaces_one_row_only():
    network = Network(random_weights(2))
    source, state = network.initial_state(1), network.initial_state(3)
    network.step(np.array([5]), source)

    state.assign(1, source)

    np.testing.assert_array_equal(state.hidden[:, 1], source.hidden[:, 0])
    np.testing.assert_array_equal(state.cell[:, 1], source.cell[:, 0])
    assert not state.hidden[:, [0, 2]].any()
    assert not state.cell[:, [0, 2]].any()


def test_log_softmax_gives_log_probabilities():
    logits = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]], np.float32)

    result = log_softmax(logits)

    np.testing.assert_allclose(np.exp(result).sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(result[0], np.log(np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()), rtol=1e-6)
    np.testing.assert_allclose(result[1], [0, -1000, -2000])


@pytest.mark.parametrize("layers", [1, 3])
def test_parameters_are_counted(layers):
    first = 4 * UNITS * (EMBEDDING + UNITS + 1)
    others = 4 * UNITS * (UNITS + UNITS + 1)
    expected = VOCAB * EMBEDDING + first + (layers - 1) * others + (UNITS + 1) * VOCAB

    assert parameter_count(random_weights(layers)) == expected
