"""Opening in advance what the page shows at first, so that laying it out does not wait for files."""

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
    with contextlib.suppress(LineageError):
        library.neighbours(examples.DATASET)
