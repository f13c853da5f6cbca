"""How well a network predicts unseen tweets: the one measure used in training, `bot evaluate` and the gate.

And how much of what it writes is copied from its training text.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from model.fingerprints import Fingerprints
from model.network import Network, log_softmax
from model.sampler import Sampling, write_tweets
from model.vocabulary import UNKNOWN, Vocabulary

# An unknown character still has to be named among all of Unicode, so a model with a small vocabulary gains
# nothing by calling the hard characters unknown.
UNKNOWN_NATS = math.log(0x110000)
_LONGEST_LINE = 1000  # characters; a longer line is scored in pieces, so that one line cannot hold up a batch
_BLOCK = 8192  # lines held at a time, which bounds the memory
_BATCH = 256


@dataclass(frozen=True)
class Score:
    """The loss on one text.

    Attributes:
        loss_nats_per_char: mean negative log likelihood of a character, the newline after each tweet included.
        characters: how many were predicted.
        unknown: how many of them the vocabulary lacks.
    """

    loss_nats_per_char: float
    characters: int
    unknown: int

    @property
    def loss_bits_per_char(self) -> float:
        return self.loss_nats_per_char / math.log(2)

    @property
    def perplexity(self) -> float:
        return math.exp(min(self.loss_nats_per_char, 700))

    def as_json(self) -> dict[str, float]:
        return {
            **asdict(self),
            "loss_bits_per_char": self.loss_bits_per_char,
            "perplexity": self.perplexity,
        }


@dataclass(frozen=True)
class CopiedShare:
    """How much of a model's writing stands in its training text.

    Attributes:
        tweets: how many were written.
        verbatim_share: part of them of which every four-word run is known, 0 to 1.
        run_share: mean part of a tweet's four-word runs that are known. Common turns of phrase count too, so fresh
            tweets by the same author have some.
    """

    tweets: int
    verbatim_share: float
    run_share: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def copied_share(
    network: Network,
    vocabulary: Vocabulary,
    fingerprints: Fingerprints,
    count: int,
    sampling: Sampling,
    random_seed: int,
) -> CopiedShare:
    """Write tweets, nothing filtered, and look their four-word runs up; at most 1 in 100 is a false find."""
    drafts = write_tweets(network, vocabulary, range(count), sampling, random_seed)
    shares = [fingerprints.overlap(draft.text).share for draft in drafts]
    return CopiedShare(count, sum(share == 1.0 for share in shares) / count, sum(shares) / count)


def score_tweets(network: Network, vocabulary: Vocabulary, tweets: Iterable[str]) -> Score:
    """Score each tweet on its own: from a zero state, after a newline, up to and with the newline that ends it.

    This is how the sampler writes, and it makes the number independent of batch size and of the order of tweets.
    """
    nats = 0.0
    characters = unknown = 0
    for block in _blocks(_pieces(tweets)):
        encoded = sorted((vocabulary.encode("\n" + piece + "\n") for piece in block), key=len, reverse=True)
        for i in range(0, len(encoded), _BATCH):
            nats += _score_batch(network, encoded[i : i + _BATCH])
        characters += sum(len(ids) - 1 for ids in encoded)
        unknown += sum(int((ids == UNKNOWN).sum()) for ids in encoded)
    if not characters:
        return Score(math.nan, 0, 0)
    return Score((nats + unknown * UNKNOWN_NATS) / characters, characters, unknown)


def _score_batch(network: Network, encoded: list[npt.NDArray[np.uint16]]) -> float:
    lengths = np.array([len(ids) for ids in encoded])  # longest first
    padded = np.zeros((len(encoded), lengths[0]), np.intp)  # [batch, time]
    for row, ids in zip(padded, encoded, strict=True):
        row[: len(ids)] = ids
    state = network.initial_state(len(encoded))
    nats = 0.0
    for i in range(lengths[0] - 1):
        active = int((lengths > i + 1).sum())  # a prefix of the rows, because the longest come first
        if active < state.hidden.shape[1]:
            state = state.rows(slice(0, active))
        log_probs = log_softmax(network.step(padded[:active, i], state))
        nats -= float(log_probs[np.arange(active), padded[:active, i + 1]].sum(dtype=np.float64))
    return nats


def _pieces(tweets: Iterable[str]) -> Iterator[str]:
    for tweet in tweets:
        for i in range(0, len(tweet), _LONGEST_LINE):
            yield tweet[i : i + _LONGEST_LINE]


def _blocks(pieces: Iterator[str]) -> Iterator[list[str]]:
    while block := list(islice(pieces, _BLOCK)):
        yield block
