"""Serves the page: bounded, private, and without a request to anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NoReturn

import gradio as gr
import safehttpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from gradio import processing_utils
from gradio.queueing import Queue

from demo import theme
from demo.engine import images, limits, styles
from demo.engine.library import Library
from onnx_models.errors import LineageError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Whatever a stylesheet or a component asks for, the visitor's browser talks to this server alone. Gradio's
# front end needs inline scripts and styles, and evaluates the functions given as `js`.
_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        b"connect-src 'self' data: blob:; worker-src 'self' blob:; media-src 'self' data: blob:; "
        b"object-src 'none'; base-uri 'self'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_JOINS = re.compile(r"/gradio_api/(queue/join|call/[^/]+|call/v2/[^/]+)/?$")
"""The paths by which a request enters the queue."""
_TOO_LARGE = f"The request is too large: at most {limits.UPLOAD_BYTES // 1_000_000} MB, please."
_TOO_MANY = f"You have {limits.WAITING} requests waiting already: wait for an answer, then ask again."

_TOO_MANY_PICTURES = f"{limits.WAITING} pictures are being waited for already: ask again in a moment."


_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


class Guard:
    """ASGI middleware: bounds what a visitor may send, and adds the headers that keep a visitor private.

    A request body over `limits.UPLOAD_BYTES` gets status 413, a visitor with `limits.WAITING` requests in the
    queue gets 429 for the next one, both with one sentence.
    """

    def __init__(self, app: Application, queue: Queue) -> None:
        self.app = app
        self.queue = queue

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3.0)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limits.UPLOAD_BYTES:
            await _refuse(receive, send, 413, _TOO_LARGE)
            return
        if _JOINS.search(scope["path"]) and self._waiting(scope["client"]) >= limits.WAITING:
            await _refuse(receive, send, 429, _TOO_MANY)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # A body sent in chunks announces no length: past the limit it is cut off.
            return message if received <= limits.UPLOAD_BYTES else {"type": "http.disconnect"}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self.app(scope, counted, with_headers)

    def _waiting(self, client: tuple[str, int] | None) -> int:
        """How many requests from that address are in the queue."""
        queues = self.queue.event_queue_per_concurrency_id.values()
        hosts = [event.request.client and event.request.client.host for q in queues for event in q.queue]
        return hosts.count(client and client[0])


def application(library: Library, page: gr.Blocks, mcp: bool = False) -> FastAPI:
    """Mount a built page at ``/`` of a web application with the limits of `demo.engine.limits`.

    With ``mcp`` its API answers the Model Context Protocol as well, at ``/gradio_api/mcp/``.

    Raises
    ------
    LineageError
        ``server.mcp``: the packages of the extra ``mcp`` are not installed.

    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise LineageError("server.mcp", "MCP needs more packages: pip install -e '.[mcp]'.")
    # `api_open` would let a caller pass the queue by.
    page.queue(max_size=limits.QUEUE, api_open=False, default_concurrency_limit=limits.CONCURRENCY)
    page.state_session_capacity = limits.SESSIONS
    refuse_addresses()
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.add_middleware(Guard, queue=page._queue)
    outer.get("/avatar.png")(avatars(library))
    return gr.mount_gradio_app(
        outer,
        page,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=limits.UPLOAD_BYTES,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=mcp,
        **theme.launch_options(library),
    )


def avatars(library: Library) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers ``GET /avatar.png?seed=7&psi=0.7&model=ID&label=-1``: a PNG that nobody is on.

    What is left out has the default of `demo.styles.Look`, the model being the first that paints from styles.
    What cannot be answered gets one sentence: status 400 for a wrong argument, 404 where no such network
    ships, 500 for a broken file, 429 for a visitor too many.
    """
    waiting = 0
    turns = asyncio.Semaphore(limits.CONCURRENCY)

    def paint(asked: Mapping[str, str]) -> bytes:
        unknown = set(asked) - {"seed", "psi", "model", "label"}
        if unknown:
            raise LineageError(
                "avatar.argument",
                f"avatar.png takes seed, psi, model and label, got {min(unknown)[:40]!r}.",
            )
        model = styles.painter(library, asked.get("model"))
        look = styles.Look(psi=_number(asked, "psi", styles.PSI), label=_number(asked, "label", -1))
        image = styles.portrait(library, model, _number(asked, "seed", 0), look)
        return images.to_png(images.as_image(image))

    async def answer(request: Request) -> Response:
        nonlocal waiting
        if waiting >= limits.WAITING:
            return JSONResponse({"detail": _TOO_MANY_PICTURES}, 429)
        waiting += 1
        try:
            async with turns:
                content = await run_in_threadpool(paint, dict(request.query_params))
        except LineageError as error:
            status = 404 if error.code == "style.none" else 500 if error.code.startswith("file.") else 400
            return JSONResponse({"detail": str(error)}, status)
        finally:
            waiting -= 1
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        # A day: the same arguments give the same picture until the network is another one.
        headers = {"cache-control": "public, max-age=86400", "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="image/png", headers=headers)

    return answer


def _number(asked: Mapping[str, str], name: str, default: float) -> Any:
    """Return a whole number, or another one, of an address; what is neither stays text, to be refused."""
    text = asked.get(name)
    if text is None:
        return default
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def refuse_addresses() -> None:
    """Shut the two doors by which a caller can make Gradio fetch an address of the caller's choosing.

    They are a file object with a URL in any argument, and ``/gradio_api/file=URL``. Gradio keeps them off
    private networks, but a page that promises no request to anybody has no use for them.
    """
    processing_utils.async_ssrf_protected_get = _no_address
    safehttpx.async_validate_url = _no_address


def share_heaps() -> None:
    """Let all threads allocate from two heaps; call it before there are threads. Nothing without glibc.

    By default eight heaps a core are kept, and each holds on to its share of what a large answer took.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def serve(application: FastAPI, taken: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM; requests under way get two seconds to end."""
    # On a Space everybody comes through a proxy: only its headers tell visitors apart, whose requests are
    # counted, and say that the address is https. Nobody else reaches the container, so they are believed.
    proxies = "*" if os.environ.get("SPACE_ID") else None
    config = uvicorn.Config(
        application, log_level="warning", timeout_graceful_shutdown=2, forwarded_allow_ips=proxies
    )
    uvicorn.Server(config).run(sockets=[taken])


async def _no_address(address: str) -> NoReturn:
    raise gr.Error("Addresses are not followed: upload the file itself.", print_exception=False)


async def _refuse(receive: Receive, send: Send, status: int, sentence: str) -> None:
    # Read to its end and dropped: a client that is still sending would see a broken connection, no sentence.
    while (await receive()).get("more_body"):
        pass
    body = json.dumps({"detail": sentence}).encode()  # the form of Gradio's own refusals
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
