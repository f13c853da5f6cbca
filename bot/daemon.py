"""The long-running process: wakes, fills the queue, posts what is due, changes over to a promoted checkpoint."""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from filelock import FileLock, Timeout

from bot import queue
from bot.filters import reject
from bot.poster import Poster
from bot.posting import Verdict, send_claimed
from bot.schedule import DueSlot, Schedule, plan, start_alarm
from bot.store import accounts, slots, tweets
from bot.store.database import Database
from bot.store.records import Account, Claim, TweetState
from bot.writer import Writer
from config.errors import AlreadyRunningError, BotError, ModelError, StoreError
from config.home import Home
from config.settings import Settings
from model.checkpoint import Checkpoint, is_pretrained
from model.live import live_checkpoint, read_live

logger = logging.getLogger(__name__)
_HEARTBEAT = timedelta(seconds=30)
_FILL_PAUSE = timedelta(minutes=10)  # after a fill that brought nothing: the next one would not either


class Screen(Protocol):
    """Where a person watches."""

    def posted(self, claim: Claim, slot: DueSlot, verdict: Verdict, at: datetime) -> None: ...


@dataclass(frozen=True)
class RunOptions:
    """How this run differs from the settings.

    Attributes:
        dry_run: the poster sends nothing.
        auto_approve: nobody reviews; only in a dry run.
        posts: end after so many posts; 0 is never.
        random_seed: of the drafts; None draws one from the system at each fill.
    """

    dry_run: bool
    auto_approve: bool = False
    posts: int = 0
    random_seed: int | None = None


def hold_lock(home: Home) -> FileLock:
    """The home's lock, which the kernel gives back however the process ends.

    Raises:
        AlreadyRunningError: another daemon holds it; the message names its pid.
        StoreError: the home cannot be written.
    """
    lock = FileLock(home.lock)
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        home.lock.with_suffix(".pid").write_text(f"{os.getpid()}\n")
    except Timeout as exc:
        pid = home.lock.with_suffix(".pid")
        who = f"process {pid.read_text().strip()}" if pid.exists() else "another process"
        raise AlreadyRunningError(f"a daemon is running on {home.root} already: {who}") from exc
    except OSError as exc:
        raise StoreError(f"{home.root} cannot be written: {exc.strerror}") from exc
    return lock


