"""The edge: what posting asks of the outside, and the poster of the dry run, which owns no HTTP client."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Answer:
    """What came back for one send.

    Attributes:
        sent: False only where the request surely never reached X; a lost answer is sent=True without status.
        status: HTTP status, if an answer came.
        headers: of the answer, keys in lower case.
        body: of the answer, as text.
        error: what went wrong on the way.
        dry_run: nothing was sent, on purpose.
    """

    sent: bool = True
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    error: str = ""
    dry_run: bool = False


class Poster(Protocol):
    """Sends one tweet once; never raises for what X or the network does."""

    def post(self, text: str) -> Answer: ...


class DryRunPoster:
    """Sends nothing. It has nothing to send with: this module imports no HTTP client."""

    def post(self, text: str) -> Answer:
        return Answer(sent=False, dry_run=True)
