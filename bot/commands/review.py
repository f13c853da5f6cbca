"""`bot review`: a person decides, at the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.shared import Opened, now, opened
from bot.output import notice, result, result_json, table
from bot.store.records import Tweet, TweetState
from config.errors import BotError, UsageError

if TYPE_CHECKING:
    from bot.filters import Rule

commands = typer.Typer(help="Decide on the tweets that wait: one by one, or by number.")
_KEYS = "[a]pprove  [r]eject  [e]dit  [s]kip  [u]ndo  [q]uit"


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="review")


@commands.callback(invoke_without_command=True)
def review(context: typer.Context) -> None:
    """Decide on the tweets that wait: one by one, or by number."""
    if context.invoked_subcommand:
        return
    if not sys.stdin.isatty():
        raise UsageError('"bot review" asks at a terminal; without one use bot review list, approve, edit, reject')
    with opened(context.obj) as bot:
        _Session(bot).run()


@commands.command("list")
def list_waiting(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """The tweets that wait for a decision."""
    from bot.store import tweets

    with opened(context.obj) as bot:
        waiting = tweets.in_state(bot.database, bot.account.id, [TweetState.PENDING])
    if json:
        result_json({"tweets": [vars(tweet) for tweet in waiting]})
    elif waiting:
        result(table([[str(t.id), str(t.weighted_length), t.text] for t in waiting], ["id", "length", "text"]))
    else:
        notice('no tweet waits: "bot queue fill" writes some')


@commands.command("approve")
def approve(context: typer.Context, tweet_ids: Annotated[list[int], typer.Argument()]) -> None:
    """Let tweets go out at their slots."""
    from bot import review as service

    with opened(context.obj) as bot:
        for tweet_id in tweet_ids:
            service.approve(bot.database, tweet_id, now())
            result(f"tweet {tweet_id} is approved")


@commands.command("reject")
def reject(
    context: typer.Context,
    tweet_ids: Annotated[list[int], typer.Argument()],
    reason: Annotated[str, typer.Option(help="Kept with the tweet.")] = "",
) -> None:
    """Throw tweets away."""
    from bot import review as service

    with opened(context.obj) as bot:
        for tweet_id in tweet_ids:
            service.reject(bot.database, tweet_id, reason, now())
            result(f"tweet {tweet_id} is rejected")


@commands.command("edit")
def edit(context: typer.Context, tweet_id: int, text: str) -> None:
    """Change a tweet's text; it must pass every rule and be approved anew."""
    from bot import review as service

    with opened(context.obj) as bot:
        service.edit(bot.database, tweet_id, text, live_rules(bot), now())
    result(f"tweet {tweet_id} is edited and waits for approval")


@commands.command("undo")
def undo(context: typer.Context, tweet_id: int) -> None:
    """Make a decided tweet wait again."""
    from bot import review as service

    with opened(context.obj) as bot:
        service.reconsider(bot.database, tweet_id, now())
    result(f"tweet {tweet_id} waits for a decision")


def live_rules(bot: Opened) -> dict[str, Rule]:
    """The rules of this bot, with its live model's fingerprints."""
    from bot.filters import build_rules
    from model.live import live_checkpoint

    return build_rules(bot.settings.filters, live_checkpoint(bot.home).fingerprints())


class _Session:
    """One sitting: tweet after tweet, a key each."""

    def __init__(self, bot: Opened) -> None:
        self.bot = bot
        self.rules = live_rules(bot)
        self.decided: list[int] = []

    def run(self) -> None:
        from bot.store import tweets

        waiting = tweets.in_state(self.bot.database, self.bot.account.id, [TweetState.PENDING])
        if not waiting:
            notice('no tweet waits: "bot queue fill" writes some')
        position = 0
        while position < len(waiting):
            tweet = tweets.find(self.bot.database, waiting[position].id)
            if tweet.state is not TweetState.PENDING:
                notice(f"tweet {tweet.id} is {tweet.state} meanwhile")
                position += 1
                continue
            result(f"\n{position + 1} of {len(waiting)}   tweet {tweet.id}   {tweet.weighted_length}/280\n")
            result(f"  {tweet.text}\n")
            try:
                move = self._ask(tweet)
            except BotError as exc:
                notice(f"error: {exc}")
                continue
            except EOFError:
                break
            if move is None:
                break
            position = max(0, position + move)
        notice(f"{len(self.decided)} decided")

    def _ask(self, tweet: Tweet) -> int | None:
        """Do what the key says; how far to move on, or None to quit."""
        from bot import review as service

        database = self.bot.database
        key = input(f"{_KEYS} > ").strip().lower()[:1]
        if key == "q":
            return None
        if key == "s":
            return 1
        if key == "u":
            if not self.decided:
                notice("nothing to undo")
                return 0
            service.reconsider(database, self.decided.pop(), now())
            return -1
        if key == "a":
            service.approve(database, tweet.id, now())
        elif key == "r":
            service.reject(database, tweet.id, input("reason (may be empty) > ").strip(), now())
        elif key == "e":
            service.edit(database, tweet.id, _input_with(tweet.text), self.rules, now())
            return 0
        else:
            return 0
        self.decided.append(tweet.id)
        return 1


def _input_with(text: str) -> str:
    """A line of input that starts out as `text`, where the terminal can do that."""
    try:
        import readline
    except ImportError:  # not every Python has it
        return input("new text > ")
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        return input("edit > ")
    finally:
        readline.set_startup_hook()
