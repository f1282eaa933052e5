"""How the page is served: the socket, sessions, plain pictures, visitors behind a proxy."""

from __future__ import annotations

import contextlib
import runpy
import socket
from pathlib import Path
from typing import Any

import pytest

import demo.__main__ as command

ROOT = Path(__file__).resolve().parent.parent


# ------------------------------------------------------------------------------------------------ the socket


def _accepted(listening: socket.socket) -> socket.socket:
    with socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
    return accepted


def _waits(connection: socket.socket) -> bool:
    with connection:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_small_answers_do_not_wait_for_acknowledgements(host: str) -> None:
    """Catches Nagle's algorithm, which costs 40 ms an answer and which no clock of a test should have to see."""
    with command.listen(host, 0) as listening:
        assert not _waits(_accepted(listening))


def test_nor_do_those_of_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of ``app.py``, which is what Spaces start. Catches another way to the port there."""
    from demo import app, server

    seen: list[bool] = []

    def serve(application: Any, taken: socket.socket, *more: Any, **named: Any) -> None:
        with contextlib.closing(taken):
            seen.append(_waits(_accepted(taken)))

    monkeypatch.setattr(app, "build", lambda *_, **__: None)
    monkeypatch.setattr(server, "application", lambda *_, **__: None)
    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "0")
    monkeypatch.setattr("sys.argv", ["app.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assert ended.value.code == 0
    assert seen == [False]
