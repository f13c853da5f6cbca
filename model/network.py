"""The character LSTM in NumPy: Embedding, LSTM layers, Dense, one step at a time, many texts at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.integer]


@dataclass(frozen=True)
class LstmWeights:
    """One layer in Keras' layout; the four gates lie side by side in the order input, forget, cell, output.

    Attributes:
        kernel: float32[inputs, 4 * units].
        recurrent: float32[units, 4 * units].
        bias: float32[4 * units].
    """

    kernel: Floats
    recurrent: Floats
    bias: Floats


@dataclass(frozen=True)
class Weights:
    """All weights of a network.

    Attributes:
        embedding: float32[vocab, embedding].
        layers: the LSTM layers, first to last.
        dense_kernel: float32[units, vocab].
        dense_bias: float32[vocab].
    """

    embedding: Floats
    layers: tuple[LstmWeights, ...]
    dense_kernel: Floats
    dense_bias: Floats


@dataclass
class State:
    """What the network remembers of each text: hidden and cell, float32[layers, batch, units]."""

    hidden: Floats
    cell: Floats

    def rows(self, index: npt.NDArray[np.intp] | slice) -> "State":
        """The state of some rows, copied."""
        return State(self.hidden[:, index].copy(), self.cell[:, index].copy())

    def assign(self, row: int, source: "State") -> None:
        """Give one row the state of a batch of one."""
        self.hidden[:, row] = source.hidden[:, 0]
        self.cell[:, row] = source.cell[:, 0]


class Network:
    """Computes what Keras computes for the same weights, without Keras.

    Source: the LSTM of Hochreiter & Schmidhuber (1997) with forget gate, as in `keras.layers.LSTM`.
    """

    def __init__(self, weights: Weights) -> None:
        self.vocab_size, _ = weights.embedding.shape
        self.units = weights.layers[0].recurrent.shape[0]
        # sigmoid(x) = (tanh(x / 2) + 1) / 2: with these gates halved, one tanh over all four replaces three
        # sigmoids and one tanh.
        scale = np.full(4 * self.units, 0.5, np.float32)
        scale[2 * self.units : 3 * self.units] = 1.0
        self._recurrent = [np.ascontiguousarray(layer.recurrent * scale) for layer in weights.layers]
        self._kernels = [np.ascontiguousarray(layer.kernel * scale) for layer in weights.layers[1:]]
        self._biases = [layer.bias * scale for layer in weights.layers[1:]]
        first = weights.layers[0]
        # The input of the first layer is one of `vocab` rows, so its product with the kernel is a table.
        self._input_table = ((weights.embedding @ first.kernel + first.bias) * scale).astype(np.float32)
        self._dense_kernel = np.ascontiguousarray(weights.dense_kernel)
        self._dense_bias = weights.dense_bias

    def initial_state(self, batch: int) -> State:
        """Zeros for `batch` texts."""
        shape = (len(self._recurrent), batch, self.units)
        return State(np.zeros(shape, np.float32), np.zeros(shape, np.float32))

    def step(self, ids: Ids, state: State) -> Floats:
        """Read one character of each text and say what may follow; changes the state in place.

        Args:
            ids: int[batch].
            state: the state after the characters before; of the same batch.

        Returns:
            Unnormalised log probabilities of the next character, float32[batch, vocab].
        """
        gates = self._input_table[ids]  # [batch, 4 * units]
        for i, recurrent in enumerate(self._recurrent):
            if i:
                gates = state.hidden[i - 1] @ self._kernels[i - 1]
                gates += self._biases[i - 1]
            gates += state.hidden[i] @ recurrent
            self._update(gates, state, i)
        logits: Floats = state.hidden[-1] @ self._dense_kernel
        logits += self._dense_bias
        return logits

    def _update(self, gates: Floats, state: State, layer: int) -> None:
        np.tanh(gates, out=gates)
        units = self.units
        for gate in (slice(0, 2 * units), slice(3 * units, None)):
            gates[:, gate] += 1.0
            gates[:, gate] *= 0.5
        cell = state.cell[layer]
        cell *= gates[:, units : 2 * units]
        cell += gates[:, :units] * gates[:, 2 * units : 3 * units]
        np.tanh(cell, out=state.hidden[layer])
        state.hidden[layer] *= gates[:, 3 * units :]

    def read(self, ids: Ids, state: State) -> Floats:
        """Read a whole prefix, the same for every row; returns the logits after its last character.

        Args:
            ids: int[time], at least one.
            state: changed in place.
        """
        batch = state.hidden.shape[1]
        logits = np.zeros((batch, self.vocab_size), np.float32)
        for i in ids.tolist():
            logits = self.step(np.full(batch, i), state)
        return logits


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities along the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def parameter_count(weights: Weights) -> int:
    """How many numbers the network consists of."""
    arrays: Sequence[Floats] = [weights.embedding, weights.dense_kernel, weights.dense_bias]
    return sum(a.size for a in arrays) + sum(
        layer.kernel.size + layer.recurrent.size + layer.bias.size for layer in weights.layers
    )
