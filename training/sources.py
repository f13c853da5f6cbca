"""Tweets out of files: which layout a file has, by its content, and the tweets in it.

X account exports live in `training.account_export`. Every reader streams: what it holds at a time is bounded by
constants, not by the file.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from config.errors import CorpusError, UsageError
from training.cleaning import RawTweet

_HEAD = 1 << 16  # characters looked at to tell the layout
_CHUNK = 1 << 18  # characters of JSON read at a time
_LONGEST_RECORD = 1 << 24  # characters; no tweet with all its entities is near that
TEXT_COLUMNS = ("full_text", "text", "tweet", "content", "body", "status")
ID_COLUMNS = ("id_str", "id", "tweet_id", "status_id")
TIME_COLUMNS = ("created_at", "timestamp", "date", "time")

# CIKM 2010: user, tweet id, text, time; the text may hold line breaks and tabs, the time ends the record.
_CIKM_START = re.compile(r"(\d+)\t(\d+)\t(.*)", re.DOTALL)
_CIKM_START_LINE = re.compile(r"\d+\t\d{6,}\t")
_CIKM_END = re.compile(r"(.*)\t(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*", re.DOTALL)


class Readable(Protocol):
    """What JSON is read from."""

    def read(self, size: int, /) -> str: ...


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Attributes:
        column: the name, or the number from 1, of the column or key that holds the text; None looks for a usual one.
    """

    column: str | None = None


def read_text(file: TextIO, reading: Reading) -> Iterator[RawTweet]:
    """One tweet a line."""
    for line in file:
        yield RawTweet(line.rstrip("\r\n"))


def read_cikm(file: Iterable[str], reading: Reading) -> Iterator[RawTweet]:
    """The records of the CIKM 2010 set; one that runs over several lines is one tweet."""
    record = ""
    for line in file:
        # A record whose time is missing ends where the next one starts, so one bad line costs one tweet.
        if record and _CIKM_START_LINE.match(line):
            yield from _cikm_record(record)
            record = ""
        record += line
        if _CIKM_END.fullmatch(record):
            yield from _cikm_record(record)
            record = ""
    if record.strip():
        yield from _cikm_record(record)


def _cikm_record(record: str) -> Iterator[RawTweet]:
    if not record.strip():
        return
    start = _CIKM_START.match(record)
    if not start:
        yield RawTweet("")
        return
    end = _CIKM_END.fullmatch(start[3])
    yield RawTweet(end[1], start[2], end[2].replace(" ", "T")) if end else RawTweet(start[3], start[2])


def read_csv(file: TextIO, reading: Reading) -> Iterator[RawTweet]:
    """A table with a header; the text may run over several lines inside quotes.

    Raises:
        CorpusError: it has no such column, or a field is broken.
    """
    first = file.readline()
    delimiter = _delimiter(first)
    header = next(csv.reader([first], delimiter=delimiter), [])
    names = [name.strip().casefold() for name in header]
    text = _column(names, header, reading.column)
    identity, time = (_first_of(names, known) for known in (ID_COLUMNS, TIME_COLUMNS))
    retweet = _first_of(names, ("retweeted_status_id",))
    rows = csv.reader(file, delimiter=delimiter)
    try:
        for row in rows:
            if not row:
                continue
            cell = {i: row[i] for i in (text, identity, time, retweet) if i is not None and i < len(row)}
            yield RawTweet(
                cell.get(text, ""),
                _get(cell, identity),
                _iso(_get(cell, time)),
                retweet=bool(_get(cell, retweet)),
            )
    except csv.Error as exc:
        raise CorpusError(f"line {rows.line_num + 1} is no row of a table: {exc}") from exc


