"""`bot run` and what goes with it: `pause`, `resume`, `resolve`, `schedule preview`."""

import signal
from typing import Annotated

import typer

from bot.commands.shared import Opened, now, opened
from bot.output import notice, result, result_json, table
from config.errors import SettingsError, UsageError
from config.home import Home

schedule_commands = typer.Typer(no_args_is_help=True, help="When it posts.")


def register(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("resolve")(resolve)
    app.add_typer(schedule_commands, name="schedule")


def run(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show posts, send nothing.")] = False,
    every: Annotated[
        str | None, typer.Option(help="With --dry-run: a post every 5s, 10m or 1h, approved by nobody.")
    ] = None,
    posts: Annotated[int, typer.Option(help="End after so many posts.", min=0)] = 0,
    random_seed: Annotated[int | None, typer.Option(help="Write the same candidates again.")] = None,
) -> None:
    """Write, queue and post on schedule, until Ctrl-C."""
    home: Home = context.obj
    if every and not dry_run:
        raise UsageError("--every only goes with --dry-run: a live bot posts by the cron lines in bot.toml")
    from bot.daemon import hold_lock

    with hold_lock(home), opened(home) as bot:
        _run(bot, dry_run, every, posts, random_seed)


def _run(bot: Opened, dry_run: bool, every: str | None, posts: int, random_seed: int | None) -> None:
    from bot.daemon import Daemon, RunOptions
    from bot.poster import DryRunPoster, Poster
    from bot.schedule import Cron, Every, Schedule, parse_duration
    from bot.screen import TerminalScreen

    settings = bot.settings
    schedule: Schedule = Cron(settings.schedule.cron, settings.schedule.zone)
    if every:
        schedule = Every(parse_duration(every))
    poster: Poster = DryRunPoster()
    if not dry_run:
        poster = _live_poster(bot)
    options = RunOptions(dry_run, bool(every) or settings.review.auto_approve, posts, random_seed)
    daemon = Daemon(
        bot.home,
        settings,
        bot.database,
        bot.account,
        poster,
        schedule,
        options,
        TerminalScreen(settings.schedule.zone),
        now,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: daemon.stop())
    notice(
        "dry run: nothing is sent to X. Ctrl-C ends it."
        if dry_run
        else f"LIVE: tweets go out as account {bot.account.name}. Ctrl-C ends it."
    )
    daemon.run()
    notice(f"stopped after {daemon.posts} {'dry ' if dry_run else ''}posts; start again to go on with the same queue")


def _live_poster(bot: Opened) -> "TwitterPoster":  # type: ignore[name-defined]  # noqa: F821 - imported late
    from config.secrets import load_secrets

    settings = bot.settings
    if not settings.posting.live:
        raise SettingsError(f"posting is off: set live = true under [posting] in {bot.home.settings}, or use --dry-run")
    if settings.review.auto_approve:
        raise SettingsError("auto_approve is only for dry runs: with live posting a person approves each tweet")
    from bot.daemon import check_live_model
    from bot.twitter import TwitterPoster
    from model.live import live_checkpoint

    check_live_model(live_checkpoint(bot.home), settings)
    return TwitterPoster(
        load_secrets(bot.home.secrets),
        settings.posting.connect_timeout_seconds,
        settings.posting.read_timeout_seconds,
    )


def pause(
    context: typer.Context,
    reason: Annotated[str, typer.Argument(help="For whoever looks later.")] = "paused by a person",
) -> None:
    """Post nothing until "bot resume"."""
    from bot.store.accounts import set_pause

    with opened(context.obj) as bot:
        set_pause(bot.database, bot.account.id, reason, now())
    result(f"paused: {reason}")


def resume(context: typer.Context) -> None:
    """Post again; slots that fell into the pause are not made up for."""
    from bot.store.accounts import set_pause

    with opened(context.obj) as bot:
        set_pause(bot.database, bot.account.id, None, now())
    result("the bot posts again")


def resolve(
    context: typer.Context,
    tweet_id: Annotated[int, typer.Argument(help="A tweet whose state is unknown or held.")],
    posted: Annotated[str | None, typer.Option(help="It stands on X, under this id.")] = None,
    resend: Annotated[bool, typer.Option("--resend", help="It is not on X: post it again.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="It is not on X, and shall not be.")] = False,
) -> None:
    """Say what became of a tweet whose answer was lost. Look at the account on X first."""
    from bot.store.records import PERSON, TweetState
    from bot.store.tweets import change_state

    if (posted is not None) + resend + drop != 1:
        raise UsageError("say one of --posted ID, --resend, --drop; look at the account on X first")
    if posted is not None and not posted.isdigit():
        raise UsageError(f'"{posted}" is no id of a tweet: it is the number at the end of the address on X')
    at = now()
    state = TweetState.POSTED if posted else TweetState.APPROVED if resend else TweetState.REJECTED
    values = {"remote_id": posted, "posted_at": at} if posted else {}
    with opened(context.obj) as bot, bot.database.begin() as connection:
        change_state(connection, tweet_id, state, PERSON, "resolved by hand", at, reason="", **values)
    result(f"tweet {tweet_id} is {state}")


@schedule_commands.command("preview")
def preview(
    context: typer.Context,
    days: Annotated[int, typer.Option(help="How far to look.", min=1, max=366)] = 7,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """The next slots, in local time and UTC."""
    from bot.schedule import Cron, upcoming
    from config.settings import load_settings

    home: Home = context.obj
    settings = load_settings(home.settings).schedule
    slots = upcoming(Cron(settings.cron, settings.zone), now(), days)
    if json:
        result_json(
            {
                "timezone": settings.timezone,
                "slots": [{"due_at": s.due_at.isoformat(), "key": s.key, "label": s.label} for s in slots],
            }
        )
        return
    rows = [[f"{s.due_at.astimezone(settings.zone):%a %d %b %H:%M}", f"{s.due_at:%d %b %H:%M}", s.label] for s in slots]
    result(table(rows, [settings.timezone, "UTC", "line"]))
