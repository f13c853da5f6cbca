"""The corpus: tweets read from files, cleaned, counted, and kept once each.

It is one SQLite file beside the home's other state, so an import is all or nothing, memory does not grow with the
corpus, and a tweet stands in it once however often its file is imported.
"""

import hashlib
import html
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import ftfy

from config.errors import CorpusError, StoreError
from model.vocabulary import fold

FILE_NAME = "corpus.sqlite3"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, layout TEXT NOT NULL, imported_at TEXT NOT NULL,
    read INTEGER NOT NULL, kept INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tweets (
    fingerprint BLOB PRIMARY KEY, text TEXT NOT NULL, remote_id TEXT, source_id INTEGER NOT NULL REFERENCES sources
) WITHOUT ROWID;
"""
_BLOCK = 5_000
_CUT_FROM = 100  # characters; a shorter tweet that ends with an ellipsis was meant to

_URL = re.compile(r"\s*(?:https?://|(?<!\w)www\.(?=\w))\S+")
_MENTION = re.compile(r"(?<!\w)[@\uff20]\w+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"\s+")
_RETWEET = re.compile(r"(?:RT|MT)\b[ :]*@|.*\bRT @", re.DOTALL)
# CIKM 2010: user, tweet id, text, time; the text may hold line breaks and tabs, the time ends the record.
_CIKM_START = re.compile(r"(\d+)\t(\d+)\t(.*)", re.DOTALL)
_CIKM_START_LINE = re.compile(r"\d+\t\d{6,}\t")
_CIKM_END = re.compile(r"(.*)\t(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*", re.DOTALL)


@dataclass(frozen=True)
class RawTweet:
    """A tweet as it stood in a file."""

    text: str
    remote_id: str | None = None


@dataclass
class ImportReport:
    """What became of each tweet of one file; `read == kept + sum(dropped.values())`."""

    path: str
    layout: str
    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)


def read_text(lines: Iterable[str]) -> Iterator[RawTweet]:
    """One tweet a line."""
    for line in lines:
        yield RawTweet(line.rstrip("\r\n"))


def read_cikm(lines: Iterable[str]) -> Iterator[RawTweet]:
    """The records of the CIKM 2010 set; one that runs over several lines is one tweet."""
    record = ""
    for line in lines:
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
    yield RawTweet(end[1] if end else start[3], start[2])


LAYOUTS: dict[str, Callable[[Iterable[str]], Iterator[RawTweet]]] = {"text": read_text, "cikm": read_cikm}


def detect_layout(path: Path) -> str:
    """`cikm` if the first lines are such records, else `text`."""
    with _open_text(path) as lines:
        for _, line in zip(range(20), lines, strict=False):
            if line.strip():
                return "cikm" if re.match(r"\d+\t\d+\t[^\t]*", line) else "text"
    return "text"


@dataclass(frozen=True)
class Cleaning:
    """Which repairs and drops apply.

    Attributes:
        urls: "remove" them from the text, "drop" tweets with one, or "keep".
        mentions: the same for @names; "remove" takes only those a reply begins with, as the rest carry the sentence.
    """

    urls: str = "remove"
    mentions: str = "keep"
    retweets: bool = False

    def clean(self, text: str, changed: Counter[str]) -> tuple[str, str]:
        """The text to keep and "", or the text and the reason to drop it."""
        if not self.retweets and _RETWEET.match(text):
            return text, "retweet"
        steps: list[tuple[str, Callable[[str], str]]] = [
            ("html entities", html.unescape),
            ("characters", _repair),
            ("urls", self._without_urls),
            ("mentions", self._without_mentions),
            ("white space", lambda s: _SPACES.sub(" ", _CONTROL.sub("", s)).strip()),
        ]
        if self.urls == "drop" and _URL.search(text):
            return text, "url"
        if self.mentions == "drop" and _MENTION.search(text):
            return text, "mention"
        if len(text) >= _CUT_FROM and text.rstrip().endswith("\u2026"):
            return text, "cut text"
        text = _SPACES.sub(" ", text)  # before control characters go, as some of them part words
        for name, step in steps:
            before, text = text, step(text)
            changed[name] += before != text
        return (text, "") if text else (text, "empty")

    def _without_urls(self, text: str) -> str:
        return text if self.urls == "keep" else _URL.sub("", text)

    def _without_mentions(self, text: str) -> str:
        if self.mentions != "remove":
            return text
        while match := _MENTION.match(text.lstrip()):
            text = text.lstrip()[match.end() :]
        return text


def _repair(text: str) -> str:
    text = ftfy.fix_encoding(text) if not text.isascii() else text
    return unicodedata.normalize("NFC", fold(text))


def fingerprint(text: str) -> bytes:
    """Equal for texts that differ only in case and white space; 16 bytes."""
    return hashlib.blake2b(_SPACES.sub(" ", text).strip().casefold().encode(), digest_size=16).digest()


class Corpus:
    """The tweets of one home."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path)) as connection:
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"the corpus {self.path} cannot be read or written: {exc}") from exc

    def add_file(
        self,
        path: Path,
        *,
        now: datetime,
        layout: str | None = None,
        cleaning: Cleaning | None = None,
        progress: Callable[[int], None] = lambda read: None,
    ) -> ImportReport:
        """Read one file into the corpus, whole or not at all.

        Args:
            layout: one of LAYOUTS; by default what the content looks like.
            progress: called now and then with the number of tweets read so far.

        Raises:
            CorpusError: there is no such file, it is empty, or it is not UTF-8.
            StoreError: the corpus cannot be written.
        """
        cleaning = cleaning or Cleaning()
        report = ImportReport(str(path), layout or detect_layout(path))
        with self._connect() as connection:
            source_id = connection.execute(
                "INSERT INTO sources (path, layout, imported_at, read, kept) VALUES (?, ?, ?, 0, 0)",
                (report.path, report.layout, now.isoformat()),
            ).lastrowid
            with _open_text(path) as lines:
                for raw in LAYOUTS[report.layout](lines):
                    self._add(connection, raw, source_id, cleaning, report)
                    if report.read % _BLOCK == 0:
                        progress(report.read)
            if not report.read:
                raise CorpusError(f"{path} is empty: expected one tweet a line")
            connection.execute(
                "UPDATE sources SET read = ?, kept = ? WHERE id = ?", (report.read, report.kept, source_id)
            )
        return report

    def _add(
        self,
        connection: sqlite3.Connection,
        raw: RawTweet,
        source_id: int | None,
        cleaning: Cleaning,
        report: ImportReport,
    ) -> None:
        report.read += 1
        text, reason = cleaning.clean(raw.text, report.changed)
        if reason:
            report.dropped[reason] += 1
            return
        cursor = connection.execute(
            "INSERT OR IGNORE INTO tweets VALUES (?, ?, ?, ?)",
            (fingerprint(text), text, raw.remote_id, source_id),
        )
        if cursor.rowcount:
            report.kept += 1
        else:
            report.dropped["duplicate"] += 1

    def count(self) -> int:
        """How many tweets it holds."""
        if not self.path.exists():
            return 0
        with self._connect() as connection:
            return int(connection.execute("SELECT count(*) FROM tweets").fetchone()[0])

    def tweets(self) -> Iterator[tuple[bytes, str]]:
        """Fingerprint and text of every tweet, in the order of the fingerprints."""
        with self._connect() as connection:
            yield from connection.execute("SELECT fingerprint, text FROM tweets ORDER BY fingerprint")

    def sources(self) -> list[dict[str, object]]:
        """Where the tweets came from, oldest first."""
        with self._connect() as connection:
            rows = connection.execute("SELECT path, layout, imported_at, read, kept FROM sources ORDER BY id")
            return [dict(zip(("file", "layout", "imported_at", "read", "kept"), row, strict=True)) for row in rows]


@contextmanager
def _open_text(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a UTF-8 file; only line feeds end a line, as separators like U+2028 stand inside tweets."""
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
