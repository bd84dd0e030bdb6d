"""The standard streams of a container, as the engine multiplexes them over one connection."""

from __future__ import annotations

import contextlib
import struct
from typing import Any


class AttachedStream:
    """A wire.Channel to a container that is created but not started yet. `complaint`: its last stderr (bounded)."""

    def __init__(self, api: Any, container: str) -> None:
        self._hijacked = api.attach_socket(
            container, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
        )
        # Over a Unix socket the SDK hands out a file around the socket; over TLS the socket itself.
        self._socket = getattr(self._hijacked, "_sock", self._hijacked)
        self._left = 0  # bytes of the current frame that are still to come
        self._standard_output = False
        self.complaint = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.settimeout(60)
        self._socket.sendall(data)

    def receive(self, size: int, timeout: float) -> bytes:
        self._socket.settimeout(timeout)
        while True:
            while self._left == 0:
                header = self._header()
                if header is None:
                    return b""
                stream, self._left = struct.unpack(">BxxxL", header)
                self._standard_output = stream == 1
            piece: bytes = self._socket.recv(min(self._left, size if self._standard_output else 65536))
            self._left -= len(piece)
            if self._standard_output or not piece:
                return piece
            self.complaint = (self.complaint + piece)[-8192:]

    def _header(self) -> bytes | None:
        header = b""
        while len(header) < 8:
            piece = self._socket.recv(8 - len(header))
            if not piece:
                return None
            header += piece
        return header

    def close(self) -> None:
        for end in (self._socket, self._hijacked):
            with contextlib.suppress(OSError):  # it is gone with the engine
                end.close()
