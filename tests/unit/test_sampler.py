"""The sampler on toy networks with known odds."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import UsageError
from model.network import LstmWeights, Network, State, Weights
from model.sampler import Sampling, choose, continue_text, random_stream, write_tweets
from model.vocabulary import ASCII98, UNKNOWN, Vocabulary

repeatable = settings(derandomize=True, deadline=None)
LETTERS = Vocabulary(("", "\n", *"abcdefghi"))
NEWLINE = 1
GREEDY = Sampling(top_n=1)


class Toy:
    """Logits that follow from the last character alone; float32[vocab, vocab]."""

    def __init__(self, logits: np.ndarray) -> None:
        self.logits = np.asarray(logits, np.float32)

    def initial_state(self, batch: int) -> State:
        return State(np.zeros((1, batch, 1), np.float32), np.zeros((1, batch, 1), np.float32))

    def step(self, ids: np.ndarray, state: State) -> np.ndarray:
        assert len(ids) == state.hidden.shape[1]
        state.hidden += 1
        return self.logits[ids].copy()


def counting_up() -> Toy:
    """After each character the next one of the vocabulary, and after the last a newline."""
    size = len(LETTERS)
    logits = np.zeros((size, size))
    logits[np.arange(size), [*range(1, size), NEWLINE]] = 50
    return Toy(logits)


def always(*odds: float) -> Toy:
    """The same odds after each character, for as many letters of the vocabulary as there are odds."""
    padded = np.full(len(LETTERS), -np.inf)
    padded[: len(odds)] = np.log(np.maximum(odds, 1e-300))
    return Toy(np.tile(padded, (len(LETTERS), 1)))


def random_network(seed: int) -> Network:
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.8, shape).astype(np.float32)

    vocab = len(ASCII98)
    return Network(Weights(floats(vocab, 5), (LstmWeights(floats(5, 32), floats(8, 32), floats(32)),),
                           floats(8, vocab), floats(vocab)))  # fmt: skip


def test_text_follows_the_network():
    """The toy network always says +1, so 5, 6, 7, 8 follow 4."""
    text = continue_text(counting_up(), LETTERS, LETTERS.decode([4]), 4, Sampling(), random_seed=1)

    assert LETTERS.encode(text).tolist() == [5, 6, 7, 8]


def test_prefix_is_not_repeated_in_a_continuation():
    assert continue_text(counting_up(), LETTERS, "abc", 3, GREEDY, random_seed=1) == "def"


def test_continuation_without_prefix_begins_after_a_newline():
    assert continue_text(counting_up(), LETTERS, "", 2, GREEDY, random_seed=1) == "ab"


def test_continuation_runs_over_newlines():
    assert continue_text(counting_up(), LETTERS, "h", 4, GREEDY, random_seed=1) == "i\nab"


@pytest.mark.parametrize("length", [0, 1, 37])
def test_continuation_has_the_length_asked_for(length):
    assert len(continue_text(random_network(1), ASCII98, "so ", length, Sampling(), random_seed=1)) == length


def test_continuation_depends_on_the_whole_prefix():
    """Not on its last character alone."""
    network = random_network(1)
    texts = {continue_text(network, ASCII98, prefix, 60, Sampling(20), 1) for prefix in ("the end", "a bend", "d")}

    assert len(texts) == 3


def test_same_seed_gives_the_same_continuation_and_another_seed_another():
    def text(seed: int) -> str:
        return continue_text(random_network(1), ASCII98, "so ", 80, Sampling(top_n=20), seed)

    assert text(7) == text(7)
    assert text(7) != text(8)


def test_greedy_text_does_not_depend_on_the_seed():
    texts = {continue_text(random_network(1), ASCII98, "so ", 80, GREEDY, seed) for seed in range(5)}

    assert len(texts) == 1


def test_top_one_takes_the_most_likely_character():
    logits = np.random.default_rng(2).normal(size=(200, 11)).astype(np.float32)
    logits[:, UNKNOWN] = 9
    uniform = np.random.default_rng(3).random(200)

    chosen = choose(logits, uniform, GREEDY)

    np.testing.assert_array_equal(chosen, logits[:, 1:].argmax(axis=1) + 1)


@pytest.mark.parametrize("top_n", [1, 2, 5, 10, 11, 500])
def test_unknown_character_is_never_drawn(top_n):
    """Although it is by far the likeliest."""
    logits = np.zeros((2000, 11), np.float32)
    logits[:, UNKNOWN] = 40
    uniform = np.linspace(0, np.nextafter(1, 0), 2000)

    assert UNKNOWN not in choose(logits, uniform, Sampling(top_n=top_n))


@repeatable
@given(
    logits=st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=12),
    uniform=st.floats(0, 1, exclude_max=True),
    top_n=st.integers(1, 14),
    temperature=st.floats(0.05, 5),
)
def test_chosen_character_is_known_and_among_the_top(logits, uniform, top_n, temperature):
    scores = np.array([logits], np.float32)

    chosen = int(choose(scores, np.array([uniform]), Sampling(top_n, temperature))[0])

    above = sum(score > scores[0, chosen] for score in scores[0, 1:])
    assert chosen != UNKNOWN
    assert above < top_n


def exact_top_n(logits: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The odds of each character by the definition: keep the n largest, renormalise."""
    odds = np.exp(logits / sampling.temperature)
    odds[UNKNOWN] = 0
    odds[np.argsort(odds)[: -sampling.top_n]] = 0
    return odds / odds.sum()


