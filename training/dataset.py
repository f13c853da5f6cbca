"""From a corpus to what the network is fed: split by tweet, encode to a file, cut into continuous rows."""

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from config.errors import CorpusError, UsageError
from model.vocabulary import Vocabulary, fold
from training.corpus import Corpus

PARTS = ("train", "validate", "test")
# What searches are made on; the original's sizes and names
SUBSETS = {"train-80k": ("train", 80_000), "validate-20k": ("validate", 20_000)}
_HELD_OUT = 0.1  # validate and test, each; the seed's 80/10/10
_CHUNK = 1 << 20  # characters encoded at a time


def split_corpus(corpus: Corpus, folder: Path, random_seed: int = 1) -> dict[str, int]:
    """Write train.txt, validate.txt and test.txt, one tweet a line; returns how many each got.

    Beside them lie train-80k.txt and validate-20k.txt, the first so many of each: the order is a shuffle, so they are
    a sample.

    A tweet's part follows from the seed and its own text. So the parts share no text, and a tweet held out today is
    still held out after the next import: a model trained earlier has never seen what it is measured on. (Only in a
    corpus so small that a tenth of it may hold no tweet, the first and last in the order are held out for that.)

    Raises:
        CorpusError: fewer than three tweets.
    """
    total = corpus.count()
    if total < 3:
        raise CorpusError(f'the corpus holds {total} tweets, a split needs 3: run "bot data import FILE" first')
    if not 0 <= random_seed < 2**32:
        raise UsageError("--random-seed must be at least 0 and below 2**32")
    counts: Counter[str] = Counter()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        parts = {name: stack.enter_context(_Replacing(folder / f"{name}.txt")) for name in (*PARTS, *SUBSETS)}
        # by the key: a shuffle that any machine repeats, and that keeps no order of dates or accounts
        keyed = corpus.tweets_by(lambda fingerprint: _split_key(fingerprint, random_seed))
        for number, (key, text) in enumerate(keyed):
            name = _part(key, number, total)
            parts[name].append(text)
            counts[name] += 1
            for subset, (whole, size) in SUBSETS.items():
                if whole == name and counts[name] <= size:
                    parts[subset].append(text)
    return {name: counts[name] for name in PARTS}


def forget_in_split(folder: Path, text: str) -> list[str]:
    """Take a tweet out of the files of a split; returns the names of those that held it."""
    held = []
    for path in sorted(folder.glob("*.txt")):
        if all(tweet != text for tweet in read_tweets(path)):
            continue
        with _Replacing(path) as part:
            for tweet in read_tweets(path):
                if tweet != text:
                    part.append(tweet)
        held.append(path.name)
    return held


def _split_key(key: bytes, random_seed: int) -> bytes:
    return hashlib.blake2b(key, digest_size=8, salt=random_seed.to_bytes(8, "little")).digest()


def _part(key: bytes, number: int, total: int) -> str:
    place = int.from_bytes(key, "big") / 2**64
    if number == 0:
        return "validate"
    if number == total - 1:
        return "test"
    if total < 1 / _HELD_OUT:
        return "train"
    return "validate" if place < _HELD_OUT else "test" if place >= 1 - _HELD_OUT else "train"


class _Replacing:
    """A text file written aside and moved into place when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(path.name + ".part")

    def __enter__(self) -> "_Replacing":
        self._file = self._aside.open("w", encoding="utf-8", newline="\n")
        return self

    def append(self, line: str) -> None:
        self._file.write(line + "\n")

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._aside, self._path)
        else:
            self._aside.unlink(missing_ok=True)


def read_tweets(path: Path) -> Iterator[str]:
    """The tweets of a text file, one a line, blank lines left out.

    Raises:
        CorpusError: the file is missing or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for line in file:
                if line := line.rstrip("\r\n"):
                    yield line
    except UnicodeDecodeError as exc:
        raise CorpusError(f"{path} is not UTF-8 ({exc.reason}): convert it first") from exc
    except OSError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.strerror}") from exc


@dataclass(frozen=True)
class TextFacts:
    """What one pass over a text tells.

    Attributes:
        counts: how often each folded character occurs.
        sha256: of the text, so that a resumed run knows whether it is the same.
    """

    counts: Counter[str]
    tweets: int
    characters: int
    sha256: str


def survey(path: Path) -> TextFacts:
    """Count the characters of a text file.

    Raises:
        CorpusError: the file is missing, not UTF-8, or holds fewer than two characters.
    """
    counts: Counter[str] = Counter()
    digest = hashlib.sha256()
    tweets = 0
    for tweet in read_tweets(path):
        counts.update(fold(tweet))
        digest.update(tweet.encode() + b"\n")
        tweets += 1
    characters = counts.total() + tweets
    if characters < 2:
        raise CorpusError(f"{path} is empty: there is nothing to train on")
    return TextFacts(counts, tweets, characters, digest.hexdigest())


def encode_file(path: Path, vocabulary: Vocabulary) -> npt.NDArray[np.uint16]:
    """The ids of a whole text, as uint16[time], in a temporary file that is memory-mapped and already unlinked.

    The text begins and every tweet ends with a newline.
    """
    with tempfile.TemporaryFile() as file:
        file.write(vocabulary.encode("\n").tobytes())
        for block in _blocks(read_tweets(path)):
            file.write(vocabulary.encode(block).tobytes())
        file.flush()
        return np.memmap(file, np.uint16, "r")


def _blocks(tweets: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for tweet in tweets:
        held.append(tweet + "\n")
        size += len(tweet)
        if size >= _CHUNK:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


class Windows:
    """A text cut into `batch` rows, each continuous from its first to its last character.

    Row r of window w goes on where row r of window w - 1 ended, which is what a stateful LSTM needs. All but at most
    `batch` characters at the end of the text are targets once a pass; the last window may be shorter.
    """

    def __init__(self, ids: npt.NDArray[np.uint16], batch: int, seq_len: int) -> None:
        targets = len(ids) - 1
        self.seq_len = min(seq_len, max(1, targets))
        self.batch = max(1, min(batch, targets // self.seq_len))
        self.row_length = targets // self.batch
        self._inputs = ids[: self.batch * self.row_length].reshape(self.batch, self.row_length)
        self._targets = ids[1 : self.batch * self.row_length + 1].reshape(self.batch, self.row_length)

    def __len__(self) -> int:
        return -(-self.row_length // self.seq_len)

    def __getitem__(self, i: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Inputs and targets of window i, each int32[batch, time]."""
        columns = slice(i * self.seq_len, (i + 1) * self.seq_len)
        return self._inputs[:, columns].astype(np.int32), self._targets[:, columns].astype(np.int32)
