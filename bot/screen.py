"""How a post is shown to the person who watches the daemon."""

import shutil
import sys
import textwrap
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.output import result
from bot.posting import Verdict
from bot.schedule import DueSlot
from bot.store.records import Claim, TweetState

_BOLD, _DIM, _GREEN, _YELLOW, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


class TerminalScreen:
    """Blocks of a head line and the tweet; colour only on a terminal."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._colour = sys.stdout.isatty()

    def posted(self, claim: Claim, slot: DueSlot, verdict: Verdict, at: datetime) -> None:
        done = verdict.state in (TweetState.POSTED, TweetState.DRY_POSTED)
        state = verdict.state.replace("_", " ")
        head = (
            f"{at.astimezone(self._zone):%H:%M:%S}  {self._paint(_GREEN if done else _YELLOW, state)}"
            f"  tweet {claim.tweet_id}  {claim.weighted_length}/280  slot {slot.label}"
        )
        width = min(100, shutil.get_terminal_size().columns) - 4
        body = textwrap.wrap(claim.text, max(20, width)) or [""]
        tail = [self._paint(_YELLOW, verdict.detail)] if verdict.detail else []
        result("\n".join([self._paint(_BOLD, head), *(f"  {line}" for line in [*body, *tail]), ""]))

    def _paint(self, style: str, text: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour else text
