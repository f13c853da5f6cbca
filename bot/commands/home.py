"""`bot init`, `doctor`, `status`, `db`: a bot's home and whether all is well in it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.shared import now, opened
from bot.output import notice, result, result_json
from config.errors import BotError, StoreError
from config.home import Home

db_commands = typer.Typer(no_args_is_help=True, help="The database.")


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.add_typer(db_commands, name="db")


def init(context: typer.Context) -> None:
    """Make this bot's home: settings with every default, and a file for the keys. Nothing is overwritten."""
    from config.secrets import NAMES
    from config.settings import default_toml

    home: Home = context.obj
    keys = "# From X's developer portal, OAuth 1.0a, an app with read and write permission\n"
    keys += "".join(f"{name}=\n" for name in NAMES)
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        for path, text, mode in ((home.settings, default_toml(), 0o644), (home.secrets, keys, 0o600)):
            if path.exists():
                notice(f"{path} stands already, it is left as it is")
                continue
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
                file.write(text)
            result(f"{path}")
    except OSError as exc:
        raise StoreError(f"{home.root} cannot be written: {exc.strerror}") from exc


def status(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """What the bot does, on one screen."""
    from bot.schedule import Cron, upcoming
    from bot.store import slots, tweets
    from model.live import live_checkpoint

    with opened(context.obj) as bot:
        counts = tweets.counts(bot.database, bot.account.id)
        rejected = tweets.rejections(bot.database, bot.account.id)
        recent = slots.recent_slots(bot.database, bot.account.id, 5)
        settings, account = bot.settings, bot.account
        model = live_checkpoint(bot.home)
    coming = upcoming(Cron(settings.schedule.cron, settings.schedule.zone), now(), 7)[:3]
    if json:
        result_json(
            {
                "account": account.name,
                "live": settings.posting.live,
                "paused": account.pause_reason,
                "heartbeat_at": account.heartbeat_at and account.heartbeat_at.isoformat(),
                "model": {"name": model.name, "sha256": model.sha256},
                "tweets": counts,
                "rejected_by": rejected,
                "recent_slots": [vars(slot) for slot in recent],
                "next_slots": [slot.due_at.isoformat() for slot in coming],
            }
        )
        return
    lines = [
        ["account", account.name + ("" if settings.posting.live else "  (posting is off: dry runs only)")],
        ["paused", account.pause_reason or "no"],
        ["daemon seen", f"{account.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC" if account.heartbeat_at else "never"],
        ["model", f"{model.name}  {model.path}"],
        ["tweets", ", ".join(f"{count} {state}" for state, count in counts.items()) or "none yet"],
        ["rejected by", ", ".join(f"{rule} {n}" for rule, n in sorted(rejected.items(), key=lambda r: -r[1])) or "-"],
        *(
            ["last slots" if i == 0 else "", f"{s.due_at:%d %b %H:%M} {s.state} {s.reason}"]
            for i, s in enumerate(recent)
        ),
        *(["next slots" if i == 0 else "", f"{s.due_at:%d %b %H:%M} UTC  {s.label}"] for i, s in enumerate(coming)),
    ]
    result("\n".join(f"{name:<12}  {value}".rstrip() for name, value in lines))


def doctor(context: typer.Context) -> None:
    """Look for what is wrong, and say what to do about it. Nothing is sent."""
    home: Home = context.obj
    wrong = 0
    for name, check in _checks(home):
        try:
            result(f"ok     {name}: {check()}")
        except BotError as exc:
            wrong += 1
            result(f"WRONG  {name}: {exc}")
    if wrong:
        raise BotError(f"{wrong} of these need attention")


def _checks(home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
    from bot.daemon import check_live_model
    from bot.schedule import Cron
    from config.secrets import load_secrets
    from config.settings import load_settings
    from model.live import live_checkpoint

    def settings() -> str:
        load_settings(home.settings)
        return str(home.settings) if home.settings.exists() else "the defaults, as there is no bot.toml"

    def schedule() -> str:
        values = load_settings(home.settings).schedule
        return f"{len(Cron(values.cron, values.zone).lines)} cron lines in {values.timezone}"

    def model() -> str:
        checkpoint = live_checkpoint(home)
        checkpoint.weights()
        return str(checkpoint.path)

    def may_post() -> str:
        check_live_model(live_checkpoint(home), load_settings(home.settings))
        return "this model may post"

    def keys() -> str:
        return f"for account id {load_secrets(home.secrets).user_id}"

    def database() -> str:
        with opened(home) as bot:
            return bot.database.place

    def disk() -> str:
        free = shutil.disk_usage(home.root if home.root.exists() else Path.cwd()).free
        if free < 100_000_000:
            raise StoreError(f"only {free // 1_000_000} MB are free")
        return f"{free // 1_000_000_000} GB free"

    yield from (
        ("settings", settings),
        ("schedule", schedule),
        ("database", database),
        ("model", model),
        ("live posting", may_post),
        ("keys", keys),
        ("disk", disk),
    )


@db_commands.command("upgrade")
def upgrade(context: typer.Context) -> None:
    """Bring the database to this program's schema; a copy of a SQLite file is made first."""
    from bot.store.database import database_url
    from bot.store.migrate import upgrade_database
    from config.settings import load_settings

    home: Home = context.obj
    url = database_url(load_settings(home.settings).store.database_url, home.database)
    result(upgrade_database(url, now()))
