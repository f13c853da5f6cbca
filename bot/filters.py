"""What may not go out: ordered rules, each a pure function from a text to a reason or None.

The same rules run when a candidate is written, after a person edited it, and right before it is posted.
"""

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from config.settings import FilterSettings
from model.fingerprints import Fingerprints


@dataclass(frozen=True)
class Rejection:
    """Why a text may not go out."""

    rule: str
    reason: str


Rule = Callable[[str], str | None]

_DIRECTION_MARKS = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
_HASHTAG = re.compile(r"(?<!\w)[#\uff03]\w")
_CASHTAG = re.compile(r"(?<!\w)\$[A-Za-z]{1,6}(?![A-Za-z0-9])")
_RETWEET = re.compile(r"(?i:\brt\b)(?=\s*[@:])|^RT\b")
# X links any word.tld; a model that forgets the space after a full stop writes such words ("end.Next"). X's list of
# endings grows, so every one of two letters and more counts; "U.S." and "a.m." do not, as no ending has one letter.
_NEARLY_LINK = re.compile(r"[^\W_]\.[^\W\d_]{2,}")
_TOKEN = re.compile(r"[\w@$!*'\u2019\u200b-\u200d\u2060\u00ad-]+")
_PARTS = re.compile(r"['\u2019_-]+")
_LEET = str.maketrans("@4310!$57", "aaeioisst")
_REPEATS = re.compile(r"(.)\1{2,}")


def weighted_length(text: str) -> int:
    """The length of a text as X counts it: links 23, most non-Latin characters and emoji 2."""
    return int(_parse(text).weightedLength)


@lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    return _twitter_text().parse_tweet(_encodable(text))


@lru_cache(maxsize=1)
def _twitter_text() -> Any:
    """X's own rules; imported late, as their tables of emoji and domains take a while."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        import twitter_text
    return twitter_text


def _encodable(text: str) -> str:
    # the library cannot encode lone surrogates; the rule "control characters" rejects them
    return text.encode("utf-8", "replace").decode()


def build_rules(settings: FilterSettings, fingerprints: Fingerprints | None) -> dict[str, Rule]:
    """The rules in their order, by name; without fingerprints nothing can be called memorised."""
    rules: dict[str, Rule] = {
        "empty": lambda text: None if text.strip() else "there is no text",
        "control characters": _control_characters,
        "normal form": lambda text: None if unicodedata.is_normalized("NFC", text) else "characters are not in NFC",
        "direction marks": lambda text: _found(_DIRECTION_MARKS, text, "it holds invisible direction marks"),
        "white space": _white_space,
        "length": lambda text: _length(text, settings),
        "link": _link,
        "mention": lambda text: "it holds an @" if re.search("[@\uff20]", text) else None,
        "cashtag": lambda text: _found(_CASHTAG, text, "it holds a cashtag, {!r}"),
        "hashtags": lambda text: _hashtags(text, settings),
        "retweet": lambda text: _found(_RETWEET, text, "it looks like a retweet"),
    }
    if settings.blocklist or settings.blocked_words:
        rules["blocked word"] = _word_rule(settings)
    if fingerprints:
        rules["memorised"] = lambda text: _memorised(text, settings, fingerprints)
    return rules


def reject(text: str, rules: dict[str, Rule]) -> Rejection | None:
    """The first rule a text breaks, or None."""
    return next(iter(rejections(text, rules)), None)


def rejections(text: str, rules: dict[str, Rule]) -> Iterable[Rejection]:
    """Every rule a text breaks, in order."""
    for name, rule in rules.items():
        reason = rule(text)
        if reason:
            yield Rejection(name, reason)


def _found(pattern: re.Pattern[str], text: str, reason: str) -> str | None:
    match = pattern.search(text)
    return reason.format(match[0]) if match else None


def _control_characters(text: str) -> str | None:
    # Cc control, Cs lone surrogate, Co private use, Cn unassigned; a line break is allowed in a tweet
    bad = [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn")]
    return f"it holds the character U+{ord(bad[0]):04X}" if bad else None


def _white_space(text: str) -> str | None:
    if text != text.strip():
        return "it begins or ends with white space"
    return "it holds white space in a row" if re.search(r"[^\S\n]{2,}|\n{3,}", text) else None


def _length(text: str, settings: FilterSettings) -> str | None:
    length = weighted_length(text)
    if length > settings.max_length_weighted:
        return f"{length} weighted characters, {settings.max_length_weighted} are allowed"
    if length < settings.min_length_weighted:
        return f"{length} weighted characters, fewer than {settings.min_length_weighted}"
    return None


def _link(text: str) -> str | None:
    urls = _twitter_text().extract_urls(_encodable(text))
    if urls:
        return f"X would make a link of {urls[0]!r}, and a post with a link costs 13 times as much"
    return _found(_NEARLY_LINK, text, "X might make a link around {!r}")


def _hashtags(text: str, settings: FilterSettings) -> str | None:
    count = len(_HASHTAG.findall(text))
    allowed = settings.max_hashtags if settings.hashtags else 0
    return f"{count} hashtags, {allowed} are allowed" if count > allowed else None


def _memorised(text: str, settings: FilterSettings, fingerprints: Fingerprints) -> str | None:
    overlap = fingerprints.overlap(text)
    if overlap.run > settings.memorised_run:
        return f"{overlap.run} characters in a row stand in the training text: {overlap.stretch!r}"
    if overlap.share > settings.memorised_share:
        return f"{overlap.share:.0%} of its four-word runs stand in the training text"
    return None


def _word_rule(settings: FilterSettings) -> Rule:
    listed = [*(_shipped_blocklist() if settings.blocklist else ()), *settings.blocked_words]
    entries = {word.casefold() for word in listed}
    prefixes = tuple(sorted(entry[:-1] for entry in entries if entry.endswith("*")))
    whole = {entry for entry in entries if not entry.endswith("*")}
    allowed = {word.casefold() for word in settings.allowed_words}

    def rule(text: str) -> str | None:
        for token in _TOKEN.findall(text):
            # the parts count too: well-meant, snake_case, somebody's
            for word in {token, *_PARTS.split(token)}:
                forms = _spellings(word)
                if forms & allowed:
                    continue
                if forms & whole or any(form.startswith(prefixes) for form in forms if prefixes):
                    return f"it holds the blocked word {word!r}"
        return None

    return rule


def _spellings(token: str) -> set[str]:
    """What a word may be meant as: itself, with digits read as letters, with stretched letters shortened."""
    # full-width letters are letters, and characters without width part nothing
    visible = "".join(c for c in unicodedata.normalize("NFKC", token) if unicodedata.category(c) != "Cf")
    word = visible.casefold().strip("!*'-")
    # a number is a number: only a word with letters in it is read as leetspeak
    plain = word.translate(_LEET) if any(c.isalpha() for c in word) else word
    plain = re.sub(r"[*'-]", "", plain)
    return {word, plain, _REPEATS.sub(r"\1", plain), _REPEATS.sub(r"\1\1", plain)}


def _shipped_blocklist() -> list[str]:
    lines = resources.files("config").joinpath("blocklist.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
