"""No network: connections to other machines are refused at once, and the host that was wanted is noted."""

from __future__ import annotations

import os
from typing import Any, Callable

from .hooks import Hooks, patch

LOCAL = ("localhost", "127.", "::1", "0.0.0.0", "")
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


def install(hooks: Hooks) -> None:
    for name in OFFLINE:
        os.environ.setdefault(name, "1")
    hooks.after_import("socket", lambda module: _socket(hooks, module))
    hooks.after_import("urllib.request", lambda module: _urllib(hooks, module))
    hooks.after_import("requests.sessions", lambda module: _requests(hooks, module))


def _is_local(host: Any) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    return text == "" or any(part and text.startswith(part) for part in LOCAL)


def _socket(hooks: Hooks, module: Any) -> None:
    own = {str(module.gethostname()).lower()}

    def resolving(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(host: Any, *args: Any, **kwargs: Any) -> Any:
            if _is_local(host) or str(host).lower() in own or _is_address(str(host)):
                return original(host, *args, **kwargs)
            raise module.gaierror(module.EAI_NONAME, f"no network in a smoke run (wanted {host})")

        return wrapper

    def connecting(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, address: Any) -> Any:
            if isinstance(address, tuple) and not _is_local(address[0]) and str(address[0]).lower() not in own:
                raise ConnectionRefusedError(f"no network in a smoke run (wanted {address[0]})")
            return original(self, address)

        return wrapper

    patch(module, "getaddrinfo", resolving)
    patch(module.socket, "connect", connecting)


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _failing(hooks: Hooks, original: Callable[..., Any], url_of: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except OSError:
            url = str(url_of(*args, **kwargs))[:300]
            if hooks.from_project_stack(60):
                hooks.note("unavailable", f"download {url}", "no network: pass the data with --data DIR")
            raise

    return wrapper


def _urllib(hooks: Hooks, module: Any) -> None:
    def url_of(*args: Any, **_: Any) -> Any:
        return getattr(args[1], "full_url", args[1]) if len(args) > 1 else ""

    patch(module.OpenerDirector, "open", lambda original: _failing(hooks, original, url_of))


def _requests(hooks: Hooks, module: Any) -> None:
    def url_of(*args: Any, **kwargs: Any) -> Any:
        return kwargs.get("url", args[2] if len(args) > 2 else "")

    patch(module.Session, "request", lambda original: _failing(hooks, original, url_of))
