"""Tweets read from files: every one is kept or dropped for a reason."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import CorpusError, StoreError
from training.corpus import Cleaning, Corpus, RawTweet, detect_layout, fingerprint, read_cikm

repeatable = settings(derandomize=True, deadline=None)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    return Corpus(tmp_path / "corpus")


@pytest.fixture
def add(corpus, tmp_path):
    """Imports a file with this content; gives the report, which must add up."""

    def add_content(content: str | bytes, name: str = "tweets.txt", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = corpus.add_file(path, now=NOW, **options)
        assert report.read == report.kept + report.dropped.total()
        return report

    return add_content


def texts(corpus: Corpus) -> set[str]:
    return {text for _, text in corpus.tweets()}


def clean(text: str, **options) -> tuple[str, str]:
    return Cleaning(**options).clean(text, Counter())


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


CIKM = (
    "60730027\t6320951896\tthe river waits\t2009-12-03 18:41:07\r\n"
    "60730027\t6320673258\ttwo lines\r\nof one tweet\twith a tab\t2009-12-03 18:31:01\r\n"
    "\r\n"
    "60730027\t6319871652\tand\r\n\r\nthree\t2009-12-03 18:01:51\r\n"
)


@pytest.mark.parametrize("content", [CIKM, CIKM.replace("\r\n", "\n"), "\ufeff" + CIKM])
def test_cikm_records_may_run_over_several_lines(corpus, add, content):
    report = add(content, "tweets.tsv")

    assert texts(corpus) == {"the river waits", "two lines of one tweet with a tab", "and three"}
    assert (report.layout, report.read, report.kept) == ("cikm", 3, 3)


def test_cikm_records_keep_the_id_of_the_tweet():
    assert [raw.remote_id for raw in read_cikm(CIKM.splitlines(keepends=True))] == [
        "6320951896",
        "6320673258",
        "6319871652",
    ]


def test_cikm_record_without_time_costs_no_other_tweet():
    lines = [
        "1\t6320951896\tno time here\n",
        "1\t6320951897\twith time\t2009-12-03 18:41:07\n",
        "1\t6320951898\tnor here",
    ]

    assert [raw.text.strip() for raw in read_cikm(lines)] == ["no time here", "with time", "nor here"]


def test_line_that_is_no_cikm_record_is_dropped(corpus, add):
    report = add("what is this?\t2009-12-03 18:41:07\n" + CIKM, layout="cikm")

    assert report.kept == 3
    assert report.dropped == {"empty": 1}


@repeatable
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\t"), min_size=1, max_size=40), max_size=8)
)
def test_every_cikm_record_is_read_once(written):
    """Whatever the tweets say, even where they look like numbers or times."""
    lines = [f"12\t{6_000_000 + i}\t{text}\t2010-01-02 03:04:05\n" for i, text in enumerate(written)]

    assert list(read_cikm(lines)) == [RawTweet(text, str(6_000_000 + i)) for i, text in enumerate(written)]


def test_layout_is_seen_from_the_content_not_from_the_name(tmp_path):
    for name, content, layout in [("a.txt", CIKM, "cikm"), ("b.tsv", "hello\tthere\n", "text"), ("c", "\n", "text")]:
        (tmp_path / name).write_text(content, "utf-8")
        assert detect_layout(tmp_path / name) == layout


def test_given_layout_wins_over_the_content(corpus, add):
    add("1\t2\ta tweet about tabs\n", layout="text")

    assert texts(corpus) == {"1 2 a tweet about tabs"}


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


def test_fingerprint_ignores_case_and_white_space():
    assert fingerprint(" Rain\n again") == fingerprint("rain again")
    assert fingerprint("rain again") != fingerprint("rainagain")


def test_sources_tell_where_the_tweets_came_from(corpus, add, tmp_path):
    add("one\n\n")
    add(CIKM, "tweets.tsv")

    assert corpus.sources() == [
        {"file": str(tmp_path / "tweets.txt"), "layout": "text", "imported_at": NOW.isoformat(), "read": 2, "kept": 1},
        {"file": str(tmp_path / "tweets.tsv"), "layout": "cikm", "imported_at": NOW.isoformat(), "read": 3, "kept": 3},
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


def test_folder_is_no_file(corpus, tmp_path):
    with pytest.raises(CorpusError, match="is a folder"):
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


@pytest.mark.parametrize("text", ["RT @somebody: hello", "rain! RT @somebody sun", "MT @somebody: hello", "RT: @x hi"])
def test_retweet_is_dropped_unless_wanted(text):
    assert clean(text)[1] == "retweet"
    assert clean(text, retweets=True) == (text, "")


@pytest.mark.parametrize("text", ["ART @ the harbour", "start @somebody", "RTFM, please"])
def test_tweet_that_only_looks_like_a_retweet_is_kept(text):
    assert clean(text) == (text, "")


def test_long_tweet_that_ends_with_an_ellipsis_was_cut():
    assert clean("word " * 25 + "and th\u2026")[1] == "cut text"
    assert clean("word " * 25 + "and th\u2026  ")[1] == "cut text"


def test_short_tweet_that_ends_with_an_ellipsis_was_meant_so():
    assert clean("well\u2026") == ("well...", "")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see https://example.org/a?b=c#d now", "see now"),
        ("http://example.org rain", "rain"),
        ("rain\nwww.example.org/x sun", "rain sun"),
        ("a http://t.co/1 b http://t.co/2", "a b"),
    ],
)
def test_links_are_removed_with_the_space_before_them(text, cleaned):
    assert clean(text) == (cleaned, "")


@pytest.mark.parametrize("text", ["Awww... so small", "ewww. no", "the http protocol"])
def test_drawn_out_word_is_no_link(text):
    assert clean(text) == (text, "")
    assert clean(text, urls="drop") == (text, "")


def test_tweet_with_a_link_can_be_dropped_or_kept_whole():
    text = "see https://example.org now"

    assert clean(text, urls="drop")[1] == "url"
    assert clean(text, urls="keep") == (text, "")


def test_tweet_that_is_only_a_link_is_empty():
    assert clean("https://example.org")[1] == "empty"


def test_mentions_at_the_start_can_be_removed():
    assert clean("@one @two_3: thanks @four", mentions="remove") == (": thanks @four", "")
    assert clean("  @one thanks", mentions="remove") == ("thanks", "")
    assert clean("thanks @one", mentions="remove") == ("thanks @one", "")


def test_tweet_with_a_mention_can_be_dropped_or_kept():
    assert clean("thanks @one", mentions="drop")[1] == "mention"
    assert clean("thanks @one", mentions="keep") == ("thanks @one", "")


def test_mail_address_is_no_mention():
    assert clean("write to kite@example.org", mentions="drop") == ("write to kite@example.org", "")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("fish &amp; chips &lt;3", "fish & chips <3"),
        ("caf\u00c3\u00a9", "caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u201cyes\u201d \u2014 she said", '"yes" - she said'),
        ("a\tb\nc\r\nd", "a b c d"),
        ("a\rb\x0cc\x85d", "a b c d"),
        ("bell\x07 and\x00 null", "bell and null"),
        ("one\u2028two\u00a0three", "one two three"),
        ("two grey herons \U0001f426", "two grey herons \U0001f426"),
    ],
)
def test_text_is_repaired(text, cleaned):
    assert clean(text) == (cleaned, "")


def test_clean_text_is_counted_as_unchanged():
    changed: Counter[str] = Counter()
    Cleaning().clean("two grey herons", changed)

    assert not changed.total()


@repeatable
@given(st.text(max_size=60))
def test_kept_text_is_one_line_without_control_characters(text):
    """A line break in a kept tweet would make two tweets of it in train.txt."""
    kept, reason = clean(text)

    if not reason:
        assert kept
        assert kept == " ".join(kept.split())
        assert not [c for c in kept if ord(c) < 32 or 127 <= ord(c) < 160]
