"""Which checkpoint a home uses: `checkpoints/live.json` names it and those before it."""

import json
import os
from dataclasses import dataclass
from datetime import datetime

from config.errors import ModelError, UsageError
from config.home import Home
from model.checkpoint import Checkpoint, open_checkpoint, pretrained_path


@dataclass(frozen=True)
class Live:
    """The content of live.json; folders inside the home's checkpoints are stored by their relative path.

    Attributes:
        path: the live checkpoint.
        previous: those before it, the latest first.
    """

    path: str
    promoted_at: str
    previous: tuple[str, ...] = ()


def read_live(home: Home) -> Live | None:
    """What live.json says; None where nothing was promoted yet and the shipped model is in use."""
    try:
        values = json.loads(home.live.read_text("utf-8"))
        return Live(values["path"], values["promoted_at"], tuple(values["previous"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"{home.live} is damaged ({exc}): delete it to use the shipped model, or promote one") from exc


def live_checkpoint(home: Home) -> Checkpoint:
    """The checkpoint this home writes with.

    Raises:
        ModelError: it is gone or damaged.
    """
    live = read_live(home)
    return open_checkpoint(home.checkpoints / live.path if live else pretrained_path())


def make_live(home: Home, checkpoint: Checkpoint, now: datetime) -> None:
    """Put a checkpoint in the bot's use; the daemon changes over by itself."""
    live = read_live(home)
    previous = (live.path, *live.previous) if live else ()
    folder = checkpoint.path.resolve()
    checkpoints = home.checkpoints.resolve()
    name = str(folder.relative_to(checkpoints)) if folder.is_relative_to(checkpoints) else str(folder)
    _write(home, Live(name, now.isoformat(timespec="seconds"), previous))


def roll_back(home: Home, now: datetime) -> Checkpoint:
    """Go back to the checkpoint before the live one; with none before, to the shipped model.

    Raises:
        UsageError: the shipped model is in use already.
    """
    live = read_live(home)
    if not live:
        raise UsageError("there is nothing to go back to: the shipped model is in use")
    if live.previous:
        before, *older = live.previous
        open_checkpoint(home.checkpoints / before)
        _write(home, Live(before, now.isoformat(timespec="seconds"), tuple(older)))
    else:
        home.live.unlink()
    return live_checkpoint(home)


def _write(home: Home, live: Live) -> None:
    home.live.parent.mkdir(parents=True, exist_ok=True)
    aside = home.live.with_name(home.live.name + ".part")
    aside.write_text(json.dumps(vars(live), indent=1) + "\n", "utf-8")
    os.replace(aside, home.live)
