"""Seeded inputs for a graph, drawn from the documented generator so that any language can repeat them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models import seeds
from onnx_models.catalog import Tensor

# What a range, as model.json words it, is drawn as. Uniform numbers cubed are mostly dark with some bright
# pixels, and each row has its own contrast: a discriminator that saturated on all of them would hide its
# errors. Codes that trained networks give to digits have standard deviations of 2 to 3.
UNIT_INTERVAL = "[0, 1]"
UNIFORM = "[0, 1)"
BINARY = "{0, 1}"
NORMAL = "N(0, 1)"
REAL = "(-inf, inf)"
POSITIVE = "[0, inf)"
LABEL = "{-1, ..., 9}"  # -1: none


def draw(tensors: Iterable[Tensor], batch: int, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs by name for `batch` rows, each of its tensor's dtype and shape, a function of `seed` alone."""
    return {tensor.name: _draw(tensor, batch, seed, layer) for layer, tensor in enumerate(tensors)}


def _draw(tensor: Tensor, batch: int, seed: int, layer: int) -> NDArray[Any]:
    shape = tuple(int(size) for size in tensor.shape[1:])
    size = int(np.prod(shape))
    if tensor.range in (NORMAL, REAL):
        values = seeds.normals(seed, batch, size, seeds.Stream.Z, layer=layer)
        values = values * np.float32(1 if tensor.range == NORMAL else 2)
    else:
        values = seeds.uniforms(seed, batch, size, seeds.Stream.CHOICE, layer=layer)
        if tensor.range == UNIT_INTERVAL:
            contrast = seeds.uniforms(seed, batch, 1, seeds.Stream.CORRUPTION, layer=layer)
            values = contrast * values**3
            if len(shape) == 3:
                values = _with_dark_border(values.reshape(batch, *shape))
        elif tensor.range == BINARY:
            values = (values < 0.5).astype(np.float32)
        elif tensor.range == LABEL:
            values = np.floor(values * 11) - 1
        elif tensor.range != UNIFORM:
            raise ValueError(f"{tensor.name}: nothing is known of drawing from {tensor.range!r}")
    return values.reshape(batch, *shape).astype(tensor.dtype)


def _with_dark_border(pictures: NDArray[Any]) -> NDArray[Any]:
    """Blacken a seventh of the picture on each side: the border that every digit of MNIST has.

    The weights of pixels which were black in all training never moved; light there is a question that no
    network was taught to answer, and its answer is ill-conditioned.
    """
    height, width = pictures.shape[2:]
    top, left = height // 7, width // 7
    framed = np.zeros_like(pictures)
    inside = np.s_[:, :, top : height - top, left : width - left]
    framed[inside] = pictures[inside]
    return framed
