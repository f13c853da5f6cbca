"""Slots and attempts: the two short transactions around a post, and what is left when one is missing."""

import os
import socket
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.database import Database
from bot.store.records import Claim, Slot, TweetState
from bot.store.schema import attempts, slots, tweets
from bot.store.tweets import change_state, note_event
from config.errors import BotError


class AccountBlockedError(BotError):
    """A tweet whose fate is unknown blocks the account; settle it with "bot resolve"."""


def claim_next(
    database: Database, account_id: int, slot_key: str, due_at: datetime, now: datetime, *, dry_run: bool
) -> Claim | None:
    """Transaction 1, committed before anything is sent: take the slot and its tweet.

    1. The slot's row is inserted; the unique key refuses a slot that was taken before.
    2. The oldest approved tweet becomes `posting`; the partial unique index refuses it while another is unsettled.
    3. The attempt is written down.

    Returns:
        None where the slot is taken already or no tweet is approved (the slot is then noted as empty).

    Raises:
        AccountBlockedError: another tweet is `posting` or `unknown`; the slot stays free.
    """
    with database.begin() as connection:
        _refuse_if_blocked(connection, account_id)
        taken = connection.execute(
            select(slots.c.id).where(slots.c.account_id == account_id, slots.c.slot_key == slot_key)
        ).scalar()
        if taken is not None:
            return None
        row = _claim_oldest(connection, account_id, now)
        _insert_slot(connection, account_id, slot_key, due_at, "claimed" if row else "empty", now, row and row.id)
        if row is None:
            return None
        note_event(connection, row.id, TweetState.POSTING, "daemon", f"slot {slot_key}", now)
        return _insert_attempt(connection, row, slot_key, now, dry_run)


def _refuse_if_blocked(connection: Connection, account_id: int) -> None:
    unsettled = connection.execute(
        select(tweets.c.id).where(
            tweets.c.account_id == account_id,
            tweets.c.state.in_((TweetState.POSTING, TweetState.UNKNOWN)),
        )
    ).scalar()
    if unsettled is not None:
        raise AccountBlockedError(
            f'what became of tweet {unsettled} is unknown, so nothing is posted: run "bot resolve {unsettled}"'
        )


def _claim_oldest(connection: Connection, account_id: int, now: datetime) -> Any:
    query = select(tweets.c.id).where(
        tweets.c.account_id == account_id,
        tweets.c.state == TweetState.APPROVED,
        (tweets.c.not_before.is_(None)) | (tweets.c.not_before <= now),
    )
    # a CTE: as a sub-select in WHERE, PostgreSQL may run it more than once and claim too many
    oldest = query.order_by(tweets.c.id).limit(1).with_for_update(skip_locked=True).cte("oldest")
    claimed = (
        update(tweets)
        .where(tweets.c.id == oldest.c.id, tweets.c.state == TweetState.APPROVED)
        .values(state=TweetState.POSTING)
        .returning(tweets.c.id, tweets.c.text, tweets.c.weighted_length)
    )
    return connection.execute(claimed).one_or_none()


def _insert_slot(
    connection: Connection,
    account_id: int,
    key: str,
    due_at: datetime,
    state: str,
    now: datetime,
    tweet_id: int | None = None,
    reason: str = "",
) -> None:
    connection.execute(
        insert(slots).values(
            account_id=account_id,
            slot_key=key,
            due_at=due_at,
            state=state,
            tweet_id=tweet_id,
            changed_at=now,
            reason=reason or ("no tweet was approved" if state == "empty" else ""),
        )
    )


def _insert_attempt(connection: Connection, row: Any, slot_key: str, now: datetime, dry_run: bool) -> Claim:
    before = select(func.count()).select_from(attempts).where(attempts.c.tweet_id == row.id)
    number = connection.execute(before).scalar_one() + 1
    claim = Claim(str(uuid4()), row.id, row.text, row.weighted_length, slot_key, number)
    connection.execute(
        insert(attempts).values(
            attempt_uuid=claim.attempt_uuid,
            tweet_id=row.id,
            slot_key=slot_key,
            number=number,
            dry_run=int(dry_run),
            request_text=row.text,
            pid=os.getpid(),
            host=socket.gethostname(),
            claimed_at=now,
        )
    )
    return claim


