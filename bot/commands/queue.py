"""`bot queue`: write candidates, add texts, look at them."""

import os
from typing import Annotated

import typer

from bot.commands.review import live_rules
from bot.commands.shared import now, opened
from bot.output import notice, result, result_json, table
from bot.store.records import Candidate, TweetState

commands = typer.Typer(no_args_is_help=True, help="The tweets that wait, and all others.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="queue")


@commands.command("fill")
def fill(
    context: typer.Context,
    count: Annotated[int, typer.Option(help="How many candidates to add.", min=1)] = 20,
    prefix: Annotated[str, typer.Option(help="How each begins.")] = "",
    random_seed: Annotated[int | None, typer.Option(help="The same seed writes the same candidates.")] = None,
) -> None:
    """Write candidates with the live model and queue those that pass every rule."""
    from bot import queue
    from bot.writer import Writer
    from model.live import live_checkpoint

    with opened(context.obj) as bot:
        report = queue.fill(
            bot.database,
            bot.account.id,
            Writer(live_checkpoint(bot.home), bot.settings),
            count,
            int.from_bytes(os.urandom(4)) if random_seed is None else random_seed,
            now,
            batch=bot.settings.sampler.batch,
            prefix=prefix,
        )
    result(f"{report.kept} candidates queued of {report.considered} written")


@commands.command("list")
def list_tweets(
    context: typer.Context,
    state: Annotated[TweetState | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tweets with their states, oldest first; without --state all but the rejected."""
    from bot.store import tweets

    states = [state] if state else [s for s in TweetState if s is not TweetState.REJECTED]
    with opened(context.obj) as bot:
        found = tweets.in_state(bot.database, bot.account.id, states, limit)
    if json:
        result_json({"tweets": [vars(tweet) for tweet in found]})
        return
    rows = [
        [str(t.id), t.state, str(t.weighted_length), t.text + (f"   ({t.reason})" if t.reason else "")] for t in found
    ]
    result(table(rows, ["id", "state", "length", "text"]))


@commands.command("show")
def show(
    context: typer.Context,
    tweet_id: int,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """One tweet's whole life."""
    from bot.store import slots, tweets

    with opened(context.obj) as bot:
        tweet = tweets.find(bot.database, tweet_id)
        life = tweets.life(bot.database, tweet_id)
        attempts = slots.attempts_of(bot.database, tweet_id)
    if json:
        result_json(vars(tweet) | {"life": [vars(event) for event in life], "attempts": attempts})
        return
    result(f"tweet {tweet.id}, {tweet.state}, {tweet.weighted_length} weighted characters\n\n  {tweet.text}\n")
    if tweet.original_text:
        result(f"as written: {tweet.original_text}\n")
    result(table([[f"{e.at:%Y-%m-%d %H:%M:%S}", e.state, e.actor, e.detail] for e in life], ["UTC", "state", "by", ""]))
    for attempt in attempts:
        answer = f"HTTP {attempt['http_status']}" if attempt["http_status"] else attempt["error"] or "no answer"
        kind = "dry run" if attempt["dry_run"] else answer
        result(f"attempt {attempt['number']} at {attempt['claimed_at']:%Y-%m-%d %H:%M:%S}: {kind}")


@commands.command("add")
def add(context: typer.Context, text: str) -> None:
    """Queue a text of your own; it passes the same rules and waits for approval."""
    from bot.filters import weighted_length
    from bot.review import check
    from bot.store import tweets
    from config.errors import BotError

    text = text.strip()
    with opened(context.obj) as bot:
        check(text, live_rules(bot))
        candidate = Candidate(text, weighted_length(text), origin="person")
        (state,) = tweets.add_candidates(bot.database, bot.account.id, [candidate], now())
    if state is TweetState.REJECTED:
        raise BotError("the same text is in the queue already")
    notice("queued; it waits for approval")