@pytest.mark.parametrize("sampling", [Sampling(3), Sampling(5, 0.6), Sampling(10, 1.8), Sampling(2, 0.3)], ids=str)
def test_drawn_characters_follow_the_exact_distribution(sampling):
    """Chi-square of 50,000 draws against the exact odds.

    The bound is the mean plus 8 standard deviations of chi-square; with at most 9 degrees of freedom a right sampler
    passes it with odds better than 1e-6. The seed is fixed, so a run that passes passes always.
    """
    draws = 50_000
    logits = np.random.default_rng(4).normal(0, 1, 11).astype(np.float32)
    odds = exact_top_n(logits.astype(np.float64), sampling)
    uniform = np.random.default_rng(5).random(draws)

    chosen = choose(np.tile(logits, (draws, 1)), uniform, sampling)

    counts = np.bincount(chosen, minlength=11)
    assert not counts[odds == 0].any()
    expected = odds[odds > 0] * draws
    chi_square = float(((counts[odds > 0] - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    assert chi_square < freedom + 8 * math.sqrt(2 * freedom)


def test_written_characters_follow_the_exact_distribution():
    """The same through whole tweets: every letter of 2,000 tweets of at most 50 characters.

    4 sigma for each of three letters: a false alarm has odds of 2e-4, and the seed is fixed.
    """
    toy = always(0.0, 0.02, 0.5, 0.3, 0.18)
    drafts = write_tweets(toy, LETTERS, range(2000), Sampling(top_n=4), 1, batch=500, max_length=50)
    counts = Counter("".join(draft.text for draft in drafts))

    total = counts.total()
    assert set(counts) == {"a", "b", "c"}
    for letter, odds in zip("abc", (0.5, 0.3, 0.18), strict=True):
        share = odds / 0.98
        assert abs(counts[letter] / total - share) < 4 * math.sqrt(share * (1 - share) / total)


def test_low_temperature_favours_the_likely_and_high_temperature_levels():
    logits = np.tile(np.log(np.array([0.1, 0.6, 0.3])), (10_000, 1)).astype(np.float32)
    uniform = np.random.default_rng(6).random(10_000)

    shares = [(choose(logits, uniform, Sampling(2, t)) == 1).mean() for t in (0.1, 1.0, 50.0)]

    assert shares[0] > 0.99
    assert shares[1] == pytest.approx(2 / 3, abs=0.02)
    assert shares[2] == pytest.approx(0.5, abs=0.03)


def test_choosing_does_not_change_the_logits():
    logits = np.random.default_rng(7).normal(size=(4, 11)).astype(np.float32)
    before = logits.copy()

    choose(logits, np.full(4, 0.5), Sampling())

    np.testing.assert_array_equal(logits, before)


def test_newline_ends_a_tweet_and_is_not_part_of_it():
    drafts = list(write_tweets(counting_up(), LETTERS, range(3), GREEDY, 1))

    assert [(draft.text, draft.finished) for draft in drafts] == [("abcdefghi", True)] * 3
    assert sorted(draft.number for draft in drafts) == [0, 1, 2]


def test_tweet_of_exactly_the_longest_length_is_finished():
    drafts = list(write_tweets(counting_up(), LETTERS, range(2), GREEDY, 1, max_length=9))

    assert [(draft.text, draft.finished) for draft in drafts] == [("abcdefghi", True)] * 2


@pytest.mark.parametrize("prefix", ["", "ab"])
def test_tweet_that_does_not_end_is_given_up_at_the_longest_length(prefix):
    drafts = list(write_tweets(counting_up(), LETTERS, range(2), GREEDY, 1, prefix=prefix, max_length=5))

    assert [(draft.text, draft.finished) for draft in drafts] == [("abcde", False)] * 2


def test_tweets_begin_with_the_prefix():
    drafts = list(write_tweets(counting_up(), LETTERS, range(2), GREEDY, 1, prefix="cd"))

    assert [draft.text for draft in drafts] == ["cdefghi"] * 2


def test_prefix_is_read_after_a_newline_by_every_tweet():
    """Later tweets of a batch start from the prefix as the first ones do."""
    drafts = write_tweets(random_network(2), ASCII98, range(9), GREEDY, 1, prefix="so", batch=2, max_length=30)

    assert len({draft.text for draft in drafts}) == 1


def write_all(batch: int, numbers: range = range(40), seed: int = 9) -> dict[int, str]:
    drafts = write_tweets(
        random_network(3), ASCII98, numbers, Sampling(20), seed, prefix="a", batch=batch, max_length=60
    )
    return {draft.number: draft.text for draft in drafts}


def test_same_seed_gives_the_same_tweets_whatever_the_batch_size():
    one_by_one = write_all(1)

    assert sorted(one_by_one) == list(range(40))
    assert len(set(one_by_one.values())) == 40
    for batch in (2, 7, 40, 100):
        assert write_all(batch) == one_by_one


def test_draft_depends_on_its_number_not_on_its_neighbours():
    assert write_all(5, range(17, 23)) == {n: t for n, t in write_all(40).items() if 17 <= n < 23}


def test_another_seed_gives_other_tweets():
    assert not set(write_all(8, seed=10).values()) & set(write_all(8).values())


@pytest.mark.parametrize("batch", [1, 7, 100, 101, 500])
def test_every_number_is_written_once(batch):
    """Also the one that is next when the first batch is full."""
    drafts = list(write_tweets(always(0, 0.2, 0.8), LETTERS, range(101), Sampling(2), 3, batch=batch))

    assert sorted(draft.number for draft in drafts) == list(range(101))


def test_no_numbers_give_no_tweets():
    assert list(write_tweets(counting_up(), LETTERS, [], GREEDY, 1)) == []


def test_random_streams_differ_by_seed_and_number():
    first = {float(random_stream(seed, number).random()) for seed in range(10) for number in range(10)}

    assert len(first) == 100


@pytest.mark.parametrize("top_n", [0, -1])
def test_top_n_below_one_is_refused(top_n):
    with pytest.raises(UsageError, match="top-n"):
        Sampling(top_n=top_n)


@pytest.mark.parametrize("temperature", [0, -0.5, math.nan])
def test_temperature_that_is_not_above_zero_is_refused(temperature):
    with pytest.raises(UsageError, match="temperature"):
        Sampling(temperature=temperature)


def test_negative_seed_is_refused():
    with pytest.raises(UsageError, match="seed"):
        next(write_tweets(counting_up(), LETTERS, range(1), GREEDY, -1))
