"""What the port answers while the page is being made: a small page that asks again until it is there.

Everything is answered with status 503, so that whoever watches the port, or asks the API, is told the truth.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from demo import theme
from demo.engine import limits
from demo.kit import messages
from demo.kit.paper import INK, PAPER

_AGAIN = 1
"""Seconds until a caller should come again."""
_POLL = 0.05
"""Seconds between two looks at whether the page is there."""
_STYLE = f"""
:root {{ color-scheme: light dark; --paper: {PAPER}; --ink: {INK}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --paper: {INK}; --ink: {PAPER}; }} }}
body {{ display: grid; place-content: center; min-height: 100vh; margin: 0; text-align: center; }}
body {{ background: var(--paper); color: var(--ink); font-family: system-ui, sans-serif; }}
"""


@contextlib.contextmanager
def answering(taken: socket.socket) -> Iterator[None]:
    """Answer on a listening socket until the block is left; who comes later waits for the next server."""
    blocking = taken.getblocking()
    taken.setblocking(False)  # a caller may have gone before it is accepted, and nobody else may come
    server = ThreadingHTTPServer(taken.getsockname()[:2], _Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = taken
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        taken.setblocking(blocking)


@functools.cache
def page() -> str:
    """Return the waiting page: the same for everyone, with a sentence in each language."""
    words = messages.own((theme.KIT / "words",))
    sentences = "".join(f'<p lang="{name}">{said["waiting"]}</p>' for name, said in words.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{_AGAIN}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Latent Lineage</title>'
        f"<style>{_STYLE}</style><main><h1>Latent Lineage</h1>{sentences}</main>"
    )


class _Answer(BaseHTTPRequestHandler):
    timeout = 5  # seconds for a request to come

    def answer(self) -> None:
        # A client that is still sending would see a broken connection.
        announced = self.headers.get("content-length", "")
        self.rfile.read(min(int(announced), limits.UPLOAD_BYTES) if announced.isdecimal() else 0)
        if "text/html" in self.headers.get("accept", ""):
            kind, text = "text/html; charset=utf-8", page()
        else:
            sentence = "The page is being made ready: ask again in a second."
            kind, text = "application/json", json.dumps({"detail": sentence})
        body = text.encode()
        self.send_response_only(503)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ("Cache-Control", "no-store"),
            ("Retry-After", str(_AGAIN)),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *_: object) -> None:
        """Say nothing: what is on the terminal is for whoever started the page."""
