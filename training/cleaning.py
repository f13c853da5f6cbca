"""What is done to a tweet before it is learnt from: repairs, removals, and the reasons to leave it out."""

import hashlib
import html
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields

import ftfy

from config.errors import UsageError
from model.vocabulary import fold

_CUT_FROM = 100  # characters; a shorter tweet that ends with an ellipsis was meant to
_ALIKE = 0.8  # share of words two tweets have in common from which on they are near duplicates
_SKETCH = 5  # word runs a tweet is looked up by
SHARED = 2  # of them that near duplicates share at least
_RUN = 3  # words; `sketch` is written for three

_URL = re.compile(r"\s*(?:https?://|(?<!\w)www\.(?=\w))\S+")
_MENTION = re.compile(r"(?<!\w)[@\uff20]\w+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"\s+")
_LINE_ENDS = re.compile(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_RETWEET = re.compile(r"(?:RT|MT)\b[ :]*@|.*\bRT @", re.DOTALL)
_CUT = re.compile(r"\u2026(?:\s*https?://t\.co/\w+)?\s*\Z")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Seven digits and more in the groupings people write, a country code allowed; dates, years and amounts are not
_PHONE = re.compile(
    r"(?<![\w./,-])(?:\+\d{1,3}[ .-]?)?"
    r"(?:\(\d{2,5}\)[ .-]?\d{3,4}[ .-]?\d{3,4}|\d{3}[ .-]\d{3}[ .-]\d{4}|1[ .-]\d{3}[ .-]\d{3}[ .-]\d{4}|\d{3}-\d{4})"
    r"(?![\w-])|(?<!\w)\+\d[\d .-]{7,16}\d(?!\w)"
)
_PHONE_SIGN = re.compile(r"\d{4}|\+\d|\d{3}[ .-]?\d{3}")

TREATMENTS = ("remove", "drop", "keep")


@dataclass(frozen=True)
class RawTweet:
    """A tweet as it stood in a file.

    Attributes:
        created_at: ISO 8601, if the file says when.
        escaped: its text may hold HTML entities.
        retweet, quote: what the file says beside the text; a retweet is also known by its text.
    """

    text: str
    remote_id: str | None = None
    created_at: str | None = None
    escaped: bool = True
    retweet: bool = False
    quote: bool = False


@dataclass(frozen=True)
class Cleaning:
    """Which repairs and drops apply; each can be switched off.

    Attributes:
        urls: "remove" them from the text, "drop" tweets with one, or "keep".
        mentions: the same for @names; "remove" takes only those a reply begins with, as the rest carry the sentence.
        contacts: the same for mail addresses and phone numbers.
        retweets, quotes, cut_texts, near_duplicates: whether such tweets are kept.
        entities: turn HTML entities into characters.
        encoding: repair texts that were decoded wrongly.
        nfc: compose characters and fold those that only look different (see `model.vocabulary.fold`).
        spaces: one space for any run of white space; control characters go.

    Raises:
        UsageError: a treatment is none of TREATMENTS.
    """

    urls: str = "remove"
    mentions: str = "remove"
    contacts: str = "drop"
    retweets: bool = False
    quotes: bool = True
    cut_texts: bool = False
    near_duplicates: bool = False
    entities: bool = True
    encoding: bool = True
    nfc: bool = True
    spaces: bool = True

    def __post_init__(self) -> None:
        for name in ("urls", "mentions", "contacts"):
            if getattr(self, name) not in TREATMENTS:
                raise UsageError(f"--{name} must be one of {', '.join(TREATMENTS)}")

    def as_json(self) -> dict[str, object]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def clean(self, raw: RawTweet, changed: Counter[str]) -> tuple[str, str]:
        """The text to keep and "", or the text and the reason to drop it."""
        text = raw.text
        if reason := self._reason_to_drop(raw):
            return text, reason
        text = " ".join(text.split()) if self.spaces else _LINE_ENDS.sub(" ", text)
        for name, step in self._steps(raw):
            before, text = text, step(text)
            if before != text:
                changed[name] += 1
        return (text, "") if text.strip() else (text, "empty")

    def _reason_to_drop(self, raw: RawTweet) -> str:
        text = raw.text
        if not self.retweets and (raw.retweet or _RETWEET.match(text)):
            return "retweet"
        if not self.quotes and raw.quote:
            return "quote"
        if not self.cut_texts and len(text) >= _CUT_FROM and "\u2026" in text and _CUT.search(text):
            return "cut text"
        if self.urls == "drop" and _URL.search(text):
            return "url"
        if self.mentions == "drop" and _MENTION.search(text):
            return "mention"
        if self.contacts == "drop" and _holds_contact(text):
            return "contact"
        return ""

    def _steps(self, raw: RawTweet) -> list[tuple[str, Callable[[str], str]]]:
        text = raw.text
        steps: list[tuple[str, Callable[[str], str]]] = []
        if self.entities and raw.escaped and "&" in text:
            steps.append(("html entities", html.unescape))
        if self.encoding and not text.isascii():
            steps.append(("encoding", ftfy.fix_encoding))
        if self.nfc and not (text.isascii() and "&" not in text):
            steps.append(("characters", lambda s: unicodedata.normalize("NFC", fold(s))))
        if self.urls == "remove" and ("http" in text or "www." in text):
            steps.append(("urls", lambda s: _URL.sub("", s)))
        if self.contacts == "remove" and _holds_contact(text):
            steps.append(("contacts", lambda s: _PHONE.sub("", _MAIL.sub("", s))))
        if self.mentions == "remove" and ("@" in text or "\uff20" in text):
            steps.append(("mentions", _without_leading_mentions))
        if self.spaces:
            steps.append(("white space", lambda s: " ".join((s if s.isprintable() else _CONTROL.sub("", s)).split())))
        else:  # a tweet is one line of the training text, whatever it holds
            steps.append(("line ends", lambda s: _LINE_ENDS.sub(" ", s)))
        return steps


def _holds_contact(text: str) -> bool:
    # what every number of _PHONE has is found much faster than the whole of it
    numbers = _PHONE_SIGN.search(text) and _PHONE.search(text)
    return bool(numbers or ("@" in text and _MAIL.search(text)))


def _without_leading_mentions(text: str) -> str:
    while match := _MENTION.match(text.lstrip()):
        text = text.lstrip()[match.end() :]
    return text


def fingerprint(text: str) -> bytes:
    """Equal for texts that differ only in case and white space; 16 bytes."""
    return hashlib.blake2b(_SPACES.sub(" ", text).strip().casefold().encode(), digest_size=16).digest()


def sketch(words: list[str]) -> list[int]:
    """Numbers by which tweets much alike find each other: the smallest hashes of their runs of three words.

    Of tweets that differ from another in one word nearly all share SHARED of them (`scripts/bench_import.py` measures
    it); of any two tweets, hardly any. `alike` decides. The hash is CRC-32: the same on every machine, and fast.

    Source: the bottom-k sketch of Broder, "On the resemblance and containment of documents" (1997).
    """
    if len(words) < _RUN:
        return [zlib.crc32(" ".join(words).encode())] if words else []
    runs = {zlib.crc32(f"{a} {b} {c}".encode()) for a, b, c in zip(words, words[1:], words[2:], strict=False)}
    return sorted(runs)[:_SKETCH]


def alike(words: set[str], others: set[str]) -> bool:
    """Whether two tweets say nearly the same: four of five of all their words stand in both."""
    return len(words & others) >= _ALIKE * len(words | others)
