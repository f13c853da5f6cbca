"""Copied tweets are noticed, fresh ones are not."""

import numpy as np
import pytest

from config.errors import ModelError
from model import fingerprints
from model.fingerprints import (
    Fingerprints,
    Overlap,
    build_fingerprints,
    load_fingerprints,
    word_runs,
    words,
)

TWEETS = [
    "The river waits for the rain, and the rain is late again.",
    "Our garden sings to two grey herons tonight",
    "good morning",
    "a paper kite remembers the harbour better than any map does",
]


@pytest.fixture
def known(tmp_path) -> Fingerprints:
    build_fingerprints(TWEETS, tmp_path / "runs.bin")
    return load_fingerprints(tmp_path / "runs.bin")


def made_up_texts(count: int) -> list[str]:
    rng = np.random.default_rng(8)
    return [" ".join("".join(rng.choice(list("abcdefghij"), 5)) for _ in range(9)) for _ in range(count)]


@pytest.mark.parametrize("tweet", TWEETS)
def test_exact_copy_is_known_whole(known, tweet):
    overlap = known.overlap(tweet)

    assert overlap.share == 1.0
    assert overlap.stretch == " ".join(words(tweet))


def test_run_of_a_copy_is_its_length_in_characters(known):
    assert known.overlap(TWEETS[1]).run == len("our garden sings to two grey herons tonight")


def test_no_corpus_text_is_ever_taken_for_fresh(tmp_path):
    tweets = made_up_texts(500)
    build_fingerprints(tweets, tmp_path / "runs.bin")
    index = load_fingerprints(tmp_path / "runs.bin")

    assert all(index.overlap(tweet).share == 1.0 for tweet in tweets)


def test_fresh_texts_share_nothing(known):
    """500 texts of 6 runs against 20 known ones in 24 million bits: the odds of a false alarm are below 1e-30."""
    assert [known.overlap(text) for text in made_up_texts(500)] == [Overlap(0, 0.0, "")] * 500


def test_copy_is_found_whatever_its_case_punctuation_links_and_mentions(known):
    overlap = known.overlap("@somebody OUR garden... sings, to two-grey herons tonight https://example.org/x")

    assert overlap.share == 1.0


def test_copied_part_is_named(known):
    overlap = known.overlap("nobody here knows why our garden sings to two grey herons on mondays")

    assert overlap.stretch == "our garden sings to two grey herons"
    assert overlap.run == len(overlap.stretch)
    assert overlap.share == pytest.approx(4 / 10)


def test_longest_of_several_copied_parts_is_named(known):
    overlap = known.overlap("waits for the rain tomorrow while a paper kite remembers the harbour")

    assert overlap.stretch == "a paper kite remembers the harbour"


def test_short_tweet_is_known_as_a_whole_only(known):
    assert known.overlap("Good morning!").share == 1.0
    assert known.overlap("good evening").share == 0.0


@pytest.mark.parametrize("text", ["", "...", "https://example.org @somebody"])
def test_text_without_words_overlaps_with_nothing(known, text):
    assert known.overlap(text) == Overlap(0, 0.0, "")


def test_runs_are_all_stretches_of_four_words():
    assert word_runs(list("abcde")) == ["a b c d", "b c d e"]
    assert word_runs(list("ab")) == ["a b"]
    assert word_runs([]) == []


def test_union_with_a_base_knows_both_corpora(known, tmp_path):
    other = "an empty street paints the last bus in slow blue light"
    build_fingerprints([other], tmp_path / "both.bin", known)
    both = load_fingerprints(tmp_path / "both.bin")

    assert [both.overlap(tweet).share for tweet in [*TWEETS, other]] == [1.0] * 5
    assert known.overlap(other).share == 0.0


def test_union_with_a_sampled_base_asks_about_the_same_sample(known, tmp_path):
    """A base too large for the file keeps one run in three; the runs of neither corpus may be lost by that."""
    other = made_up_texts(40)
    build_fingerprints(other, tmp_path / "both.bin", Fingerprints(known.bits, 3))
    both = load_fingerprints(tmp_path / "both.bin")

    assert both.keep_one_in == 3
    assert {both.overlap(text).share for text in [*other, *TWEETS]} <= {0.0, 1.0}
    assert sum(both.overlap(text).share for text in other) > 30


def test_file_is_at_most_three_megabytes(tmp_path):
    build_fingerprints(made_up_texts(10), tmp_path / "runs.bin")

    assert (tmp_path / "runs.bin").stat().st_size <= 3_000_000


def test_file_holds_no_text(tmp_path):
    build_fingerprints(TWEETS, tmp_path / "runs.bin")
    content = (tmp_path / "runs.bin").read_bytes().lower()

    assert not [word for word in (b"river", b"garden", b"morning", b"kite") if word in content]


def test_same_corpus_in_another_order_gives_the_same_file(tmp_path):
    build_fingerprints(TWEETS, tmp_path / "a.bin")
    build_fingerprints([*reversed(TWEETS), TWEETS[0]], tmp_path / "b.bin")

    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_empty_corpus_knows_nothing(tmp_path):
    build_fingerprints([], tmp_path / "runs.bin")

    assert load_fingerprints(tmp_path / "runs.bin").overlap(TWEETS[0]) == Overlap(0, 0.0, "")


@pytest.mark.parametrize("size", [0, 5, 16, 23, 24, 25, 1_000_000, -1])
def test_cut_file_is_refused_by_name(tmp_path, size):
    path = tmp_path / "runs.bin"
    build_fingerprints(TWEETS, path)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ModelError, match=r"runs\.bin"):
        load_fingerprints(path)


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "runs.bin"
    path.write_bytes(b"something else entirely" * 200_000)

    with pytest.raises(ModelError, match="not a fingerprint file"):
        load_fingerprints(path)


def test_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match=r"runs\.bin"):
        load_fingerprints(tmp_path / "runs.bin")


def test_corpus_too_large_for_the_file_keeps_an_even_sample(tmp_path, monkeypatch):
    """The same, whatever the order and the blocks it is read in."""
    tweets = made_up_texts(400)
    monkeypatch.setattr(fingerprints, "_CAPACITY", 1000)
    build_fingerprints(tweets, tmp_path / "a.bin")
    monkeypatch.setattr(fingerprints, "_BLOCK", 70)
    build_fingerprints(reversed(tweets), tmp_path / "b.bin")

    sample = load_fingerprints(tmp_path / "a.bin")

    assert sample.keep_one_in in (2, 4, 8, 16, 32)
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
    assert all(sample.overlap(tweet).share in (0.0, 1.0) for tweet in tweets)  # 0: none of its runs is in the sample
