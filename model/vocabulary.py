"""Characters to ids and back.

Ids 0-97 are those of char-rnn-text-generation (0 = unknown, 1-97 = printable ASCII in code point order), so that
its checkpoints and its browser application stay readable. Characters beyond ASCII get ids from 98 on.
"""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

UNKNOWN = 0
ASCII = tuple(sorted(set(string.printable) - set("\x0b\x0c\r")))

# Phones and word processors write these for the ASCII character beside them; folding them saves a model of this
# size from learning every quotation mark four times.
_FOLDS = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
        "\u2026": "...", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u200b": "", "\ufeff": "", "\r": "",
    }
)  # fmt: skip

# Rarer characters are not learnt from so few examples, and each costs 577 weights.
MIN_COUNT = 100
MAX_BEYOND_ASCII = 160


def fold(text: str) -> str:
    """The text with typographic quotes, dashes and spaces as ASCII."""
    return text.translate(_FOLDS)


@dataclass(frozen=True)
class Vocabulary:
    """The characters a network knows.

    Attributes:
        characters: the character of each id; characters[0] is "", the unknown one.
    """

    characters: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.characters)

    @cached_property
    def _id_of_code_point(self) -> npt.NDArray[np.uint16]:
        table = np.zeros(0x110000, np.uint16)  # a table, not a dict: encoding runs at memory speed
        for i, character in enumerate(self.characters[1:], start=1):
            table[ord(character)] = i
        return table

    def encode(self, text: str) -> npt.NDArray[np.uint16]:
        """The ids of the folded text, as uint16[time]; characters the network does not know become 0."""
        code_points = np.frombuffer(fold(text).encode("utf-32-le", "surrogatepass"), np.uint32)
        return self._id_of_code_point[code_points]

    def decode(self, ids: npt.ArrayLike) -> str:
        """The text of ids int[time]; the unknown id gives nothing."""
        return "".join(self.characters[i] for i in np.asarray(ids).tolist())

    def unknown_in(self, text: str) -> str:
        """The distinct characters of the text that this vocabulary lacks, sorted."""
        return "".join(sorted(set(fold(text)) - set(self.characters)))

    def sha256(self) -> str:
        """A fingerprint of the characters and their order."""
        return hashlib.sha256("".join(self.characters).encode()).hexdigest()


ASCII98 = Vocabulary(("", *ASCII))


def build_vocabulary(counts: Mapping[str, int], base: Vocabulary = ASCII98) -> Vocabulary:
    """The base plus the corpus' own frequent characters, most frequent first.

    Args:
        counts: how often each (folded) character stands in the corpus.
        base: the vocabulary that keeps its ids; another than ASCII98 when a trained network grows new rows.
    """
    known = set(base.characters)
    frequent = [c for c, n in counts.items() if c not in known and n >= MIN_COUNT and c.isprintable()]
    frequent.sort(key=lambda c: (-counts[c], c))
    room = max(0, len(ASCII98) + MAX_BEYOND_ASCII - len(base))
    return Vocabulary((*base.characters, *frequent[:room]))
