"""One post: claim (committed), send once, record. What an answer means is decided in `judge`, a pure function."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.poster import Answer, Poster
from bot.store.accounts import set_pause
from bot.store.database import Database
from bot.store.records import Claim, TweetState
from bot.store.slots import record_outcome

logger = logging.getLogger(__name__)

_NOT_SENT_RETRY = timedelta(minutes=5)
_RATE_LIMIT_FLOOR = timedelta(seconds=60)  # X's reset header can be missing or in the past
_LONGEST_RESET = timedelta(hours=25)  # X's longest window is a day; a later reset is a damaged header
_BODY_KEPT = 4096  # characters of an answer that go into the database
_SECONDS = re.compile(r"[0-9]{1,12}")
_KEPT_HEADERS = ("location", "x-transaction-id", "x-rate-limit-", "x-app-limit-", "x-user-limit-", "date")


@dataclass(frozen=True)
class Verdict:
    """What an answer means.

    Attributes:
        state: what the tweet becomes.
        detail: for the owner: what happened and what to do.
        pause: reason to stop the account until a person ends the pause; None to go on.
    """

    state: TweetState
    detail: str = ""
    remote_id: str | None = None
    not_before: datetime | None = None
    pause: str | None = None


def judge(answer: Answer, now: datetime) -> Verdict:
    """What became of a tweet, from X's answer to its creation.

    Unclear is always `unknown`: X has no idempotency key, so a second send could be a second tweet.

    Source: answers recorded and documented by September 2026; the table stands in bot/README.md.
    """
    if answer.dry_run:
        return Verdict(TweetState.DRY_POSTED)
    if not answer.sent:
        detail = f"X was not reached ({answer.error}); it is tried again"
        return Verdict(TweetState.APPROVED, detail, not_before=now + _NOT_SENT_RETRY)
    status = answer.status
    if status is None:
        return Verdict(TweetState.UNKNOWN, f"the answer was lost ({answer.error}): it may stand on X or not")
    body = _json_object(answer.body)
    if 200 <= status < 300:
        return _created(answer, body)
    if status < 400 or status >= 500:
        return Verdict(TweetState.UNKNOWN, f"X answered {status}: it may stand on X or not")
    return _refusal(answer, status, body, now)


def _created(answer: Answer, body: Mapping[str, Any]) -> Verdict:
    data = body.get("data")
    remote_id = str(data.get("id") or "") if isinstance(data, dict) else ""
    if not remote_id:
        remote_id = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not (remote_id.isascii() and remote_id.isdigit()):
        return Verdict(TweetState.UNKNOWN, f"X answered {answer.status} without an id: it may stand on X or not")
    return Verdict(TweetState.POSTED, remote_id=remote_id)


def _refusal(answer: Answer, status: int, body: Mapping[str, Any], now: datetime) -> Verdict:
    said = _message(body) or f"X answered {status}"
    problem = str(body.get("type", "")).rpartition("/")[2]
    if status == 401:
        return _pause(f'X refused the keys ({said}): make new ones in X\'s developer portal, then run "bot resume"')
    if status == 402:
        return _pause(f'X wants to be paid ({said}): add credits in X\'s developer portal, then run "bot resume"')
    if status == 429:
        if problem == "usage-capped":
            return _pause(f'the spending cap at X is reached ({said}): raise it or wait, then run "bot resume"')
        return Verdict(TweetState.APPROVED, f"X asked to wait ({said})", not_before=_reset(answer.headers, now))
    if status == 403:
        return _forbidden(said, problem, body)
    return Verdict(TweetState.REFUSED, f"X refused it: {said}")


_FORBIDDEN_TO_ACCOUNT = {
    "oauth1-permissions": "the app may only read: set it to read and write at X, then make new access tokens",
    "unsupported-authentication": "these keys cannot post: use the OAuth 1.0a user keys",
    "client-forbidden": "the app is not enrolled: attach it to a project in X's developer portal",
    "user-suspended": "X has suspended the account",
}


def _forbidden(said: str, problem: str, body: Mapping[str, Any]) -> Verdict:
    if problem in _FORBIDDEN_TO_ACCOUNT:
        return _pause(f'{_FORBIDDEN_TO_ACCOUNT[problem]} ({said}); then run "bot resume"')
    errors = body.get("errors")
    if isinstance(errors, list) and any(isinstance(e, dict) and e.get("code") == 326 for e in errors):
        return _pause(f'X has locked the account ({said}): log in at X to unlock it, then run "bot resume"')
    return Verdict(TweetState.REFUSED, f"X refused it: {said}")


def _pause(reason: str) -> Verdict:
    return Verdict(TweetState.APPROVED, reason, pause=reason)


def _reset(headers: Mapping[str, str], now: datetime) -> datetime:
    """When the latest exhausted window opens again, between a minute and a day from now."""
    latest = now + _RATE_LIMIT_FLOOR
    for prefix in ("x-rate-limit-", "x-app-limit-24hour-", "x-user-limit-24hour-"):
        remaining, reset = headers.get(prefix + "remaining"), headers.get(prefix + "reset", "")
        if remaining in (None, "0") and _SECONDS.fullmatch(reset):
            seconds = min(int(reset) - now.timestamp(), _LONGEST_RESET.total_seconds())
            latest = max(latest, now + timedelta(seconds=seconds))
    return latest


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _message(body: Mapping[str, Any]) -> str:
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said = str(body.get("detail") or first.get("message") or body.get("title") or "")[:300]
    return said.encode("utf-8", "replace").decode()  # JSON can spell lone surrogates, a database cannot hold them


def send_claimed(
    database: Database, account_id: int, claim: Claim, poster: Poster, clock: Callable[[], datetime]
) -> Verdict:
    """Send a claimed tweet once, outside any transaction, and record the answer."""
    answer = poster.post(claim.text)
    answered_at = clock()
    verdict = judge(answer, answered_at)
    record_outcome(
        database,
        account_id,
        claim,
        verdict.state,
        answered_at,
        detail=verdict.detail,
        remote_id=verdict.remote_id,
        not_before=verdict.not_before,
        http_status=answer.status,
        headers={name: value for name, value in answer.headers.items() if name.startswith(_KEPT_HEADERS)},
        body=answer.body[:_BODY_KEPT],
        error=answer.error,
    )
    if verdict.pause:
        set_pause(database, account_id, verdict.pause, answered_at)
    if not answer.dry_run:
        logger.log(
            logging.INFO if verdict.state is TweetState.POSTED else logging.WARNING,
            "tweet %s is %s%s",
            claim.tweet_id,
            verdict.state,
            f": {verdict.detail}" if verdict.detail else "",
            extra={"event": f"tweet_{verdict.state}", "candidate_id": claim.tweet_id},
        )
    return verdict
