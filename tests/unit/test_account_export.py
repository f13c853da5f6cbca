"""X account exports, in the layouts of 2012 to today; written by hand after real ones."""

import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.errors import CorpusError
from training import account_export
from training.account_export import read_export
from training.corpus import Corpus, detect_layout

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG = "The heron stood by the river and waited for rain. " * 8


def tweet(number: int | str, text: str, **more: object) -> dict[str, object]:
    """Numbers are strings, as in a real export."""
    inner = {
        "edit_info": {"initial": {"editTweetIds": [str(number)], "isEditEligible": True}},
        "retweeted": False,
        "truncated": False,
        "id_str": str(number),
        "id": str(number),
        "created_at": "Thu Jun 25 12:30:00 +0000 2026",
        "full_text": text,
        "lang": "en",
    }
    return {"tweet": inner | more}


def js(name: str, values: list[object]) -> str:
    return f"window.YTD.{name} = " + json.dumps(values, indent=2, ensure_ascii=False)


def manifest(**files: list[str]) -> str:
    types = {kind: {"files": [{"fileName": f, "count": "1"} for f in names]} for kind, names in files.items()}
    return "window.__THAR_CONFIG = " + json.dumps({"userInfo": {"accountId": "1"}, "dataTypes": types})


def note(number: int, text: str) -> dict[str, object]:
    return {"noteTweet": {"noteTweetId": str(number), "createdAt": "2024-04-02T16:25:47.000Z", "core": {"text": text}}}


CURRENT = {
    "data/manifest.js": manifest(tweets=["data/tweets.js", "data/tweets-part1.js"], noteTweet=["data/note-tweet.js"]),
    "data/tweets.js": js("tweets.part0", [tweet(10, "fish &amp; chips"), tweet(11, "RT @x: rain\u2026")]),
    "data/tweets-part1.js": js("tweets.part1", [tweet(12, "two grey herons")]),
    "data/note-tweet.js": js("note_tweet.part0", []),
    "data/direct-messages.js": "this is no JSON, and nobody looks",
    "data/tweets_media/12-x.jpg": "a picture",
}
OLD = {
    "data/tweet.js": js("tweet.part0", [tweet(20, "sun"), {"id_str": "21", "full_text": "no wrapper"}]),
    "data/account.js": "-",
}
OLDEST = {
    "data/js/tweets/2015_09.js": "Grailbird.data.tweets_2015_09 = \n"
    + r'[ {"id_str": "31", "id": 31, "text": "a\/b", "created_at": "2015-09-30 18:07:31 +0000"} ]',
    "data/js/tweets/2015_08.js": "Grailbird.data.tweets_2015_08 = \n [ "
    + json.dumps({"id_str": "30", "text": "RT @x: y", "retweeted_status": {"id_str": "1"}})
    + " ]",
    "tweets.csv": "tweet_id,text\n99,not read beside the others\n",
}
TABLE = {"tweets.csv": '"tweet_id","timestamp","text"\n"40","2013-01-01 10:00:00 +0000","two\nlines"\n'}


