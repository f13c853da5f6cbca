"""What several commands share: the opened bot, the time, and being stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.output import notice
from config.home import Home

if TYPE_CHECKING:  # "bot --help" loads no database
    from bot.store.database import Database
    from bot.store.records import Account
    from config.settings import Settings


@dataclass(frozen=True)
class Opened:
    """One bot, opened."""

    home: Home
    settings: Settings
    database: Database
    account: Account


@contextmanager
def opened(home: Home) -> Iterator[Opened]:
    """Open a bot and close it again."""
    from bot.store.accounts import open_account
    from bot.store.database import database_url, open_database
    from config.settings import load_settings

    settings = load_settings(home.settings)
    database = open_database(database_url(settings.store.database_url, home.database))
    try:
        yield Opened(home, settings, database, open_account(database, settings.account.name, now()))
    finally:
        database.close()


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are noted in the list; a second one ends the process at once."""
    stopped: list[int] = []

    def note(number: int, frame: object) -> None:
        stopped.append(number)
        notice("stopping after this step and saving ...")
        signal.signal(number, signal.SIG_DFL)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
