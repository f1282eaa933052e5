"""What the pictures of Style are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from dataclasses import replace

from demo.engine import styles
from demo.engine.library import Library
from demo.panels.style import edit
from demo.panels.style.panel import OTHERS, SOURCES, sources, stations, swept
from demo.panels.style.state import State, subject
from onnx_models import cookbook
from onnx_models.catalog import Model
from onnx_models.cookbook import Recipe


def recipes(library: Library, state: State) -> dict[str, Recipe]:
    """Return those of what is looked at; of a visitor's own picture only that of the face, ``made``."""
    model = styles.painter(library, state.model)
    state.look.check(model)
    if state.picture:
        grains = cookbook.noise(model, state.look.noise_seed)
        return {"made": cookbook.paint(model, subject(library, model, state), grains)}
    shown = {"truncate": _sweep, "mix": _mix, "travel": _travel, "noise": _noise, "inside": _inside}
    if state.part == "edit":
        along = styles.moves(library, model, edit.turns(state.moves))
        before, after = (styles.recipe(model, state.seed, state.look, along=way) for way in ((), along))
        return {"before": before, "after": after}
    return shown.get(state.part, _make)(model, state)


def _styled(model: Model, state: State, seeds: list[int], name: str = "style") -> dict[str, object]:
    """Return the step that maps the first z of each seed to styles."""
    look = state.look
    psi = cookbook.truncation(model, look.psi, look.cutoff)
    return {**cookbook.style(model, cookbook.latents(model, seeds), psi, look.label), "name": name}


def _painted(model: Model, state: State, ws: cookbook.Source, *first: dict[str, object]) -> Recipe:
    return cookbook.paint(model, ws, cookbook.noise(model, state.look.noise_seed), first)


def _make(model: Model, state: State) -> dict[str, Recipe]:
    """The picture, and those of the seeds after it."""
    made = {"made": styles.recipe(model, state.seed, state.look)}
    _, *onwards = styles.onwards(state.seed, styles.affordable(model, 1 + OTHERS))
    if onwards:
        made["others"] = _painted(model, state, {"of": "style.ws"}, _styled(model, state, onwards))
    return made


def _sweep(model: Model, state: State) -> dict[str, Recipe]:
    """One seed under each truncation."""
    look = state.look
    psi = cookbook.truncation(model, swept(model), look.cutoff)
    style = cookbook.style(model, cookbook.latents(model, state.seed), psi, look.label)
    return {"sweep": _painted(model, state, {"of": "style.ws"}, style)}


def _mix(model: Model, state: State) -> dict[str, Recipe]:
    """The chosen child, all parents, and the children row by row."""
    rows, columns = sources(model)
    taken = styles.layers(model, state.layers)
    a, b = styles.onwards(state.seed, rows), styles.onwards(state.other, columns)
    row, column = min(state.pick // SOURCES[1], rows - 1), min(state.pick % SOURCES[1], columns - 1)
    kept = _styled(model, state, [seed for seed in a for _ in b])
    lent = _styled(model, state, b * rows, "lent")
    mixed = {"rows": [{"of": "style.ws"}, {"of": "lent.ws"}], "take": list(taken)}
    return {
        "child": styles.recipe(model, a[row], state.look, (b[column], taken)),
        "parents": _painted(model, state, {"of": "style.ws"}, _styled(model, state, a + b)),
        "children": _painted(model, state, mixed, kept, lent),
    }


def _travel(model: Model, state: State) -> dict[str, Recipe]:
    """The way on the great circle in ``z``, and the straight one in ``w``."""
    at, look = stations(model), state.look
    ends = [cookbook.latents(model, seed) for seed in (state.seed, state.other)]
    psi = cookbook.truncation(model, look.psi, look.cutoff)
    round_z = cookbook.style(model, {"blend": ends, "at": at, "way": "circle"}, psi, look.label)
    straight = {"blend": [{"of": "style.ws", "sample": k} for k in (0, 1)], "at": at}
    return {
        "z": _painted(model, state, {"of": "style.ws"}, round_z),
        "w": _painted(model, state, straight, _styled(model, state, [state.seed, state.other])),
    }


def _noise(model: Model, state: State) -> dict[str, Recipe]:
    """One style with the noise, with another, with none."""
    if not styles.noise_sizes(model):
        raise styles.without(model, "noise")
    seed, another = styles.onwards(state.noise_seed, 2)
    kinds = {"noise": seed, "another": another, "none": None}
    return {
        name: styles.recipe(model, state.seed, replace(state.look, noise_seed=kind))
        for name, kind in kinds.items()
    }


def _inside(model: Model, state: State) -> dict[str, Recipe]:
    """The picture, and in its numbers what each size adds."""
    if not styles.part_sizes(model):
        raise styles.without(model, "inside")
    added = [f"paint.rgb_{size}" for size in styles.part_sizes(model)]
    return {"inside": styles.recipe(model, state.seed, state.look) | {"numbers": added}}
