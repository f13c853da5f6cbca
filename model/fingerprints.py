"""Which four-word runs stand in a corpus: enough to notice a copied tweet, without keeping any text.

A Bloom filter of hashed word runs, 3 MB whatever the corpus. It can take a fresh run for a known one
(about 1 in 100 at its fullest), never a known one for fresh.
"""

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from config.errors import ModelError

RUN_WORDS = 4
_MAGIC = b"starling-runs-1\n"
_BITS_PER_KEY = 10  # 1 in 100 fresh runs is then taken for known
_HASHES = 7  # the best number for that; Source: Bloom (1970), k = (m / n) ln 2
# One size for every corpus, so that two filters unite by OR: a fine-tuned model may repeat its base's corpus too.
_BYTES = 2_990_000
_CAPACITY = _BYTES * 8 // _BITS_PER_KEY
_BLOCK = 250_000  # runs hashed at a time
_POSITIONS_OF = 10_000  # of them turned into bits at a time
_WORD = re.compile(r"[^\W_]+")
_ADDRESS = re.compile(r"(?:https?://|(?<!\w)www\.(?=\w))\S+|@\w+")


@dataclass(frozen=True)
class Overlap:
    """What a text has in common with the corpus.

    Attributes:
        run: length in characters of the longest stretch made of known four-word runs, normalised.
        share: part of the text's four-word runs that are known, 0 to 1.
        stretch: that longest stretch.
    """

    run: int
    share: float
    stretch: str


def words(text: str) -> list[str]:
    """The words of a text without case, punctuation, links and mentions."""
    if "@" in text or "http" in text or "www." in text:
        text = _ADDRESS.sub(" ", text)
    return _WORD.findall(text.casefold())


def word_runs(tokens: list[str]) -> list[str]:
    """All runs of four words; a shorter text is one run."""
    if len(tokens) < RUN_WORDS:
        return [" ".join(tokens)] if tokens else []
    return [" ".join(tokens[i : i + RUN_WORDS]) for i in range(len(tokens) - RUN_WORDS + 1)]


def _hash(run: str) -> int:
    return int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "little")


class Fingerprints:
    """The runs of one corpus, read from a file through a memory map."""

    def __init__(self, bits: npt.NDArray[np.uint8], keep_one_in: int) -> None:
        self.bits = bits
        self.keep_one_in = keep_one_in

    def overlap(self, text: str) -> Overlap:
        """How much of a text stands in the corpus."""
        tokens = words(text)
        runs = word_runs(tokens)
        hashes = np.array([_hash(run) for run in runs], np.uint64)
        considered = hashes % np.uint64(self.keep_one_in) == 0
        known = considered & self._contains(hashes)
        if not considered.any():
            return Overlap(0, 0.0, "")
        longest = max(_stretches(known, considered), key=lambda s: len(" ".join(tokens[s[0] : s[1]])), default=(0, 0))
        stretch = " ".join(tokens[longest[0] : longest[1]])
        return Overlap(len(stretch), float(known.sum() / considered.sum()), stretch)

    def _contains(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        positions = _positions(hashes)  # [run, hash]
        found: npt.NDArray[np.bool_] = (self.bits[positions >> 3] >> (positions & 7) & 1).all(axis=1)
        return found


def _stretches(known: npt.NDArray[np.bool_], considered: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Word ranges (first, last + 1) from one known run to another with no fresh one between them.

    A run that the sample leaves out is neither known nor fresh: it breaks nothing.
    """
    unbroken = known | ~considered
    edges = np.flatnonzero(np.diff(np.concatenate(([False], unbroken, [False])).astype(np.int8)))
    found = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        inside = first + np.flatnonzero(known[first:last])
        if len(inside):
            found.append((int(inside[0]), int(inside[-1]) + RUN_WORDS))
    return found


def _positions(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    low = (hashes & np.uint64(0xFFFFFFFF)).astype(np.int64)
    high = (hashes >> np.uint64(32)).astype(np.int64) | 1
    return (low[:, None] + np.arange(_HASHES) * high[:, None]) % (_BYTES * 8)


def build_fingerprints(tweets: Iterable[str], path: Path, base: Fingerprints | None = None) -> None:
    """Write the fingerprints of a corpus; holds at most some 100 MB while it works, whatever the corpus.

    Args:
        base: fingerprints of an earlier corpus, which the file will know as well.
    """
    # A corpus too large for the file keeps an even sample of its runs: it is asked about the same sample.
    # Powers of two: what a coarser sample holds, a finer one holds too, so filters of both unite.
    keep_one_in = base.keep_one_in if base else 1
    keys = np.zeros(0, np.uint64)
    for hashes in _blocks_of_hashes(tweets):
        keys = _united(keys, hashes[hashes % np.uint64(keep_one_in) == 0])
        while len(keys) > _CAPACITY:
            keep_one_in *= 2
            keys = keys[keys % np.uint64(keep_one_in) == 0]
    bits = np.zeros(_BYTES, np.uint8)
    for i in range(0, len(keys), _POSITIONS_OF):
        flat = _positions(keys[i : i + _POSITIONS_OF]).reshape(-1)
        np.bitwise_or.at(bits, flat >> 3, np.left_shift(1, flat & 7).astype(np.uint8))
    if base:
        bits |= base.bits
    path.write_bytes(_MAGIC + keep_one_in.to_bytes(8, "little") + bits.tobytes())


def _united(keys: npt.NDArray[np.uint64], more: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Both, sorted, each once; `np.union1d` needs three times the memory."""
    merged = np.concatenate([keys, more])
    merged.sort()
    first = np.ones(len(merged), np.bool_)
    np.not_equal(merged[1:], merged[:-1], out=first[1:])
    result: npt.NDArray[np.uint64] = merged[first]
    return result


def _blocks_of_hashes(tweets: Iterable[str]) -> Iterator[npt.NDArray[np.uint64]]:
    hashes = array("Q")
    for tweet in tweets:
        hashes.extend(_hash(run) for run in word_runs(words(tweet)))
        if len(hashes) >= _BLOCK:
            yield np.frombuffer(hashes, np.uint64)
            hashes = array("Q")
    if hashes:
        yield np.frombuffer(hashes, np.uint64)


def load_fingerprints(path: Path) -> Fingerprints:
    """Open a fingerprint file.

    Raises:
        ModelError: it is missing or not such a file.
    """
    try:
        with path.open("rb") as file:
            header = file.read(len(_MAGIC) + 8)
        if len(header) < len(_MAGIC) + 8 or not header.startswith(_MAGIC):
            raise ModelError(f"{path} is not a fingerprint file")
        bits = np.memmap(path, np.uint8, "r", offset=len(header))
        if len(bits) != _BYTES:
            raise ModelError(f"{path} is cut: {len(bits)} of {_BYTES} bytes")
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path} cannot be read: {exc}") from exc
    return Fingerprints(bits, int.from_bytes(header[len(_MAGIC) :], "little"))
