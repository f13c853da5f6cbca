"""Tweets out of files of every layout."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import CorpusError, UsageError
from training.cleaning import RawTweet
from training.corpus import Corpus, detect_layout
from training.sources import LAYOUTS, Reading, json_values, read_cikm

repeatable = settings(derandomize=True, deadline=None)

PAGES = Path(__file__).parent.parent / "data" / "x-api"


def texts(corpus: Corpus) -> set[str]:
    return {text for _, text in corpus.tweets()}


def read(layout: str, content: str, column: str | None = None) -> list[RawTweet]:
    return list(LAYOUTS[layout](io.StringIO(content, newline=""), Reading(column)))


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
    assert [raw.remote_id for raw in read_cikm(CIKM.splitlines(keepends=True), Reading())] == [
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

    assert [raw.text.strip() for raw in read_cikm(lines, Reading())] == ["no time here", "with time", "nor here"]


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

    assert list(read_cikm(lines, Reading())) == [
        RawTweet(text, str(6_000_000 + i), "2010-01-02T03:04:05") for i, text in enumerate(written)
    ]


def test_given_layout_wins_over_the_content(corpus, add):
    add("1\t2\ta tweet about tabs\n", layout="text")

    assert texts(corpus) == {"1 2 a tweet about tabs"}


@pytest.mark.parametrize(
    ("content", "layout"),
    [
        (CIKM, "cikm"),
        ("hello\tthere\n", "text"),
        ("\n", "text"),
        ("text,id\nrain,1\n", "csv"),
        ('"id";"text"\n1;rain\n', "csv"),
        ("id\tfull_text\n1\train\n", "csv"),
        ("text, they said\nis all there is\n", "text"),
        ("text,id\n", "text"),
        ('{"text": "rain"}\n{"text": "sun"}\n', "json"),
        ('[{"text": "rain"}]', "json"),
        ('["rain", "sun"]', "json"),
        ("[sigh] rain again\n", "text"),
        ("{rain} again\n", "text"),
        ('"rain," she said\n', "text"),
        ('{"data": [{"id": "1", "text": "rain"}], "meta": {"result_count": 1}}', "api-v2"),
        ('{"meta": {"result_count": 0}}', "api-v2"),
        ('{"id": "1", "text": "rain", "edit_history_tweet_ids": ["1"]}\n', "api-v2"),
        ('{"data": [' + ", ".join(['{"id": "1", "text": "rain"}'] * 4000) + '], "meta": {}}', "api-v2"),
        ('[{"id_str": "1", "full_text": "rain", "user": {}, "truncated": false}]', "api-v1"),
        ("window.YTD.tweets.part0 = [ ]", "export"),
        ("Grailbird.data.tweets_2015_09 = \n [ ]", "export"),
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_layout_is_seen_from_the_content_not_from_the_name(tmp_path, content, layout, mark):
    (tmp_path / "tweets.any").write_text(mark + content, "utf-8")

    assert detect_layout(tmp_path / "tweets.any") == layout


def test_csv_reads_quoted_texts_over_several_lines():
    content = 'id,text,created_at\r\n1,"two ""grey""\r\nherons, one river",2020-03-01 10:00:00\r\n\r\n2,rain,\r\n'

    assert read("csv", content) == [
        RawTweet('two "grey"\r\nherons, one river', "1", "2020-03-01T10:00:00"),
        RawTweet("rain", "2"),
    ]


@pytest.mark.parametrize("column", ["message", "Message", "2"])
def test_csv_column_is_chosen_by_name_or_number(column):
    assert [raw.text for raw in read("csv", "id;Message\n1;rain\n", column)] == ["rain"]


@pytest.mark.parametrize("column", [None, "nothing", "0", "3"])
def test_csv_without_that_column_lists_those_it_has(column):
    with pytest.raises(CorpusError, match=r"--column \(id, message\)"):
        read("csv", "id,message\n1,rain\n", column)


def test_csv_row_that_is_too_short_has_an_empty_text():
    assert [raw.text for raw in read("csv", "id,text\n1\n2,rain\n")] == ["", "rain"]


def test_csv_field_of_absurd_length_names_the_line():
    with pytest.raises(CorpusError, match="line 2"):
        read("csv", "id,text\n1," + "x" * 200_000 + "\n")


def test_old_table_of_an_export_knows_its_retweets():
    content = "tweet_id,timestamp,text,retweeted_status_id\n5,2015-09-30 18:07:31 +0000,rain,77\n6,,sun,\n"

    assert read("csv", content) == [
        RawTweet("rain", "5", "2015-09-30T18:07:31+00:00", retweet=True),
        RawTweet("sun", "6"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        '{"text": "rain", "id": 7}\n{"text": "sun", "id": 8}\n',
        '[{"text": "rain", "id": 7}, {"text": "sun", "id": 8}]',
        '[\n  {"text": "rain", "id": "7"},\n  {"text": "sun", "id": "8"}\n]\n',
    ],
)
def test_json_lines_and_arrays_are_read_alike(content):
    assert read("json", content) == [RawTweet("rain", "7"), RawTweet("sun", "8")]


def test_json_strings_are_tweets():
    assert [raw.text for raw in read("json", '["rain", "sun"]')] == ["rain", "sun"]


def test_json_key_can_be_chosen_and_its_lack_is_an_error():
    assert [raw.text for raw in read("json", '{"said": "rain"}', "said")] == ["rain"]
    with pytest.raises(CorpusError, match=r"--column \(said\)"):
        read("json", '{"said": "rain"}')


@pytest.mark.parametrize("content", ['[{"text": "rain"}', '{"text": "rain"', '[{"text": "rain"}] x', "]", '{"a" 1}'])
def test_broken_json_is_an_error(content):
    with pytest.raises(CorpusError, match="no JSON"):
        read("json", content)


def test_json_nested_beyond_reason_is_an_error():
    with pytest.raises(CorpusError):
        read("json", '{"text": ' + "[" * 100_000)


@repeatable
@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.floats(-9, 9)), max_size=8),
    st.sampled_from([1, 2, 3, 7, 1000]),
    st.booleans(),
)
def test_json_is_read_the_same_in_whatever_pieces_it_comes(values, size, as_lines):
    content = "\n".join(map(json.dumps, values)) if as_lines else json.dumps(values, ensure_ascii=False)

    class Pieces:
        def __init__(self) -> None:
            self.file = io.StringIO(content)

        def read(self, wanted: int, /) -> str:
            return self.file.read(size)

    assert list(json_values(Pieces())) == values


def test_api_content_needs_an_express_word(add, corpus):
    page = (PAGES / "tweepy_users_tweets_0.json").read_text("utf-8")

    with pytest.raises(UsageError, match=r"account export.*--allow-api-content"):
        add(page)

    assert corpus.count() == 0
    assert add(page, allow_api_content=True).kept == 2


@pytest.mark.parametrize(
    ("name", "read_count", "retweets"),
    [
        ("tweepy_users_tweets_0.json", 2, 0),
        ("sns-sdks_timeline_tweets.json", 5, 0),
        ("twarc-csv_cotweet.jsonl", 1, 0),
        ("twarc-csv_edited.jsonl", 1, 0),
        ("twarc-csv_two_tweets.jsonl", 1, 1),
    ],
)
def test_real_pages_of_the_api_are_read(name, read_count, retweets):
    """Only what the account wrote: tweets that a page merely refers to stand in `includes`."""
    assert detect_layout(PAGES / name) == "api-v2"
    found = read("api-v2", (PAGES / name).read_text("utf-8"))

    assert len(found) == read_count
    assert sum(raw.retweet for raw in found) == retweets
    assert all(raw.text and raw.remote_id for raw in found)


def test_long_post_of_the_api_has_its_whole_text():
    page = {"data": [{"id": "1", "text": "cut\u2026", "note_tweet": {"text": "the whole of it"}}], "meta": {}}

    assert [raw.text for raw in read("api-v2", json.dumps(page))] == ["the whole of it"]


def test_quotes_of_the_api_are_known():
    page = {"data": [{"id": "1", "text": "so true", "referenced_tweets": [{"type": "quoted", "id": "2"}]}], "meta": {}}
    old = [{"id_str": "1", "text": "so true", "is_quote_status": True}]

    assert read("api-v2", json.dumps(page))[0].quote
    assert read("api-v1", json.dumps(old))[0].quote


def test_old_api_gives_whole_texts_times_and_retweets():
    tweets = [
        {"id_str": "1", "id": 1, "text": "cut\u2026", "truncated": True, "extended_tweet": {"full_text": "all of it"},
         "created_at": "Thu Jun 25 12:30:00 +0000 2026"},
        {"id": 2, "full_text": "RT @x: rain", "retweeted_status": {"id": 3}},
    ]  # fmt: skip

    assert read("api-v1", json.dumps(tweets)) == [
        RawTweet("all of it", "1", "2026-06-25T12:30:00+00:00"),
        RawTweet("RT @x: rain", "2", retweet=True),
    ]
