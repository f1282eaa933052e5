"""``python -m demo``: open the models, lay out the page, serve it."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import onnxruntime

from demo import app, server
from demo.library import Library
from onnx_models.errors import LineageError
from onnx_models.runtime import Choice, wheel_conflict


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the page until it is stopped; 2 and one sentence where it cannot start."""
    options = _parser().parse_args(arguments)
    conflict = wheel_conflict()
    if conflict is not None:
        print(conflict, file=sys.stderr)
    try:
        taken = server.listen(options.host, options.port)
        library = Library.open(options.models, options.providers)
        page = app.build(library)
    except LineageError as error:
        print(error, file=sys.stderr)
        return 2
    for problem in library.catalog.problems:
        print(problem.error, file=sys.stderr)
    name = f"[{options.host}]" if ":" in options.host else options.host
    print(
        f"Latent Lineage on http://{name}:{taken.getsockname()[1]} - {library.runtime.provider}, "
        f"onnxruntime {onnxruntime.__version__} (Ctrl-C stops it)",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.serve(library, page, taken)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Serve the page. Nothing is downloaded; only the models' ONNX files are read.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    # The two environment variables are those that Hugging Face Spaces sets.
    parser.add_argument(
        "--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), help="address to listen on"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GRADIO_SERVER_PORT", "7860"),
        help="TCP port, 0 to 65535; 0 takes any free one",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="directories of <id>/model.json folders; without it, what ships",
    )
    parser.add_argument(
        "--providers",
        choices=get_args(Choice),
        default="auto",
        help="where the models run; auto takes CUDA where it works",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"port must be a whole number from 0 to 65535, got {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
