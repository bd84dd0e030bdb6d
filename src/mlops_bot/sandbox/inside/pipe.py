"""The supervisor's end of the conversation: frames out on standard output, bytes in from standard input."""

from __future__ import annotations

import json
import os
import struct
from typing import Any, List

MIB = 1 << 20


def send(kind: bytes, payload: bytes = b"") -> None:
    data = memoryview(kind + struct.pack(">I", len(payload)) + payload)
    while data:
        data = data[os.write(1, data) :]


def send_json(kind: bytes, value: Any) -> None:
    send(kind, json.dumps(value).encode("ascii"))


def receive(size: int) -> bytes:
    pieces: List[bytes] = []
    while size:
        piece = os.read(0, min(size, MIB))
        if not piece:
            raise EOFError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