def _get(cell: dict[int, str], i: int | None) -> str | None:
    return None if i is None else cell.get(i) or None


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _first_of(names: list[str], known: Iterable[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _column(names: list[str], header: list[str], wanted: str | None) -> int:
    if wanted is None:
        found = _first_of(names, TEXT_COLUMNS)
    elif wanted.casefold() in names:
        found = names.index(wanted.casefold())
    else:
        found = int(wanted) - 1 if wanted.isdecimal() and 0 < int(wanted) <= len(names) else None
    if found is None:
        raise CorpusError(
            f"no column {wanted or 'with a usual name'} holds the text: choose one with --column "
            f"({', '.join(name.strip() for name in header)})"
        )
    return found


def read_json(file: TextIO, reading: Reading) -> Iterator[RawTweet]:
    """Objects with a text, or plain strings: one a line, or in one array.

    Raises:
        CorpusError: it is no JSON, or an object lacks the key.
    """
    keys = (reading.column,) if reading.column else TEXT_COLUMNS
    for value in json_values(file):
        if isinstance(value, str):
            yield RawTweet(value)
            continue
        key = next((key for key in keys if isinstance(value, dict) and isinstance(value.get(key), str)), None)
        if key is None:
            names = ", ".join(value) if isinstance(value, dict) else json.dumps(value)[:60]
            raise CorpusError(f"no text under {' or '.join(keys)}: choose a key with --column ({names})")
        yield RawTweet(
            value[key],
            next((str(value[name]) for name in ID_COLUMNS if value.get(name)), None),
            next((_iso(str(value[name])) for name in TIME_COLUMNS if value.get(name)), None),
        )


def read_api_v2(file: TextIO, reading: Reading) -> Iterator[RawTweet]:
    """Pages of the X API v2, whole or one a line, or its tweets alone; what they only refer to is not read."""
    for page in json_values(file):
        if not isinstance(page, dict):
            raise CorpusError("this is no page of the X API v2")
        tweets = page.get("data", [] if "meta" in page or "includes" in page or "errors" in page else [page])
        for tweet in tweets if isinstance(tweets, list) else [tweets]:
            kinds = {reference.get("type") for reference in tweet.get("referenced_tweets") or ()}
            text = (tweet.get("note_tweet") or {}).get("text") or tweet.get("text", "")
            yield RawTweet(
                text, tweet.get("id"), tweet.get("created_at"), retweet="retweeted" in kinds, quote="quoted" in kinds
            )


def read_api_v1(file: TextIO, reading: Reading) -> Iterator[RawTweet]:
    """Tweets of the X API v1.1."""
    for tweet in json_values(file):
        if not isinstance(tweet, dict):
            raise CorpusError("this is no tweet of the X API v1.1")
        yield old_tweet(tweet)


def old_tweet(tweet: dict[str, Any]) -> RawTweet:
    """A tweet in the form of the API v1.1, which the account exports have too."""
    longer = tweet.get("extended_tweet") or {}
    text = longer.get("full_text") or tweet.get("full_text") or tweet.get("text") or ""
    identity = tweet.get("id_str") or tweet.get("id")
    return RawTweet(
        text,
        str(identity) if identity else None,
        _iso(tweet.get("created_at")),
        retweet="retweeted_status" in tweet,
        quote=bool(tweet.get("is_quote_status")) or _links_to_a_tweet(tweet, str(identity)),
    )


_STATUS = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/\w+/status/(\d+)/?(?:\?.*)?")


def _links_to_a_tweet(tweet: dict[str, Any], own_id: str) -> bool:
    urls = (tweet.get("entities") or {}).get("urls") or ()
    found = (_STATUS.fullmatch(url.get("expanded_url") or "") for url in urls if isinstance(url, dict))
    return any(match and match[1] != own_id for match in found)


_API_TIME = re.compile(r"(\w{3}) (\w{3}) (\d\d) (\d\d:\d\d:\d\d) ([+-]\d{4}) (\d{4})")


def _iso(value: str | None) -> str | None:
    """A time as ISO 8601, if it is one of those that exports and tables write."""
    if not value:
        return None
    # Python 3.11 reads everything that tables write, but not "Thu Jun 25 12:30:00 +0000 2026"
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(_API_TIME.sub(r"\1, \3 \2 \6 \4 \5", value)).isoformat()
        except ValueError:
            continue
    return None


def json_values(file: Readable) -> Iterator[Any]:
    """The values of a file that holds them one after another, or in one array; what stands before is skipped.

    Raises:
        CorpusError: it is not JSON, ends in the middle, or one value is absurdly long.
    """
    decoder = json.JSONDecoder()
    held, at, ended = "", 0, False
    depth = 0  # 1 inside the array that holds the values
    while True:
        while at < len(held) and held[at] in " \t\r\n,;\ufeff":
            at += 1
        if at < len(held) and held[at] in "[]" and (depth == 0) == (held[at] == "["):
            depth += 1 if held[at] == "[" else -1
            at += 1
            continue
        try:
            if at == len(held):
                raise json.JSONDecodeError("nothing left", held, at)
            value, end = decoder.raw_decode(held, at)
            if end == len(held) and not ended:  # a number may go on in what was not read yet
                raise json.JSONDecodeError("more may come", held, at)
        except (json.JSONDecodeError, RecursionError) as exc:
            if ended and at == len(held) and depth == 0:
                return
            if ended:
                raise CorpusError("this is no JSON, or its end is missing") from exc
            if len(held) - at > _LONGEST_RECORD:
                raise CorpusError(f"one record is longer than {_LONGEST_RECORD:,} characters") from exc
            # at least doubled, so that a long value is not parsed over and over
            more = file.read(max(_CHUNK, len(held) - at))
            held, at, ended = held[at:] + more, 0, not more
            continue
        yield value
        at = end


LAYOUTS: dict[str, Callable[[TextIO, Reading], Iterator[RawTweet]]] = {
    "text": read_text,
    "cikm": read_cikm,
    "csv": read_csv,
    "json": read_json,
    "api-v2": read_api_v2,
    "api-v1": read_api_v1,
}
# X forbids training on what comes through its API: Developer Agreement and Policy, III.A "Reverse engineering and
# other technical restrictions", in force since June 2025.
API_LAYOUTS = ("api-v1", "api-v2")


def detect_text_layout(path: Path) -> str:
    """Which of LAYOUTS a text file has, by how it begins; "export" for a file out of an account export."""
    with open_text(path) as file:
        head = file.read(_HEAD)
    start = head.lstrip("\ufeff \t\r\n")
    if start.startswith(("window.YTD.", "Grailbird.data.")):
        return "export"
    if start[:1] in ("{", "["):
        return _json_layout(start)
    lines = [line for line in head.split("\n")[:20] if line.strip()]
    if lines and re.match(r"\d+\t\d+\t[^\t]*", lines[0]):
        return "cikm"
    if lines and len(lines) > 1 and _is_header(lines[0]):
        return "csv"
    return "text"


_NAME = re.compile(r"[\w.:-]+")


def _is_header(line: str) -> bool:
    names = [name.strip().strip('"').casefold() for name in line.split(_delimiter(line))]
    # a sentence that begins with "text," has spaces between its words, a header hardly ever
    return len(names) > 1 and any(name in TEXT_COLUMNS for name in names) and all(map(_NAME.fullmatch, names))


def _json_layout(start: str) -> str:
    """By the first object; "text" if there is none, as a tweet may well begin with a bracket."""
    first = re.match(r"\[?\s*", start)
    try:
        value, _ = json.JSONDecoder().raw_decode(start, first.end() if first else 0)
    except (json.JSONDecodeError, RecursionError):
        # a page that is longer than the part looked at
        if re.match(r'\{\s*"(?:data|includes|meta)"\s*:', start):
            return "api-v2"
        return "json" if re.match(r'(?:\[\s*)?\{\s*"\w+"\s*:', start) else "text"
    if isinstance(value, str) and start[0] == "[":
        return "json"
    if not isinstance(value, dict):
        return "text"
    keys = set(value)
    if {"data", "meta"} <= keys or {"data", "includes"} <= keys or "edit_history_tweet_ids" in keys:
        return "api-v2"
    if isinstance(value.get("data"), list) or {"meta", "errors"} & keys:
        return "api-v2"
    if "id_str" in keys and {"user", "entities", "truncated"} & keys:
        return "api-v1"
    return "json"


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file; only line feeds end a line, as separators like U+2028 stand inside tweets.

    Raises:
        CorpusError: it is missing, unreadable or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield file
    except UnicodeDecodeError as exc:
        raise CorpusError(
            f'{path} is not UTF-8 ({exc.reason}): convert it first, for example with "iconv -f WINDOWS-1252 -t UTF-8"'
        ) from exc
    except FileNotFoundError as exc:
        raise CorpusError(f"{path} does not exist") from exc
    except IsADirectoryError as exc:
        raise CorpusError(f"{path} is a folder, not a file") from exc
    except PermissionError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.strerror}") from exc


def check_api_content(layout: str, path: Path, allowed: bool) -> None:
    """Raises UsageError for content of the X API that the owner has not expressly allowed."""
    if layout in API_LAYOUTS and not allowed:
        raise UsageError(
            f"{path} came through the X API ({layout}), and X forbids training a model on that: use your account "
            "export (Settings, Your account, Download an archive of your data), or --allow-api-content with X's consent"
        )
