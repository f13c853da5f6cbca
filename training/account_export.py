"""The archive X gives its users of their own account, as zip file or folder, in the layouts of 2012 to today.

Only the files that hold tweets are opened; direct messages and the like never are. Nothing is unpacked to disk: the
tweets are read out of the zip as a stream, up to a limit.
"""

import io
import json
import re
import zipfile
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path, PurePosixPath
from typing import IO, Any, TextIO

from config.errors import CorpusError
from training.cleaning import RawTweet
from training.sources import Reading, json_values, old_tweet, read_csv

MOST_BYTES = 4 << 30  # read out of one archive; the largest real ones hold some hundred megabytes of tweets
# Tweets with their entities shrink to a tenth or so; what shrinks this far was made to fill a disk or a day
_MOST_RATIO = 200
_RATIO_FROM = 1 << 24  # bytes; a small file of blanks does no harm
_TWEETS = re.compile(r"data/(?:tweets?|community-tweet)(?:-part\d+)?\.js|data/js/tweets/\d{4}_\d\d\.js")
_NOTES = re.compile(r"data/note-tweet(?:-part\d+)?\.js")
_MAY_BE = re.compile(r"data/[\w-]*tweet[\w-]*\.js")  # what a manifest may call tweets or notes
_TABLE = "tweets.csv"
_DATA_TYPES = {"tweets": "tweets", "tweet": "tweets", "communityTweet": "tweets", "noteTweet": "notes"}
# A note's own id is a few milliseconds older than that of its tweet; the upper 42 bits of an id are milliseconds.
_NOTE_LEAD = 2_000 << 22
_NOTE_START = 24  # characters compared


