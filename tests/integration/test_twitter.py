"""The real tweepy against a real server on loopback: what every fault looks like from outside, and one request a post.

The transport is the program's own, with the address alone changed; TLS is therefore not part of these tests.
"""

import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from bot.poster import Answer, DryRunPoster
from bot.posting import judge
from bot.store.records import TweetState
from bot.twitter import API, TwitterPoster, _TimeoutAdapter
from config.secrets import Secrets

SECRETS = Secrets("consumer-key-1", "consumer-secret-2", "17-access-token-3", "access-token-secret-4")
HIDDEN = (SECRETS.consumer_secret, SECRETS.access_token_secret)
CREATED = {"data": {"id": "1445880548472328192", "text": "hello"}}
TEXT = "A paper kite — 字 😀 “quoted” & <marked>\nsecond line"


class Server(ThreadingHTTPServer):
    """Keeps every request; what it answers is `respond`, which a test sets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.respond: Callable[[Handler], None] = reply(201, CREATED)
        self.test_is_over = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is what some tests want."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append((self.command, self.path, headers, body))
        self.server.respond(self)

    do_GET = do_POST = do_HEAD = do_CONNECT = handle_any  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: object) -> None:
        """The server says nothing on stderr."""


def reply(status: int, body: object = "", **headers: str) -> Callable[[Handler], None]:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    def respond(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return respond


def hang_up(handler: Handler) -> None:
    """The request was read, no answer is sent."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def half_a_body(handler: Handler) -> None:
    handler.send_response(201)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": {"id": "14458805484723')
    handler.wfile.flush()
    hang_up(handler)


def half_a_status_line(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 20")
    handler.wfile.flush()
    hang_up(handler)


def hang(handler: Handler) -> None:
    """No answer while the test lasts."""
    handler.server.test_is_over.wait(60)
    handler.close_connection = True


class LoopbackAdapter(_TimeoutAdapter):
    """The program's transport, with X's address exchanged after the request was signed."""

    def __init__(self, address: str, connect_seconds: float = 5, read_seconds: float = 30) -> None:
        super().__init__(connect_seconds, read_seconds)
        self.address = address

    def send(self, request, *args, **kwargs):
        assert request.url.startswith(API), request.url
        request.url = self.address + request.url.removeprefix(API)
        return super().send(request, *args, **kwargs)


@pytest.fixture
def server() -> Iterator[Server]:
    yield from running(Server())


@pytest.fixture
def other_server() -> Iterator[Server]:
    yield from running(Server())


def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.test_is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def poster_to(server: Server, read_seconds: float = 30) -> TwitterPoster:
    return TwitterPoster(SECRETS, 5, read_seconds, LoopbackAdapter(server.address, 5, read_seconds))


def judged(answer: Answer) -> TweetState:
    return judge(answer, datetime(2026, 11, 2, 9, tzinfo=UTC)).state


# --- a post -----------------------------------------------------------------------------------------------------------


def test_created_tweet_gives_its_id(server):
    server.respond = reply(201, CREATED, X_Rate_Limit_Remaining="99", Location="/2/tweets/1445880548472328192")

    answer = poster_to(server).post("hello")

    assert (answer.sent, answer.status, answer.error, answer.dry_run) == (True, 201, "", False)
    assert json.loads(answer.body) == CREATED
    assert answer.headers["x-rate-limit-remaining"] == "99"
    assert answer.headers["location"] == "/2/tweets/1445880548472328192"
    assert judged(answer) is TweetState.POSTED


def test_request_is_one_post_with_the_text_and_nothing_else(server):
    poster_to(server).post(TEXT)

    ((method, path, headers, body),) = server.requests
    assert (method, path) == ("POST", "/2/tweets")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"text": TEXT}


def test_request_is_signed_with_the_user_keys_and_shows_no_secret(server):
    poster_to(server).post("hello")

    ((_, _, headers, body),) = server.requests
    authorization = unquote(headers["authorization"])
    assert authorization.startswith("OAuth ")
    assert f'oauth_consumer_key="{SECRETS.consumer_key}"' in authorization
    assert f'oauth_token="{SECRETS.access_token}"' in authorization
    assert 'oauth_signature_method="HMAC-SHA1"' in authorization
    for secret in HIDDEN:
        assert secret not in unquote(str(headers)) + body.decode()


