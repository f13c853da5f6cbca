"""Tweets read from files: every one is kept or dropped for a reason."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import CorpusError, StoreError
from training.cleaning import Cleaning
from training.corpus import Corpus, Terms

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def texts(corpus: Corpus) -> set[str]:
    return {text for _, text in corpus.tweets()}


def test_text_file_has_one_tweet_a_line(corpus, add):
    report = add("the river waits\nrain again\n\n  two   herons \n")

    assert texts(corpus) == {"the river waits", "rain again", "two herons"}
    assert (report.layout, report.read, report.kept) == ("text", 4, 3)
    assert report.dropped == {"empty": 1}


def test_last_line_needs_no_line_feed(corpus, add):
    add("one\ntwo")

    assert texts(corpus) == {"one", "two"}


@pytest.mark.parametrize("content", ["one\r\ntwo\r\n", "\ufeffone\ntwo\n", "\ufeffone\r\ntwo"])
def test_windows_line_ends_and_byte_order_mark_are_no_part_of_a_tweet(corpus, add, content):
    add(content)

    assert texts(corpus) == {"one", "two"}


def test_separators_inside_a_tweet_do_not_end_it(corpus, add):
    add("first\u2028second\rthird\u2029fourth\n")

    assert corpus.count() == 1


def test_second_import_adds_nothing(corpus, add):
    first = add("one\ntwo\n")
    second = add("one\ntwo\n")

    assert first.kept == 2
    assert second.kept == 0
    assert second.dropped == {"duplicate": 2}
    assert corpus.count() == 2


def test_tweets_that_differ_in_case_and_spaces_only_are_one(corpus, add):
    report = add("Rain again\nrain   AGAIN\n")

    assert report.kept == 1
    assert report.dropped == {"duplicate": 1}
    assert texts(corpus) == {"Rain again"}


def test_sources_tell_where_the_tweets_came_from_and_by_what_right(corpus, add):
    """The name of the file alone: the folders above it are nobody's business, and a card is published."""
    add("one\n\n", terms=Terms("CC0", "the author's"))
    add("two\n", "more.txt")

    assert corpus.sources() == [
        {"file": "tweets.txt", "layout": "text", "imported_at": NOW.isoformat(), "licence": "CC0",
         "consent": "the author's", "read": 2, "kept": 1, "oldest": None, "newest": None},
        {"file": "more.txt", "layout": "text", "imported_at": NOW.isoformat(), "licence": "", "consent": "",
         "read": 1, "kept": 1, "oldest": None, "newest": None},
    ]  # fmt: skip


TWENTY = "our heron stood by the old river and waited for the rain that never came to the garden this year"


@pytest.mark.parametrize("i", range(20))
def test_tweet_that_differs_in_one_word_is_a_near_duplicate(corpus, add, i):
    words = TWENTY.split()
    words[i] = "kite"
    report = add(TWENTY + "\n" + " ".join(words) + "\n")

    assert report.dropped == {"near duplicate": 1}
    assert texts(corpus) == {TWENTY}


@pytest.mark.parametrize("twin", [TWENTY.upper() + "!!!", f"{TWENTY} https://example.org/x", f"{TWENTY}, @kite"])
def test_tweet_that_differs_in_links_names_and_marks_is_a_near_duplicate(add, twin):
    assert add(f"{TWENTY}.\n{twin}\n", cleaning=Cleaning(urls="keep")).dropped == {"near duplicate": 1}


def test_near_duplicates_can_be_kept(add):
    assert add(f"{TWENTY}\n{TWENTY}!\n", cleaning=Cleaning(near_duplicates=True)).kept == 2


@pytest.mark.parametrize(
    "other",
    ["our heron stood by the old river", TWENTY + " and what did it do then? it flew to the sea, and there it stayed"],
)
def test_tweets_that_share_a_part_are_two(add, other):
    assert add(f"{TWENTY}\n{other}\n").kept == 2


def test_short_tweets_are_only_duplicates_when_their_words_are_the_same(add):
    assert add("good morning\ngood evening\nGood morning!!\n").dropped == {"near duplicate": 1}


def test_near_duplicates_are_found_across_imports(add):
    add(TWENTY + "\n")

    assert add(TWENTY + "?\n", "more.txt").dropped == {"near duplicate": 1}


