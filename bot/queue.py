"""Keeps enough good candidates waiting: writes, judges, stores."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.store import tweets
from bot.store.database import Database
from bot.store.records import DRY_RUN, PERSON, TweetState
from bot.writer import Writer
from model.fingerprints import word_runs, words

logger = logging.getLogger(__name__)
_REPEATED_RUNS = 3  # four-word runs; together at least six words of the forgotten tweet
_MOST_DRAFTS_EACH = 60  # drafts considered for each tweet wanted; a model that needs more is not worth its queue


@dataclass(frozen=True)
class FillReport:
    """What a fill did."""

    kept: int
    considered: int


def fill(
    database: Database,
    account_id: int,
    writer: Writer,
    count: int,
    random_seed: int,
    now: Callable[[], datetime],
    *,
    batch: int,
    prefix: str = "",
    should_stop: Callable[[], bool] = lambda: False,
) -> FillReport:
    """Write until `count` candidates passed every rule, or far too many were rejected.

    Each batch is stored as it is done, so a stop loses at most the one being written.
    """
    kept = considered = 0
    while kept < count and considered < count * _MOST_DRAFTS_EACH and not should_stop():
        candidates = writer.candidates(random_seed, range(considered, considered + batch), prefix)
        states = tweets.add_candidates(database, account_id, candidates, now())
        considered += len(candidates)
        kept += sum(state is TweetState.PENDING for state in states)
    return FillReport(kept, considered)


def waiting(database: Database, account_id: int) -> int:
    """How many tweets wait for review or for their slot."""
    counts = tweets.counts(database, account_id)
    return counts.get(TweetState.PENDING, 0) + counts.get(TweetState.APPROVED, 0)


def approve_all_for_dry_run(database: Database, account_id: int, now: datetime) -> None:
    """Approve what waits, in the name of the dry run: a live daemon takes these approvals back."""
    for tweet in tweets.in_state(database, account_id, [TweetState.PENDING]):
        tweets.approve(database, tweet.id, DRY_RUN, now)


def reject_repetitions(database: Database, account_id: int, forgotten: str, now: datetime) -> list[int]:
    """Reject what waits and repeats a tweet that is to be forgotten; returns the numbers of what was rejected."""
    runs = set(word_runs(words(forgotten)))
    rejected = []
    for tweet in tweets.in_state(database, account_id, [TweetState.PENDING, TweetState.APPROVED]):
        own = set(word_runs(words(tweet.text)))
        if own and (len(own & runs) >= _REPEATED_RUNS or own <= runs):
            tweets.reject(database, tweet.id, PERSON, "repeats a forgotten tweet", now)
            rejected.append(tweet.id)
    return rejected