def test_each_post_is_signed_anew(server):
    poster = poster_to(server)
    poster.post("one")
    poster.post("one")

    first, second = (headers["authorization"] for _, _, headers, _ in server.requests)
    assert first != second


@pytest.mark.parametrize(
    "text",
    ["x" * 4000, "字" * 2000, "😀" * 2000],
    ids=["latin", "cjk", "emoji"],
)
def test_long_tweet_is_posted_although_its_answer_is_long(server, text):
    """Accounts with Premium may post up to 25,000 characters, and X repeats them before or after the id."""
    server.respond = reply(201, {"data": {"text": text, "id": "17"}})

    assert judged(poster_to(server).post(text)) is TweetState.POSTED


# --- faults: one request each -----------------------------------------------------------------------------------------

FAULTS = {
    "500": (reply(500, {"title": "Internal Server Error"}), 500, TweetState.UNKNOWN),
    "503": (reply(503, {"title": "Service Unavailable", "status": 503}), 503, TweetState.UNKNOWN),
    "503 with Retry-After": (reply(503, "", Retry_After="0"), 503, TweetState.UNKNOWN),
    "520 HTML": (reply(520, "<!DOCTYPE html>", Content_Type="text/html"), 520, TweetState.UNKNOWN),
    # tweepy itself fails on these two; that the tweet was refused is then not known for sure
    "400 with a list": (reply(400, "[]"), None, TweetState.UNKNOWN),
    "429 with a reset that is no number": (reply(429, "", x_rate_limit_reset="soon"), None, TweetState.UNKNOWN),
    "hung up": (hang_up, None, TweetState.UNKNOWN),
    "half a status line": (half_a_status_line, None, TweetState.UNKNOWN),
    "half a body": (half_a_body, None, TweetState.UNKNOWN),
    "429": (reply(429, {"title": "Too Many Requests"}, x_rate_limit_remaining="0"), 429, TweetState.APPROVED),
    "429 without headers": (reply(429, ""), 429, TweetState.APPROVED),
    "429 with Retry-After": (reply(429, "", Retry_After="0"), 429, TweetState.APPROVED),
    "429 with a past reset": (
        reply(429, "", x_rate_limit_remaining="0", x_rate_limit_reset="1"),
        429,
        TweetState.APPROVED,
    ),
    "400": (reply(400, {"detail": "too long"}), 400, TweetState.REFUSED),
    "401": (reply(401, {"title": "Unauthorized"}), 401, TweetState.APPROVED),
    "402": (reply(402, {"title": "CreditsDepleted"}), 402, TweetState.APPROVED),
    "403": (reply(403, {"detail": "duplicate content"}), 403, TweetState.REFUSED),
    "403 HTML": (reply(403, "<html>", Content_Type="text/html"), 403, TweetState.REFUSED),
    "201 without a body": (reply(201), 201, TweetState.UNKNOWN),
    "201 HTML": (reply(201, "<html>"), 201, TweetState.UNKNOWN),
    "201 with only Location": (reply(201, "", Location=f"{API}/2/tweets/17"), 201, TweetState.POSTED),
    "200 with errors": (reply(200, {"errors": [{"message": "?"}]}), 200, TweetState.UNKNOWN),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_costs_one_request_and_is_told_not_raised(server, fault):
    respond, status, state = FAULTS[fault]
    server.respond = respond

    answer = poster_to(server).post("hello")

    assert len(server.requests) == 1
    assert answer.sent is True
    if status is not None:
        assert (answer.status, answer.error) == (status, "")
    else:
        assert answer.error or answer.status
    assert judged(answer) is state


def test_answer_that_does_not_come_in_time_is_lost_not_unsent(server):
    server.respond = hang

    answer = poster_to(server, read_seconds=0.2).post("hello")

    assert len(server.requests) == 1
    assert (answer.sent, answer.status, answer.error) == (True, None, "ReadTimeout")
    assert judged(answer) is TweetState.UNKNOWN


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(server, other_server, status):
    server.respond = reply(status, "", Location=f"{other_server.address}/2/tweets")

    answer = poster_to(server).post("hello")

    assert len(server.requests) == 1
    assert other_server.requests == []
    assert answer.sent is True
    assert judged(answer) is TweetState.UNKNOWN


def test_redirect_to_its_own_address_is_not_followed_either(server):
    server.respond = reply(307, "", Location=f"{API}/2/tweets")

    answer = poster_to(server).post("hello")

    assert len(server.requests) == 1
    assert judged(answer) is TweetState.UNKNOWN


def test_refused_connection_means_nothing_was_sent():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: the port refuses
        adapter = LoopbackAdapter(f"http://127.0.0.1:{taken.getsockname()[1]}")

        answer = TwitterPoster(SECRETS, 5, 5, adapter).post("hello")

    assert (answer.sent, answer.status, answer.error) == (False, None, "ConnectionError")
    assert judged(answer) is TweetState.APPROVED


def test_poster_of_the_program_waits_no_longer_than_it_was_told():
    adapter = TwitterPoster(SECRETS, 5, 30)._client.session.get_adapter(f"{API}/2/tweets")

    assert isinstance(adapter, _TimeoutAdapter)
    assert adapter._timeout == (5, 30)


def test_poster_goes_on_after_each_fault(server):
    """One poster lives as long as the daemon; a broken connection must not be used for the next tweet."""
    poster = poster_to(server)
    for respond in (hang_up, half_a_body, reply(503, ""), reply(301, "", Location="/elsewhere")):
        server.respond = respond
        poster.post("hello")
        server.respond = reply(201, CREATED)

        assert judged(poster.post("hello")) is TweetState.POSTED

    assert len(server.requests) == 8


# --- the environment --------------------------------------------------------------------------------------------------


def test_proxies_of_the_environment_are_ignored(server, other_server, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, other_server.address)
        monkeypatch.setenv(name.lower(), other_server.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    answer = poster_to(server).post("hello")

    assert answer.status == 201
    assert len(server.requests) == 1
    assert other_server.requests == []


def test_netrc_does_not_replace_the_keys(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.twitter.com login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    poster_to(server).post("hello")

    assert server.requests[0][2]["authorization"].startswith("OAuth ")


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_nothing_that_can_be_printed_holds_a_key():
    poster = TwitterPoster(SECRETS, 5, 30)

    for printed in (repr(SECRETS), str(SECRETS), f"{SECRETS}", repr(poster), str(poster)):
        for key in (SECRETS.consumer_key, SECRETS.access_token, *HIDDEN):
            assert key not in printed


@pytest.mark.parametrize("fault", [*FAULTS, "refused", "hang"])
def test_no_answer_and_no_log_line_holds_a_secret(server, caplog, fault):
    caplog.set_level(logging.DEBUG)
    server.respond = hang if fault == "hang" else FAULTS.get(fault, FAULTS["500"])[0]
    poster = poster_to(server, read_seconds=0.2 if fault == "hang" else 30)
    if fault == "refused":
        server.server_close()

    answer = poster.post("hello")

    told = unquote(f"{answer!r} {answer.error} {caplog.text}")
    for secret in HIDDEN:
        assert secret not in told


# --- the dry run ------------------------------------------------------------------------------------------------------


def test_dry_run_answers_that_nothing_was_sent():
    answer = DryRunPoster().post("hello")

    assert answer == Answer(sent=False, dry_run=True)
    assert judged(answer) is TweetState.DRY_POSTED


@pytest.mark.slow
@pytest.mark.parametrize("module", ["bot.poster", "bot.posting", "bot.daemon"])
def test_dry_run_loads_no_http_client(module):
    clients = ("requests", "tweepy", "urllib3", "http.client", "oauthlib", "bot.twitter")
    program = f"import sys, {module}; print([name for name in {clients!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
