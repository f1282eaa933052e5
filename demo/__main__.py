"""``python -m demo``: open the models, lay out the page, serve it."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import onnxruntime

from demo.engine.library import Library
from onnx_models.errors import LineageError
from onnx_models.runtime import Choice, wheel_conflict


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
        return socket.create_server((host, port), family=family, backlog=128)
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


def _run(options: argparse.Namespace) -> None:
    taken = listen(options.host, options.port)
    library = Library.open(options.models, options.providers)
    for problem in library.catalog.problems:
        print(problem.error, file=sys.stderr)
    # The client by which Gradio's MCP tools call this very page would ask Hugging Face and Gradio's makers
    # first; both are read when gradio is imported.
    os.environ.update(HF_HUB_OFFLINE="1", GRADIO_ANALYTICS_ENABLED="False")
    # Gradio takes seconds to import: whatever can be refused has been refused by now.
    from demo import app, server

    server.share_heaps()
    application = server.application(library, app.build(library), options.mcp)
    host = f"[{options.host}]" if ":" in options.host else options.host
    print(
        f"Latent Lineage on http://{host}:{taken.getsockname()[1]} - {library.runtime.provider}, "
        f"onnxruntime {onnxruntime.__version__} (Ctrl-C stops it)",
        flush=True,
    )
    server.serve(application, taken)


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
    parser.add_argument(
        "--models",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="directories of <id>/model.json folders, a later one winning (default: what ships)",
    )
    parser.add_argument(
        "--providers",
        choices=get_args(Choice),
        default="auto",
        help="where the models run; auto takes CUDA where it works (default: %(default)s)",
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


if __name__ == "__main__":
    sys.exit(main())
