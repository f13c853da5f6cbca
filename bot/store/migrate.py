"""Brings an old database to the program's schema with alembic, which only this module and the revisions import."""

import shutil
from datetime import datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import build_engine, cause_of, make_folder
from bot.store.schema import HEAD_REVISION
from config.errors import DatabaseTooNewError, StoreError


def upgrade_database(url: URL, now: datetime) -> str:
    """Run every revision the database lacks, in one transaction; returns what was done, for people.

    Raises:
        StoreError: it failed; the database is as it was.
        DatabaseTooNewError: it was written by a newer program.
    """
    copy = ""
    make_folder(url)
    if url.drivername.startswith("sqlite") and url.database and Path(url.database).exists():
        copied = Path(f"{url.database}.before-{now:%Y%m%d%H%M%S}")
        try:
            shutil.copy2(url.database, copied)
        except OSError as exc:
            raise StoreError(f"{url.database} cannot be copied to {copied}: {exc.strerror}") from exc
        copy = f"; a copy from before is {copied}"
    settings = Config()
    settings.set_main_option("script_location", "bot.store:migrations")
    engine = build_engine(url)
    try:
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
    except CommandError as exc:
        raise DatabaseTooNewError(f"the database {url.database} is newer than this program: {exc}") from exc
    except SQLAlchemyError as exc:
        raise StoreError(f"the upgrade failed, the database is as it was: {cause_of(exc)}") from exc
    finally:
        engine.dispose()
    return f"the database is at revision {HEAD_REVISION}{copy}"
