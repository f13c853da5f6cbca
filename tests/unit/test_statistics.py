"""What is told of a corpus."""

import pytest

from model.vocabulary import ASCII98
from training.statistics import corpus_statistics

BIRD = "\U0001f426"


def test_lengths_and_characters_are_counted():
    found = corpus_statistics(["ab", "abc", "a" * 45])

    assert (found.tweets, found.characters, found.distinct_characters) == (3, 50, 3)
    assert found.lengths == {"shortest": 2, "quarter": 2, "median": 3, "three_quarters": 45, "longest": 45}
    assert found.histogram == {0: 2, 40: 1}


@pytest.mark.parametrize(("birds", "covered"), [(99, False), (100, True)])
def test_characters_that_a_model_would_not_know_are_named(birds, covered):
    found = corpus_statistics([f"a{BIRD}"] * birds + ["a"])

    assert found.uncovered == ([] if covered else [(BIRD, birds)])
    assert found.uncovered_tweets == (0 if covered else birds)
    assert found.uncovered_share == pytest.approx(0 if covered else birds / (2 * birds + 1))
    assert found.vocabulary == len(ASCII98) + covered


def test_nothing_is_no_error():
    assert corpus_statistics([]).tweets == 0
