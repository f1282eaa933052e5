"""What the port answers before the page is there, and what a start leaves out."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import demo.__main__ as command
from demo import waiting
from demo.engine import waking
from demo.engine.library import Library
from tests import serving, tiny


def _ask(url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, headers), timeout=serving.PATIENCE
        ) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def _address(taken: socket.socket) -> str:
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_the_port_answers_while_the_page_is_made() -> None:
    """Catches a port that lets a visitor wait without a word, and a truth that a watcher cannot read."""
    with command.listen("127.0.0.1", 0) as taken, waiting.answering(taken):
        status, headers, text = _ask(f"{_address(taken)}/?seed=7", accept="text/html,*/*")
        assert status == 503
        assert headers["retry-after"] == "1"
        assert headers["cache-control"] == "no-store"
        assert 'http-equiv="refresh"' in text  # comes again by itself, without a script
        assert "waking up" in text
        assert "se réveillent" in text
        for path, body in (("/health", None), ("/config", None), ("/gradio_api/call/sample", b"{}")):
            status, headers, text = _ask(f"{_address(taken)}{path}", body)
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(text)["detail"].endswith("ask again in a second.")


def test_a_large_question_is_read_to_its_end() -> None:
    """Catches a connection that is broken under a client which is still sending."""
    with command.listen("127.0.0.1", 0) as taken, waiting.answering(taken):
        assert _ask(_address(taken), b"x" * 4_000_000)[0] == 503


def test_who_comes_between_two_servers_is_answered_by_the_next() -> None:
    """Catches a port that is closed when the page takes it over."""
    with command.listen("127.0.0.1", 0) as taken:
        with waiting.answering(taken):
            assert _ask(_address(taken))[0] == 503
        with socket.create_connection(taken.getsockname()) as caller:
            accepted, _ = taken.accept()
            with accepted:
                accepted.sendall(b"here")
                assert caller.recv(4) == b"here"


def test_a_caller_who_has_gone_keeps_nobody() -> None:
    """Catches a server that cannot end because it waits to accept somebody."""
    with command.listen("127.0.0.1", 0) as taken:
        ended = threading.Event()

        def run() -> None:
            with waiting.answering(taken):
                assert not taken.getblocking()
            ended.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert ended.wait(timeout=serving.PATIENCE)
        assert taken.getblocking()


def test_a_page_that_is_there_is_healthy(small_site: serving.Page) -> None:
    """Catches a watcher that is told of a page which is not there, or is not told of one that is."""
    status, headers, text = _ask(f"{small_site.url}/health")
    assert (status, text, headers["cache-control"]) == (200, "ok", "no-store")


def test_what_the_page_shows_first_is_opened_in_advance(tmp_path: Path) -> None:
    """Catches sessions that are opened one by one while the page is laid out; a broken file stops nothing."""
    folder = tiny.write_models(tmp_path / "models")
    library = Library.open([folder], "cpu")
    broken = library.generators[0].graphs["generate"]
    broken.path.write_bytes(b"broken")
    waking.wake(library)
    opened = set(library.runtime._sessions)
    wanted = {
        model.graphs[role].sha256
        for model in library.catalog.models
        for role in ("reconstruct", "generate", "gibbs_step", "classify")
        if model.has(role)
    }
    assert opened == wanted - {broken.sha256}


def test_gradio_is_imported_without_its_stubs_and_makes_one_application(tmp_path: Path) -> None:
    """Counts what half of a start went to. Catches an upgrade of Gradio that brings it back in silence."""
    script = """
import sys
from pathlib import Path
from demo import sparing
sparing.load()
print("mcp" in sys.modules)
from gradio import component_meta, routes
print(component_meta.create_or_modify_pyi.__module__)
made = []
make = routes.App.create_app
routes.App.create_app = staticmethod(lambda *a, **k: made.append(1) or make(*a, **k))
from demo import app, server
from demo.engine.library import Library
library = Library.open([Path(sys.argv[1])], "cpu")
server.application(library, app.build(library))
print(len(made), "pandas.core" in sys.modules)
import pandas
print(pandas.DataFrame([1]).size)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tiny.write_models(tmp_path / "models"))],
        cwd=serving.ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=serving.PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "demo.sparing", "1", "False", "1"]
