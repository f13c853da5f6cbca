"""When to post: cron lines and a zone to slots, as pure functions; and the alarm clock, APScheduler, that only wakes.

Whether a slot is due, taken or missed is decided from the store, so a late, double or missing wake-up does no harm.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from config.errors import SettingsError, UsageError

TICK_SECONDS = 30
_LOOK_BACK = timedelta(days=7)  # after a longer downtime nobody wants the list of every missed slot
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # crontab's numbers; APScheduler calls Monday 0
_LONGEST_SECONDS = 366 * 86400
_DURATION = re.compile(r"(\d+)\s*(s|m|h)")


@dataclass(frozen=True)
class DueSlot:
    """One time at which a tweet is to go out.

    Attributes:
        key: unique for ever in one account; by local time, so the hour that comes twice in autumn has one.
        label: for people.
    """

    key: str
    due_at: datetime
    label: str


class Cron:
    """All cron lines of one bot."""

    def __init__(self, lines: Sequence[str], zone: ZoneInfo) -> None:
        self.zone = zone
        self.lines = [(line, parse_cron(line, zone)) for line in lines]

    def slots(self, since: datetime, until: datetime) -> list[DueSlot]:
        """The slots after `since` up to and with `until`, earliest first, each local time once."""
        found: dict[str, DueSlot] = {}
        for line, triggers in self.lines:
            for at in _fire_times(triggers, since, until):
                # fold=0: the hour that comes twice in autumn counts the first time
                local = at.astimezone(self.zone).replace(fold=0)
                key = f"cron {local:%Y-%m-%dT%H:%M} {self.zone.key}"
                due_at = local.astimezone(UTC)
                if since < due_at and key not in found:
                    found[key] = DueSlot(key, due_at, f"{local:%H:%M} ({line})")
        return sorted(found.values(), key=lambda slot: slot.due_at)

    def triggers(self) -> list[BaseTrigger]:
        return [trigger for _, triggers in self.lines for trigger in triggers]


@dataclass(frozen=True)
class Every:
    """A slot every so many seconds, on the clock's own multiples; for dry runs."""

    seconds: int

    def slots(self, since: datetime, until: datetime) -> list[DueSlot]:
        """The latest slot after `since` up to and with `until`; earlier ones are not made up for."""
        at = datetime.fromtimestamp(until.timestamp() // self.seconds * self.seconds, UTC)
        return [DueSlot(f"every {at:%Y-%m-%dT%H:%M:%S}", at, f"{at:%H:%M:%S} UTC (every {self.seconds} s)")] * (
            at > since
        )

    def triggers(self) -> list[BaseTrigger]:
        return [IntervalTrigger(seconds=self.seconds, start_date=datetime(2020, 1, 1, tzinfo=UTC), timezone=UTC)]


Schedule = Cron | Every


def parse_duration(text: str) -> int:
    """Seconds of "5s", "10m" or "1h".

    Raises:
        UsageError: it is no such duration, or none at all.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not seconds:
        raise UsageError(f'"{text}" is no duration: write for example 5s, 10m or 1h')
    if seconds > _LONGEST_SECONDS:
        raise UsageError(f'"{text}" is longer than a year')
    return seconds


def parse_cron(line: str, zone: ZoneInfo) -> tuple[CronTrigger, ...]:
    """The triggers of one crontab line; two where both day and weekday are given, as either is enough in crontab.

    Raises:
        SettingsError: it is no crontab line; the message names the line and the field.
    """
    fields = line.split()
    if len(fields) != 5:
        raise SettingsError(
            f'[schedule] cron "{line}": expected 5 fields (minute hour day month weekday), found {len(fields)}'
        )
    minute, hour, day, month, weekday = fields
    names = _weekday_names(weekday, line)
    both = not day.startswith("*") and not weekday.startswith("*")
    variants = [(day, "*"), ("*", names)] if both else [(day, names)]
    try:
        return tuple(
            CronTrigger(minute=minute, hour=hour, day=d, month=month.lower(), day_of_week=w, timezone=zone)
            for d, w in variants
        )
    except ValueError as exc:
        raise SettingsError(f'[schedule] cron "{line}": {exc}') from exc


def _weekday_names(field: str, line: str) -> str:
    """Crontab's weekdays (0 and 7 are Sunday, ranges, steps, names) as APScheduler's names."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.lower().split(","):
        body, _, step = part.partition("/")
        first, _, last = ("0", "", "6") if body == "*" else body.partition("-")
        try:
            low = _weekday_number(first)
            high = _weekday_number(last) if last else low
            if high < low and high == 0:
                high = 7  # fri-sun
            numbers = range(low, high + 1, int(step or 1))
        except ValueError:
            raise SettingsError(f'[schedule] cron "{line}": "{field}" is no weekday (0-7 or sun-sat)') from None
        days.update(number % 7 for number in numbers)
    if not days:
        raise SettingsError(f'[schedule] cron "{line}": "{field}" matches no weekday')
    return ",".join(_WEEKDAYS[number] for number in sorted(days))


def _weekday_number(text: str) -> int:
    number = _WEEKDAYS.index(text) if text in _WEEKDAYS else int(text)
    if not 0 <= number <= 7:
        raise ValueError(text)
    return number


def _fire_times(triggers: Iterable[CronTrigger], since: datetime, until: datetime) -> Iterator[datetime]:
    for trigger in triggers:
        at = trigger.get_next_fire_time(since, since)
        while at is not None and at <= until:
            yield at
            at = trigger.get_next_fire_time(at, at)


@dataclass(frozen=True)
class Plan:
    """What to do now.

    Attributes:
        fill: the slot to post in, if any.
        missed: slots that pass, each with the reason.
    """

    fill: DueSlot | None
    missed: tuple[tuple[DueSlot, str], ...] = ()


def plan(schedule: Schedule, since: datetime, now: datetime, late: timedelta) -> Plan:
    """Which slot to fill, of those due after `since` and not after `now`: the latest, if it is not too old."""
    due = schedule.slots(max(since, now - _LOOK_BACK), now)
    if not due:
        return Plan(None)
    *earlier, latest = due
    missed = [(slot, "nothing could be posted in time; a later slot is used") for slot in earlier]
    if now - latest.due_at <= late:
        return Plan(latest, tuple(missed))
    return Plan(None, (*missed, (latest, "nothing could be posted until it was too late")))


def upcoming(schedule: Cron, now: datetime, days: int) -> list[DueSlot]:
    """The slots of the next days."""
    return schedule.slots(now, now + timedelta(days=days))


def start_alarm(schedule: Schedule, wake: Callable[[], None]) -> Callable[[], None]:
    """Call `wake` from another thread at each slot, and every 30 s in case one was slept through.

    Returns:
        A function that ends it.
    """
    scheduler = BackgroundScheduler(timezone=UTC)
    triggers = [*schedule.triggers(), IntervalTrigger(seconds=TICK_SECONDS, timezone=UTC)]
    for i, trigger in enumerate(triggers):
        scheduler.add_job(
            wake,
            trigger,
            id=f"wake-{i}",
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,  # a late wake-up is as good as a punctual one: the store knows what is due
        )
    scheduler.start()
    return lambda: scheduler.shutdown(wait=False)
