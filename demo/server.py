"""Serves the page: bounded, private, and without a request to anybody else."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

import gradio as gr
import safehttpx
import uvicorn
from fastapi import FastAPI
from gradio import processing_utils
from gradio.queueing import Queue

from demo import limits, theme
from demo.library import Library

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


def application(library: Library, page: gr.Blocks) -> FastAPI:
    """Mount a built page at ``/`` of a web application with the limits of `demo.limits`."""
    # `api_open` would let a caller pass the queue by.
    page.queue(max_size=limits.QUEUE, api_open=False, default_concurrency_limit=limits.CONCURRENCY)
    page.state_session_capacity = limits.SESSIONS
    refuse_addresses()
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.add_middleware(Guard, queue=page._queue)
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
        **theme.launch_options(library),
    )


def refuse_addresses() -> None:
    """Shut the two doors by which a caller can make Gradio fetch an address of the caller's choosing.

    They are a file object with a URL in any argument, and ``/gradio_api/file=URL``. Gradio keeps them off
    private networks, but a page that promises no request to anybody has no use for them.
    """
    processing_utils.async_ssrf_protected_get = _no_address
    safehttpx.async_validate_url = _no_address


def serve(application: FastAPI, taken: socket.socket) -> None:
    """Answer requests until Ctrl-C or SIGTERM; requests under way get two seconds to end."""
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=2)
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
