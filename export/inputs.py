"""Seeded inputs for a graph, drawn from the documented generator so that any language can repeat them."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models import seeds
from onnx_models.catalog import Tensor

# What a range, as model.json words it, is drawn as. Uniform numbers cubed are mostly dark with some bright
# ones, and each row has its own contrast: a discriminator that saturated on all of them would hide its
# errors. Codes that trained networks give to digits have standard deviations of 2 to 3.
#
# Pictures are scribbles. On noise a VAE's code runs into the thousands, where float32 itself, PyTorch's as
# well, is 0.0005 of a pixel away from float64: nothing could be learned there about a file.
UNIT_INTERVAL = "[0, 1]"
UNIFORM = "[0, 1)"
BINARY = "{0, 1}"
NORMAL = "N(0, 1)"
REAL = "(-inf, inf)"
POSITIVE = "[0, inf)"
COUNTING = "{1, 2, ...}"  # steps


def labels(classes: int) -> str:
    """The range of a label of so many classes; -1: none."""
    return f"{{-1, ..., {classes - 1}}}"


def classes(range: str) -> int:
    """Of how many classes a label of this `range` is; 0 where it is none."""
    found = re.fullmatch(r"\{-1, \.\.\., (\d+)\}", range)
    return int(found[1]) + 1 if found else 0


LABEL = labels(10)


def draw(tensors: Iterable[Tensor], batch: int, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs by name for `batch` rows, each of its tensor's dtype and shape, a function of `seed` alone."""
    return {tensor.name: _draw(tensor, batch, seed, layer) for layer, tensor in enumerate(tensors)}


def _draw(tensor: Tensor, batch: int, seed: int, layer: int) -> NDArray[Any]:
    shape = tuple(int(size) for size in tensor.shape[1:])
    size = int(np.prod(shape))
    if tensor.range == UNIT_INTERVAL and len(shape) == 3:
        return scribbles(seed, batch, shape, layer)
    if tensor.range in (NORMAL, REAL):
        values = seeds.normals(seed, batch, size, seeds.Stream.Z, layer=layer)
        values = values * np.float32(1 if tensor.range == NORMAL else 2)
    else:
        values = seeds.uniforms(seed, batch, size, seeds.Stream.CHOICE, layer=layer)
        if tensor.range == UNIT_INTERVAL:
            contrast = seeds.uniforms(seed, batch, 1, seeds.Stream.CORRUPTION, layer=layer)
            values = contrast * values**3
        elif tensor.range == BINARY:
            values = (values < 0.5).astype(np.float32)
        elif tensor.range == COUNTING:
            values = 1 + np.floor(values * 10)
        elif tensor.range == POSITIVE:
            values = 0.25 + values**2  # clear of zero, where a root would magnify rounding
        elif classes(tensor.range):
            values = np.floor(values * (1 + classes(tensor.range))) - 1
        elif tensor.range != UNIFORM:
            raise ValueError(f"{tensor.name}: nothing is known of drawing from {tensor.range!r}")
    return values.reshape(batch, *shape).astype(tensor.dtype)


def scribbles(seed: int, batch: int, shape: tuple[int, ...], layer: int) -> NDArray[np.float32]:
    """Pen lines through five random points, float32 [batch, *shape] in [0, 1], the same in every channel.

    As in a digit, the strokes are about two pixels of 28 wide and keep clear of the edge; each picture has
    its own contrast.
    """
    _, height, width = shape
    drawn = seeds.uniforms(seed, batch, 11, seeds.Stream.CHOICE, layer=layer).astype(np.float64)
    contrast, points = drawn[:, 0], 0.2 + 0.6 * drawn[:, 1:].reshape(batch, 5, 2)
    y, x = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    pixels = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(1, 1, -1, 2)
    start, along = points[:, :-1, None], np.diff(points, axis=1)[:, :, None]  # [batch, 4, 1, 2]
    way = ((pixels - start) * along).sum(-1) / np.maximum(np.square(along).sum(-1), 1e-12)
    distance = np.linalg.norm(pixels - start - np.clip(way, 0, 1)[..., None] * along, axis=-1).min(axis=1)
    ink = contrast[:, None] * np.clip(1.5 - 28 * distance, 0, 1)  # [batch, height * width]
    return np.broadcast_to(ink.reshape(batch, 1, height, width), (batch, *shape)).astype(np.float32)
