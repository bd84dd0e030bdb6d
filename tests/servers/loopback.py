"""What the test servers share: an HTTP server in a thread on the loopback interface, which records what it is asked."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Recorded:
    """One request as the server got it. Header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    at: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Raw:
    """An answer below the protocol: status, headers and bytes as given."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0  # seconds before anything is sent
    drop: bool = False  # close the connection without an answer
    drop_after: int | None = None  # send so many bytes of the body, then close
    drip: float = 0.0  # seconds between single bytes of the body


def json_reply(document: Any, status: int = 200, **options: Any) -> Raw:
    return Raw(status=status, body=json.dumps(document).encode(), **options)


class LoopbackServer:
    """`with Server() as server: server.url, server.requests`. Subclasses say in `respond` what is answered."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._http: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._http is not None
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def respond(self, request: Recorded) -> Raw:
        raise NotImplementedError

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._handle(self)

            def do_POST(self) -> None:
                server._handle(self)

            def do_PUT(self) -> None:
                server._handle(self)

            def do_DELETE(self) -> None:
                server._handle(self)

            def log_message(self, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Recorded(handler.command, handler.path, headers, body)
        with self._lock:
            self.requests.append(request)
            reply = self.respond(request)
        # Some tests want the client to go away first.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._send(handler, reply)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Raw) -> None:
        self._stopping.wait(reply.delay)
        handler.close_connection = True
        if reply.drop:
            return
        handler.send_response(reply.status)
        handler.send_header("Content-Type", reply.content_type)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.send_header("Connection", "close")
        for name, value in reply.headers:
            handler.send_header(name, value)
        handler.end_headers()
        if reply.drip:
            for byte in reply.body:
                if self._stopping.wait(reply.drip):
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            return
        handler.wfile.write(reply.body if reply.drop_after is None else reply.body[: reply.drop_after])