@pytest.mark.parametrize("by", ["the number", "the text"])
def test_forgotten_tweet_does_not_come_back(corpus, add, by):
    table = "id,text\n77,two grey herons\n78,rain again\n"
    add(table, "tweets.csv")

    forgotten = corpus.forget("77" if by == "the number" else "Two grey  herons")

    assert forgotten == "two grey herons"
    assert texts(corpus) == {"rain again"}
    assert add(table, "tweets.csv").dropped == {"forgotten": 1, "duplicate": 1}
    assert corpus.forget("77") is None


def test_forgotten_tweet_is_no_near_duplicate_of_another(corpus, add):
    add(TWENTY + "\n")
    corpus.forget(TWENTY)

    assert add(TWENTY + "!\n").kept == 1


def test_source_tells_from_when_to_when_its_tweets_are(corpus, add):
    add("text,created_at\nthird,2020-03-01\nfirst,2019-01-01\nsecond,2019-05-05\nnever,\n", "tweets.csv")
    add("some words\n")

    assert [(source["oldest"], source["newest"]) for source in corpus.sources()] == [
        ("2019-01-01T00:00:00", "2020-03-01T00:00:00"),
        (None, None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        ("one\ncafé\n".encode("latin-1"), "not UTF-8"),
        (("one\n" * 60_000).encode("utf-16"), "not UTF-8"),
        (b"fine\n" * 60_000 + b"then not \xff\n", "not UTF-8"),
    ],
    ids=["empty", "byte order mark only", "latin-1", "utf-16", "bad at the end"],
)
def test_failed_import_names_the_file_and_leaves_the_corpus_as_it_was(corpus, add, content, message):
    add("one\ntwo\n")
    before = list(corpus.tweets()), corpus.sources()

    with pytest.raises(CorpusError, match=rf"bad\.txt.*{message}"):
        add(content, "bad.txt")

    assert (list(corpus.tweets()), corpus.sources()) == before


def test_not_utf8_says_how_to_convert(add):
    with pytest.raises(CorpusError, match="iconv"):
        add("café\n".encode("latin-1"))


@pytest.mark.parametrize("layout", [None, "text"])
def test_missing_file_is_named(corpus, tmp_path, layout):
    with pytest.raises(CorpusError, match=r"none\.txt does not exist"):
        corpus.add_file(tmp_path / "none.txt", now=NOW, layout=layout)

    assert corpus.count() == 0


def test_folder_without_tweets_is_no_export(corpus, tmp_path):
    with pytest.raises(CorpusError, match="holds no tweets"):
        corpus.add_file(tmp_path, now=NOW)


def test_import_stopped_by_an_error_leaves_the_corpus_as_it_was(corpus, add):
    """As when Ctrl-C comes in the middle of a file."""
    add("one\n")

    def interrupt(read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add("".join(f"tweet {i}\n" for i in range(6000)), "many.txt", progress=interrupt)

    assert texts(corpus) == {"one"}
    assert len(corpus.sources()) == 1


def test_progress_tells_how_many_were_read(add):
    seen: list[int] = []
    add("".join(f"tweet {i}\n" for i in range(10_001)), progress=seen.append)

    assert seen == [5000, 10_000]


def test_file_that_is_no_corpus_is_a_store_error(tmp_path):
    (tmp_path / "corpus.sqlite3").write_bytes(b"no database at all, " * 500)

    with pytest.raises(StoreError, match=r"corpus\.sqlite3"):
        Corpus(tmp_path).count()


def test_corpus_of_another_version_says_what_to_do(corpus, add):
    add("one\n")
    with closing(sqlite3.connect(corpus.path)) as connection:
        connection.execute("PRAGMA user_version = 0")

    with pytest.raises(StoreError, match="move it away and import again"):
        corpus.count()


def test_corpus_that_was_never_filled_is_empty_and_leaves_no_file(tmp_path):
    corpus = Corpus(tmp_path / "corpus")

    assert corpus.count() == 0
    assert not Path(corpus.path).exists()


def test_counts_of_the_report_stand_in_the_corpus(corpus, add):
    report = add("RT @somebody: hello\n\none http://example.org\none\n&lt;3 you\n")

    assert (report.read, report.kept) == (5, 2)
    assert report.dropped == {"retweet": 1, "empty": 1, "duplicate": 1}
    assert report.changed["urls"] == 1
    assert report.changed["html entities"] == 1
    assert corpus.count() == 2
