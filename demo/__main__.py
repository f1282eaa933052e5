"""``python -m demo``: open the models, lay out the page, serve it."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import ipaddress
import os
import re
import socket
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import onnxruntime

from demo import sparing, waiting
from demo.arguments import add_directories
from demo.engine import waking
from demo.engine.library import Library
from onnx_models.errors import LineageError
from onnx_models.runtime import Choice, wheel_conflict

if TYPE_CHECKING:
    from fastapi import FastAPI

_M_ARENA_MAX = -8
"""Of glibc's ``malloc.h``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the page until Ctrl-C; exit code 2 and one sentence where it cannot start."""
    options = _parser().parse_args(arguments)
    conflict = wheel_conflict()
    if conflict is not None:
        print(conflict, file=sys.stderr)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            _run(options)
    except LineageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Take ``port`` of ``host``; 0 takes any free one.

    Raises
    ------
    LineageError
        ``server.port``: the port is in use or may not be used, or the host is not this machine's.

    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        taken = socket.create_server((host, port), family=family, backlog=128)
    except OSError as fault:
        reason = (fault.strerror or str(fault)).partition(" (while")[0]  # the address is named already
        raise LineageError(
            "server.port",
            f"Port {port} of {host} cannot be used ({reason}): stop what uses it, or name another --port or "
            "--host.",
            host=host,
            port=port,
            reason=reason,
        ) from fault
    # What is accepted has it from here: asyncio sets it for sockets that name TCP alone, which these do not,
    # and each small answer would wait 40 ms until the other side acknowledges the one before (RFC 896).
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return taken


def _run(options: argparse.Namespace) -> None:
    taken = listen(options.host, options.port)
    library = Library.open(options.models, options.providers, options.threads)
    for problem in library.catalog.problems:
        print(problem.error, file=sys.stderr)
    # The client by which Gradio's MCP tools call this very page would ask Hugging Face and Gradio's makers
    # first; both are read when gradio is imported.
    os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    # Statistics of the queue that nobody sees, a table of all calls made anew at each.
    os.environ.update(GRADIO_ANALYTICS_MAX_EVENTS="1", GRADIO_ANALYTICS_CACHE_FREQUENCY=str(10**9))
    # Gradio takes seconds to import: whatever can be refused has been refused by now.
    _share_heaps()
    with waiting.answering(taken):
        threading.Thread(target=waking.wake, args=(library,), daemon=True).start()
        application = _application(library, options)
    threading.Thread(target=waking.finish, args=(library,), daemon=True).start()
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(
        f"Latent Lineage on http://{host}:{taken.getsockname()[1]} - {library.runtime.provider}, "
        f"onnxruntime {onnxruntime.__version__} (Ctrl-C stops it)",
        flush=True,
    )
    from demo import server

    server.serve(application, taken, options.trusted_proxy)


def _application(library: Library, options: argparse.Namespace) -> FastAPI:
    """Import what lays the page out, and lay it out."""
    gc.disable()  # what is made until the page is there stays: looking through it took a tenth of a start
    try:
        sparing.load(options.mcp)
        from demo import app, server

        return server.application(library, app.build(library), options.mcp, options.root_path)
    finally:
        gc.freeze()
        gc.enable()


def _share_heaps() -> None:
    """Let all threads allocate from two heaps; call it before there are threads. Nothing without glibc.

    By default eight heaps a core are kept, and each holds on to its share of what a large answer took.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Serve the page. Nothing is downloaded; only the models' ONNX files are read.",
    )
    # The two environment variables are those that Hugging Face Spaces sets.
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        help="address to listen on (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GRADIO_SERVER_PORT") or "7860",
        help="TCP port, 0 to 65535; 0 takes any free one (default: %(default)s)",
    )
    add_directories(parser)
    parser.add_argument(
        "--providers",
        choices=get_args(Choice),
        default="auto",
        help="where the models run; auto takes CUDA where it works (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        default=0,
        metavar="N",
        help="threads that compute, for all visitors together (default: as many as this process may use)",
    )
    parser.add_argument(
        "--root-path",
        type=_root_path,
        default=os.environ.get("GRADIO_ROOT_PATH") or "",
        metavar="PATH",
        help="where a proxy shows the page: /lineage, or https://example.org/lineage (default: at the top)",
    )
    parser.add_argument(
        "--trusted-proxy",
        nargs="+",
        type=_proxy,
        default=None,
        metavar="ADDRESS",
        help="proxies, or networks such as 10.0.0.0/8, that are believed whose request they hand on "
        "(default: this machine; on a Space private networks too)",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="answer the Model Context Protocol too, at /gradio_api/mcp/ (needs the extra mcp)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"port must be a whole number from 0 to 65535, got {text!r}")
    return int(text)


def _threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"threads must be a whole number from 1 to 1024, got {text!r}")
    return int(text)


def _root_path(text: str) -> str:
    if text and not re.fullmatch(r"(https?://[^/?#\s]+)?(/[^?#\s]*)?", text):
        raise argparse.ArgumentTypeError(
            f"root-path must begin with / or be an address with http:// or https://, got {text!r}"
        )
    return text.rstrip("/")


def _proxy(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"trusted-proxy must be an address or a network such as 10.0.0.0/8, got {text!r}"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
