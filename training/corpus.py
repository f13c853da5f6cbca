"""The corpus: tweets read from files, cleaned, counted, and kept once each.

It is one SQLite file beside the home's other state, so an import is all or nothing, memory does not grow with the
corpus, and a tweet stands in it once however often its file is imported.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from config.errors import CorpusError, StoreError
from model.fingerprints import words
from training.account_export import is_export, read_export
from training.cleaning import SHARED, Cleaning, RawTweet, alike, fingerprint, sketch
from training.sources import LAYOUTS, Reading, check_api_content, detect_text_layout, open_text

FILE_NAME = "corpus.sqlite3"
# A tweet's sketch is what near duplicates are found by. What was forgotten is known by its fingerprint alone.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, layout TEXT NOT NULL, imported_at TEXT NOT NULL,
    licence TEXT NOT NULL, consent TEXT NOT NULL, cleaning TEXT NOT NULL, read INTEGER NOT NULL, kept INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tweets (
    fingerprint BLOB PRIMARY KEY, text TEXT NOT NULL, remote_id TEXT, created_at TEXT,
    source_id INTEGER NOT NULL REFERENCES sources
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tweets_by_remote_id ON tweets (remote_id) WHERE remote_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS sketches (
    number INTEGER NOT NULL, fingerprint BLOB NOT NULL, PRIMARY KEY (number, fingerprint)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (fingerprint BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_FORMAT = 1  # of that schema, in the file's user_version
_BLOCK = 5_000
_CACHE_KB = 48_000  # the index is asked at random places; SQLite's own 2 MB make an import half as slow again
_CANDIDATES = 20  # near duplicates compared with; a run of words that thousands share says little


@dataclass
class ImportReport:
    """What became of each tweet of one file; `read == kept + sum(dropped.values())`."""

    path: str
    layout: str
    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Terms:
    """By what right a source is learnt from; shown with the corpus and in the model's card."""

    licence: str = ""
    consent: str = ""


def detect_layout(path: Path) -> str:
    """ "export" or one of `training.sources.LAYOUTS`, by the content.

    Raises:
        CorpusError: there is no such file, or it is not UTF-8.
    """
    return "export" if is_export(path) else detect_text_layout(path)


