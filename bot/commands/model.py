"""`bot model`: which checkpoint the bot writes with."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.commands.shared import now
from bot.output import notice, result, result_json, table
from config.errors import BotError, UsageError
from config.home import Home

commands = typer.Typer(no_args_is_help=True, help="The checkpoint in use and those beside it.")


class WorseModelError(BotError):
    """The checkpoint predicts tweets worse than the one in use."""


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="model")


@commands.command("list")
def list_models(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """The runs of this home, the live one marked."""
    from model.checkpoint import open_checkpoint, pretrained_path
    from model.live import live_checkpoint

    home: Home = context.obj
    live = live_checkpoint(home)
    folders = [pretrained_path(), *sorted(path.parent for path in home.checkpoints.glob("*/best"))]
    found: list[dict[str, Any]] = []
    for folder in folders:
        try:
            checkpoint = open_checkpoint(folder)
        except BotError as exc:
            notice(f"left out: {exc}")
            continue
        score = checkpoint.meta["scores"].get("validate", {})
        found.append(
            {
                "live": checkpoint.sha256 == live.sha256,
                "name": checkpoint.name,
                "created_at": checkpoint.meta["created_at"],
                "validate": score.get("loss_nats_per_char"),
                "path": str(checkpoint.path),
            }
        )
    if json:
        result_json({"checkpoints": found})
        return
    rows = [
        ["*" if m["live"] else "", m["name"], m["created_at"][:16], f"{m['validate'] or float('nan'):.4f}", m["path"]]
        for m in found
    ]
    result(table(rows, ["", "name", "trained", "loss", "path"]))


@commands.command("promote")
def promote(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A run or checkpoint folder.")],
    text_path: Annotated[
        Path | None, typer.Option(help="Held-out tweets to compare on; by default this home's test.txt.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also a worse one.")] = False,
) -> None:
    """Write with this checkpoint from now on, if it predicts unseen tweets at least as well as the live one."""
    promote_checkpoint(context.obj, path, text_path, force=force)


def promote_checkpoint(home: Home, path: Path, text_path: Path | None, *, force: bool) -> None:
    """Make a checkpoint the live one, through the gate.

    Raises:
        WorseModelError: it predicts the held-out tweets worse, and nobody said --force.
    """
    from model.checkpoint import open_checkpoint
    from model.live import live_checkpoint, make_live
    from model.score import Score, score_tweets
    from training.dataset import read_tweets

    candidate = open_checkpoint(path if path.exists() else home.checkpoints / path)
    candidate.weights()
    text = text_path or home.split / "test.txt"
    if text.exists():

        def score(checkpoint: Any) -> Score:
            return score_tweets(checkpoint.network(), checkpoint.vocabulary, read_tweets(text))

        new, old = score(candidate), score(live_checkpoint(home))
        notice(f"on {text}: {new.loss_bits_per_char:.4f} bits a character, live {old.loss_bits_per_char:.4f}")
        if not new.loss_bits_per_char <= old.loss_bits_per_char and not force:
            raise WorseModelError("it predicts these tweets worse than the live one; --force promotes it all the same")
    elif not force:
        raise UsageError(
            f"{text} does not exist: name held-out tweets with --text-path, or skip the check with --force"
        )
    make_live(home, candidate, now())
    result(f"live: {candidate.path}")


@commands.command("rollback")
def rollback(context: typer.Context) -> None:
    """Go back to the checkpoint before the live one."""
    from model.live import roll_back

    result(f"live: {roll_back(context.obj, now()).path}")
