"""Arguments that commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_directories(parser: argparse.ArgumentParser, option: str = "--models") -> None:
    """Let a command be told where models are, instead of those that ship."""
    parser.add_argument(
        option,
        nargs="+",
        type=Path,
        default=[],
        metavar="DIR",
        help="directories of <id>/model.json folders, a later one winning (default: what ships)",
    )
