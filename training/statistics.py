"""What a corpus is like: how long its tweets are, of which characters, and what a vocabulary would not cover."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from model.vocabulary import ASCII98, Vocabulary, build_vocabulary, fold

LENGTH_STEP = 20  # characters to a bar of the histogram
_QUANTILES = {"shortest": 0.0, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "longest": 1.0}


@dataclass(frozen=True)
class CorpusStatistics:
    """Of all tweets; lengths in characters.

    Attributes:
        lengths: quantiles by name.
        histogram: tweets by length; the key is the lower end of LENGTH_STEP characters.
        vocabulary: characters the vocabulary of a model trained on this would have, id 0 included.
        uncovered: the characters it would not have, the commonest first, each with its count.
        uncovered_share: of all characters.
        uncovered_tweets: how many tweets hold one.
    """

    tweets: int
    characters: int
    distinct_characters: int
    lengths: dict[str, int]
    histogram: dict[int, int]
    vocabulary: int
    uncovered: list[tuple[str, int]]
    uncovered_share: float
    uncovered_tweets: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def corpus_statistics(tweets: Iterable[str], base: Vocabulary = ASCII98) -> CorpusStatistics:
    """Count once through; what is held grows with the number of different characters and lengths only.

    Args:
        base: the vocabulary that training would start from.
    """
    lengths: Counter[int] = Counter()
    characters: Counter[str] = Counter()
    rare_sets: Counter[frozenset[str]] = Counter()  # of a tweet's characters beyond the base; few kinds
    known = set(base.characters)
    for tweet in tweets:
        folded = fold(tweet)
        lengths[len(tweet)] += 1
        characters.update(folded)
        if beyond := frozenset(folded) - known:
            rare_sets[beyond] += 1
    vocabulary = build_vocabulary(characters, base)
    covered = set(vocabulary.characters)
    uncovered = [(c, n) for c, n in characters.most_common() if c not in covered]
    histogram: Counter[int] = Counter()
    for length, count in lengths.items():
        histogram[length // LENGTH_STEP * LENGTH_STEP] += count
    return CorpusStatistics(
        tweets=lengths.total(),
        characters=characters.total(),
        distinct_characters=len(characters),
        lengths={name: _quantile(lengths, share) for name, share in _QUANTILES.items()},
        histogram=dict(sorted(histogram.items())),
        vocabulary=len(vocabulary),
        uncovered=uncovered,
        uncovered_share=sum(n for _, n in uncovered) / max(1, characters.total()),
        uncovered_tweets=sum(n for rare, n in rare_sets.items() if not rare <= covered),
    )


def _quantile(lengths: Counter[int], share: float) -> int:
    """The smallest length that this share of the tweets does not exceed."""
    wanted, seen = share * lengths.total(), 0
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= wanted:
            return length
    return 0
