"""First schema: accounts, tweets, slots, attempts, events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_STATES = "'pending', 'rejected', 'approved', 'posting', 'posted', 'refused', 'unknown', 'held', 'dry_posted'"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("schedule_from", sa.DateTime, nullable=False),
        sa.Column("pause_reason", sa.Text),
        sa.Column("paused_at", sa.DateTime),
        sa.Column("heartbeat_at", sa.DateTime),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "tweets",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("text_fingerprint", sa.String(64), nullable=False),
        sa.Column("original_text", sa.Text),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("weighted_length", sa.Integer, nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("checkpoint_sha256", sa.String(64), nullable=False, server_default=""),
        sa.Column("sampling", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("approved_by", sa.String(200)),
        sa.Column("approved_fingerprint", sa.String(64)),
        sa.Column("not_before", sa.DateTime),
        sa.Column("posted_at", sa.DateTime),
        sa.Column("remote_id", sa.String(30)),
        sa.CheckConstraint(f"state IN ({_STATES})", name="state_known"),
        sa.CheckConstraint("state <> 'posted' OR remote_id IS NOT NULL", name="posted_has_remote_id"),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'posting')"
            " OR (approved_by IS NOT NULL AND COALESCE(approved_fingerprint, '') = text_fingerprint)",
            name="approved_as_it_is",
        ),
        sa.UniqueConstraint("account_id", "remote_id"),
    )
    for name, columns, where in (
        ("uq_tweets_text", ["account_id", "text_fingerprint"], "state <> 'rejected'"),
        ("uq_tweets_unsettled", ["account_id"], "state IN ('posting', 'unknown')"),
    ):
        op.create_index(
            name, "tweets", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    op.create_index("ix_tweets_account_id_state_id", "tweets", ["account_id", "state", "id"])
    op.create_table(
        "slots",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("slot_key", sa.String(60), nullable=False),
        sa.Column("due_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("tweet_id", sa.Integer, sa.ForeignKey("tweets.id")),
        sa.Column("changed_at", sa.DateTime, nullable=False),
        sa.CheckConstraint(
            "state IN ('claimed', 'posted', 'dry_posted', 'empty', 'missed', 'failed')", name="state_known"
        ),
        sa.UniqueConstraint("account_id", "slot_key"),
    )
    op.create_index("ix_slots_account_id_due_at", "slots", ["account_id", "due_at"])
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("attempt_uuid", sa.String(36), nullable=False),
        sa.Column("tweet_id", sa.Integer, sa.ForeignKey("tweets.id"), nullable=False),
        sa.Column("slot_key", sa.String(60), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("dry_run", sa.Integer, nullable=False),
        sa.Column("request_text", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("claimed_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("outcome", sa.String(12)),
        sa.Column("http_status", sa.Integer),
        sa.Column("headers", sa.JSON),
        sa.Column("body", sa.Text),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("attempt_uuid"),
        sa.UniqueConstraint("tweet_id", "number"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tweet_id", sa.Integer, sa.ForeignKey("tweets.id"), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_events_tweet_id", "events", ["tweet_id"])


def downgrade() -> None:
    for name in ("events", "attempts", "slots", "tweets", "accounts"):
        op.drop_table(name)
