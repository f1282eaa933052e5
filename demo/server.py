"""Serves the page: bounded, private, and without a request to anybody else."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

import gradio as gr
import safehttpx
import uvicorn
from fastapi import FastAPI
from gradio import processing_utils

from demo import limits, theme
from demo.library import Library

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Whatever a stylesheet or a component asks for, the visitor's browser talks to this server alone. Gradio's
# front end needs inline scripts and styles, and evaluates the functions given as `js`.
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; media-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware: adds the security headers and refuses a request body over `limits.UPLOAD_BYTES`."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3.0)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limits.UPLOAD_BYTES:
            await _refuse(send)
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
                present = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in _HEADERS.items() if k.encode() not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, counted, with_headers)


def application(library: Library, page: gr.Blocks) -> FastAPI:
    """Mount a built page at ``/`` of a web application with the limits of `demo.limits`."""
    page.queue(max_size=limits.QUEUE, default_concurrency_limit=limits.CONCURRENCY)
    page.state_session_capacity = limits.SESSIONS
    refuse_addresses()
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.add_middleware(Guard)
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


async def _refuse(send: Send) -> None:
    sentence = f"The request is too large: at most {limits.UPLOAD_BYTES // 1_000_000} MB, please.".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(sentence)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})
