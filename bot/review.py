"""What a person decides about a tweet; the terminal today, other faces later, all through these functions."""

from datetime import datetime

from bot.filters import Rule, weighted_length
from bot.filters import reject as first_rejection
from bot.store import tweets
from bot.store.database import Database
from bot.store.records import PERSON
from config.errors import BotError


class BrokenRuleError(BotError):
    """The text breaks a rule."""


def approve(database: Database, tweet_id: int, now: datetime) -> None:
    """Let a pending tweet go out at its slot."""
    tweets.approve(database, tweet_id, PERSON, now)


def reject(database: Database, tweet_id: int, reason: str, now: datetime) -> None:
    """Throw a tweet away."""
    tweets.reject(database, tweet_id, PERSON, reason, now)


def reconsider(database: Database, tweet_id: int, now: datetime) -> None:
    """Take a decision back: the tweet waits for review again."""
    tweets.send_back(database, tweet_id, PERSON, "reconsidered", now)


def edit(database: Database, tweet_id: int, text: str, rules: dict[str, Rule], now: datetime) -> None:
    """Change a tweet's text; it must pass every rule, and be approved anew.

    Raises:
        BrokenRuleError: it does not; the tweet stays as it was.
    """
    text = text.strip()
    check(text, rules)
    tweets.edit(database, tweet_id, text, weighted_length(text), PERSON, now)


def check(text: str, rules: dict[str, Rule]) -> None:
    """Raise BrokenRuleError where a text breaks a rule."""
    rejection = first_rejection(text, rules)
    if rejection:
        raise BrokenRuleError(f"it breaks the rule {rejection.rule!r}: {rejection.reason}")
