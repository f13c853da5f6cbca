"""The `bot` command: its options, its commands, and the one place where errors become exit codes."""

import importlib
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from bot.output import error
from config.errors import BotError
from config.home import Home

app = typer.Typer(
    name="bot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A Twitter bot that learns to write like its owner, and never embarrasses them.",
)
_debug = False


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="BOT_HOME", help="Folder with one bot's settings, database and checkpoints.")
    ] = Path("data"),
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
) -> None:
    global _debug  # noqa: PLW0603 - the outermost handler in main() outlives typer's context
    _debug = debug
    context.obj = Home(home.absolute())
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    for noisy in ("apscheduler", "alembic", "requests_oauthlib", "oauthlib", "urllib3", "tweepy", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


for _module in ("home", "run", "review", "queue", "generate", "data", "train", "search", "model"):
    importlib.import_module(f"bot.commands.{_module}").register(app)


def main() -> None:
    """Run one command; the exit code says how it ended (README, "Exit codes")."""
    # Many BLAS threads make small products slower, 25 to 80 times on a busy machine; must be set before NumPy loads
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(standalone_mode=False)
    except BotError as exc:
        if _debug:
            traceback.print_exc()
        error(str(exc))
        code = exc.exit_code
    except (KeyboardInterrupt, typer.Abort):
        error("stopped")
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as exc:  # the outermost handler: a bug
        if hasattr(exc, "exit_code") and hasattr(exc, "format_message"):  # typer's own usage errors
            error(exc.format_message())
            code = exc.exit_code
        else:
            traceback.print_exc()
            error(f"this is a bug in the program: {type(exc).__name__}: {exc}")
            code = 3
    sys.exit(code if isinstance(code, int) else 0)
