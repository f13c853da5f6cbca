"""Downloads from a real HTTP server on loopback, whole, cut, changed and refused."""

import hashlib
import os
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.errors import CorpusError
from training.download import CIKM_FILES, ChecksumError, DownloadError, download, unpack

CONTENT = os.urandom(300_000)


class FileServer:
    """Serves `content` with ranges and an ETag.

    Attributes:
        cuts: bytes after which the connection of each next answer is cut; then no more.
        status: of every answer, if not 200.
    """

    def __init__(self) -> None:
        self.content, self.cuts, self.status, self.ranges = CONTENT, [], 200, True
        self.asked: list[str | None] = []
        self.sent = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *arguments) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *arguments) -> None:
                pass  # a client that stopped reading is the point of some tests

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/files/tweets.zip?raw=1"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        start, status = 0, self.status
        if wanted and self.ranges and handler.headers.get("If-Range") == self.tag:
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(self.content):
                status = 416
        body = self.content[start:] if status < 400 else b"no"
        handler.send_response(status)
        handler.send_header("ETag", self.tag)
        if status == 416:
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.cuts:
            body = body[: self.cuts.pop(0)]
            handler.close_connection = True
        handler.wfile.write(body)
        self.sent += len(body)


@pytest.fixture
def server():
    server = FileServer()
    yield server
    server.http.shutdown()
    server.http.server_close()


def no_sleep(seconds: float) -> None:
    pass


def test_file_arrives_whole_with_its_checksum_beside_it(server, tmp_path):
    seen: list[tuple[int, int | None]] = []

    path = download(server.url, tmp_path / "new", progress=lambda *p: seen.append(p))

    assert path == tmp_path / "new" / "tweets.zip"
    assert path.read_bytes() == CONTENT
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "new" / "tweets.zip.sha256").read_text() == f"{digest}  tweets.zip\n"
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(p.name for p in path.parent.iterdir()) == ["tweets.zip", "tweets.zip.sha256"]


def test_second_download_asks_for_nothing(server, tmp_path):
    download(server.url, tmp_path)
    download(server.url, tmp_path)

    assert server.asked == [None]


def test_cut_connections_are_continued_where_they_were_cut(server, tmp_path):
    server.cuts = [2 * 65_536, 65_536]  # whole pieces; of a cut piece nothing is kept

    path = download(server.url, tmp_path, sleep=no_sleep)

    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=131072-", "bytes=196608-"]
    assert server.sent == len(CONTENT)


def test_stopped_download_goes_on_in_the_next_run(server, tmp_path):
    """As after Ctrl-C or a kill: what came is kept."""

    def stop(done: int, total: int | None) -> None:
        if done > 120_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, tmp_path, progress=stop)
    kept = (tmp_path / "tweets.zip.part").stat().st_size

    assert download(server.url, tmp_path).read_bytes() == CONTENT
    assert kept > 100_000
    assert server.asked == [None, f"bytes={kept}-"]


def test_file_that_changed_meanwhile_is_fetched_anew(server, tmp_path):
    server.cuts = [100_000]
    with pytest.raises(KeyboardInterrupt):
        download(server.url, tmp_path, sleep=no_sleep, progress=interrupt_at(90_000))
    server.content = os.urandom(200_000)
    server.cuts = []

    assert download(server.url, tmp_path).read_bytes() == server.content


def interrupt_at(size: int):
    def stop(done: int, total: int | None) -> None:
        if done >= size:
            raise KeyboardInterrupt

    return stop


def test_server_without_ranges_sends_all_of_it_again(server, tmp_path):
    server.ranges, server.cuts = False, [100_000]

    assert download(server.url, tmp_path, sleep=no_sleep).read_bytes() == CONTENT


def test_part_that_is_complete_already_is_taken(server, tmp_path):
    (tmp_path / "tweets.zip.part").write_bytes(CONTENT)
    (tmp_path / "tweets.zip.tag").write_text(server.tag)

    assert download(server.url, tmp_path).read_bytes() == CONTENT
    assert server.sent < 10


def test_given_checksum_must_hold(server, tmp_path):
    with pytest.raises(ChecksumError, match="expected was 00"):
        download(server.url, tmp_path, sha256="00" * 32)

    assert not (tmp_path / "tweets.zip").exists()


def test_recorded_checksum_must_hold(server, tmp_path):
    download(server.url, tmp_path).write_bytes(b"changed")

    with pytest.raises(ChecksumError, match="delete it"):
        download(server.url, tmp_path)


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 5), (503, 5), (429, 5)])
def test_refusal_is_final_and_trouble_is_tried_again(server, tmp_path, status, requests):
    server.status = status
    waits: list[float] = []

    with pytest.raises(DownloadError, match=str(status)):
        download(server.url, tmp_path, sleep=waits.append)

    assert len(server.asked) == requests
    assert waits == [2.0, 4.0, 8.0, 16.0][: requests - 1]


def test_no_server_is_one_error_that_says_it_can_go_on(tmp_path):
    with pytest.raises(DownloadError, match="goes on with it"):
        download("http://127.0.0.1:9/tweets.zip", tmp_path, sleep=no_sleep)


def test_only_the_named_files_are_unpacked_and_only_into_the_folder(tmp_path):
    archive = tmp_path / "tweets.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("../../training_set_tweets.txt", "one")
        content.writestr("deep/test_set_tweets.txt", "two")
        content.writestr("../other.txt", "three")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)

    files = list(unpack(archive, CIKM_FILES, folder))

    assert [file.read_text() for file in files] == ["one", "two"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == [*sorted(CIKM_FILES), "tweets.zip"]


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_damaged_zip_says_what_to_do(tmp_path, content):
    (tmp_path / "tweets.zip").write_bytes(content)

    with pytest.raises(CorpusError, match="download it again"):
        list(unpack(Path(tmp_path / "tweets.zip"), CIKM_FILES, tmp_path))
