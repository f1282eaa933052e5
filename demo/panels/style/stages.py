"""The stages of Style: of each network each part that a browser can make, but for a visitor's own picture."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine import styles
from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.style import edit
from demo.panels.style.state import PARTS, State
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

_ELSEWHERE = {"seed": 8, "other": 43, "psi": 0.6, "noise_seed": 2, "layers": "fine"}


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them."""
    for model in styles.painters(library):
        for part in PARTS[:-1]:
            for bank in _banks(library, model) if part == "edit" else [{}]:
                yield alike(state, {"model": model.id, "part": part, "picture": ""} | bank, **_ELSEWHERE)


def _banks(library: Library, model: Model) -> list[dict[str, str]]:
    try:
        return [{"bank": bank} for bank in edit.banks(styles.sliders(library, model))]
    except LineageError:
        return []  # its part says why
