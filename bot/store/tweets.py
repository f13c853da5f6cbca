"""The queue: candidates in, decisions on them, and reading it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.database import Database
from bot.store.records import DRY_RUN, TRANSITIONS, Candidate, Event, Tweet, TweetState, text_fingerprint
from bot.store.schema import events, tweets
from config.errors import BotError, UsageError

_COLUMNS = [tweets.c[name] for name in Tweet.__dataclass_fields__]


class NoSuchTweetError(UsageError):
    """There is no tweet of that number."""


class WrongStateError(BotError):
    """The tweet is not in a state that allows this; somebody else may have decided on it."""


def add_candidates(
    database: Database, account_id: int, candidates: Iterable[Candidate], now: datetime
) -> list[TweetState]:
    """Store what was written, kept or rejected; returns the state each got.

    A text the account has already, in any state but rejected, is stored as rejected by the rule "duplicate".
    """
    with database.begin() as connection:
        return [_add(connection, account_id, candidate, now) for candidate in candidates]


def _add(connection: Connection, account_id: int, candidate: Candidate, now: datetime) -> TweetState:
    fingerprint = text_fingerprint(candidate.text)
    rule, reason = candidate.rule, candidate.reason
    if not rule:
        twin = connection.execute(
            select(tweets.c.id).where(
                tweets.c.account_id == account_id,
                tweets.c.text_fingerprint == fingerprint,
                tweets.c.state != TweetState.REJECTED,
            )
        ).scalar()
        if twin is not None:
            rule, reason = "duplicate", f"the same text is tweet {twin}"
    state = TweetState.REJECTED if rule else TweetState.PENDING
    tweet_id = connection.execute(
        insert(tweets)
        .values(
            account_id=account_id,
            text=candidate.text,
            text_fingerprint=fingerprint,
            state=state,
            rule=rule,
            reason=reason,
            weighted_length=candidate.weighted_length,
            origin=candidate.origin,
            checkpoint_sha256=candidate.checkpoint_sha256,
            sampling=candidate.sampling,
            created_at=now,
        )
        .returning(tweets.c.id)
    ).scalar_one()
    note_event(connection, tweet_id, state, candidate.origin, reason, now)
    return state


def change_state(
    connection: Connection, tweet_id: int, state: TweetState, actor: str, detail: str, now: datetime, **values: Any
) -> None:
    """Take a tweet to another state, inside a transaction, and note it in its life.

    Raises:
        NoSuchTweetError, WrongStateError: there is none, or no arrow leads from its state to that one.
    """
    old = connection.execute(select(tweets.c.state).where(tweets.c.id == tweet_id).with_for_update()).scalar()
    if old is None:
        raise NoSuchTweetError(f"there is no tweet {tweet_id}")
    if state not in TRANSITIONS[TweetState(old)]:
        raise WrongStateError(f"tweet {tweet_id} is {old}, it cannot become {state}")
    changed = connection.execute(
        update(tweets).where(tweets.c.id == tweet_id, tweets.c.state == old).values(state=state, **values)
    )
    if changed.rowcount != 1:
        raise WrongStateError(f"tweet {tweet_id} was changed by somebody else: look at it again")
    note_event(connection, tweet_id, state, actor, detail, now)


def approve(database: Database, tweet_id: int, by: str, now: datetime) -> None:
    """Let a pending tweet be posted as it is."""
    with database.begin() as connection:
        change_state(
            connection,
            tweet_id,
            TweetState.APPROVED,
            by,
            "",
            now,
            approved_by=by,
            approved_fingerprint=tweets.c.text_fingerprint,
        )


def reject(database: Database, tweet_id: int, by: str, reason: str, now: datetime) -> None:
    """Throw a pending or approved tweet away, with a reason."""
    with database.begin() as connection:
        change_state(
            connection, tweet_id, TweetState.REJECTED, by, reason, now, rule=by, reason=reason, approved_by=None
        )


def send_back(database: Database, tweet_id: int, by: str, detail: str, now: datetime) -> None:
    """Make a tweet wait for a person again; an approval it had is gone.

    Raises:
        WrongStateError: it is on its way to X or has been there, or its text stands in the queue once more.
    """
    with database.begin() as connection:
        try:
            change_state(
                connection,
                tweet_id,
                TweetState.PENDING,
                by,
                detail,
                now,
                rule="",
                reason="",
                approved_by=None,
                approved_fingerprint=None,
            )
        except IntegrityError as exc:
            raise WrongStateError(f"tweet {tweet_id} cannot come back: its text is in the queue already") from exc


def edit(database: Database, tweet_id: int, text: str, weighted_length: int, by: str, now: datetime) -> None:
    """Change the text of a tweet that nobody has posted; it waits for approval again.

    Raises:
        WrongStateError: it is no longer pending or approved, or another tweet has that text.
    """
    with database.begin() as connection:
        row = connection.execute(
            select(tweets.c.state, tweets.c.text, tweets.c.original_text).where(tweets.c.id == tweet_id)
        ).one_or_none()
        if row is None:
            raise NoSuchTweetError(f"there is no tweet {tweet_id}")
        if row.state not in (TweetState.PENDING, TweetState.APPROVED):
            raise WrongStateError(f"tweet {tweet_id} is {row.state}, only a pending or approved one can be edited")
        try:
            connection.execute(
                update(tweets)
                .where(tweets.c.id == tweet_id, tweets.c.state == row.state)
                .values(
                    text=text,
                    text_fingerprint=text_fingerprint(text),
                    weighted_length=weighted_length,
                    original_text=row.original_text or row.text,
                    state=TweetState.PENDING,
                    approved_by=None,
                    approved_fingerprint=None,
                )
            )
        except IntegrityError as exc:
            raise WrongStateError("another tweet has this text already") from exc
        note_event(connection, tweet_id, TweetState.PENDING, by, f"edited; it was: {row.text}", now)


def take_back_dry_approvals(database: Database, account_id: int, now: datetime) -> int:
    """Make every tweet a dry run approved wait for a person; returns how many."""
    with database.begin() as connection:
        query = select(tweets.c.id).where(
            tweets.c.account_id == account_id,
            tweets.c.state == TweetState.APPROVED,
            tweets.c.approved_by == DRY_RUN,
        )
        ids = connection.execute(query).scalars().all()
        for tweet_id in ids:
            change_state(
                connection,
                tweet_id,
                TweetState.PENDING,
                "daemon",
                "approved by a dry run only",
                now,
                approved_by=None,
                approved_fingerprint=None,
            )
    return len(ids)


def find(database: Database, tweet_id: int) -> Tweet:
    """One tweet.

    Raises:
        NoSuchTweetError: there is none.
    """
    with database.begin() as connection:
        row = connection.execute(select(*_COLUMNS).where(tweets.c.id == tweet_id)).one_or_none()
    if row is None:
        raise NoSuchTweetError(f"there is no tweet {tweet_id}")
    return _tweet(row)


def in_state(
    database: Database, account_id: int, states: Sequence[TweetState], limit: int | None = None
) -> list[Tweet]:
    """The tweets in these states, oldest first."""
    query = select(*_COLUMNS).where(tweets.c.account_id == account_id, tweets.c.state.in_(states))
    with database.begin() as connection:
        rows = connection.execute(query.order_by(tweets.c.id).limit(limit)).all()
    return [_tweet(row) for row in rows]


def counts(database: Database, account_id: int) -> dict[TweetState, int]:
    """How many tweets are in each state; states without any are left out."""
    query = select(tweets.c.state, func.count()).where(tweets.c.account_id == account_id).group_by(tweets.c.state)
    with database.begin() as connection:
        return {TweetState(state): count for state, count in connection.execute(query)}


def rejections(database: Database, account_id: int) -> dict[str, int]:
    """How many tweets each rule rejected."""
    query = (
        select(tweets.c.rule, func.count())
        .where(tweets.c.account_id == account_id, tweets.c.state == TweetState.REJECTED)
        .group_by(tweets.c.rule)
    )
    with database.begin() as connection:
        return {row.rule: row[1] for row in connection.execute(query)}


def life(database: Database, tweet_id: int) -> list[Event]:
    """Every step of a tweet, oldest first."""
    query = select(events.c.at, events.c.state, events.c.actor, events.c.detail).where(events.c.tweet_id == tweet_id)
    with database.begin() as connection:
        rows = connection.execute(query.order_by(events.c.id)).all()
    return [Event(row.at, TweetState(row.state), row.actor, row.detail) for row in rows]


def _tweet(row: Any) -> Tweet:
    return Tweet(**(row._asdict() | {"state": TweetState(row.state)}))


def note_event(
    connection: Connection, tweet_id: int, state: TweetState, actor: str, detail: str, now: datetime
) -> None:
    connection.execute(insert(events).values(tweet_id=tweet_id, at=now, state=state, actor=actor, detail=detail))
