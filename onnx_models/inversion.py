"""Styles that an encoder finds in pictures, brought closer to them: the loop around its graph ``refine``.

Abdal, Qin & Wonka 2019, "Image2StyleGAN: how to embed images into the StyleGAN latent space?"
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models import seeds
from onnx_models.catalog import Graph
from onnx_models.runtime import Runtime

Array = NDArray[np.float32]

RATE, PULL = 0.05, 0.001
"""The first step's length in standard deviations of w, and how much the centre draws."""


def refined(
    runtime: Runtime, refine: Graph, images: Array, ws: Array, noise: Mapping[str, Array], steps: int
) -> Iterator[tuple[Array, Array]]:
    """Yield styles and what is painted of them: first those given, then one more of both for each step.

    Each is a run of the graph, a step of Adam whose length falls along a cosine; every row goes its own way.

    images : float32 [n, channels, height, width] in [0, 1], what is looked for
    ws : float32 [n, rows, size of w], to begin with
    noise : float32 [n, 1, height, width] by input, the same at every step; see `noises`
    """
    count = len(images)
    state: dict[str, NDArray[Any]] = {"ws": ws, "first": np.zeros_like(ws), "second": np.zeros_like(ws)}
    given: dict[str, NDArray[Any]] = {"image": images, "pull": np.full(count, PULL, np.float32), **noise}
    for step in range(steps + 1):
        rate = RATE * (1 + math.cos(math.pi * step / max(steps, 1))) / 2
        given |= {"step": np.full(count, step + 1, np.int64), "rate": np.full(count, rate, np.float32)}
        made = runtime.run(refine, given | state)
        yield state["ws"], made["picture"]
        state = {name: made[f"new_{name}"] for name in state}


def noises(refine: Graph, seed: int | None, count: int = 1) -> dict[str, Array]:
    """Return the inputs ``noise_K``, the same for `count` pictures: normals of the seed, zeros for None."""
    found: dict[str, Array] = {}
    for tensor in refine.inputs:
        if not tensor.name.startswith("noise_"):
            continue
        height, width = (int(size) for size in tensor.shape[2:])
        grain = np.zeros((1, 1, height, width), np.float32)
        if seed is not None:
            layer = int(tensor.name.removeprefix("noise_"))
            normals = seeds.normals(seed, 1, height * width, seeds.Stream.NOISE, layer=layer)
            grain = normals.astype(np.float32).reshape(grain.shape)
        found[tensor.name] = np.repeat(grain, count, axis=0)
    return found
