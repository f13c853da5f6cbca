"""The frozen values that leave the store, and the states a tweet goes through."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class TweetState(StrEnum):
    """Where a tweet stands."""

    PENDING = "pending"  # passed the rules, waits for a person
    REJECTED = "rejected"  # by a rule or a person; keeps the reason
    APPROVED = "approved"  # may be posted
    POSTING = "posting"  # claimed; a request may be under way
    POSTED = "posted"  # stands on X, remote id known
    REFUSED = "refused"  # X said no
    UNKNOWN = "unknown"  # the answer was lost: it may stand on X; blocks the account
    HELD = "held"  # a person must say what happened
    DRY_POSTED = "dry_posted"  # shown by a dry run; never sent


# The arrows of the README's diagram. The store refuses any other.
TRANSITIONS: dict[TweetState, frozenset[TweetState]] = {
    TweetState.PENDING: frozenset({TweetState.APPROVED, TweetState.REJECTED}),
    TweetState.REJECTED: frozenset({TweetState.PENDING}),
    TweetState.APPROVED: frozenset({TweetState.POSTING, TweetState.PENDING, TweetState.REJECTED}),
    TweetState.POSTING: frozenset(
        {TweetState.POSTED, TweetState.REFUSED, TweetState.UNKNOWN, TweetState.APPROVED, TweetState.DRY_POSTED}
    ),
    TweetState.UNKNOWN: frozenset({TweetState.POSTED, TweetState.APPROVED, TweetState.HELD, TweetState.REJECTED}),
    TweetState.HELD: frozenset({TweetState.POSTED, TweetState.APPROVED, TweetState.REJECTED}),
    TweetState.POSTED: frozenset(),
    TweetState.REFUSED: frozenset({TweetState.PENDING}),
    TweetState.DRY_POSTED: frozenset({TweetState.PENDING}),
}

PERSON = "person"
DRY_RUN = "dry run"


@dataclass(frozen=True)
class Candidate:
    """A text on its way into the store, with what is needed to write it again.

    Attributes:
        rule, reason: set where a rule rejected it.
        origin: "generated" or "person".
        sampling: sampler settings, seed and draft number.
    """

    text: str
    weighted_length: int
    rule: str = ""
    reason: str = ""
    origin: str = "generated"
    checkpoint_sha256: str = ""
    sampling: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tweet:
    """One row of the queue."""

    id: int
    text: str
    state: TweetState
    weighted_length: int
    rule: str
    reason: str
    origin: str
    checkpoint_sha256: str
    sampling: dict[str, Any]
    created_at: datetime
    original_text: str | None
    approved_by: str | None
    not_before: datetime | None
    posted_at: datetime | None
    remote_id: str | None


@dataclass(frozen=True)
class Event:
    """One step of a tweet's life."""

    at: datetime
    state: TweetState
    actor: str
    detail: str


@dataclass(frozen=True)
class Slot:
    """One due time of the schedule and what became of it: claimed, posted, dry_posted, empty, missed, failed."""

    key: str
    due_at: datetime
    state: str
    tweet_id: int | None
    reason: str


@dataclass(frozen=True)
class Claim:
    """The right to send one tweet once, committed before anything is sent."""

    attempt_uuid: str
    tweet_id: int
    text: str
    weighted_length: int
    slot_key: str
    number: int


@dataclass(frozen=True)
class Account:
    """One bot's account.

    Attributes:
        schedule_from: slots before it are nobody's: the daemon had not run yet.
    """

    id: int
    name: str
    schedule_from: datetime
    pause_reason: str | None
    heartbeat_at: datetime | None


def text_fingerprint(text: str) -> str:
    """Equal for texts that a reader, and X's duplicate rule, would call the same; 64 hex digits."""
    normal = " ".join(re.split(r"\s+", unicodedata.normalize("NFC", text).casefold().strip()))
    return hashlib.sha256(normal.encode("utf-8", "replace")).hexdigest()
