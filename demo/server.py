"""Serves the page: bounded, private, and without a request to anybody else."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NoReturn

import gradio as gr
import safehttpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from gradio import processing_utils
from gradio.queueing import Queue

from demo import first, front, parts, plain, sessions, sparing, takeaway
from demo.engine import limits
from demo.engine.library import Library
from demo.kit import carriers
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
_LOOPBACK = ("127.0.0.0/8", "::1")
_PRIVATE = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Networks that nobody reaches from outside, in which the proxy of a Space lives."""


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


def application(library: Library, page: gr.Blocks, mcp: bool = False, root_path: str = "") -> FastAPI:
    """Mount a built page at ``/`` of a web application with the limits of `demo.engine.limits`.

    With ``mcp`` its API answers the Model Context Protocol as well, at ``/gradio_api/mcp/``. ``root_path`` is
    where a proxy shows the page, a path or a whole address.

    Raises
    ------
    LineageError
        ``server.mcp``: the packages of the extra ``mcp`` are not installed; ``server.gradio``: this Gradio is
        not one whose doors we know how to shut.

    """
    if mcp and importlib.util.find_spec("mcp") is None:
        raise LineageError("server.mcp", "MCP needs more packages: pip install -e '.[mcp]'.")
    with sparing.no_application():
        # `api_open` would let a caller pass the queue by.
        page.queue(max_size=limits.QUEUE, api_open=False, default_concurrency_limit=limits.CONCURRENCY)
    page.state_session_capacity = limits.SESSIONS
    page.space_id = None  # else Gradio's scripts ask the hub about the Space, which the policy above refuses
    refuse_addresses()
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    sight = first.First(library, page)
    outer.add_middleware(front.Front, root_path=root_path, sight=sight)
    for file in (sight.script, parts.hold(page)):
        outer.add_route(f"/{file.name}", file.answer, methods=["GET"])
    outer.add_middleware(Guard, queue=page._queue)
    outer.add_route("/health", _healthy, methods=["GET"])
    pictures = plain.Pictures(library)
    for paint, name, arguments in (
        (plain.picture, "picture.png", ("model", "seed", "label", "psi")),
        (plain.grid, "grid.png", ("model", "seed", "label", "psi", "count", "columns")),
        (plain.avatar, "avatar.png", ("model", "seed", "label", "psi")),
        (front.card, "card.png", ()),
    ):
        outer.add_route(f"/{name}", pictures.answer(paint, name, *arguments), methods=["GET"])
    outer.add_route(f"/{takeaway.NAME}", takeaway.Door(library, pictures).answer, methods=["POST"])
    outer.router.routes.extend(sight.kitchen.routes())
    mounted: FastAPI = gr.mount_gradio_app(
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
        favicon_path=str(front.ICON),
        root_path=root_path or None,
        theme=carriers.theme(),
    )
    sessions.install(mounted, page)
    return mounted


def refuse_addresses() -> None:
    """Shut the two doors by which a caller can make Gradio fetch an address of the caller's choosing.

    They are a file object with a URL in any argument, and ``/gradio_api/file=URL``. Gradio keeps them off
    private networks, but a page that promises no request to anybody has no use for them.

    Raises
    ------
    LineageError
        ``server.gradio``: they are not where they were.

    """
    for module, name in ((processing_utils, "async_ssrf_protected_get"), (safehttpx, "async_validate_url")):
        # Where an upgrade has renamed what is replaced here, the door would be open again in silence.
        if not inspect.iscoroutinefunction(getattr(module, name, None)):
            raise LineageError(
                "server.gradio",
                f"{module.__name__}.{name} is not there to be shut in Gradio {gr.__version__}: install the "
                "one that requirements.txt names.",
                version=gr.__version__,
            )
        setattr(module, name, _no_address)


def serve(application: FastAPI, taken: socket.socket, trusted: Sequence[str] | None = None) -> None:
    """Answer requests until Ctrl-C or SIGTERM; requests under way get two seconds to end.

    ``trusted`` are the proxies, addresses or networks, whose headers say whose request they hand on and
    whether it came by https. Nobody else's do: a visitor could be another one in each request. Each proxy
    appends to the header, so the last address in it that is no proxy's is the visitor's, whatever the visitor
    wrote there.
    """
    if trusted is None and "FORWARDED_ALLOW_IPS" not in os.environ:  # uvicorn reads that itself
        trusted = (*_LOOPBACK, *_PRIVATE) if os.environ.get("SPACE_ID") else _LOOPBACK
    config = uvicorn.Config(
        application,
        log_level="warning",
        timeout_graceful_shutdown=2,
        forwarded_allow_ips=None if trusted is None else list(trusted),
    )
    uvicorn.Server(config).run(sockets=[taken])


async def _healthy(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok", headers={"cache-control": "no-store"})


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
