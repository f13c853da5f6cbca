"""Cron lines mean what crontab says, in every zone, and each local time is one slot."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.schedule import Cron, DueSlot, Every, Plan, parse_cron, parse_duration, plan, upcoming
from config.errors import SettingsError, UsageError

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 10, tzinfo=UTC)
LATE = timedelta(minutes=120)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def days_of(line: str, *, first: date = date(2026, 11, 1), count: int = 14) -> list[date]:
    """The days on which a line fires, of the two weeks from Sunday 1 November 2026 on."""
    start = datetime.combine(first, time(), UTC)
    slots = Cron([line], ZoneInfo("UTC")).slots(start - timedelta(seconds=1), start + timedelta(days=count, seconds=-1))
    return [slot.due_at.date() for slot in slots]


def november(*days: int) -> list[date]:
    return [date(2026, 11, day) for day in days]


# --- crontab lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", (1, 8)),
        ("7", (1, 8)),
        ("sun", (1, 8)),
        ("1", (2, 9)),
        ("mon", (2, 9)),
        ("MON", (2, 9)),
        ("6", (7, 14)),
        ("Sat", (7, 14)),
        ("1-5", (2, 3, 4, 5, 6, 9, 10, 11, 12, 13)),
        ("mon-fri", (2, 3, 4, 5, 6, 9, 10, 11, 12, 13)),
        ("fri-sun", (1, 6, 7, 8, 13, 14)),
        ("5-7", (1, 6, 7, 8, 13, 14)),
        ("6-0", (1, 7, 8, 14)),
        ("sun-tue", (1, 2, 3, 8, 9, 10)),
        ("0-7", tuple(range(1, 15))),
        ("mon,wed,fri", (2, 4, 6, 9, 11, 13)),
        ("5,1,3", (2, 4, 6, 9, 11, 13)),
        ("0,7", (1, 8)),
        ("1-5/2", (2, 4, 6, 9, 11, 13)),
        ("*/2", (1, 3, 5, 7, 8, 10, 12, 14)),
        ("*/3", (1, 4, 7, 8, 11, 14)),
        ("sat,1-2", (2, 3, 7, 9, 10, 14)),
        ("*", tuple(range(1, 15))),
    ],
)
def test_weekdays_are_those_of_crontab(weekday, days):
    assert days_of(f"0 9 * * {weekday}") == november(*days)


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 9 13 * fri", (6, 13)),
        ("0 9 3 * 0", (1, 3, 8)),
        ("0 9 3,4 * mon-tue", (2, 3, 4, 9, 10)),
        ("0 9 31 * sat", (7, 14)),
        ("0 9 * * sat", (7, 14)),
        ("0 9 5 * *", (5,)),
        ("0 9 5 12 *", ()),
        ("0 9 5 nov *", (5,)),
        ("0 9 5 NOV-DEC *", (5,)),
        ("0 9 */5 * *", (1, 6, 11)),
    ],
)
def test_day_and_weekday_are_joined_by_or_where_both_are_given(line, days):
    assert days_of(line) == november(*days)


def test_day_that_both_day_and_weekday_name_is_one_slot():
    assert days_of("0 9 2 * mon") == november(2, 9)


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("0 9,17 * * *", ["09:00", "17:00"]),
        ("30 9-11 * * *", ["09:30", "10:30", "11:30"]),
        ("*/20 9 * * *", ["09:00", "09:20", "09:40"]),
        ("0-10/5 9 * * *", ["09:00", "09:05", "09:10"]),
        ("59 23 * * *", ["23:59"]),
        ("0 */6 * * *", ["00:00", "06:00", "12:00", "18:00"]),
    ],
)
def test_hours_and_minutes_are_those_of_crontab(line, times):
    slots = Cron([line], ZoneInfo("UTC")).slots(MONDAY - timedelta(seconds=1), MONDAY + timedelta(hours=23, minutes=59))

    assert [f"{slot.due_at:%H:%M}" for slot in slots] == times


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "found 0"),
        ("@daily", "found 1"),
        ("0 9 * *", "found 4"),
        ("0 9 * * * *", "found 6"),
        ("60 9 * * *", "60"),
        ("0 24 * * *", "24"),
        ("0 9 0 * *", "0"),
        ("0 9 32 * *", "32"),
        ("0 9 * 13 *", "13"),
        ("0 9 * foo *", "foo"),
        ("x 9 * * *", "x"),
        ("-5 9 * * *", "-5"),
        ("0 9 ? * mon", "?"),
        ("0 9 * * 8", '"8" is no weekday'),
        ("0 9 * * -1", '"-1" is no weekday'),
        ("0 9 * * montag", '"montag" is no weekday'),
        ("0 9 * * mon,", '"mon," is no weekday'),
        ("0 9 * * mon#1", '"mon#1" is no weekday'),
        ("0 9 * * 1-5/0", '"1-5/0" is no weekday'),
        ("0 9 * * 5-3", '"5-3" matches no weekday'),
    ],
)
def test_bad_line_is_named_with_what_is_wrong(line, complaint):
    with pytest.raises(SettingsError) as caught:
        Cron([line], ZoneInfo("UTC"))

    assert str(caught.value).startswith(f'[schedule] cron "{line}": ')
    assert complaint in str(caught.value).removeprefix(f'[schedule] cron "{line}": ')
    assert "\n" not in str(caught.value)


def test_one_bad_line_among_good_ones_is_the_one_named():
    with pytest.raises(SettingsError, match=r'cron "0 99 \* \* \*"'):
        Cron(["0 9 * * *", "0 99 * * *"], ZoneInfo("UTC"))


def test_line_has_two_triggers_only_where_day_and_weekday_are_both_given():
    assert [len(parse_cron(line, LONDON)) for line in ("0 9 1 * *", "0 9 * * 1", "0 9 1 * 1", "0 9 */2 * 1")] == [
        1,
        1,
        2,
        1,
    ]


# --- slots ------------------------------------------------------------------------------------------------------------


def test_slots_are_after_the_first_time_and_up_to_the_last():
    cron = Cron(["0 * * * *"], ZoneInfo("UTC"))

    slots = cron.slots(utc("2026-11-02T08:00"), utc("2026-11-02T10:00"))

    assert [slot.due_at for slot in slots] == [utc("2026-11-02T09:00"), utc("2026-11-02T10:00")]


def test_slots_of_several_lines_are_sorted_and_each_time_comes_once():
    cron = Cron(["0 17 * * *", "0 9 * * *", "0 9 * * mon"], LONDON)

    slots = cron.slots(utc("2026-11-02T00:00"), utc("2026-11-03T12:00"))

    assert [f"{slot.due_at:%d %H:%M}" for slot in slots] == ["02 09:00", "02 17:00", "03 09:00"]


def test_slot_is_read_in_the_zone_and_due_in_utc():
    (slot,) = Cron(["0 9 * * *"], NEW_YORK).slots(utc("2026-07-01T00:00"), utc("2026-07-02T00:00"))

    assert slot == DueSlot("cron 2026-07-01T09:00 America/New_York", utc("2026-07-01T13:00"), "09:00 (0 9 * * *)")
    assert slot.due_at.tzinfo is UTC


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]


@pytest.mark.parametrize("zone", ZONES)
def test_daily_line_gives_one_slot_on_each_local_day_of_two_years(zone):
    first, days = date(2026, 1, 1), 730
    since = datetime.combine(first, time(), ZoneInfo(zone))
    until = datetime.combine(first + timedelta(days=days), time(), ZoneInfo(zone))

    slots = Cron(["0 9 * * *"], ZoneInfo(zone)).slots(since.astimezone(UTC), until.astimezone(UTC))
    local = [slot.due_at.astimezone(ZoneInfo(zone)) for slot in slots]

    assert [at.date() for at in local] == [first + timedelta(days=i) for i in range(days)]
    assert {at.time() for at in local} == {time(9)}
    assert len({slot.key for slot in slots}) == days


def test_hour_that_comes_twice_in_autumn_is_one_slot_the_first():
    slots = Cron(["30 1 * * *"], NEW_YORK).slots(utc("2026-10-31T12:00"), utc("2026-11-02T12:00"))

    assert [(slot.key, slot.due_at) for slot in slots] == [
        ("cron 2026-11-01T01:30 America/New_York", utc("2026-11-01T05:30")),
        ("cron 2026-11-02T01:30 America/New_York", utc("2026-11-02T06:30")),
    ]


def test_half_hour_that_comes_twice_on_lord_howe_is_one_slot():
    zone = ZoneInfo("Australia/Lord_Howe")

    slots = Cron(["45 1 * * *"], zone).slots(utc("2027-04-03T04:00"), utc("2027-04-03T20:00"))

    assert [slot.due_at for slot in slots] == [utc("2027-04-03T14:45")]


@pytest.mark.parametrize("now", ["05:31", "06:29", "06:30", "06:31", "07:30"])
def test_slot_of_the_doubled_hour_is_not_due_again_once_it_is_past(now):
    """The daemon asks for what is due after its last slot; it must not be given that slot itself again."""
    cron = Cron(["30 1 * * *"], NEW_YORK)

    slots = cron.slots(utc("2026-11-01T05:30"), utc(f"2026-11-01T{now}"))

    assert slots == []


@pytest.mark.parametrize(
    ("start", "line"), [("2026-11-01T03:00", "*/20 1 * * *"), ("2027-03-14T04:00", "*/20 * * * *")]
)
def test_night_of_the_clock_change_gives_the_same_slots_bit_by_bit_as_at_once(start, line):
    cron = Cron([line], NEW_YORK)
    edges = [utc(start) + timedelta(minutes=10 * i) for i in range(37)]

    bit_by_bit = [slot for a, b in pairwise(edges) for slot in cron.slots(a, b)]

    assert [slot.due_at for slot in bit_by_bit] == [slot.due_at for slot in cron.slots(edges[0], edges[-1])]


def test_hour_that_is_left_out_in_spring_is_made_up_for_an_hour_later():
    slots = Cron(["30 2 * * *"], NEW_YORK).slots(utc("2027-03-13T05:00"), utc("2027-03-15T12:00"))

    assert [slot.due_at for slot in slots] == [
        utc("2027-03-13T07:30"),
        utc("2027-03-14T07:30"),  # there is no 02:30; it is 03:30 then
        utc("2027-03-15T06:30"),
    ]
    assert len({slot.key for slot in slots}) == 3


def test_upcoming_slots_are_those_of_the_next_days():
    slots = upcoming(Cron(["0 9 * * *"], ZoneInfo("UTC")), utc("2026-11-02T09:00"), 3)

    assert [slot.due_at.date() for slot in slots] == november(3, 4, 5)


@pytest.mark.parametrize("minute", range(0, 60, 7))
def test_every_slot_lies_on_a_multiple_of_its_seconds(minute):
    until = MIDNIGHT + timedelta(minutes=minute, seconds=5)

    (slot,) = Every(600).slots(MIDNIGHT - timedelta(days=1), until)

    assert slot.due_at.timestamp() % 600 == 0
    assert timedelta(0) <= until - slot.due_at < timedelta(seconds=600)


def test_every_gives_only_the_latest_slot_and_none_that_was_given_before():
    at = utc("2026-11-02T10:00:05")

    assert [slot.due_at for slot in Every(5).slots(at - timedelta(hours=1), at)] == [at]
    assert Every(5).slots(at, at) == []
    assert Every(5).slots(at, at + timedelta(seconds=4)) == []
    assert len(Every(5).slots(at, at + timedelta(seconds=5))) == 1


def test_every_slot_has_its_own_key():
    keys = {
        slot.key
        for i in range(100)
        for slot in Every(5).slots(MIDNIGHT + timedelta(seconds=i - 1), MIDNIGHT + timedelta(seconds=i))
    }

    assert len(keys) == 20


# --- plan -------------------------------------------------------------------------------------------------------------

DAILY = Cron(["0 9 * * *", "0 17 * * *"], ZoneInfo("UTC"))


def planned(now: str, since: str = "2026-11-02T08:00", late: timedelta = LATE) -> tuple[str | None, list[str]]:
    todo = plan(DAILY, utc(since), utc(now), late)
    return todo.fill and f"{todo.fill.due_at:%d %H:%M}", [f"{slot.due_at:%d %H:%M}" for slot, _ in todo.missed]


@pytest.mark.parametrize(
    ("now", "fill", "missed"),
    [
        ("2026-11-02T08:59:59", None, []),
        ("2026-11-02T09:00", "02 09:00", []),
        ("2026-11-02T09:00:29", "02 09:00", []),
        ("2026-11-02T11:00", "02 09:00", []),
        ("2026-11-02T11:00:01", None, ["02 09:00"]),
        ("2026-11-02T17:00", "02 17:00", ["02 09:00"]),
        ("2026-11-02T19:00:01", None, ["02 09:00", "02 17:00"]),
        ("2026-11-03T10:00", "03 09:00", ["02 09:00", "02 17:00"]),
    ],
)
def test_only_the_latest_due_slot_is_filled_and_only_if_it_is_young(now, fill, missed):
    assert planned(now) == (fill, missed)


def test_nothing_is_due_again_after_the_slot_that_was_settled():
    assert planned("2026-11-02T09:30", since="2026-11-02T09:00") == (None, [])


def test_nothing_is_due_where_the_clock_was_set_back():
    assert planned("2026-11-02T08:00", since="2026-11-02T09:00") == (None, [])


def test_without_lateness_a_slot_is_filled_only_at_its_own_time():
    assert planned("2026-11-02T09:00", late=timedelta(0)) == ("02 09:00", [])
    assert planned("2026-11-02T09:00:01", late=timedelta(0)) == (None, ["02 09:00"])


def test_missed_slot_says_whether_a_later_one_was_used():
    todo = plan(DAILY, utc("2026-11-02T08:00"), utc("2026-11-02T20:00"), LATE)

    assert [reason for _, reason in todo.missed] == [
        "nothing could be posted in time; a later slot is used",
        "nothing could be posted until it was too late",
    ]


def test_after_a_month_of_downtime_only_a_week_of_slots_is_called_missed():
    fill, missed = planned("2026-12-02T12:00")

    assert fill is None
    assert len(missed) == 14
    assert missed[0] == "25 17:00"


def test_plan_of_a_dry_run_fills_the_latest_slot():
    assert plan(Every(5), MIDNIGHT, MIDNIGHT + timedelta(seconds=17), LATE) == Plan(
        DueSlot("every 2026-11-10T00:00:15", MIDNIGHT + timedelta(seconds=15), "00:00:15 UTC (every 5 s)")
    )


def test_empty_schedule_never_has_anything_due():
    assert plan(Cron([], LONDON), MIDNIGHT, MIDNIGHT + timedelta(days=5), LATE) == Plan(None)


# --- durations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5), ("10m", 600), ("1h", 3600), (" 5s ", 5), ("90 s", 90), ("007m", 420)]
)
def test_duration_is_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "0s", "0h", "-5s", "1.5h", "5d", "5S", "5m10s", "five", "5s 5s"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(UsageError) as caught:
        parse_duration(text)

    assert str(caught.value) == f'"{text}" is no duration: write for example 5s, 10m or 1h'


def test_duration_longer_than_a_clock_can_count_is_refused():
    with pytest.raises(UsageError):
        parse_duration("99999999999999h")
