"""A real page in a process of its own, for tests that talk to it as a visitor does.

Every connection and look-up that leaves the machine is refused there and written down.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 540.0
"""Seconds for whatever another process or thread is waited for: reached only where something is broken."""

# `sitecustomize` is imported before anything else. Audit hooks see every connection and look-up, from C too.
_GUARD = """
import os, sys

LOCAL = {"", "127.0.0.1", "::1", "localhost", "0.0.0.0", "::", None}

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
        host = host.decode() if isinstance(host, bytes) else host
    else:
        return
    if host not in LOCAL:
        with open(os.environ["ATTEMPTS"], "a") as log:
            print(event, host, file=log)
        raise OSError(f"refused by the test: {event} {host}")

sys.addaudithook(guard)
"""


@dataclass(frozen=True)
class Page:
    """A running page."""

    url: str
    first_line: str
    process: subprocess.Popen[str]
    attempts: Path
    """Every attempt to reach another machine, one a line."""
    errors: list[str]
    """Lines of stderr so far."""

    def outside_attempts(self) -> list[str]:
        return self.attempts.read_text().splitlines()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "demo", *arguments]


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process that can reach nobody, with nothing of the tests' own settings."""
    guard = folder / "guard"
    guard.mkdir(parents=True, exist_ok=True)
    (guard / "sitecustomize.py").write_text(_GUARD)
    (folder / "attempts").touch()
    inherited = {
        name: value
        for name, value in os.environ.items()
        # What keeps the tests themselves quiet must not be what keeps the page quiet.
        if not name.startswith(("GRADIO_", "HF_", "PYTEST_")) and "proxy" not in name.lower()
    }
    return inherited | {
        "PYTHONPATH": str(guard),
        "ATTEMPTS": str(folder / "attempts"),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }


@contextmanager
def page(
    folder: Path, models: Sequence[Path], more: Mapping[str, str] | None = None, *flags: str
) -> Iterator[Page]:
    """Serve ``models`` on a free port until the block is left, with ``more`` in its environment."""
    process = subprocess.Popen(
        command("--port", "0", "--providers", "cpu", *flags, "--models", *map(str, models)),
        cwd=ROOT,
        env=environment(folder) | dict(more or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors: list[str] = []
    assert process.stdout is not None
    assert process.stderr is not None
    # A full pipe would stop the server in the middle of a test.
    reader = threading.Thread(target=errors.extend, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        first_line = process.stdout.readline()
        found = re.search(r"http://\S+", first_line)
        assert found, f"the page did not start: {first_line}{''.join(errors)}"
        yield Page(found[0], first_line, process, folder / "attempts", errors)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        reader.join(timeout=PATIENCE)
        process.stdout.close()
        process.stderr.close()


def soon(look: Callable[[], Any], limit: float = PATIENCE) -> Any:
    """What another program answers, once it does: ``look`` raises OSError or finds nothing while it starts.

    TimeoutError after ``limit`` seconds.
    """
    end = time.monotonic() + limit
    while time.monotonic() < end:
        with suppress(OSError):
            if found := look():
                return found
        time.sleep(0.05)
    raise TimeoutError("the program does not start")
