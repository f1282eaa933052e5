"""What the commands of this room share: their exit codes, and a seed as an argument."""

from __future__ import annotations

import argparse

from onnx_models import seeds
from onnx_models.errors import LineageError

FAILED, BAD_ARGUMENTS, INTERRUPTED = 1, 2, 130
"""Exit codes."""


def seed(text: str) -> int:
    """Read a seed for argparse; ArgumentTypeError says which numbers are seeds."""
    try:
        return seeds.check_seed(int(text))
    except (ValueError, LineageError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from 0 to {seeds.SEED_LIMIT - 1}"
        ) from None