def record_outcome(
    database: Database,
    account_id: int,
    claim: Claim,
    state: TweetState,
    now: datetime,
    *,
    detail: str = "",
    remote_id: str | None = None,
    not_before: datetime | None = None,
    http_status: int | None = None,
    headers: dict[str, str] | None = None,
    body: str = "",
    error: str = "",
) -> None:
    """Transaction 2, after the answer: the tweet, its attempt and its slot together."""
    slot_state = {TweetState.POSTED: "posted", TweetState.DRY_POSTED: "dry_posted"}.get(state, "failed")
    with database.begin() as connection:
        values: dict[str, Any] = {"remote_id": remote_id, "not_before": not_before, "reason": detail}
        if state in (TweetState.POSTED, TweetState.DRY_POSTED):
            values["posted_at"] = now
        change_state(connection, claim.tweet_id, state, "daemon", detail, now, **values)
        connection.execute(
            update(attempts)
            .where(attempts.c.attempt_uuid == claim.attempt_uuid)
            .values(finished_at=now, outcome=state, http_status=http_status, headers=headers, body=body, error=error)
        )
        connection.execute(
            update(slots)
            .where(slots.c.account_id == account_id, slots.c.slot_key == claim.slot_key)
            .values(state=slot_state, reason=detail, changed_at=now)
        )


def settle_interrupted(database: Database, account_id: int, now: datetime) -> list[tuple[int, TweetState]]:
    """Move what a dead daemon left `posting`: to `unknown`, for it may stand on X, or back where it was a dry run.

    Only for the one who holds the home's lock: nobody else can be posting then.
    """
    settled: list[tuple[int, TweetState]] = []
    with database.begin() as connection:
        query = (
            select(attempts.c.tweet_id, attempts.c.dry_run, attempts.c.attempt_uuid, attempts.c.slot_key)
            .join(tweets, tweets.c.id == attempts.c.tweet_id)
            .where(
                tweets.c.account_id == account_id,
                tweets.c.state == TweetState.POSTING,
                attempts.c.finished_at.is_(None),
            )
        )
        for row in connection.execute(query).all():
            state = TweetState.APPROVED if row.dry_run else TweetState.UNKNOWN
            detail = "the program ended while it was posting"
            change_state(connection, row.tweet_id, state, "daemon", detail, now, reason=detail)
            connection.execute(
                update(attempts)
                .where(attempts.c.attempt_uuid == row.attempt_uuid)
                .values(finished_at=now, outcome=state, error=detail)
            )
            connection.execute(
                update(slots)
                .where(slots.c.account_id == account_id, slots.c.slot_key == row.slot_key)
                .values(state="failed", reason=detail, changed_at=now)
            )
            settled.append((row.tweet_id, state))
    return settled


def note_missed(database: Database, account_id: int, key: str, due_at: datetime, reason: str, now: datetime) -> bool:
    """Write down a slot that passes without a post; False if it was settled before."""
    try:
        with database.begin() as connection:
            try:
                _insert_slot(connection, account_id, key, due_at, "missed", now, reason=reason)
            except IntegrityError:
                raise _AlreadyThereError from None
    except _AlreadyThereError:
        return False
    return True


class _AlreadyThereError(BotError):
    """Ends a transaction whose row exists."""


def last_slot_at(database: Database, account_id: int, *, prefix: str) -> datetime | None:
    """When the latest settled slot whose key begins so was due."""
    query = select(func.max(slots.c.due_at)).where(
        slots.c.account_id == account_id, slots.c.slot_key.startswith(prefix, autoescape=True)
    )
    with database.begin() as connection:
        latest: datetime | None = connection.execute(query).scalar()
    return latest


def recent_slots(database: Database, account_id: int, limit: int) -> list[Slot]:
    """The latest settled slots, newest first."""
    columns = (slots.c.slot_key, slots.c.due_at, slots.c.state, slots.c.tweet_id, slots.c.reason)
    query = select(*columns).where(slots.c.account_id == account_id).order_by(slots.c.due_at.desc()).limit(limit)
    with database.begin() as connection:
        return [Slot(*row) for row in connection.execute(query)]


def posted_count(database: Database, account_id: int, since: datetime) -> int:
    """How many tweets went out for real since then."""
    query = (
        select(func.count())
        .select_from(tweets)
        .where(tweets.c.account_id == account_id, tweets.c.state == TweetState.POSTED, tweets.c.posted_at >= since)
    )
    with database.begin() as connection:
        return connection.execute(query).scalar_one()


def attempts_of(database: Database, tweet_id: int) -> list[dict[str, Any]]:
    """Every attempt at a tweet with X's answer, oldest first."""
    with database.begin() as connection:
        rows = connection.execute(select(attempts).where(attempts.c.tweet_id == tweet_id).order_by(attempts.c.number))
        return [dict(row._mapping) for row in rows]
