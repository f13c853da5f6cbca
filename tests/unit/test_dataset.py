"""From a corpus to windows: nothing lost, nothing leaked."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import CorpusError, UsageError
from model.vocabulary import ASCII98, MIN_COUNT, build_vocabulary
from training.corpus import Corpus
from training.dataset import PARTS, SUBSETS, Windows, encode_file, read_tweets, split_corpus, survey

repeatable = settings(derandomize=True, deadline=None)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def add(corpus, tmp_path):
    """Puts tweets `first` to `last - 1` into the corpus."""

    def add_tweets(first: int, last: int) -> None:
        path = tmp_path / f"{first}.txt"
        path.write_text("".join(f"tweet {i} about the rain\n" for i in range(first, last)), "utf-8")
        corpus.add_file(path, now=NOW)

    return add_tweets


def parts_of(folder) -> dict[str, list[str]]:
    return {part: list(read_tweets(folder / f"{part}.txt")) for part in PARTS}


def test_every_tweet_is_in_exactly_one_part(corpus, add, tmp_path):
    add(0, 500)
    counts = split_corpus(corpus, tmp_path / "split")
    parts = parts_of(tmp_path / "split")

    assert counts == {part: len(tweets) for part, tweets in parts.items()}
    assert sorted(t for tweets in parts.values() for t in tweets) == sorted(text for _, text in corpus.tweets())


def test_parts_are_80_10_and_10_percent(corpus, add, tmp_path):
    """5 sigma of 2,000 draws; the split is fixed by its seed, so this passes always or never."""
    add(0, 2000)
    counts = split_corpus(corpus, tmp_path / "split")

    assert counts["validate"] == pytest.approx(200, abs=67)
    assert counts["test"] == pytest.approx(200, abs=67)


def test_same_seed_gives_the_same_files_and_another_seed_others(corpus, add, tmp_path):
    add(0, 300)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        split_corpus(corpus, tmp_path / name, seed)

    assert parts_of(tmp_path / "a") == parts_of(tmp_path / "b")
    assert set(parts_of(tmp_path / "a")["test"]) != set(parts_of(tmp_path / "c")["test"])


def test_tweet_stays_in_its_part_when_the_corpus_grows(corpus, add, tmp_path):
    """A model trained earlier has never seen what it is measured on later."""
    add(0, 200)
    split_corpus(corpus, tmp_path / "before")
    add(200, 1000)
    split_corpus(corpus, tmp_path / "after")

    before, after = parts_of(tmp_path / "before"), parts_of(tmp_path / "after")
    for part in PARTS:
        assert set(before[part]) <= set(after[part])


def test_order_of_import_does_not_change_the_split(add, corpus, tmp_path):
    add(0, 50)
    add(50, 100)
    split_corpus(corpus, tmp_path / "a")
    other = Corpus(tmp_path / "other")
    for name in ("50.txt", "0.txt"):
        other.add_file(tmp_path / name, now=NOW)
    split_corpus(other, tmp_path / "b")

    assert parts_of(tmp_path / "a") == parts_of(tmp_path / "b")


@pytest.mark.parametrize("seed", range(60))
def test_three_tweets_suffice_for_a_split(corpus, add, tmp_path, seed):
    """Each part gets one, whatever the seed."""
    add(0, 3)

    assert split_corpus(corpus, tmp_path / "split", seed) == {"train": 1, "validate": 1, "test": 1}


@pytest.mark.parametrize("count", [4, 5, 9])
def test_no_part_of_a_small_corpus_is_empty(corpus, add, tmp_path, count):
    add(0, count)

    for seed in range(40):
        assert all(split_corpus(corpus, tmp_path / "split", seed).values())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_tweets_are_refused(corpus, add, tmp_path, count):
    if count:
        add(0, count)

    with pytest.raises(CorpusError, match=f"holds {count} tweets"):
        split_corpus(corpus, tmp_path / "split")
    assert not (tmp_path / "split").exists()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range_is_refused(corpus, add, tmp_path, seed):
    add(0, 3)

    with pytest.raises(UsageError, match="seed"):
        split_corpus(corpus, tmp_path / "split", seed)


def test_failed_split_leaves_the_files_of_the_last_one(corpus, add, tmp_path, monkeypatch):
    add(0, 30)
    split_corpus(corpus, tmp_path / "split")
    before = parts_of(tmp_path / "split")
    add(30, 60)

    def break_off(key: bytes, number: int, total: int) -> str:
        if number == 40:
            raise OSError("no space left on device")
        return "train"

    monkeypatch.setattr("training.dataset._part", break_off)
    with pytest.raises(OSError, match="no space"):
        split_corpus(corpus, tmp_path / "split")

    assert parts_of(tmp_path / "split") == before
    assert sorted(path.name for path in (tmp_path / "split").iterdir()) == sorted(
        f"{p}.txt" for p in (*PARTS, *SUBSETS)
    )


@pytest.mark.parametrize(
    "content",
    [b"one\ncaf\xc3\xa9\n", b"one\r\ncaf\xc3\xa9\r\n", b"\xef\xbb\xbfone\n\n\r\ncaf\xc3\xa9"],
    ids=["utf-8", "windows", "byte order mark and blank lines"],
)
def test_tweets_of_a_text_file_are_its_lines(tmp_path, content):
    (tmp_path / "t.txt").write_bytes(content)

    assert list(read_tweets(tmp_path / "t.txt")) == ["one", "café"]


def test_text_that_is_not_utf8_is_refused_by_name(tmp_path):
    (tmp_path / "t.txt").write_bytes("café\n".encode("latin-1"))

    with pytest.raises(CorpusError, match=r"t\.txt is not UTF-8"):
        survey(tmp_path / "t.txt")


@pytest.mark.parametrize("name", ["none.txt", "."])
def test_text_that_cannot_be_read_is_refused_by_name(tmp_path, name):
    with pytest.raises(CorpusError, match="cannot be read") as caught:
        survey(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n", b"\xef\xbb\xbf"])
def test_text_without_tweets_is_refused(tmp_path, content):
    (tmp_path / "t.txt").write_bytes(content)

    with pytest.raises(CorpusError, match=r"t\.txt is empty"):
        survey(tmp_path / "t.txt")


def test_survey_counts_folded_characters_and_newlines(tmp_path):
    (tmp_path / "t.txt").write_text("a\u2019b\ncaf\u00e9\n", "utf-8")

    facts = survey(tmp_path / "t.txt")

    assert facts.tweets == 2
    assert facts.characters == len("a'b\ncafé\n")
    assert facts.counts["'"] == 1
    assert facts.counts["a"] == 2


def test_survey_knows_a_changed_text(tmp_path):
    digests = []
    for content in ("one\ntwo\n", "one\r\ntwo", "two\none\n", "onet\nwo\n"):
        (tmp_path / "t.txt").write_bytes(content.encode())
        digests.append(survey(tmp_path / "t.txt").sha256)

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 20])
def test_encoding_a_file_is_encoding_its_whole_text(tmp_path, monkeypatch, chunk):
    """Wherever the pieces end that are encoded at a time."""
    monkeypatch.setattr("training.dataset._CHUNK", chunk)
    tweets = ["the river waits\u2026", "caf\u00e9 \U0001f426", "x", "\u201cyes\u201d", "two grey herons"]
    vocabulary = build_vocabulary({"\u00e9": MIN_COUNT})
    (tmp_path / "t.txt").write_bytes("\r\n".join(tweets).encode())

    ids = encode_file(tmp_path / "t.txt", vocabulary)

    np.testing.assert_array_equal(ids, vocabulary.encode("\n" + "".join(tweet + "\n" for tweet in tweets)))
    assert ids.dtype == np.uint16


def test_encoded_text_has_the_length_that_the_survey_tells(tmp_path):
    (tmp_path / "t.txt").write_text("one\u200b\u2026\ntwo\n", "utf-8")

    assert len(encode_file(tmp_path / "t.txt", ASCII98)) == survey(tmp_path / "t.txt").characters + 1


sizes = {"length": st.integers(2, 400), "batch": st.integers(1, 70), "seq_len": st.integers(1, 70)}


@repeatable
@given(**sizes)
def test_every_target_but_at_most_batch_is_used_once(length, batch, seq_len):
    ids = np.arange(length, dtype=np.uint16)
    windows = Windows(ids, batch, seq_len)

    targets = np.concatenate([windows[i][1].ravel() for i in range(len(windows))])

    assert len(set(targets.tolist())) == len(targets)
    assert sorted(targets.tolist()) == list(range(1, 1 + len(targets)))
    assert length - 1 - len(targets) < min(batch, length)


@repeatable
@given(**sizes)
def test_target_is_the_character_after_its_input(length, batch, seq_len):
    windows = Windows(np.arange(length, dtype=np.uint16), batch, seq_len)

    for i in range(len(windows)):
        inputs, targets = windows[i]
        assert inputs.dtype == targets.dtype == np.int32
        np.testing.assert_array_equal(targets, inputs + 1)


@repeatable
@given(**sizes)
def test_rows_go_on_from_window_to_window(length, batch, seq_len):
    windows = Windows(np.arange(length, dtype=np.uint16), batch, seq_len)

    for i in range(1, len(windows)):
        np.testing.assert_array_equal(windows[i][0][:, 0], windows[i - 1][1][:, -1])


@repeatable
@given(**sizes)
def test_windows_are_never_larger_than_asked_for(length, batch, seq_len):
    windows = Windows(np.arange(length, dtype=np.uint16), batch, seq_len)
    shapes = [windows[i][0].shape for i in range(len(windows))]

    assert shapes
    assert {rows for rows, _ in shapes} == {windows.batch}
    assert windows.batch <= batch
    assert {time for _, time in shapes[:-1]} <= {windows.seq_len}
    assert 1 <= shapes[-1][1] <= windows.seq_len <= seq_len


def test_short_text_gives_up_rows_before_the_length_of_a_window():
    """Short windows would cut the gradients, fewer rows only train slower."""
    windows = Windows(np.zeros(40, np.uint16), 64, 16)

    assert (windows.batch, windows.seq_len) == (2, 16)


def test_text_of_full_windows_keeps_the_sizes_asked_for():
    windows = Windows(np.zeros(4 * 16 * 3 + 1, np.uint16), 4, 16)

    assert (windows.batch, windows.seq_len, len(windows)) == (4, 16, 3)


def test_subsets_are_the_first_of_their_parts(corpus, add, tmp_path, monkeypatch):
    """Their sizes are made small here; in truth they are 80,000 and 20,000."""
    monkeypatch.setitem(SUBSETS, "train-80k", ("train", 5))
    add(0, 60)
    split_corpus(corpus, tmp_path / "split")

    train, subset = (list(read_tweets(tmp_path / "split" / f"{name}.txt")) for name in ("train", "train-80k"))

    assert subset == train[:5]
    assert (tmp_path / "split" / "validate-20k.txt").read_text() == (tmp_path / "split" / "validate.txt").read_text()
