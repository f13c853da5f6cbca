"""The tables. Their constraints, not the program's memory, keep the promise of one post a tweet and a slot.

A new database is made from this metadata; an old one is brought here by the revisions in `migrations`. A test holds
that both give the same schema.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

HEAD_REVISION = "0001"
KNOWN_REVISIONS = ("0001",)  # oldest first

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite and PostgreSQL store it alike, without a zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the store")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("schedule_from", UtcDateTime, nullable=False),
    Column("pause_reason", Text),
    Column("paused_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
)

tweets = Table(
    "tweets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("text_fingerprint", String(64), nullable=False),
    Column("original_text", Text),
    Column("state", String(12), nullable=False),
    Column("rule", String(40), nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("weighted_length", Integer, nullable=False),
    Column("origin", String(20), nullable=False),
    Column("checkpoint_sha256", String(64), nullable=False, server_default=""),
    Column("sampling", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("approved_by", String(200)),
    Column("approved_fingerprint", String(64)),
    Column("not_before", UtcDateTime),
    Column("posted_at", UtcDateTime),
    Column("remote_id", String(30)),
    CheckConstraint(
        "state IN ('pending', 'rejected', 'approved', 'posting', 'posted', 'refused', 'unknown', 'held', 'dry_posted')",
        name="state_known",
    ),
    CheckConstraint("state <> 'posted' OR remote_id IS NOT NULL", name="posted_has_remote_id"),
    # what a person approved is what is sent: an edit changes the fingerprint and so takes the approval away
    CheckConstraint(
        # COALESCE: a comparison with NULL is neither true nor false, and a check that is not false passes
        "state NOT IN ('approved', 'posting')"
        " OR (approved_by IS NOT NULL AND COALESCE(approved_fingerprint, '') = text_fingerprint)",
        name="approved_as_it_is",
    ),
    UniqueConstraint("account_id", "remote_id"),
    Index(
        "uq_tweets_text",
        "account_id",
        "text_fingerprint",
        unique=True,
        sqlite_where=text("state <> 'rejected'"),
        postgresql_where=text("state <> 'rejected'"),
    ),
    # an unsettled tweet blocks the account: the next one cannot be claimed
    Index(
        "uq_tweets_unsettled",
        "account_id",
        unique=True,
        sqlite_where=text("state IN ('posting', 'unknown')"),
        postgresql_where=text("state IN ('posting', 'unknown')"),
    ),
    Index("ix_tweets_account_id_state_id", "account_id", "state", "id"),
)

slots = Table(
    "slots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("slot_key", String(60), nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("tweet_id", ForeignKey("tweets.id")),
    Column("changed_at", UtcDateTime, nullable=False),
    CheckConstraint("state IN ('claimed', 'posted', 'dry_posted', 'empty', 'missed', 'failed')", name="state_known"),
    UniqueConstraint("account_id", "slot_key"),
    Index("ix_slots_account_id_due_at", "account_id", "due_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("attempt_uuid", String(36), nullable=False, unique=True),
    Column("tweet_id", ForeignKey("tweets.id"), nullable=False),
    Column("slot_key", String(60), nullable=False),
    Column("number", Integer, nullable=False),
    Column("dry_run", Integer, nullable=False),
    Column("request_text", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", String(200), nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", String(12)),
    Column("http_status", Integer),
    Column("headers", JSON),
    Column("body", Text),
    Column("error", Text),
    UniqueConstraint("tweet_id", "number"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tweet_id", ForeignKey("tweets.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", String(12), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_events_tweet_id", "tweet_id"),
)
