"""One database: opened, checked for its revision, and every error of the library translated at this door."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column as _Column
from sqlalchemy import Connection, Engine, MetaData, String, Table, create_engine, event, insert, inspect, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from bot.store.schema import HEAD_REVISION, KNOWN_REVISIONS, metadata
from config.errors import DatabaseTooNewError, SettingsError, StoreError

_BUSY_TIMEOUT_SECONDS = 5
# alembic's own table, written without importing alembic, which the daemon never needs
_version_table = Table("alembic_version", MetaData(), _Column("version_num", String(32), primary_key=True))


class Database:
    """Gives transactions; each is committed whole or not at all."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def place(self) -> str:
        """Which database, for people; without a password."""
        url = self._engine.url
        return url.database or "" if url.drivername.startswith("sqlite") else url.render_as_string()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction.

        Raises:
            StoreError: the database cannot be read or written (full or read-only disk, lock, damage).
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise StoreError(f"the database {self.place} could not be used: {cause_of(exc)}") from exc

    def close(self) -> None:
        self._engine.dispose()


def database_url(configured: str, path: Path) -> URL:
    """The configured database, or the home's SQLite file."""
    try:
        return make_url(configured) if configured else URL.create("sqlite", database=str(path))
    except ArgumentError as exc:
        raise SettingsError(f"[store] database_url: {exc}") from exc


def build_engine(url: URL) -> Engine:
    """An engine whose SQLite transactions lock at their start and are on the disk at their end."""
    if not url.drivername.startswith("sqlite"):
        try:
            return create_engine(url)
        except ImportError as exc:
            raise SettingsError(f"[store] database_url needs the package {exc.name}, which is not installed") from exc
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the begin hook below begins; Python's own BEGIN comes too late
        cursor = connection.cursor()
        # rollback journal: SQLite before 3.51.3 can corrupt a WAL database that several processes write
        # (sqlite.org/wal.html, "The WAL-reset bug"), and at a few writes an hour WAL would gain nothing
        cursor.execute("PRAGMA journal_mode = DELETE")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE: a read-then-write transaction waits for its turn instead of failing in the middle
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def make_folder(url: URL) -> None:
    """Make the folder of a SQLite file, if it is missing."""
    if url.drivername.startswith("sqlite") and url.database:
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StoreError(f"{Path(url.database).parent} cannot be made: {exc.strerror}") from exc


def open_database(url: URL) -> Database:
    """Open a database; an empty one gets its tables in one transaction.

    Raises:
        StoreError: it cannot be opened or written, or it is older than the program.
        DatabaseTooNewError: it was written by a newer program.
    """
    make_folder(url)
    database = Database(build_engine(url))
    with database.begin() as connection:
        if not inspect(connection).has_table(_version_table.name):
            metadata.create_all(connection)
            _version_table.create(connection)
            connection.execute(insert(_version_table).values(version_num=HEAD_REVISION))
        revision = connection.execute(select(_version_table.c.version_num)).scalar()
    if revision not in KNOWN_REVISIONS:
        raise DatabaseTooNewError(
            f"the database {database.place} has revision {revision}, this program knows up to {HEAD_REVISION}: "
            "upgrade the program"
        )
    if revision != HEAD_REVISION:
        raise StoreError(f'the database {database.place} has revision {revision}: run "bot db upgrade"')
    return database


def cause_of(exc: SQLAlchemyError) -> str:
    """What the database itself said, without the library's advice."""
    return str(exc.orig) if isinstance(exc, DBAPIError) and exc.orig else str(exc)
