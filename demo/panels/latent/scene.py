"""What is played with in Latent, without a page: z and its numbers, films through z, sums of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, judging, latents, limits
from demo.engine.library import Library
from demo.kit.state import unreadable
from onnx_models import seeds
from onnx_models.catalog import Model
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]

BANK = 20
"""Numbers whose sliders are on the table at a time."""
FURTHEST = 4.0
"""As far as a slider goes: of a hundred thousand normal numbers six lie beyond."""
REACH = 2.5
"""Where the small pictures above and below a slider have its number."""
FRAMES = 120
"""Of a walk: a round of five seconds."""
STATIONS = 61
"""Of the way between two seeds; every sixth stands in the strip."""
STRIP = 11
TERM = 3
"""Seeds that are averaged in a term of the sum: Radford et al. 2016 found one alone unstable."""
TRAY = 24
"""Pictures to choose terms from."""
CHOICE = 64
"""Seeds from which the first terms are chosen."""


@dataclass(frozen=True)
class State:
    """What is played, and where it stands."""

    model: str = ""
    play: str = "knobs"
    """``knobs``, ``walk``, ``way`` or ``sum``."""
    seed: int = 7
    """Where z starts."""
    label: int = -1
    """The class asked of a conditional generator."""
    z: str = ""
    """The numbers that were turned, ``position:value_position:value``."""
    bank: int = 0
    """Which sliders are on the table. (Gradio reads a ``page`` in the address itself.)"""
    path: int = 1
    """The seed of the walk."""
    other: int = 42
    """The seed at the far end of the way."""
    a: str = ""
    """Three seeds, ``1_2_3``; nothing leaves the choice to `first_terms`."""
    b: str = ""
    c: str = ""
    slot: int = 0
    """Which of the nine seeds the next choice from the tray replaces."""
    tray: int = 0
    """The first seed of the tray, in trays."""


def numbers(model: Model, state: State) -> Array:
    """Return the vector that the sliders show: the seed's, but for the numbers that were turned."""
    size = inference.z_size(model)
    z = of_seed(state.seed, size)
    for position, value in turned(state.z).items():
        z[limits.Bound("position", 0, size - 1, 0).check(position)] = value
    return z


def on_table(model: Model, state: State) -> range:
    """Return the positions in z of the sliders that are on the table."""
    size = inference.z_size(model)
    bank = limits.Bound("bank", 0, -(-size // BANK) - 1, 0).check(state.bank)
    return range(bank * BANK, min((bank + 1) * BANK, size))


def shortcuts(z: Array, positions: range) -> Array:
    """Return z with each of those numbers at `REACH`, then at minus that: float32 [2 positions, size]."""
    batch = np.repeat(z[None], 2 * len(positions), axis=0)
    for k, position in enumerate(positions):
        batch[2 * k, position], batch[2 * k + 1, position] = REACH, -REACH
    return batch


def offered(state: State) -> range:
    """Return the seeds of the tray."""
    tray = limits.Bound("tray", 0, 999, 0).check(state.tray)
    return range(tray * TRAY, (tray + 1) * TRAY)


def of_seed(seed: int, size: int) -> Array:
    """Return the first z of a seed, float32 [size]."""
    return seeds.normals(seed, 1, size, Stream.Z)[0]


def turned(text: str) -> dict[int, float]:
    """Read ``3:1.25_17:-2``: the numbers that were turned, by position."""
    try:
        pairs = (part.split(":") for part in text.split("_") if part)
        read = {int(position): float(value) for position, value in pairs}
    except ValueError as fault:
        raise unreadable() from fault
    for value in read.values():
        if not math.isfinite(value) or abs(value) > FURTHEST:
            raise limits.out_of_range("z", "a number", -FURTHEST, FURTHEST, value)
    return read


def term(text: str) -> list[int]:
    """Read ``1_2_3``: the seeds of one term."""
    try:
        chosen = [seeds.check_seed(int(part)) for part in text.split("_")]
    except ValueError as fault:
        raise unreadable() from fault
    if len(chosen) != TERM:
        raise unreadable()
    return chosen


@dataclass(frozen=True)
class Film:
    """What is made on the way through z."""

    pictures: Array
    """float32 [films, frames, channels, height, width]."""
    lengths: Array
    """float32 [films, frames]: of z."""


def ways(model: Model, state: State) -> Array:
    """Return z of the walk, or of the two ways between the seeds, straight and on the great circle.

    Returns
    -------
    float32 [films, frames, size]

    """
    start = numbers(model, state)
    if state.play == "walk":
        return latents.walk(start, FRAMES, seeds.check_seed(state.path))[None]
    end, t = of_seed(state.other, len(start)), np.linspace(0.0, 1.0, STATIONS, dtype=np.float32)
    return np.stack([latents.lerp(start, end, t), latents.slerp(start, end, t)])


def frames(library: Library, model: Model, state: State) -> Film:
    """Return the pictures of `ways`."""
    z = ways(model, state)
    made = inference.generate(library, model.id, z.reshape(-1, z.shape[2]), state.label).images
    return Film(made.reshape(*z.shape[:2], *made.shape[1:]), np.linalg.norm(z, axis=2))


def addition(library: Library, model: Model, state: State) -> tuple[list[list[int]], Array]:
    """Return the seeds of the three terms, and the z of their means and of the sum, float32 [4, size]."""
    texts = (state.a, state.b, state.c)
    chosen = [term(text) for text in texts] if any(texts) else first_terms(library, model, state.label)
    size = inference.z_size(model)
    a, b, c = (np.stack([of_seed(seed, size) for seed in one]) for one in chosen)
    return chosen, latents.analogy(a, b, c)


def first_terms(library: Library, model: Model, label: int) -> list[list[int]]:
    """Choose terms whose sum should say something, where a judge can name the classes of the pictures."""
    judge = judging.judge(library, model.dataset["id"], model.image)
    if judge is None:
        return np.arange(3 * TERM).reshape(3, TERM).tolist()
    z = np.stack([of_seed(seed, inference.z_size(model)) for seed in range(CHOICE)])
    made = inference.generate(library, model.id, z, label).images
    try:
        labels = inference.classify(library, judge.id, made).labels
    except LineageError:
        labels = np.zeros(CHOICE, np.int64)  # a broken judge takes nothing else away
    return latents.terms(labels, made.sum(axis=(1, 2, 3)), TERM).tolist()


def classes(models: Iterable[Model]) -> int:
    """Return how many classes any of the generators can be asked for."""
    return max((inference.classes(model, "generate") for model in models), default=0)