class Daemon:
    """One account's daemon; everything it touches outside is given to it."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        database: Database,
        account: Account,
        poster: Poster,
        schedule: Schedule,
        options: RunOptions,
        screen: Screen,
        clock: Callable[[], datetime],
    ) -> None:
        self.home, self.settings, self.database, self.account = home, settings, database, account
        self.poster, self.schedule, self.options, self.screen, self.clock = poster, schedule, options, screen, clock
        self.writer: Writer | None = None
        self.posts = 0
        self._live_seen: object = None
        self._beat_at: datetime | None = None
        self._last_problem = ""
        self._fills = 0
        self._fill_from = datetime.min.replace(tzinfo=UTC)
        self._wake = threading.Event()
        self._stop = False

    def stop(self) -> None:
        """End after the post in hand; safe to call from a signal handler."""
        self._stop = True
        self._wake.set()

    def run(self) -> None:
        """Work until stopped or until `options.posts` tweets went out.

        Raises:
            BotError: it could not start; nothing was posted.
        """
        self.start()
        end_alarm = start_alarm(self.schedule, self._wake.set)
        try:
            self._wake.set()
            while not self._stop:
                self._wake.wait()
                self._wake.clear()
                if not self._stop:
                    self._tick_safely()
        finally:
            end_alarm()

    def start(self) -> None:
        """Bring the queue into order after whatever happened before, and load the model."""
        now = self.clock()
        for tweet_id, state in slots.settle_interrupted(self.database, self.account.id, now):
            logger.warning("tweet %s was being posted when the program ended: it is %s", tweet_id, state)
        if not self.options.dry_run:
            taken_back = tweets.take_back_dry_approvals(self.database, self.account.id, now)
            if taken_back:
                logger.warning("%s tweets were approved by a dry run only: they wait for review again", taken_back)
        self._load_writer()
        self._refill()

    def _tick_safely(self) -> None:
        try:
            self.tick(self.clock())
            self._last_problem = ""
        except BotError as exc:
            if str(exc) != self._last_problem:  # once, not at every tick
                logger.error("%s", exc)
            self._last_problem = str(exc)
        except Exception:
            logger.exception("a bug; the daemon goes on", extra={"event": "tick_failed"})

    def tick(self, now: datetime) -> None:
        """Do what is due at `now`."""
        self._heartbeat(now)
        self._change_over()
        self._post_due(now)
        if not self._stop:
            self._refill()

    def _heartbeat(self, now: datetime) -> None:
        if self._beat_at is None or now - self._beat_at >= _HEARTBEAT:
            accounts.beat(self.database, self.account.id, now)
            self._beat_at = now

    def _post_due(self, now: datetime) -> None:
        account = accounts.open_account(self.database, self.account.name, now)
        if account.pause_reason and not self.options.dry_run:
            return
        prefix = "dry " if self.options.dry_run else "cron "
        last = slots.last_slot_at(self.database, account.id, prefix=prefix)
        since = max(account.schedule_from, last) if last else account.schedule_from
        todo = plan(self.schedule, since, now, timedelta(minutes=self.settings.schedule.late_minutes))
        for slot, reason in todo.missed:
            if slots.note_missed(self.database, account.id, self._key(slot), slot.due_at, reason, now):
                logger.warning("slot %s was missed: %s", slot.label, reason)
        if todo.fill:
            self._post(todo.fill, now)

    def _key(self, slot: DueSlot) -> str:
        # a dry run takes no slot away from the live bot
        return f"dry {slot.key}" if self.options.dry_run else slot.key

    def _post(self, slot: DueSlot, now: datetime) -> None:
        claim = self._claim(slot, now)
        if not claim:
            return
        verdict = send_claimed(self.database, self.account.id, claim, self.poster, self.clock)
        self.screen.posted(claim, slot, verdict, now)
        if verdict.state in (TweetState.POSTED, TweetState.DRY_POSTED):
            self.posts += 1
            if self.options.posts and self.posts >= self.options.posts:
                self.stop()

    def _claim(self, slot: DueSlot, now: datetime) -> Claim | None:
        """The next tweet that still passes every rule; what no longer does is rejected on the way."""
        for tweet in tweets.in_state(self.database, self.account.id, [TweetState.APPROVED]):
            if tweet.not_before and tweet.not_before > now:
                continue
            rejection = self._rejection(tweet.text)
            if rejection is None:
                break
            logger.warning("tweet %s is not posted: %s", tweet.id, rejection)
            tweets.reject(self.database, tweet.id, "rules", rejection, now)
        key = self._key(slot)
        claim = slots.claim_next(self.database, self.account.id, key, slot.due_at, now, dry_run=self.options.dry_run)
        if claim is None:
            logger.warning('slot %s passes: no tweet is approved, run "bot review"', slot.label)
        return claim

    def _rejection(self, text: str) -> str | None:
        found = reject(text, self.writer.rules) if self.writer else None
        return f"{found.rule}: {found.reason}" if found else None

    def _refill(self) -> None:
        queue_settings = self.settings.queue
        waiting = queue.waiting(self.database, self.account.id)
        now = self.clock()
        if self.writer and waiting < queue_settings.low_water and now >= self._fill_from:
            seed = self.options.random_seed
            report = queue.fill(
                self.database,
                self.account.id,
                self.writer,
                queue_settings.target - waiting,
                int.from_bytes(os.urandom(4)) if seed is None else seed + self._fills,
                self.clock,
                batch=self.settings.sampler.batch,
                should_stop=lambda: self._stop,
            )
            self._fills += 1
            logger.info(
                "%s candidates queued of %s written", report.kept, report.considered, extra={"event": "queue_filled"}
            )
            if not report.kept and not self._stop:
                self._fill_from = now + _FILL_PAUSE
                logger.error(
                    "no candidate passes the rules: the model needs more training, or the rules are too strict"
                )
        if self.options.auto_approve:
            queue.approve_all_for_dry_run(self.database, self.account.id, self.clock())

    def _change_over(self) -> None:
        """Take a newly promoted checkpoint into use; one that cannot be read leaves the old one at work."""
        if read_live(self.home) != self._live_seen:
            try:
                self._load_writer()
            except ModelError as exc:
                logger.error("the promoted checkpoint cannot be used, the old one stays: %s", exc)

    def _load_writer(self) -> None:
        live = read_live(self.home)
        self._live_seen = live  # also if it fails: it is reported once, not at every tick
        checkpoint = live_checkpoint(self.home)
        if not self.options.dry_run:
            check_live_model(checkpoint, self.settings)
        self.writer = Writer(checkpoint, self.settings)
        logger.info("the model is %s", checkpoint.name, extra={"event": "model_loaded"})


def check_live_model(checkpoint: Checkpoint, settings: Settings) -> None:
    """Refuse to post for real what this model writes, where it must not.

    Raises:
        ModelError: it is the shipped model, or nothing tells which texts it may have memorised.
    """
    if is_pretrained(checkpoint) and not settings.posting.allow_pretrained:
        raise ModelError(
            'the shipped model is not your voice: run "bot train" on your own tweets and "bot model promote" first, '
            "or set allow_pretrained = true under [posting]"
        )
    if checkpoint.fingerprints() is None:
        raise ModelError(
            f"{checkpoint.path} has no fingerprints.bin, so copied tweets would not be noticed: train it again"
        )