def write(path: Path, files: dict[str, str], prefix: str = "") -> Path:
    """A zip file where the name says so, else a folder."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(prefix + name, content)
        return path
    for name, content in files.items():
        (path / prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (path / prefix / name).write_text(content, "utf-8")
    return path


@pytest.mark.parametrize("place", ["export.zip", "export"])
@pytest.mark.parametrize("prefix", ["", "twitter-2026-01-01-abc/"])
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (CURRENT, {"10": "fish &amp; chips", "11": "RT @x: rain\u2026", "12": "two grey herons"}),
        (OLD, {"20": "sun", "21": "no wrapper"}),
        (OLDEST, {"31": "a/b", "30": "RT @x: y"}),
    ],
    ids=["current", "2019-2021", "2012-2018"],
)
def test_every_layout_is_read_from_zip_and_folder(tmp_path, place, prefix, files, expected):
    path = write(tmp_path / place, files, prefix)

    assert detect_layout(path) == "export"
    assert {raw.remote_id: raw.text for raw in read_export(path)} == expected


@pytest.mark.parametrize("place", ["export.zip", "export"])
def test_table_alone_is_read_too(tmp_path, place):
    found = list(read_export(write(tmp_path / place, TABLE)))

    assert [(raw.remote_id, raw.text, raw.created_at) for raw in found] == [
        ("40", "two\nlines", "2013-01-01T10:00:00+00:00")
    ]


def test_folder_data_itself_is_an_export(tmp_path):
    write(tmp_path / "data", {name.removeprefix("data/"): content for name, content in CURRENT.items()})

    assert {raw.remote_id for raw in read_export(tmp_path / "data")} == {"10", "11", "12"}


@pytest.mark.parametrize("name", ["tweets.js", "tweet.js", "renamed.js"])
def test_one_file_of_an_export_is_read_alone(tmp_path, name):
    write(tmp_path, {name: CURRENT["data/tweets.js"], "private.txt": "-", "other-tweets.js": "-"})

    assert detect_layout(tmp_path / name) == "export"
    assert {raw.remote_id for raw in read_export(tmp_path / name)} == {"10", "11"}


def test_times_quotes_and_retweets_are_known(tmp_path):
    own = {"urls": [{"expanded_url": "https://x.com/me/status/50"}]}
    other = {"urls": [{"expanded_url": "https://twitter.com/kite/status/7?s=20"}]}
    photo = {"urls": [{"expanded_url": "https://x.com/me/status/7/photo/1"}]}
    tweets = [
        tweet(50, "a", entities=own),
        tweet(51, "b", entities=other),
        tweet(52, "c", entities=photo),
    ]
    found = list(read_export(write(tmp_path / "e.zip", {"data/tweets.js": js("tweets.part0", tweets)})))

    assert [raw.quote for raw in found] == [False, True, False]
    assert found[0].created_at == "2026-06-25T12:30:00+00:00"


def test_long_tweets_get_their_full_text_from_the_notes(tmp_path):
    """A note's number is milliseconds older than its tweet's; in a thread only the beginning tells them apart."""
    second, third = LONG.replace("heron", "kite"), LONG.replace("heron", "cat & dog <3")
    base = 1775197948340547584
    ids = [base + (ms << 22) for ms in (0, 20, 40)]
    tweets = [
        tweet(ids[2] + (30 << 22), "@you " + third.replace("&", "&amp;").replace("<", "&lt;")[:270] + "\u2026"),
        tweet(ids[0] + (30 << 22), LONG[:275] + "\u2026"),
        tweet(ids[1] + (30 << 22), second[:275] + "\u2026 https://t.co/x"),
        tweet(ids[1] + (40 << 22), "short &lt; other"),
        tweet(ids[1] + (3000 << 22), LONG[:275] + "\u2026"),  # three seconds later: another tweet
    ]
    notes = [note(ids[i], text) for i, text in enumerate([LONG, second, third])]
    files = {"data/tweets.js": js("tweets.part0", tweets), "data/note-tweet.js": js("note_tweet.part0", notes)}

    found = list(read_export(write(tmp_path / "e.zip", files)))

    assert [raw.text for raw in found[:3]] == [third, LONG, second]
    assert [raw.escaped for raw in found] == [False, False, False, True, True]
    assert found[3].text == "short &lt; other"
    assert found[4].text.endswith("\u2026")


def test_import_reports_what_became_of_each_tweet(tmp_path):
    corpus = Corpus(tmp_path / "corpus")
    path = write(tmp_path / "export.zip", CURRENT)

    first, again = (corpus.add_file(path, now=NOW) for _ in range(2))

    assert (first.layout, first.read, first.kept, dict(first.dropped)) == ("export", 3, 2, {"retweet": 1})
    assert {text for _, text in corpus.tweets()} == {"fish & chips", "two grey herons"}
    assert again.kept == 0


def test_only_files_with_tweets_are_opened(tmp_path, monkeypatch):
    path = write(tmp_path / "export.zip", CURRENT)
    opened: list[str] = []
    real_open = zipfile.ZipFile.open
    monkeypatch.setattr(
        zipfile.ZipFile,
        "open",
        lambda self, entry, **more: opened.append(entry.filename) or real_open(self, entry, **more),
    )

    list(read_export(path))

    assert set(opened) == {"data/manifest.js", "data/tweets.js", "data/tweets-part1.js", "data/note-tweet.js"}


@pytest.mark.parametrize("listed", ["../secret.js", "/etc/passwd", "data/../../secret.js", "data/direct-messages.js"])
def test_manifest_cannot_name_files_that_are_none_of_its_business(tmp_path, listed):
    (tmp_path / "secret.js").write_text(js("tweets.part0", [tweet(66, "a secret")]))
    files = CURRENT | {
        "data/manifest.js": manifest(tweets=[listed]),
        "data/direct-messages.js": js("direct_messages.part0", [tweet(67, "a secret")]),
    }

    found = list(read_export(write(tmp_path / "export", files)))

    assert {raw.remote_id for raw in found} == {"10", "11", "12"}


def test_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.js").write_text(js("tweets.part0", [tweet(66, "a secret")]))
    path = write(tmp_path / "export", CURRENT)
    (path / "data" / "tweets-part2.js").symlink_to(tmp_path / "secret.js")
    (path / "data" / "manifest.js").unlink()

    assert {raw.remote_id for raw in read_export(path)} == {"10", "11", "12"}


def many_tweets(path: Path, megabytes: int) -> Path:
    line = json.dumps(tweet(1, os.urandom(300).hex())) + ","
    content = "window.YTD.tweets.part0 = [" + line * (megabytes * (1 << 20) // len(line))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data/tweets.js", content[:-1] + "]")
    return path


def test_archive_that_unpacks_to_more_than_an_export_can_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(account_export, "MOST_BYTES", 2 << 20)

    with pytest.raises(CorpusError, match="more than"):
        Corpus(tmp_path / "corpus").add_file(many_tweets(tmp_path / "large.zip", 4), now=NOW)

    assert Corpus(tmp_path / "corpus").count() == 0


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/tweets.js", "window.YTD.tweets.part0 = [" + " " * (64 << 20) + "]")

    with pytest.raises(CorpusError, match="64 MB of hardly anything"):
        list(read_export(path))


def test_one_endless_record_is_refused(tmp_path):
    path = write(tmp_path / "export", {"data/tweets.js": 'window.YTD.tweets.part0 = ["' + "x" * (20 << 20)})

    with pytest.raises(CorpusError, match="longer than"):
        list(read_export(path))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"data/account.js": "-"}, "holds no tweets"),
        ({"data/tweets.js": "-"}, "does not begin like"),
        ({"data/tweets.js": 'window.YTD.tweets.part0 = [ {"tweet": {'}, "its end is missing"),
    ],
)
def test_unusable_export_says_what_is_wrong(tmp_path, files, message):
    with pytest.raises(CorpusError, match=message):
        list(read_export(write(tmp_path / "e.zip", files)))


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_cut_zip_is_an_error_and_leaves_the_corpus_as_it_was(tmp_path, keep):
    whole = write(tmp_path / "whole.zip", CURRENT | {"data/tweets_media/noise": os.urandom(5000).hex()}).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[: int(len(whole) * keep)])

    with pytest.raises(CorpusError):
        Corpus(tmp_path / "corpus").add_file(cut, now=NOW)

    assert Corpus(tmp_path / "corpus").count() == 0


def test_zip_with_a_changed_byte_is_damaged(tmp_path):
    path = write(tmp_path / "e.zip", {"data/tweets.js": js("tweets.part0", [tweet(i, "rain") for i in range(500)])})
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(CorpusError):
        list(read_export(path))