class _Archive:
    """The files of an export by their names inside it, opened one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left = MOST_BYTES
        self._zip: zipfile.ZipFile | None = None
        self._files: dict[str, Any]
        if path.is_dir():
            self._files = _files_below(path)
        elif zipfile.is_zipfile(path):
            self._zip = zipfile.ZipFile(path)
            self._files = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        else:  # one file out of an export, and the notes beside it
            self._files = {f"data/{file.name}": file for file in [path, *path.parent.glob("note-tweet*.js")]}
        self._prefix = self._find_prefix()

    def _find_prefix(self) -> str:
        """What stands before `data/`: zips made by hand often hold one folder more, a folder may be `data` itself."""
        for name in sorted(self._files, key=len):
            inner = re.search(r"(?:\A|/)(data/(?:manifest|tweets?|tweet-part\d+)\.js|data/js/tweets/.*\.js)\Z", name)
            if inner:
                return name[: inner.start(1)]
        return ""

    def names(self) -> list[str]:
        return sorted(name[len(self._prefix) :] for name in self._files if name.startswith(self._prefix))

    @contextmanager
    def open(self, name: str) -> Iterator[TextIO]:
        """One file as text.

        Raises:
            CorpusError: it is damaged, encrypted, or holds more than an export can.
        """
        entry = self._files[self._prefix + name]
        if self._zip and entry.file_size > max(_RATIO_FROM, _MOST_RATIO * entry.compress_size):
            raise CorpusError(f"{self.path}: {name} unpacks to {entry.file_size >> 20} MB of hardly anything")
        try:
            with self._zip.open(entry) if self._zip else entry.open("rb") as raw:
                yield io.TextIOWrapper(io.BufferedReader(_Limited(raw, self)), "utf-8-sig", newline="\n")
        except UnicodeDecodeError as exc:
            raise CorpusError(f"{self.path}: {name} is not UTF-8") from exc
        except (zipfile.BadZipFile, zlib.error, EOFError) as exc:
            raise CorpusError(f"{self.path}: {name} is damaged ({exc}): download the archive again") from exc
        except (RuntimeError, NotImplementedError) as exc:
            raise CorpusError(f"{self.path}: {name} cannot be unpacked ({exc})") from exc

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise CorpusError(f"{self.path} unpacks to more than {MOST_BYTES >> 30} GB of tweets: that is no export")

    def close(self) -> None:
        if self._zip:
            self._zip.close()


def _files_below(folder: Path) -> dict[str, Path]:
    """By their names in the folder; a link that leads out of it is left out."""
    real = folder.resolve()
    files = (file for file in folder.rglob("*") if file.is_file() and file.resolve().is_relative_to(real))
    names = {str(PurePosixPath(*file.relative_to(folder).parts)): file for file in files}
    if folder.name == "data" and not any(name.startswith("data/") for name in names):
        return {f"data/{name}": file for name, file in names.items()}
    return names


class _Limited(io.RawIOBase):
    """Passes bytes on and counts them."""

    def __init__(self, raw: IO[bytes], archive: _Archive) -> None:
        self._raw, self._archive = raw, archive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        self._archive.count(len(data))
        buffer[: len(data)] = data
        return len(data)


def is_export(path: Path) -> bool:
    """Whether this is a folder or a zip file, which only exports come as."""
    return path.is_dir() or (path.is_file() and zipfile.is_zipfile(path))


def read_export(path: Path) -> Iterator[RawTweet]:
    """The tweets of an account export: a zip file, its folder, or one of its tweet files.

    Long tweets, which an export cuts, get their full text back from the notes.

    Raises:
        CorpusError: it holds no tweets, is damaged, or is larger than an export can be.
    """
    try:
        archive = _Archive(path)
    except zipfile.BadZipFile as exc:
        raise CorpusError(f"{path} is a damaged zip file: download the archive again") from exc
    single = path.is_file() and not zipfile.is_zipfile(path)
    found = _files_of(archive)
    if single:
        found["tweets"] = [f"data/{path.name}"]  # whatever its name
    try:
        if not found["tweets"]:
            raise CorpusError(
                f"{path} holds no tweets: an export of an account has them in data/tweets.js (older ones in "
                "data/tweet.js, data/js/tweets or tweets.csv)"
            )
        notes = _Notes(note for name in found["notes"] for note in _notes_in(archive, name))
        for name in found["tweets"]:
            yield from (notes.complete(tweet) for tweet in _tweets_in(archive, name))
    finally:
        archive.close()


def _files_of(archive: _Archive) -> dict[str, list[str]]:
    """The names of the files with tweets and with notes, by the manifest where there is one."""
    names = archive.names()
    found = {"tweets": [n for n in names if _TWEETS.fullmatch(n)], "notes": [n for n in names if _NOTES.fullmatch(n)]}
    if "data/manifest.js" in names:
        for kind, files in _manifest(archive).items():
            listed = [name for name in files if name in names and _MAY_BE.fullmatch(name)]
            found[kind] = listed or found[kind]
    if not found["tweets"] and _TABLE in names:
        found["tweets"] = [_TABLE]
    return found


def _manifest(archive: _Archive) -> dict[str, list[str]]:
    with archive.open("data/manifest.js") as file:
        text = file.read(1 << 22)
    try:
        types = json.loads(text[text.index("{") :].rstrip().rstrip(";"))["dataTypes"]
    except (ValueError, KeyError, TypeError):
        return {}  # the usual names will do
    files: dict[str, list[str]] = {}
    for name, kind in _DATA_TYPES.items():
        for file_ in types.get(name, {}).get("files") or ():
            files.setdefault(kind, []).append(str(file_.get("fileName")))
    return files


def _tweets_in(archive: _Archive, name: str) -> Iterator[RawTweet]:
    with archive.open(name) as file:
        if name == _TABLE:
            yield from read_csv(file, Reading())
            return
        for value in _elements(archive, name, file):
            tweet = value.get("tweet") or value.get("communityTweet") or value
            if isinstance(tweet, dict):
                yield old_tweet(tweet)


def _elements(archive: _Archive, name: str, file: TextIO) -> Iterator[dict[str, Any]]:
    """What stands in the array behind `window.YTD... =`."""
    start = file.read(256)
    equals = start.find("=")
    if equals < 0:
        raise CorpusError(f"{archive.path}: {name} does not begin like a file of an export")
    for value in json_values(_Ahead(start[equals + 1 :], file)):
        if isinstance(value, dict):
            yield value


class _Ahead:
    """A text already read, and then the rest of the file."""

    def __init__(self, text: str, file: TextIO) -> None:
        self._text, self._file = text, file

    def read(self, size: int, /) -> str:
        text, self._text = self._text, ""
        return text or self._file.read(size)


def _notes_in(archive: _Archive, name: str) -> Iterator[tuple[int, str]]:
    with archive.open(name) as file:
        for value in _elements(archive, name, file):
            note = value.get("noteTweet") or {}
            text = (note.get("core") or {}).get("text")
            if text and str(note.get("noteTweetId", "")).isdecimal():
                yield int(note["noteTweetId"]), text


class _Notes:
    """The full texts of long tweets. A note does not name its tweet: time and beginning tell."""

    def __init__(self, notes: Iterator[tuple[int, str]]) -> None:
        self._notes = sorted(notes)
        self._ids = [identity for identity, _ in self._notes]

    def complete(self, tweet: RawTweet) -> RawTweet:
        """The tweet with its note's text, if it has a note."""
        if not self._ids or not (tweet.remote_id or "").isdecimal() or tweet.retweet:
            return tweet
        identity, text = int(tweet.remote_id or 0), unescape(tweet.text)
        near = range(bisect_left(self._ids, identity - _NOTE_LEAD), bisect_right(self._ids, identity - 1))
        for i in reversed(near):
            note = self._notes[i][1]
            # a reply begins with @names that its note lacks
            if note[:_NOTE_START] in text:
                return replace(tweet, text=note, escaped=False)
        return tweet