class Corpus:
    """The tweets of one home."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
                self._prepare(connection)
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"the corpus {self.path} cannot be read or written: {exc}") from exc

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA user_version").fetchone()[0] == _FORMAT:
            return
        if connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
            raise StoreError(
                f"the corpus {self.path} was written by another version of Starling: move it away and import again"
            )
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}; PRAGMA user_version = {_FORMAT}; COMMIT")

    def add_file(
        self,
        path: Path,
        *,
        now: datetime,
        layout: str | None = None,
        column: str | None = None,
        cleaning: Cleaning | None = None,
        terms: Terms | None = None,
        allow_api_content: bool = False,
        progress: Callable[[int], None] = lambda read: None,
    ) -> ImportReport:
        """Read one file, or the folder of an account export, into the corpus, whole or not at all.

        Args:
            layout: "export" or one of LAYOUTS; by default what the content looks like.
            column: of a table or of JSON objects, where the text is.
            progress: called now and then with the number of tweets read so far.

        Raises:
            CorpusError: there is no such file, it is empty, or it cannot be read as what it looks like.
            UsageError: it came through the X API, and that was not allowed.
            StoreError: the corpus cannot be written.
        """
        cleaning = cleaning or Cleaning()
        terms = terms or Terms()
        report = ImportReport(str(path), layout or detect_layout(path))
        check_api_content(report.layout, path, allow_api_content)
        with self._connect() as connection:
            adding = _Adding(connection, cleaning, report)
            adding.start(path.resolve().name, now, terms)
            with _tweets(path, report.layout, Reading(column)) as tweets:
                for raw in tweets:
                    adding.add(raw)
                    if report.read % _BLOCK == 0:
                        progress(report.read)
            if not report.read:
                raise CorpusError(f"{path} is empty: there are no tweets in it")
            adding.finish()
        return report

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

    def tweets_by(self, key: Callable[[bytes], bytes]) -> Iterator[tuple[bytes, str]]:
        """Key and text of every tweet, in the order of a key made of its fingerprint; sorted on disk, not in memory."""
        with self._connect() as connection:
            connection.create_function("sort_key", 1, key, deterministic=True)
            yield from connection.execute("SELECT sort_key(fingerprint) AS k, text FROM tweets ORDER BY k, text")

    def forget(self, remote_id: str) -> str | None:
        """Remove a tweet for good: another import does not bring it back. Returns its text; None if it is not there.

        Args:
            remote_id: X's number of the tweet, or the whole text of one that has none.
        """
        with self._connect() as connection:
            row = connection.execute(
                "SELECT fingerprint, text FROM tweets WHERE remote_id = ? OR fingerprint = ?",
                (remote_id, fingerprint(remote_id)),
            ).fetchone()
            if row is None:
                return None
            key, text = row
            connection.execute("DELETE FROM tweets WHERE fingerprint = ?", (key,))
            connection.executemany(
                "DELETE FROM sketches WHERE number = ? AND fingerprint = ?",
                [(number, key) for number in sketch(words(text))],
            )
            connection.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (key,))
            return str(text)

    def sources(self) -> list[dict[str, object]]:
        """Where the tweets came from, in the order they were imported; oldest and newest are times of its tweets."""
        names = ("file", "layout", "imported_at", "licence", "consent", "read", "kept", "oldest", "newest")
        with self._connect() as connection:
            rows = connection.execute(
                "SELECT name, layout, imported_at, licence, consent, read, kept, min(created_at), max(created_at) "
                "FROM sources LEFT JOIN tweets ON source_id = id GROUP BY id ORDER BY id"
            )
            return [dict(zip(names, row, strict=True)) for row in rows]


@contextmanager
def _tweets(path: Path, layout: str, reading: Reading) -> Iterator[Iterator[RawTweet]]:
    if layout == "export":
        if not path.exists():
            raise CorpusError(f"{path} does not exist")
        yield read_export(path)
        return
    with open_text(path) as file:
        yield LAYOUTS[layout](file, reading)


class _Adding:
    """One import in its transaction."""

    def __init__(self, connection: sqlite3.Connection, cleaning: Cleaning, report: ImportReport) -> None:
        self._connection, self._cleaning, self._report = connection, cleaning, report

    def start(self, name: str, now: datetime, terms: Terms) -> None:
        cleaning = json.dumps(self._cleaning.as_json())
        self._source_id = self._connection.execute(
            "INSERT INTO sources (name, layout, imported_at, licence, consent, cleaning, read, kept) "
            "VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
            (name, self._report.layout, now.isoformat(), terms.licence, terms.consent, cleaning),
        ).lastrowid

    def finish(self) -> None:
        self._connection.execute(
            "UPDATE sources SET read = ?, kept = ? WHERE id = ?",
            (self._report.read, self._report.kept, self._source_id),
        )

    def add(self, raw: RawTweet) -> None:
        report = self._report
        report.read += 1
        text, reason = self._cleaning.clean(raw, report.changed)
        reason = reason or self._insert(raw, text)
        if reason:
            report.dropped[reason] += 1
        else:
            report.kept += 1

    def _insert(self, raw: RawTweet, text: str) -> str:
        """Why not, or ""."""
        key = fingerprint(text)
        known = self._connection.execute(
            "SELECT 1 FROM tweets WHERE fingerprint = ? UNION ALL SELECT 2 FROM forgotten WHERE fingerprint = ?",
            (key, key),
        ).fetchone()
        if known:
            return "duplicate" if known[0] == 1 else "forgotten"
        found = words(text)
        numbers = sketch(found)
        if not self._cleaning.near_duplicates and self._has_twin(set(found), numbers):
            return "near duplicate"
        self._connection.execute(
            "INSERT INTO tweets VALUES (?, ?, ?, ?, ?)", (key, text, raw.remote_id, raw.created_at, self._source_id)
        )
        self._connection.executemany("INSERT INTO sketches VALUES (?, ?)", [(number, key) for number in numbers])
        return ""

    def _has_twin(self, found: set[str], numbers: list[int]) -> bool:
        others = self._connection.execute(
            f"SELECT text FROM tweets JOIN (SELECT fingerprint FROM sketches "  # noqa: S608 - only question marks
            f"WHERE number IN ({','.join('?' * len(numbers))}) "
            "GROUP BY fingerprint HAVING count(*) >= ? LIMIT ?) USING (fingerprint)",
            (*numbers, min(SHARED, len(numbers)), _CANDIDATES),
        )
        return any(alike(found, set(words(other))) for (other,) in others)
