"""Writes text with a network: many tweets at once, each from its own random stream.

The sampler needs of the network only `initial_state` and `step`, so a test can give it a toy with known odds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

from config.errors import UsageError
from model.network import Floats, Ids, State
from model.vocabulary import UNKNOWN, Vocabulary


class StepFunction(Protocol):
    """What the sampler asks of a network."""

    def initial_state(self, batch: int) -> State: ...

    def step(self, ids: Ids, state: State) -> Floats: ...


@dataclass(frozen=True)
class Sampling:
    """How the next character is drawn.

    Attributes:
        top_n: only the n most likely characters can be drawn; 1 is greedy.
        temperature: logits are divided by it.
    """

    top_n: int = 3
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.top_n < 1:
            raise UsageError("top-n must be at least 1")
        if not self.temperature > 0:
            raise UsageError("temperature must be above 0; for the most likely text use top-n 1")


@dataclass(frozen=True)
class Draft:
    """One text as it came from the network.

    Attributes:
        number: which stream of the seed wrote it; the same seed, number, model and settings give it again.
        text: prefix included.
        finished: whether the network ended it itself, with a newline.
    """

    number: int
    text: str
    finished: bool


def choose(logits: Floats, uniform: npt.NDArray[np.float64], sampling: Sampling) -> npt.NDArray[np.intp]:
    """One character a row among its top n; the unknown character is never drawn.

    Args:
        logits: float32[batch, vocab].
        uniform: one number in [0, 1) a row; it alone decides, so the same numbers give the same text.

    Returns:
        int[batch].

    Source: the top-n rule of char-rnn-text-generation (keep the n largest, renormalise, draw).
    """
    scores = logits.astype(np.float64) / sampling.temperature
    scores[:, UNKNOWN] = -np.inf
    n = min(sampling.top_n, scores.shape[1] - 1)
    top = np.argpartition(-scores, n - 1, axis=1)[:, :n]  # [batch, n], in no order
    rows = np.arange(len(scores))[:, None]
    top = top[rows, np.lexsort((top, -scores[rows, top]), axis=1)]  # best first; ties by id
    kept = scores[rows, top]
    weights = np.exp(kept - kept[:, :1])
    edges = np.cumsum(weights, axis=1)  # [batch, n]
    picks = (edges <= (uniform * edges[:, -1])[:, None]).sum(axis=1)
    chosen: npt.NDArray[np.intp] = top[rows[:, 0], np.minimum(picks, n - 1)]
    return chosen


def random_stream(random_seed: int, number: int) -> np.random.Generator:
    """The random numbers of one draft, the same whatever else is written beside it."""
    if random_seed < 0:
        raise UsageError("the random seed must be at least 0")
    return np.random.default_rng([random_seed, number])


def continue_text(
    network: StepFunction,
    vocabulary: Vocabulary,
    prefix: str,
    length: int,
    sampling: Sampling,
    random_seed: int,
) -> str:
    """`length` characters that follow the prefix, newlines and all; the prefix itself is not in the result."""
    uniforms = random_stream(random_seed, 0).random(length)
    state = network.initial_state(1)
    ids = vocabulary.encode(prefix or "\n")
    for i in ids[:-1].tolist():
        network.step(np.array([i]), state)
    current = ids[-1:].astype(np.intp)
    written = np.empty(length, np.intp)
    for i in range(length):
        current = choose(network.step(current, state), uniforms[i : i + 1], sampling)
        written[i] = current[0]
    return vocabulary.decode(written)


def write_tweets(
    network: StepFunction,
    vocabulary: Vocabulary,
    numbers: Sequence[int],
    sampling: Sampling,
    random_seed: int,
    *,
    prefix: str = "",
    batch: int = 48,
    max_length: int = 280,
) -> Iterator[Draft]:
    """Whole tweets, in the order in which they end.

    A tweet begins after a newline and ends with one. A row that has ended takes up the next number at once, so the
    batch stays full until the numbers run out.

    Args:
        numbers: which drafts of the seed to write.
        prefix: how every tweet begins.
        batch: tweets written at the same time.
        max_length: characters, prefix included, after which a draft is given up unfinished.
    """
    start = network.initial_state(1)
    ids = vocabulary.encode("\n" + prefix)
    for i in ids[:-1].tolist():
        network.step(np.array([i]), start)
    room = max(1, max_length + 1 - len(prefix))  # + 1: the newline that ends a text of full length
    newline = int(vocabulary.encode("\n")[0])

    waiting = iter(numbers)
    first = list(islice(waiting, batch))
    rows = [_Row(n, random_stream(random_seed, n).random(room)) for n in first]
    state = start.rows(np.zeros(len(rows), np.intp))
    current = np.full(len(rows), ids[-1], np.intp)
    while rows:
        uniform = np.array([row.uniforms[len(row.ids)] for row in rows])
        current = choose(network.step(current, state), uniform, sampling)
        keep: list[int] = []
        for i, (row, chosen) in enumerate(zip(rows, current.tolist(), strict=True)):
            if chosen != newline:
                row.ids.append(chosen)
            if chosen != newline and len(row.ids) < room:
                keep.append(i)
                continue
            yield Draft(row.number, (prefix + vocabulary.decode(row.ids))[:max_length], chosen == newline)
            following = next(waiting, None)
            if following is not None:
                rows[i] = _Row(following, random_stream(random_seed, following).random(room))
                state.assign(i, start)
                current[i] = ids[-1]
                keep.append(i)
        if len(keep) < len(rows):
            rows = [rows[i] for i in keep]
            index = np.array(keep, np.intp)
            state, current = state.rows(index), current[index]


class _Row:
    """One tweet being written."""

    def __init__(self, number: int, uniforms: npt.NDArray[np.float64]) -> None:
        self.number = number
        self.uniforms = uniforms
        self.ids: list[int] = []
