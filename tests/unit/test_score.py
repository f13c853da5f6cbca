"""The measure of a network, against the definition worked out tweet by tweet."""

import math
from itertools import pairwise

import numpy as np
import pytest

from model.fingerprints import build_fingerprints, load_fingerprints
from model.network import LstmWeights, Network, State, Weights, log_softmax
from model.sampler import Sampling
from model.score import UNKNOWN_NATS, Score, copied_share, score_tweets
from model.vocabulary import ASCII98

TWEETS = ["the river waits", "a kite", "", "rain again, and no umbrella in the house!", "ok", "two grey herons"]


@pytest.fixture(scope="module")
def network() -> Network:
    rng = np.random.default_rng(6)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    vocab = len(ASCII98)
    return Network(Weights(floats(vocab, 5), (LstmWeights(floats(5, 32), floats(8, 32), floats(32)),),
                           floats(8, vocab), floats(vocab)))  # fmt: skip


class Uniform(Network):
    """Finds every character equally likely."""

    def step(self, ids, state):
        return np.zeros((len(ids), self.vocab_size), np.float32)


@pytest.fixture
def uniform() -> Uniform:
    vocab = len(ASCII98)
    zeros = np.zeros
    return Uniform(Weights(zeros((vocab, 2)), (LstmWeights(zeros((2, 4)), zeros((1, 4)), zeros(4)),),
                           zeros((1, vocab)), zeros(vocab)))  # fmt: skip


def nats_one_by_one(network: Network, tweet: str) -> float:
    ids = ASCII98.encode("\n" + tweet + "\n")
    state = network.initial_state(1)
    nats = 0.0
    for character, following in pairwise(ids):
        nats -= float(log_softmax(network.step(np.array([character]), state))[0, following])
    return nats


def test_score_is_the_mean_over_all_characters_and_newlines(network):
    written = [tweet for tweet in TWEETS if tweet]
    characters = sum(len(tweet) + 1 for tweet in written)
    nats = sum(nats_one_by_one(network, tweet) for tweet in written)

    score = score_tweets(network, ASCII98, TWEETS)

    assert score.characters == characters
    assert score.unknown == 0
    assert score.loss_nats_per_char == pytest.approx(nats / characters, abs=1e-6)


def test_order_of_tweets_does_not_matter(network):
    forwards = score_tweets(network, ASCII98, TWEETS)
    backwards = score_tweets(network, ASCII98, reversed(TWEETS))

    assert forwards.loss_nats_per_char == pytest.approx(backwards.loss_nats_per_char, abs=1e-6)


def test_score_of_many_tweets_is_the_mean_of_their_scores(network):
    """More tweets than one batch holds, so batches of different lengths are joined."""
    many = [f"{TWEETS[i % 2]} {i}" for i in range(600)]
    score = score_tweets(network, ASCII98, many)
    halves = [score_tweets(network, ASCII98, half) for half in (many[:300], many[300:])]
    total = sum(half.loss_nats_per_char * half.characters for half in halves)

    assert score.characters == sum(len(tweet) + 1 for tweet in many)
    assert score.loss_nats_per_char == pytest.approx(total / score.characters, abs=1e-6)


def test_uniform_network_scores_the_size_of_its_vocabulary(uniform):
    score = score_tweets(uniform, ASCII98, TWEETS)

    assert score.loss_nats_per_char == pytest.approx(math.log(98), abs=1e-6)
    assert score.loss_bits_per_char == pytest.approx(math.log2(98), abs=1e-6)
    assert score.perplexity == pytest.approx(98, rel=1e-5)


def test_unknown_character_is_charged_its_place_in_unicode(uniform):
    score = score_tweets(uniform, ASCII98, ["\u00e9!"])

    assert score.unknown == 1
    assert score.characters == 3
    assert score.loss_nats_per_char == pytest.approx(math.log(98) + UNKNOWN_NATS / 3, abs=1e-6)


def test_calling_a_character_unknown_does_not_pay(uniform):
    """A model that lacks a character must not beat one that knows it."""
    known = score_tweets(uniform, ASCII98, ["cafe"])
    lacking = score_tweets(uniform, ASCII98, ["caf\u00e9"])

    assert lacking.loss_nats_per_char > known.loss_nats_per_char


def test_very_long_line_is_scored_in_pieces(uniform):
    assert score_tweets(uniform, ASCII98, ["x" * 2500]).characters == 2500 + 3


def test_no_text_has_no_score(network):
    score = score_tweets(network, ASCII98, [])

    assert score.characters == 0
    assert math.isnan(score.loss_nats_per_char)


def test_json_of_a_score_names_every_unit():
    assert Score(math.log(2), 10, 1).as_json() == {
        "loss_nats_per_char": math.log(2),
        "characters": 10,
        "unknown": 1,
        "loss_bits_per_char": 1.0,
        "perplexity": pytest.approx(2.0),
    }


def test_hopeless_loss_has_a_finite_perplexity():
    assert math.isfinite(Score(1e6, 1, 0).perplexity)


class Parrot:
    """Writes one sentence, over and over."""

    def __init__(self, sentence: str) -> None:
        self.ids = ASCII98.encode(sentence + "\n")
        self.vocab_size = len(ASCII98)

    def initial_state(self, batch: int) -> State:
        return State(np.zeros((1, batch, 1), np.float32), np.zeros((1, batch, 1), np.float32))

    def step(self, ids, state: State) -> np.ndarray:
        logits = np.full((len(ids), self.vocab_size), -99, np.float32)
        at = state.hidden[0, :, 0].astype(int) % len(self.ids)
        logits[np.arange(len(ids)), self.ids[at]] = 99
        state.hidden += 1
        return logits


@pytest.mark.parametrize(
    ("sentence", "verbatim", "runs"),
    [
        ("the heron stands by the river", 1.0, 1.0),
        ("the heron stands by the old bridge", 0.0, 0.5),
        ("a kite flies over our garden", 0.0, 0.0),
    ],
)
def test_share_of_what_it_writes_that_stands_in_its_training_text(tmp_path, sentence, verbatim, runs):
    build_fingerprints(["the heron stands by the river", "rain"], tmp_path / "runs.bin")

    found = copied_share(Parrot(sentence), ASCII98, load_fingerprints(tmp_path / "runs.bin"), 5, Sampling(), 1)

    assert (found.tweets, found.verbatim_share, found.run_share) == (5, verbatim, runs)
