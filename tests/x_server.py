"""A real HTTP server that stands in for X: it counts what it creates, which is the truth of every posting test."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from requests.adapters import HTTPAdapter


class LoopbackAdapter(HTTPAdapter):
    """Takes requests for X to a port of this machine; they are signed before they get here."""

    def __init__(self, port: int, timeout: tuple[float, float] = (2, 2)) -> None:
        super().__init__()
        self._port, self._timeout = port, timeout

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        request.url = request.url.replace("https://api.twitter.com", f"http://127.0.0.1:{self._port}")
        return super().send(request, stream, self._timeout, verify, cert, proxies)


@dataclass
class XServer:
    """Serves until closed; `created` are the texts of every tweet it made, in order.

    Attributes:
        answer: called with the handler after a tweet was created; by default X's own 201.
    """

    answer: Callable[[BaseHTTPRequestHandler, str], None] | None = None
    created: list[str] = field(default_factory=list)
    happened: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "XServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                text = json.loads(self.rfile.read(length))["text"]
                outer.created.append(text)
                outer.happened.set()
                (outer.answer or outer._created)(self, text)

            def log_message(self, *arguments) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _created(self, handler: BaseHTTPRequestHandler, text: str) -> None:
        body = json.dumps({"data": {"id": str(1_900_000_000_000_000_000 + len(self.created)), "text": text}}).encode()
        handler.send_response(201)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
