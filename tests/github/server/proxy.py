"""The HTTP server: records, strikes with faults, checks, answers or forwards, checks the answer."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import (
    check_routes,
    commit_routes,
    content_routes,
    git_routes,
    graph,
    issue_routes,
    people_routes,
    permissions,
    pull_routes,
)
from .faults import Rule
from .routes import ROUTES
from .wire import Answer, ApiError, Call, Request
from .world import Token, World

_MODULES = (
    check_routes,
    commit_routes,
    content_routes,
    git_routes,
    issue_routes,
    people_routes,
    pull_routes,
)  # imported for their routes


class Proxy:
    """GitHub's API at `url`. The rules, the calls and what was wrong are of one test; `clear` begins the next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rules: list[Rule] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.answer_violations: list[str] = []
        self._graphql = graph.GraphQL(world)
        self._counting = threading.Lock()
        outer = self

        class Handler(_Handler):
            proxy = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = world.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def clear(self) -> None:
        with self._counting:
            self.rules, self.calls, self.violations, self.answer_violations = [], [], [], []

    # One request

    def handle(self, request: Request) -> tuple[Answer | None, float]:
        """(the answer, or None to drop the connection; seconds to wait before it goes out)."""
        found = self.world.openapi.find(request.method, request.path)
        if found:
            request.operation = found[0]
            request.params = {name: urllib.parse.unquote(value) for name, value in found[1].items()}
        call = self._record(request)
        strikes = self._strikes(call)
        for rule in strikes:
            if rule.action:
                rule.action(call)
        fault = next((rule.fault for rule in strikes if rule.fault), None)
        call.fault = fault.name if fault else None
        answer: Answer | None = None
        if fault is None or fault.applied:
            answer = self._apply(request, call)
        if fault and fault.drop:
            answer = None
        elif fault and fault.answer:
            answer = fault.answer()
        if answer is not None:
            call.status = answer.status
            call.answer = answer.body if not isinstance(answer.body, bytes) else None
            answer.headers = self._headers(call) | answer.headers
        return answer, fault.delay if fault else 0.0

    def _record(self, request: Request) -> Call:
        shown = request.headers.get("authorization", "").partition(" ")[2] or None
        token = self.world.tokens.get(shown or "")
        with self._counting:
            call = Call(
                number=len(self.calls) + 1,
                method=request.method,
                path=urllib.parse.unquote(request.path),
                query=request.query,
                template=request.template,
                operation=request.operation.id if request.operation else graph.operation(request),
                login=token.login if token else None,
                token=shown,
                body=request.body,
                request_id=uuid.uuid4().hex,
            )
            self.calls.append(call)
        return call

    def _strikes(self, call: Call) -> list[Rule]:
        with self._counting:
            return [rule for rule in self.rules if rule.strikes(call)]

    def _apply(self, request: Request, call: Call) -> Answer:
        world = self.world
        try:
            if (request.method, request.path) == ("POST", graph.PATH):
                return self._graph(request, call)
            wrong = self._wrong_request(request)
            if wrong:
                self.violations.append(f"{call.method} {call.path}: {wrong}")
                raise ApiError(422, f"Invalid request.\n\n{wrong}")
            with world.lock:
                actor = world.actor(request)
                headers = permissions.check(world, request, actor)
                handler = ROUTES.get((request.method, request.template))
                if handler:
                    answer = handler(world, request, actor)
                else:
                    answer = world.answer(world.forward(request, actor, host=self.url.removeprefix("http://")))
            call.applied = True
            answer.headers = headers | answer.headers
        except ApiError as error:
            answer = error.answer()
        except Exception as error:
            self.answer_violations.append(f"{call.method} {call.path}: the local GitHub failed: {error!r}")
            raise
        self._check_answer(request, call, answer)
        return answer

    def _graph(self, request: Request, call: Call) -> Answer:
        with self.world.lock:
            answer, wrong = self._graphql.answer(request, call, self.world.actor(request))
        self.violations += [f"{call.method} {call.path}: {one}" for one in wrong]
        return answer

    def _wrong_request(self, request: Request) -> str:
        if request.operation is None:
            return "GitHub describes no such operation"
        return "; ".join(self.world.openapi.request_errors(request.operation, request.query, request.body))

    def _check_answer(self, request: Request, call: Call, answer: Answer) -> None:
        if request.operation is None or isinstance(answer.body, bytes):
            return
        for wrong in self.world.openapi.response_errors(request.operation, answer.status, answer.body):
            self.answer_violations.append(f"{call.method} {call.path} answered {answer.status}: {wrong}")

    def _headers(self, call: Call) -> dict[str, str]:
        """What GitHub sends with every answer."""
        headers = {
            "X-GitHub-Request-Id": call.request_id,
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(0, 5000 - call.number)),
            "X-RateLimit-Used": str(call.number),
            "X-RateLimit-Reset": str(int(time.time()) + 3600),
            "X-RateLimit-Resource": "core",
        }
        token = self.world.tokens.get(call.token or "")
        if token and not token.is_app:
            headers["X-OAuth-Scopes"] = token.scopes
        return headers


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: Any) -> None:
        """Nothing: the calls are recorded."""

    def _serve(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(content) if content else None
        except ValueError:
            self._send(ApiError(400, "Problems parsing JSON").answer())
            return
        request = Request(
            self.command,
            parts.path,
            dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        answer, delay = self.proxy.handle(request)
        if delay:
            time.sleep(delay)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        content = answer.content()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(content))}
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):  # the client gave up waiting
                self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815  (the base class looks them up)


__all__ = ["Proxy", "Token"]
