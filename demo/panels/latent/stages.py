"""The stages of Latent, one for each bank of numbers, film and kind of sum of each generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from demo.engine import inference
from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.latent.scene import BANK, State


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them; the terms that nobody has chosen yet are the server's choice, for each class."""
    for model in library.generators:
        for bank in range(-(-inference.z_size(model) // BANK)):
            yield alike(state, {"model": model.id, "play": "knobs", "bank": bank}, seed=8)
        for play in ("walk", "way"):
            yield alike(state, {"model": model.id, "play": play}, seed=8, path=2, other=43)
        summed = {"model": model.id, "play": "sum"}
        classes = inference.classes(model, "generate")
        for asked in [{"label": label} for label in range(-1, classes)] if classes else [{}]:
            yield alike(state, summed | asked | {"a": ""}, slot=4, tray=1)
        chosen = replace(state, a="0_1_2", b="3_4_5", c="6_7_8")
        yield alike(chosen, summed, a="9_10_11", b="12_13_14", c="15_16_17", slot=4, tray=1)
