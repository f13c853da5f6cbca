"""The promises that the database keeps: one post a slot, one post a tweet, nothing half-written. Real SQLite files."""

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import event, insert, text, update
from sqlalchemy.exc import StatementError

from bot.store import accounts, slots, tweets
from bot.store.database import Database, build_engine, database_url, open_database
from bot.store.migrate import upgrade_database
from bot.store.records import DRY_RUN, PERSON, TRANSITIONS, Candidate, Claim, TweetState, text_fingerprint
from bot.store.schema import HEAD_REVISION, KNOWN_REVISIONS
from bot.store.schema import tweets as tweets_table
from bot.store.slots import AccountBlockedError
from bot.store.tweets import NoSuchTweetError, WrongStateError
from config.errors import DatabaseTooNewError, SettingsError, StoreError

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
TERMINAL = {TweetState.POSTED}
# `bot review`, `bot queue` and `bot resolve` act on these; what is approved goes out by itself
A_PERSON_CAN_ACT = {
    TweetState.PENDING,
    TweetState.REJECTED,
    TweetState.APPROVED,
    TweetState.REFUSED,
    TweetState.UNKNOWN,
    TweetState.HELD,
    TweetState.DRY_POSTED,
}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "bot.sqlite3"


@pytest.fixture(scope="module")
def new_database(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("new") / "bot.sqlite3"
    open_database(database_url("", path)).close()
    return path


@pytest.fixture
def database(path, new_database) -> Iterator[Database]:
    shutil.copy(new_database, path)
    opened = open_database(database_url("", path))
    yield opened
    opened.close()


@pytest.fixture
def account(database) -> int:
    return accounts.open_account(database, "starling", NOW).id


def candidate(text_: str, **changes) -> Candidate:
    return replace(Candidate(text_, len(text_)), **changes)


def queue(database: Database, account_id: int, *texts: str, approved_by: str | None = PERSON) -> list[int]:
    """Tweets with these texts, approved unless nobody approves them; returns their numbers."""
    tweets.add_candidates(database, account_id, [candidate(t) for t in texts], NOW)
    ids = [tweet.id for tweet in tweets.in_state(database, account_id, [TweetState.PENDING])]
    for tweet_id in ids if approved_by else []:
        tweets.approve(database, tweet_id, approved_by, NOW)
    return ids


def claim(database: Database, account_id: int, key: str = "slot 1", *, dry_run: bool = False) -> Claim | None:
    return slots.claim_next(database, account_id, key, NOW, NOW, dry_run=dry_run)


def record(database: Database, account_id: int, claimed: Claim, state: TweetState, **details) -> None:
    slots.record_outcome(database, account_id, claimed, state, NOW, **details)


def state_of(database: Database, tweet_id: int) -> TweetState:
    return tweets.find(database, tweet_id).state


def sql(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Behind the program's back, as a bug or another program would."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def no_line_break(error: pytest.ExceptionInfo[Exception]) -> bool:
    return "\n" not in str(error.value)


# --- claiming ---------------------------------------------------------------------------------------------------------


def test_claim_takes_the_oldest_approved_tweet_and_writes_the_attempt_down(database, account):
    first, second = queue(database, account, "one", "two")

    claimed = claim(database, account)

    assert (claimed.tweet_id, claimed.text, claimed.slot_key, claimed.number) == (first, "one", "slot 1", 1)
    assert state_of(database, first) is TweetState.POSTING
    assert state_of(database, second) is TweetState.APPROVED
    (attempt,) = slots.attempts_of(database, first)
    assert attempt["attempt_uuid"] == claimed.attempt_uuid
    assert attempt["request_text"] == "one"
    assert attempt["claimed_at"] == NOW
    assert attempt["finished_at"] is None
    assert (attempt["pid"], attempt["dry_run"]) == (os.getpid(), 0)


def test_claim_is_on_the_disk_before_anything_is_sent(database, account, path):
    (tweet_id,) = queue(database, account, "one")

    claim(database, account)

    assert sql(path, "SELECT id FROM tweets WHERE state = 'posting'") == [(tweet_id,)]
    assert sql(path, "SELECT state, tweet_id FROM slots") == [("claimed", tweet_id)]


def test_slot_cannot_be_taken_twice(database, account):
    queue(database, account, "one", "two")
    record(database, account, claim(database, account), TweetState.POSTED, remote_id="17")

    assert claim(database, account) is None
    assert claim(database, account, "slot 2").text == "two"


@pytest.mark.parametrize("state", [TweetState.REFUSED, TweetState.APPROVED, TweetState.DRY_POSTED])
def test_slot_whose_post_failed_is_not_taken_again_either(database, account, state):
    queue(database, account, "one", "two")
    record(database, account, claim(database, account), state)

    assert claim(database, account) is None


def test_slot_without_an_approved_tweet_is_noted_as_empty_and_stays_so(database, account):
    queue(database, account, "one", approved_by=None)

    assert claim(database, account) is None
    (slot,) = slots.recent_slots(database, account, 10)
    assert (slot.key, slot.state, slot.tweet_id, slot.reason) == ("slot 1", "empty", None, "no tweet was approved")
    queue(database, account, "two")
    assert claim(database, account) is None


@pytest.mark.parametrize("unsettled", [TweetState.POSTING, TweetState.UNKNOWN])
def test_nothing_is_claimed_while_another_tweets_fate_is_open(database, account, unsettled):
    first, second = queue(database, account, "one", "two")
    claimed = claim(database, account)
    if unsettled is TweetState.UNKNOWN:
        record(database, account, claimed, TweetState.UNKNOWN)

    with pytest.raises(AccountBlockedError, match=f'tweet {first} is unknown.*"bot resolve {first}"'):
        claim(database, account, "slot 2")

    assert state_of(database, second) is TweetState.APPROVED
    assert [slot.key for slot in slots.recent_slots(database, account, 10)] == ["slot 1"]


def test_another_account_is_not_blocked_and_its_tweets_are_not_taken(database, account):
    other = accounts.open_account(database, "wren", NOW).id
    queue(database, account, "one")
    queue(database, other, "one")
    claim(database, account)

    claimed = claim(database, other)

    assert claimed.text == "one"
    assert claim(database, accounts.open_account(database, "robin", NOW).id) is None


def test_tweet_that_shall_wait_is_passed_over_until_its_time(database, account):
    first, second = queue(database, account, "one", "two")
    wait = NOW + timedelta(minutes=15)
    record(database, account, claim(database, account), TweetState.APPROVED, not_before=wait)

    record(database, account, claim(database, account, "slot 2"), TweetState.POSTED, remote_id="17")
    late = slots.claim_next(database, account, "slot 3", wait, wait, dry_run=False)

    assert state_of(database, second) is TweetState.POSTED
    assert (late.tweet_id, late.number) == (first, 2)


# --- outcomes ---------------------------------------------------------------------------------------------------------


def test_outcome_settles_tweet_attempt_and_slot_together(database, account):
    (tweet_id,) = queue(database, account, "one")
    claimed = claim(database, account)

    record(
        database,
        account,
        claimed,
        TweetState.POSTED,
        remote_id="17",
        http_status=201,
        headers={"date": "today"},
        body='{"data": {}}',
    )

    tweet = tweets.find(database, tweet_id)
    assert (tweet.state, tweet.remote_id, tweet.posted_at) == (TweetState.POSTED, "17", NOW)
    (attempt,) = slots.attempts_of(database, tweet_id)
    assert (attempt["outcome"], attempt["finished_at"], attempt["http_status"]) == ("posted", NOW, 201)
    assert (attempt["headers"], attempt["body"]) == ({"date": "today"}, '{"data": {}}')
    (slot,) = slots.recent_slots(database, account, 1)
    assert (slot.state, slot.tweet_id) == ("posted", tweet_id)
    assert [step.state for step in tweets.life(database, tweet_id)] == ["pending", "approved", "posting", "posted"]
    assert slots.posted_count(database, account, NOW) == 1
    assert slots.posted_count(database, account, NOW + timedelta(seconds=1)) == 0


def test_posted_without_an_id_is_refused_whole(database, account):
    (tweet_id,) = queue(database, account, "one")
    claimed = claim(database, account)

    with pytest.raises(StoreError):
        record(database, account, claimed, TweetState.POSTED)

    assert state_of(database, tweet_id) is TweetState.POSTING
    assert slots.attempts_of(database, tweet_id)[0]["finished_at"] is None
    assert slots.recent_slots(database, account, 1)[0].state == "claimed"


def test_outcome_of_a_tweet_that_is_no_longer_being_posted_is_refused(database, account):
    queue(database, account, "one")
    claimed = claim(database, account)
    record(database, account, claimed, TweetState.REFUSED)

    with pytest.raises(WrongStateError, match="is refused, it cannot become posted"):
        record(database, account, claimed, TweetState.POSTED, remote_id="17")


@pytest.mark.parametrize(("dry_run", "state"), [(True, TweetState.APPROVED), (False, TweetState.UNKNOWN)])
def test_interrupted_post_goes_back_if_it_was_dry_and_is_unknown_if_it_was_live(database, account, dry_run, state):
    (tweet_id,) = queue(database, account, "one")
    claim(database, account, dry_run=dry_run)

    settled = slots.settle_interrupted(database, account, NOW)

    assert settled == [(tweet_id, state)]
    assert state_of(database, tweet_id) is state
    assert slots.recent_slots(database, account, 1)[0].state == "failed"
    assert slots.attempts_of(database, tweet_id)[0]["finished_at"] == NOW
    assert slots.settle_interrupted(database, account, NOW) == []


def test_settling_leaves_finished_tweets_and_other_accounts_alone(database, account):
    other = accounts.open_account(database, "wren", NOW).id
    queue(database, account, "one")
    record(database, account, claim(database, account), TweetState.UNKNOWN)
    (theirs,) = queue(database, other, "one")
    claim(database, other)

    assert slots.settle_interrupted(database, account, NOW) == []
    assert state_of(database, theirs) is TweetState.POSTING


def test_second_interruption_of_one_tweet_settles_only_its_last_attempt(database, account):
    (tweet_id,) = queue(database, account, "one")
    claim(database, account, "dry 1", dry_run=True)
    slots.settle_interrupted(database, account, NOW)
    claim(database, account, "slot 1")

    assert slots.settle_interrupted(database, account, NOW) == [(tweet_id, TweetState.UNKNOWN)]
    assert [a["outcome"] for a in slots.attempts_of(database, tweet_id)] == ["approved", "unknown"]


def test_missed_slot_is_noted_once_and_is_taken(database, account):
    queue(database, account, "one")

    assert slots.note_missed(database, account, "slot 1", NOW, "too late", NOW) is True
    assert slots.note_missed(database, account, "slot 1", NOW, "again", NOW) is False
    assert claim(database, account) is None
    (slot,) = slots.recent_slots(database, account, 10)
    assert (slot.state, slot.reason) == ("missed", "too late")


def test_last_slot_is_found_by_its_prefix_as_an_aware_time(database, account):
    later = NOW + timedelta(hours=1)
    slots.note_missed(database, account, "cron a", NOW, "", NOW)
    slots.note_missed(database, account, "dry cron a", later, "", NOW)

    assert slots.last_slot_at(database, account, prefix="cron ") == NOW
    assert slots.last_slot_at(database, account, prefix="dry ") == later
    assert slots.last_slot_at(database, account, prefix="by hand ") is None
    assert slots.last_slot_at(database, account, prefix="%") is None


# --- the queue --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("twin", ["The rain", "the  RAIN ", "the\nrain"])
def test_text_the_account_has_already_is_stored_as_a_rejected_duplicate(database, account, twin):
    (first,) = queue(database, account, "The rain", approved_by=None)

    assert tweets.add_candidates(database, account, [candidate(twin)], NOW) == [TweetState.REJECTED]
    (rejected,) = tweets.in_state(database, account, [TweetState.REJECTED])
    assert (rejected.rule, rejected.reason) == ("duplicate", f"the same text is tweet {first}")
    assert tweets.rejections(database, account) == {"duplicate": 1}


def test_text_that_was_only_rejected_may_come_again(database, account):
    states = tweets.add_candidates(
        database, account, [candidate("The rain", rule="length", reason="too short"), candidate("the rain")], NOW
    )

    assert states == [TweetState.REJECTED, TweetState.PENDING]


def test_two_equal_texts_of_one_batch_are_one_tweet(database, account):
    states = tweets.add_candidates(database, account, [candidate("the rain")] * 3, NOW)

    assert states == [TweetState.PENDING, TweetState.REJECTED, TweetState.REJECTED]
    assert tweets.counts(database, account) == {TweetState.PENDING: 1, TweetState.REJECTED: 2}


def test_other_account_may_have_the_same_text(database, account):
    other = accounts.open_account(database, "wren", NOW).id
    queue(database, account, "the rain")

    assert tweets.add_candidates(database, other, [candidate("the rain")], NOW) == [TweetState.PENDING]


def test_tweet_comes_back_as_it_was_written(database, account):
    written = candidate("字 😀 “x”\nzwei", origin="person", checkpoint_sha256="ab", sampling={"seed": 1, "draft": [2]})
    tweets.add_candidates(database, account, [written], NOW.astimezone(timezone(timedelta(hours=5, minutes=30))))

    (tweet,) = tweets.in_state(database, account, [TweetState.PENDING])

    assert (tweet.text, tweet.origin, tweet.checkpoint_sha256) == ("字 😀 “x”\nzwei", "person", "ab")
    assert tweet.sampling == {"seed": 1, "draft": [2]}
    assert tweet.created_at == NOW
    assert tweet.created_at.tzinfo is UTC


def test_edit_takes_the_approval_away_and_keeps_the_first_text(database, account):
    (tweet_id,) = queue(database, account, "the rian")

    tweets.edit(database, tweet_id, "the rain", 8, PERSON, NOW)
    tweets.edit(database, tweet_id, "the rain!", 9, PERSON, NOW)

    tweet = tweets.find(database, tweet_id)
    assert (tweet.text, tweet.weighted_length, tweet.original_text) == ("the rain!", 9, "the rian")
    assert (tweet.state, tweet.approved_by) == (TweetState.PENDING, None)
    assert claim(database, account) is None


@pytest.mark.parametrize("state", [TweetState.POSTING, TweetState.POSTED, TweetState.UNKNOWN, TweetState.REJECTED])
def test_only_waiting_tweet_can_be_edited(database, account, state):
    (tweet_id,) = queue(database, account, "one")
    reach(database, account, tweet_id, state)

    with pytest.raises(WrongStateError, match=f"is {state}, only"):
        tweets.edit(database, tweet_id, "two", 3, PERSON, NOW)

    assert tweets.find(database, tweet_id).text == "one"


def test_edit_into_the_text_of_another_tweet_is_refused(database, account):
    first, _ = queue(database, account, "one", "two")

    with pytest.raises(WrongStateError, match="another tweet has this text"):
        tweets.edit(database, first, "TWO", 3, PERSON, NOW)

    tweet = tweets.find(database, first)
    assert (tweet.text, tweet.state, tweet.approved_by) == ("one", TweetState.APPROVED, PERSON)


@pytest.mark.parametrize(
    "state", [TweetState.APPROVED, TweetState.REJECTED, TweetState.REFUSED, TweetState.DRY_POSTED], ids=str
)
def test_tweet_that_is_sent_back_waits_without_its_approval(database, account, state):
    (tweet_id,) = queue(database, account, "one")
    reach(database, account, tweet_id, state)

    tweets.send_back(database, tweet_id, PERSON, "reconsidered", NOW)

    tweet = tweets.find(database, tweet_id)
    assert (tweet.state, tweet.approved_by, tweet.rule, tweet.reason) == (TweetState.PENDING, None, "", "")


@pytest.mark.parametrize("state", [TweetState.POSTING, TweetState.POSTED, TweetState.UNKNOWN], ids=str)
def test_tweet_that_may_stand_on_x_cannot_be_sent_back(database, account, state):
    (tweet_id,) = queue(database, account, "one")
    reach(database, account, tweet_id, state)

    with pytest.raises(WrongStateError, match=f"is {state}"):
        tweets.send_back(database, tweet_id, PERSON, "", NOW)


def test_rejected_twin_cannot_come_back_beside_its_text(database, account):
    queue(database, account, "one")
    tweets.add_candidates(database, account, [candidate("One")], NOW)
    (twin,) = tweets.in_state(database, account, [TweetState.REJECTED])

    with pytest.raises(WrongStateError, match="its text is in the queue already"):
        tweets.send_back(database, twin.id, PERSON, "", NOW)

    assert state_of(database, twin.id) is TweetState.REJECTED


def test_live_daemon_takes_back_what_only_a_dry_run_approved(database, account):
    (by_person,) = queue(database, account, "one")
    by_dry_run = queue(database, account, "two", "three", approved_by=DRY_RUN)

    assert tweets.take_back_dry_approvals(database, account, NOW) == 2

    assert [state_of(database, tweet_id) for tweet_id in by_dry_run] == [TweetState.PENDING] * 2
    assert state_of(database, by_person) is TweetState.APPROVED
    assert tweets.take_back_dry_approvals(database, account, NOW) == 0
    assert claim(database, account).tweet_id == by_person


def test_number_that_no_tweet_has_is_told(database, account):
    for act in (
        lambda: tweets.find(database, 99),
        lambda: tweets.approve(database, 99, PERSON, NOW),
        lambda: tweets.edit(database, 99, "x", 1, PERSON, NOW),
    ):
        with pytest.raises(NoSuchTweetError, match="there is no tweet 99"):
            act()


def test_pause_ends_with_a_schedule_that_begins_anew(database, account):
    later = NOW + timedelta(days=1)
    accounts.set_pause(database, account, "no credits", NOW)
    paused = accounts.open_account(database, "starling", later)
    accounts.set_pause(database, account, None, later)
    accounts.beat(database, account, later)
    resumed = accounts.open_account(database, "starling", later)

    assert (paused.id, paused.pause_reason, paused.schedule_from) == (account, "no credits", NOW)
    assert (resumed.id, resumed.pause_reason, resumed.schedule_from) == (account, None, later)
    assert resumed.heartbeat_at == later


def test_place_of_the_database_shows_no_password(path, database):
    assert database.place == str(path)


# --- states -----------------------------------------------------------------------------------------------------------


def reach(database: Database, account_id: int, tweet_id: int, state: TweetState) -> None:
    """Bring an approved tweet to a state by the program's own ways."""
    if state is TweetState.APPROVED:
        return
    if state is TweetState.REJECTED:
        tweets.reject(database, tweet_id, PERSON, "no", NOW)
        return
    claimed = claim(database, account_id, f"slot of {tweet_id}")
    assert claimed.tweet_id == tweet_id
    if state is not TweetState.POSTING:
        record(database, account_id, claimed, state, remote_id="17" if state is TweetState.POSTED else None)


def test_every_state_has_its_arrows():
    assert TRANSITIONS.keys() == set(TweetState)
    assert {state for state, onward in TRANSITIONS.items() if not onward} == TERMINAL


def test_what_may_stand_on_x_never_returns_to_the_queue_without_a_person():
    assert TRANSITIONS[TweetState.POSTED] == frozenset()
    assert TweetState.PENDING not in TRANSITIONS[TweetState.UNKNOWN] | TRANSITIONS[TweetState.POSTING]


@pytest.mark.parametrize("seed", range(5))
def test_every_path_through_the_states_ends_or_waits_for_a_person(database, account, seed):
    """A random walk along the arrows on real rows: each arrow is accepted, each missing one refused."""
    rng = random.Random(seed)
    for walk in range(3):
        (tweet_id,) = queue(database, account, f"walk {walk}", approved_by=None)
        state = TweetState.PENDING
        for _ in range(12):
            target = rng.choice(list(TweetState))
            if target in TRANSITIONS[state]:
                step(database, tweet_id, target)
                state = target
            else:
                with pytest.raises(WrongStateError):
                    step(database, tweet_id, target)
            assert state_of(database, tweet_id) is state
        if state is TweetState.POSTING:
            state = dict(settle(database, account))[tweet_id]
        assert state in TERMINAL | A_PERSON_CAN_ACT
        if state is TweetState.UNKNOWN:
            step(database, tweet_id, TweetState.HELD)
        elif state is not TweetState.POSTED:
            sql(Path(database.place), "UPDATE tweets SET state = 'rejected' WHERE id = ?", tweet_id)


def step(database: Database, tweet_id: int, state: TweetState) -> None:
    values: dict[str, object] = {}
    if state is TweetState.APPROVED:
        values = {"approved_by": PERSON, "approved_fingerprint": tweets_table.c.text_fingerprint}
    if state is TweetState.POSTED:
        values = {"remote_id": f"17{tweet_id}"}
    with database.begin() as connection:
        tweets.change_state(connection, tweet_id, state, PERSON, "", NOW, **values)


def settle(database: Database, account_id: int) -> list[tuple[int, TweetState]]:
    """The walk made no attempts; give what is `posting` one, as a claim would have."""
    (tweet,) = tweets.in_state(database, account_id, [TweetState.POSTING])
    sql(
        Path(database.place),
        "INSERT INTO attempts (attempt_uuid, tweet_id, slot_key, number, dry_run, request_text, pid, host, claimed_at)"
        " VALUES (?, ?, 'walk', 1, 0, '', 1, '', '2026-11-02 09:00:00.000000')",
        f"walk {tweet.id}",
        tweet.id,
    )
    return slots.settle_interrupted(database, account_id, NOW)


# --- constraints that hold against the program itself -----------------------------------------------------------------


def test_database_refuses_posted_without_an_id(database, account, path):
    (tweet_id,) = queue(database, account, "one")

    with pytest.raises(sqlite3.IntegrityError, match="posted_has_remote_id"):
        sql(path, "UPDATE tweets SET state = 'posted' WHERE id = ?", tweet_id)


@pytest.mark.parametrize("first", ["posting", "unknown"])
@pytest.mark.parametrize("second", ["posting", "unknown"])
def test_database_refuses_a_second_unsettled_tweet(database, account, path, first, second):
    one, two = queue(database, account, "one", "two")
    sql(path, "UPDATE tweets SET state = ? WHERE id = ?", first, one)

    with pytest.raises(sqlite3.IntegrityError, match="account_id"):
        sql(path, "UPDATE tweets SET state = ? WHERE id = ?", second, two)


def test_database_refuses_a_text_twice_unless_rejected(database, account, path):
    one, two = queue(database, account, "one", "two")
    copy = "UPDATE tweets SET text_fingerprint = ?, approved_fingerprint = ?, state = ? WHERE id = ?"

    with pytest.raises(sqlite3.IntegrityError, match="text_fingerprint"):
        sql(path, copy, text_fingerprint("one"), text_fingerprint("one"), "approved", two)

    sql(path, copy, text_fingerprint("one"), None, "rejected", two)
    assert state_of(database, one) is TweetState.APPROVED


@pytest.mark.parametrize("state", ["approved", "posting"])
def test_database_refuses_approved_without_an_approver(database, account, path, state):
    (tweet_id,) = queue(database, account, "one", approved_by=None)

    with pytest.raises(sqlite3.IntegrityError, match="approved_as_it_is"):
        sql(path, "UPDATE tweets SET state = ? WHERE id = ?", state, tweet_id)
    with pytest.raises(sqlite3.IntegrityError, match="approved_as_it_is"):
        sql(path, "UPDATE tweets SET state = ?, approved_by = 'person' WHERE id = ?", state, tweet_id)


@pytest.mark.parametrize("state", [TweetState.APPROVED, TweetState.POSTING])
def test_database_refuses_other_text_under_an_old_approval(database, account, path, state):
    (tweet_id,) = queue(database, account, "one")
    reach(database, account, tweet_id, state)

    with pytest.raises(sqlite3.IntegrityError, match="approved_as_it_is"):
        sql(
            path, "UPDATE tweets SET text = 'two', text_fingerprint = ? WHERE id = ?", text_fingerprint("two"), tweet_id
        )


def test_database_refuses_one_id_of_x_for_two_tweets(database, account, path):
    one, two = queue(database, account, "one", "two")
    post = "UPDATE tweets SET state = 'posted', remote_id = '17' WHERE id = ?"
    sql(path, post, one)

    with pytest.raises(sqlite3.IntegrityError, match="remote_id"):
        sql(path, post, two)


@pytest.mark.parametrize("table", ["tweets", "slots"])
def test_database_refuses_unknown_states(database, account, path, table):
    queue(database, account, "one")
    slots.note_missed(database, account, "slot 1", NOW, "", NOW)

    with pytest.raises(sqlite3.IntegrityError, match="state_known"):
        sql(path, f"UPDATE {table} SET state = 'sent'")


def test_database_refuses_a_slot_key_twice_in_one_account(database, account, path):
    slots.note_missed(database, account, "slot 1", NOW, "", NOW)

    with pytest.raises(sqlite3.IntegrityError, match="slot_key"):
        sql(path, "INSERT INTO slots SELECT 99, account_id, slot_key, due_at, state, '', NULL, changed_at FROM slots")


def test_row_of_an_account_that_is_not_there_is_refused(database):
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        tweets.add_candidates(database, 99, [candidate("one")], NOW)


def test_time_without_a_zone_is_refused(database, account):
    naive = NOW.replace(tzinfo=None)

    with pytest.raises((StoreError, ValueError, StatementError), match="a time without a zone"):
        slots.note_missed(database, account, "slot 1", naive, "", NOW)

    assert slots.recent_slots(database, account, 1) == []


def test_failure_in_the_middle_of_a_transaction_leaves_nothing_behind(database, account):
    (tweet_id,) = queue(database, account, "one", approved_by=None)

    def decide_and_break() -> None:
        with database.begin() as connection:
            tweets.change_state(connection, tweet_id, TweetState.REJECTED, PERSON, "no", NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decide_and_break()

    assert state_of(database, tweet_id) is TweetState.PENDING
    assert len(tweets.life(database, tweet_id)) == 1


def test_two_decisions_on_one_tweet_end_with_the_first(path, database, account):
    """Two screens show the same tweet; the second one's decision is refused, not silently applied."""
    (tweet_id,) = queue(database, account, "one", approved_by=None)
    other = open_database(database_url("", path))
    tweets.reject(database, tweet_id, PERSON, "no", NOW)

    with pytest.raises(WrongStateError, match="is rejected, it cannot become approved"):
        tweets.approve(other, tweet_id, PERSON, NOW)

    other.close()


# --- races ------------------------------------------------------------------------------------------------------------


def test_two_threads_racing_for_30_slots_claim_each_once(path, database, account):
    queue(database, account, *(f"tweet {i}" for i in range(30)))
    barrier = threading.Barrier(2)
    won: list[list[Claim | None]] = [[], []]
    troubles: list[BaseException] = []

    def race(runner: int) -> None:
        mine = open_database(database_url("", path))
        try:
            for i in range(30):
                barrier.wait(30)
                claimed = None
                with contextlib.suppress(AccountBlockedError):
                    claimed = claim(mine, account, f"slot {i}")
                won[runner].append(claimed)
                barrier.wait(30)
                if claimed:
                    record(mine, account, claimed, TweetState.POSTED, remote_id=f"17{claimed.tweet_id}")
        except BaseException as exc:
            troubles.append(exc)
            barrier.abort()
        finally:
            mine.close()

    threads = [threading.Thread(target=race, args=(runner,)) for runner in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert troubles == []
    winners = [[claimed for claimed in pair if claimed] for pair in zip(*won, strict=True)]
    assert [len(pair) for pair in winners] == [1] * 30
    assert len({pair[0].tweet_id for pair in winners}) == 30
    assert tweets.counts(database, account) == {TweetState.POSTED: 30}


RACER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from bot.store import slots
from bot.store.database import database_url, open_database
from bot.store.records import TweetState

now = datetime(2026, 11, 2, 9, tzinfo=UTC)
database, account = open_database(database_url("", Path(sys.argv[1]))), int(sys.argv[2])
print("ready", flush=True)
for line in sys.stdin:
    try:
        claimed = slots.claim_next(database, account, line.strip(), now, now, dry_run=False)
    except slots.AccountBlockedError:
        claimed = None
    print(claimed.tweet_id if claimed else 0, flush=True)
    sys.stdin.readline()
    if claimed:
        slots.record_outcome(database, account, claimed, TweetState.POSTED, now, remote_id=str(claimed.tweet_id))
    print("done", flush=True)
"""


@pytest.mark.slow
def test_two_processes_racing_for_30_slots_claim_each_once(path, database, account):
    queue(database, account, *(f"tweet {i}" for i in range(30)))
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(path), str(account)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def tell(line: str) -> list[str]:
        for racer in racers:
            racer.stdin.write(f"{line}\n")
            racer.stdin.flush()
        return [racer.stdout.readline().strip() for racer in racers]

    with contextlib.ExitStack() as stack:
        for racer in racers:
            stack.enter_context(racer)
            assert racer.stdout.readline() == "ready\n"
        claims = []
        for i in range(30):
            claims.append(tell(f"slot {i}"))
            assert tell("record") == ["done", "done"]

    assert [sum(number != "0" for number in pair) for pair in claims] == [1] * 30
    assert len({max(pair, key=int) for pair in claims}) == 30
    assert tweets.counts(database, account) == {TweetState.POSTED: 30}


def test_writer_waits_for_its_turn_instead_of_failing(path, database, account):
    """A reader who then writes takes the lock at once, so two of them cannot both read the old state."""
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        other = open_database(database_url("", path))
        inside.wait(30)
        accounts.set_pause(other, account, "second", NOW)
        order.append("second")
        other.close()

    thread = threading.Thread(target=second)
    thread.start()
    with database.begin() as connection:
        connection.execute(text("SELECT * FROM accounts")).all()
        inside.set()
        connection.execute(text("UPDATE accounts SET pause_reason = 'first'"))
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
    assert accounts.open_account(database, "starling", NOW).pause_reason == "second"


# --- files that are not as they should be -----------------------------------------------------------------------------


def test_database_is_made_with_its_folder_and_opened_again(tmp_path):
    url = database_url("", tmp_path / "new" / "folder" / "bot.sqlite3")
    first = open_database(url)
    account_id = accounts.open_account(first, "starling", NOW).id
    first.close()
    second = open_database(url)

    assert accounts.open_account(second, "starling", NOW).id == account_id
    second.close()


def test_empty_file_becomes_a_database(path):
    path.touch()

    open_database(database_url("", path)).close()

    assert sql(path, "SELECT version_num FROM alembic_version") == [(HEAD_REVISION,)]


def test_database_is_safe_against_power_cuts_and_old_sqlite(database):
    with database.begin() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert pragmas == {"journal_mode": "delete", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.mark.parametrize("content", [b"this is no database" * 500, b"SQLite format 3\x00" + b"\xff" * 5000])
@pytest.mark.parametrize("act", [open_database, lambda url: upgrade_database(url, NOW)], ids=["open", "upgrade"])
def test_file_that_is_no_database_is_told_in_one_line_and_left_alone(path, content, act):
    path.write_bytes(content)

    with pytest.raises(StoreError) as caught:
        act(database_url("", path))

    assert no_line_break(caught)
    assert path.read_bytes() == content


def test_folder_in_the_place_of_the_database_is_told(path):
    path.mkdir()

    with pytest.raises(StoreError, match="unable to open") as caught:
        open_database(database_url("", path))

    assert str(path) in str(caught.value)
    assert no_line_break(caught)


def test_file_in_the_place_of_the_folder_is_told(path):
    path.write_text("")

    with pytest.raises(StoreError, match=r"bot\.sqlite3 cannot be made") as caught:
        open_database(database_url("", path / "bot.sqlite3"))

    assert no_line_break(caught)


@contextlib.contextmanager
def without_root_rights() -> Iterator[None]:
    """As root, act as nobody for a while: root may write read-only files."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_read_only_file_is_told_in_one_line(database):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bot.sqlite3"
        open_database(database_url("", path)).close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        try:
            with without_root_rights(), pytest.raises(StoreError, match="readonly database") as caught:
                accounts.open_account(open_database(database_url("", path)), "starling", NOW)
        finally:
            Path(folder).chmod(0o755)

    assert str(path) in str(caught.value)
    assert no_line_break(caught)


def test_address_that_is_none_is_a_settings_error():
    with pytest.raises(SettingsError, match=r"\[store\] database_url"):
        database_url("nonsense", Path("bot.sqlite3"))


def limited(path: Path, spare_pages: int) -> Database:
    """The database on a disk that has only so many pages left."""
    pages = sql(path, "PRAGMA page_count")[0][0]
    engine = build_engine(database_url("", path))
    event.listen(engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {pages + spare_pages}").close())
    return Database(engine)


def test_full_disk_stores_a_batch_whole_or_not_at_all(path, database, account):
    full = limited(path, 20)
    batch = [candidate(f"{i} {'x' * 2000}") for i in range(60)]

    with pytest.raises(StoreError, match="full") as caught:
        tweets.add_candidates(full, account, batch, NOW)

    full.close()
    assert no_line_break(caught)
    assert tweets.counts(database, account) == {}
    assert sql(path, "SELECT count(*) FROM events") == [(0,)]
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]
    assert tweets.add_candidates(database, account, batch, NOW) == [TweetState.PENDING] * 60


def test_full_disk_after_the_post_leaves_it_posting_and_never_free_to_be_sent_again(path, database, account):
    (tweet_id, _) = queue(database, account, "one", "two")
    claimed = claim(database, account)
    full = limited(path, 0)

    with pytest.raises(StoreError, match="full"):
        record(full, account, claimed, TweetState.POSTED, remote_id="17", body="x" * 100_000)

    full.close()
    assert state_of(database, tweet_id) is TweetState.POSTING
    assert slots.attempts_of(database, tweet_id)[0]["finished_at"] is None
    assert len(tweets.life(database, tweet_id)) == 3
    with pytest.raises(AccountBlockedError):
        claim(database, account, "slot 2")
    record(database, account, claimed, TweetState.POSTED, remote_id="17", body="x" * 100_000)
    assert state_of(database, tweet_id) is TweetState.POSTED


WRITER_ON_A_FULL_DISK = """
import json, os, resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.store import tweets
from bot.store.database import database_url, open_database
from bot.store.records import Candidate
from config.errors import StoreError

now = datetime(2026, 11, 2, 9, tzinfo=UTC)
path = Path(sys.argv[1])
database = open_database(database_url("", path))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20_000,) * 2)
kept, error = 0, ""
for i in range(100):
    try:
        batch = [Candidate(f"{i} {n} {'x' * 500}", 500) for n in range(5)]
        tweets.add_candidates(database, int(sys.argv[2]), batch, now)
    except StoreError as exc:
        error = str(exc)
        break
    kept += 5
print(json.dumps({"kept": kept, "error": error}))
"""


@pytest.mark.slow
def test_file_that_the_system_lets_grow_no_further_keeps_every_finished_batch(path, database, account):
    done = subprocess.run(
        [sys.executable, "-c", WRITER_ON_A_FULL_DISK, str(path), str(account)],
        capture_output=True,
        text=True,
        check=True,
    )

    report = json.loads(done.stdout)
    assert 0 < report["kept"] < 500
    assert report["error"].startswith(f"the database {path} could not be used: ")
    assert "\n" not in report["error"]
    assert tweets.counts(database, account) == {TweetState.PENDING: report["kept"]}
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


# --- revisions --------------------------------------------------------------------------------------------------------


def schema_of(path: Path) -> dict[str, object]:
    """Every table, index and constraint; the order in which a table's constraints are written does not matter."""
    found: dict[str, object] = {}
    for kind, name, statement in sql(path, "SELECT type, name, sql FROM sqlite_master"):
        if name == "alembic_version":  # alembic makes this one itself and names its key by its own taste
            found[name] = sql(path, "PRAGMA table_info(alembic_version)")
        else:
            found[f"{kind} {name}"] = statement and sorted(line.strip(" ,\t") for line in statement.splitlines())
    return found


@pytest.mark.parametrize("exists", [False, True], ids=["no file", "empty file"])
def test_upgrade_gives_the_schema_of_a_new_database(tmp_path, exists):
    new, upgraded = tmp_path / "new.sqlite3", tmp_path / "upgraded.sqlite3"
    if exists:
        upgraded.touch()
    open_database(database_url("", new)).close()

    upgrade_database(database_url("", upgraded), NOW)

    assert schema_of(upgraded) == schema_of(new)
    assert sql(upgraded, "SELECT version_num FROM alembic_version") == [(HEAD_REVISION,)]


def test_upgrade_of_a_database_at_the_head_changes_nothing_and_leaves_a_copy(path, database, account):
    (tweet_id,) = queue(database, account, "one")

    told = upgrade_database(database_url("", path), NOW)

    copy = path.with_name("bot.sqlite3.before-20261102090000")
    assert told == f"the database is at revision {HEAD_REVISION}; a copy from before is {copy}"
    assert sql(copy, "SELECT id FROM tweets") == [(tweet_id,)]
    assert state_of(database, tweet_id) is TweetState.APPROVED


def test_head_revision_is_the_head_of_alembic():
    settings = Config()
    settings.set_main_option("script_location", "bot.store:migrations")
    scripts = ScriptDirectory.from_config(settings)

    assert scripts.get_heads() == [HEAD_REVISION]
    assert [script.revision for script in scripts.walk_revisions()][::-1] == list(KNOWN_REVISIONS)


@pytest.mark.parametrize("act", [open_database, lambda url: upgrade_database(url, NOW)], ids=["open", "upgrade"])
def test_database_of_a_newer_program_is_left_alone(path, database, act):
    sql(path, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseTooNewError, match="9999") as caught:
        act(database_url("", path))

    assert no_line_break(caught)
    assert sql(path, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_broken_upgrade_leaves_the_database_as_it_was(path):
    """A table of the same name is in the way: every step before it is undone too."""
    sql(path, "CREATE TABLE slots (x)")

    with pytest.raises(StoreError, match="the database is as it was"):
        upgrade_database(database_url("", path), NOW)

    assert sql(path, "SELECT name FROM sqlite_master") == [("slots",)]


def test_every_state_fits_its_column(database, account):
    """SQLite does not count, PostgreSQL does: no state is longer than its column."""
    assert max(map(len, TweetState)) <= tweets_table.c.state.type.length
    with database.begin() as connection:
        connection.execute(insert(tweets_table).values(**row(account, "one")))
        connection.execute(update(tweets_table).values(state=TweetState.HELD))


def row(account_id: int, text_: str) -> dict[str, object]:
    return {
        "account_id": account_id,
        "text": text_,
        "text_fingerprint": text_fingerprint(text_),
        "state": TweetState.PENDING,
        "weighted_length": len(text_),
        "origin": "person",
        "sampling": {},
        "created_at": NOW,
    }
