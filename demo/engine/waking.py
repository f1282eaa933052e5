"""Opening in advance what the page shows: the first sight of it before it is laid out, the rest after it."""

from __future__ import annotations

import contextlib

from demo.engine import examples
from demo.engine.library import Library
from onnx_models.errors import LineageError

_ROLES = ("reconstruct", "generate", "gibbs_step", "classify")
"""Of the graphs that are run while the page is laid out; the others are opened when somebody uses them."""


def wake(library: Library) -> None:
    """Open those graphs and the digits of a library; what is broken is said where it is shown."""
    with contextlib.suppress(LineageError):
        library.examples(examples.DATASET)
    for model in library.catalog.models:
        for role in _ROLES:
            if model.has(role):
                with contextlib.suppress(LineageError):
                    library.runtime.session(model.graphs[role])


def finish(library: Library) -> None:
    """Open the training digits, which take as long as all the graphs: they are searched when a hand rests."""
    with contextlib.suppress(LineageError):
        library.neighbours(examples.DATASET)
