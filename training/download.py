"""Fetches a large file over HTTP: goes on where it was stopped, and knows the file again by its checksum."""

import hashlib
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import requests

from config.errors import BotError, CorpusError, UsageError

CIKM_URL = "https://github.com/brangerbriz/char-rnn-text-generation/releases/download/data/twitter_cikm_2010.zip"
CIKM_FILES = ("training_set_tweets.txt", "test_set_tweets.txt")
MOST_UNPACKED = 8 << 30  # bytes
_TIMEOUT_SECONDS = (10, 60)  # to connect, and between two pieces
_ATTEMPTS = 5
_PIECE = 1 << 16


class DownloadError(BotError):
    """The file could not be fetched."""


class ChecksumError(BotError):
    """The file is not the one that was expected."""


def download(
    url: str,
    folder: Path,
    *,
    sha256: str | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch a file into a folder, going on with what an earlier try left there.

    Its SHA-256 is written beside it. A file that is there already is checked against that and not fetched again.

    Args:
        sha256: what it must be; by default what was recorded the first time, else anything.
        progress: called with bytes done and in all (None if the server does not say).

    Raises:
        DownloadError: after several tries it is still not here; what came so far is kept.
        ChecksumError: it is another file than the one expected.
    """
    name = PurePosixPath(urlsplit(url).path).name
    if not name:
        raise UsageError(f"{url} names no file")
    target = folder / name
    record = folder / f"{name}.sha256"
    if sha256 is None and record.exists():
        sha256 = record.read_text().split()[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            part = folder / f"{name}.part"
            _fetch(url, part, progress, sleep)
            _check(part, sha256, "delete it and try again")
            os.replace(part, target)
            part.with_suffix(".tag").unlink(missing_ok=True)
        digest = _check(target, sha256, "it was changed or is damaged: delete it to fetch it anew")
        record.write_text(f"{digest}  {name}\n")
    except OSError as exc:
        raise DownloadError(f"{target} cannot be written: {exc.strerror or exc}") from exc
    return target


def _check(path: Path, expected: str | None, advice: str) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and digest != expected.lower():
        raise ChecksumError(f"{path} has the SHA-256 {digest}, expected was {expected}: {advice}")
    return digest


def _fetch(url: str, part: Path, progress: Callable[[int, int | None], None], sleep: Callable[[float], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch_rest(url, part, progress)
            return
        except requests.HTTPError as exc:
            if exc.response.status_code < 500 and exc.response.status_code != 429:  # asking again will not help
                raise DownloadError(f"{url}: the server says {exc.response.status_code} {exc.response.reason}") from exc
            problem: Exception = exc
        except requests.RequestException as exc:
            problem = exc
        if attempt == _ATTEMPTS:
            raise DownloadError(
                f"{url} could not be fetched ({problem}); what came is kept, the same command goes on with it"
            ) from problem
        if not part.exists() or part.stat().st_size == before:  # no wait while it gets on
            sleep(min(2.0**attempt, 30))


def _fetch_rest(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    tag_file = part.with_suffix(".tag")
    done = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}
    if done and tag_file.exists():
        # If-Range: should the file have changed, the server sends all of the new one
        headers |= {"Range": f"bytes={done}-", "If-Range": tag_file.read_text()}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as response:
        if response.status_code == 416:  # there is nothing after what we have
            if response.headers.get("Content-Range", "").rpartition("/")[2] == str(done):
                return
            part.unlink()
            raise requests.ConnectionError("the file is shorter than what came before")
        response.raise_for_status()
        resumed = response.status_code == 206
        done = done if resumed else 0
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if tag and not tag.startswith("W/"):
            tag_file.write_text(tag)
        else:
            tag_file.unlink(missing_ok=True)  # nothing to tell one version from another by: begin anew next time
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            for piece in response.iter_content(_PIECE):
                file.write(piece)
                done += len(piece)
                progress(done, total)
        if total is not None and done < total:
            raise requests.ConnectionError("the connection ended too early")


def unpack(archive: Path, names: tuple[str, ...], folder: Path) -> Iterator[Path]:
    """Write the files of a zip that have one of these names, wherever in it they lie, into a folder.

    Raises:
        CorpusError: the zip is damaged, lacks one, or holds more than can be.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            found = {PurePosixPath(info.filename).name: info for info in content.infolist() if not info.is_dir()}
            for name in names:
                if name not in found:
                    raise CorpusError(f"{archive} holds no {name}")
                if found[name].file_size > MOST_UNPACKED:
                    raise CorpusError(f"{archive}: {name} unpacks to more than {MOST_UNPACKED >> 30} GB")
                target = folder / name
                aside = folder / f"{name}.part"
                with content.open(found[name]) as packed, aside.open("wb") as file:
                    while piece := packed.read(_PIECE):
                        file.write(piece)
                os.replace(aside, target)
                yield target
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise CorpusError(f"{archive} is damaged ({exc}): delete it and download it again") from exc
