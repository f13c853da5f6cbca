"""The account's own row: since when it has a schedule, whether it is paused, when its daemon was last alive."""

from datetime import datetime

from sqlalchemy import insert, select, update

from bot.store.database import Database
from bot.store.records import Account
from bot.store.schema import accounts


def open_account(database: Database, name: str, now: datetime) -> Account:
    """The account of that name, made on its first use."""
    columns = (
        accounts.c.id,
        accounts.c.name,
        accounts.c.schedule_from,
        accounts.c.pause_reason,
        accounts.c.heartbeat_at,
    )
    with database.begin() as connection:
        query = select(*columns).where(accounts.c.name == name)
        row = connection.execute(query).one_or_none()
        if row is None:
            connection.execute(insert(accounts).values(name=name, created_at=now, schedule_from=now))
            row = connection.execute(query).one()
    return Account(*row)


def set_pause(database: Database, account_id: int, reason: str | None, now: datetime) -> None:
    """Pause an account with a reason, or end its pause with None."""
    values = {"pause_reason": reason, "paused_at": now if reason else None}
    if reason is None:
        values["schedule_from"] = now  # what fell into the pause is not made up for
    with database.begin() as connection:
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(values))


def beat(database: Database, account_id: int, now: datetime) -> None:
    """Note that the daemon is alive."""
    with database.begin() as connection:
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(heartbeat_at=now))
