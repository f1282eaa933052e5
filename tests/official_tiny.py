"""Tiny random networks of every official family, as `export.official.checkpoint` would hand them over.

Nothing in them is zero or one that could hide a mistake: noise has strength, biases and centres are away from
zero, filters are lopsided, so that one turned round is another.
"""

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.official.spec import Network

Array = NDArray[np.float32]
Tensors = dict[str, Array]

W = 7
SOURCE = {
    "file": "tiny-network.pkl",
    "network": "G_ema",
    "sha256": hashlib.sha256(b"tiny").hexdigest(),
    "class": "Generator",
    "module_src_sha256": hashlib.sha256(b"source").hexdigest(),
}


class _Random:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def __call__(self, *shape: int, around: float = 0.0, by: float = 1.0) -> Array:
        return np.asarray(around + by * self._rng.standard_normal(shape), np.float32)

    def positive(self, *shape: int) -> Array:
        return self._rng.uniform(0.2, 1.0, shape).astype(np.float32)


def _network(
    family: str,
    variant: str,
    origin: str,
    size: int,
    tensors: Tensors,
    settings: dict[str, Any],
    **sizes: int,
) -> Network:
    levels = size.bit_length() - 2
    return Network(
        **{
            "family": family,
            "variant": variant,
            "origin": origin,
            "z_dim": 6,
            "w_dim": W,
            "c_dim": 0,
            "resolution": size,
            "channels": 3,
            "num_ws": 2 * levels,
            "settings": {"truncation_psi": 0.7, "truncation_cutoff": 2, "activation": "lrelu", **settings},
            "tensors": tensors,
            "source": SOURCE,
            **sizes,
        }
    )


def _mapping(
    draw: _Random, origin: str, layers: int, c_dim: int, label: str
) -> tuple[Tensors, dict[str, Any]]:
    """A mapping network whose weights have the scale of a learning rate multiplier of 1/100."""
    z, lrmul = 6, 0.01
    tensors: Tensors = {}
    widths = [z, *[W] * layers]
    if label == "concat":
        tensors["G_mapping/LabelConcat/weight"] = draw(c_dim, z)
        widths[0] += z
    elif label == "embed" and origin == "tensorflow":
        tensors["G_mapping/LabelEmbed/weight"] = draw(c_dim, 5)
        tensors["G_mapping/LabelEmbed/bias"] = draw(5, by=0.5)
        widths[0] += 5
    elif label == "embed":
        tensors["mapping.embed.weight"] = draw(W, c_dim)
        tensors["mapping.embed.bias"] = draw(W, by=0.5)
        widths[0] += W
    for k, (before, after) in enumerate(pairwise(widths)):
        bias = draw(after, by=0.3 / lrmul)
        if origin == "torch":
            tensors[f"mapping.fc{k}.weight"] = draw(after, before, by=1 / lrmul)
            tensors[f"mapping.fc{k}.bias"] = bias
        else:
            tensors[f"G_mapping/Dense{k}/weight"] = draw(before, after, by=1 / lrmul)
            tensors[f"G_mapping/Dense{k}/bias"] = bias
    tensors["mapping.w_avg" if origin == "torch" else "dlatent_avg"] = draw(W)
    return tensors, {
        "mapping_layers": layers,
        "lrmul": lrmul,
        "mapping_activation": "lrelu",
        "normalize_latents": True,
        "label": label,
    }


def stylegan(widths: Sequence[int] = (5, 4, 3), c_dim: int = 0, seed: int = 1) -> Network:
    """As many sizes from 4x4 on as there are widths."""
    draw, size = _Random(seed), 2 * 2 ** len(widths)
    tensors, settings = _mapping(draw, "tensorflow", 3, c_dim, "concat" if c_dim else "none")
    before = widths[0]
    for k, width in enumerate(widths):
        side = 4 * 2**k
        for j, part in enumerate(("Conv0_up", "Conv1") if k else ("Const", "Conv")):
            name = f"G_synthesis/{side}x{side}/{part}"
            if part == "Const":
                tensors[f"{name}/const"] = draw(1, width, 4, 4, around=1)
            else:
                tensors[f"{name}/weight"] = draw(3, 3, width if j else before, width)
            tensors[f"{name}/bias"] = draw(width, by=0.5)
            tensors[f"{name}/Noise/weight"] = draw(width, by=0.5)
            tensors[f"{name}/StyleMod/weight"] = draw(W, 2 * width)
            tensors[f"{name}/StyleMod/bias"] = draw(2 * width, by=0.5)
            tensors[f"G_synthesis/noise{2 * k + j}"] = draw(1, 1, side, side)
        before = width
    tensors["G_synthesis/ToRGB_lod0/weight"] = draw(1, 1, before, 3, by=0.3)
    tensors["G_synthesis/ToRGB_lod0/bias"] = draw(3, by=0.2)
    settings |= {"blur_filter": [0.25, 0.5, 0.25], "fused_scale": "auto"}
    return _network("stylegan", "", "tensorflow", size, tensors, settings, c_dim=c_dim)


def stylegan2(
    variant: str = "skip",
    origin: str = "torch",
    widths: Sequence[int] = (5, 4, 3),
    c_dim: int = 0,
    clamp: float | None = None,
    taps: Sequence[float] = (0.125, 0.375, 0.375, 0.125),
    label: str = "embed",
    layers: int = 3,
    seed: int = 2,
) -> Network:
    """As many sizes from 4x4 on as there are widths."""
    draw, size = _Random(seed), 2 * 2 ** len(widths)
    tensors, settings = _mapping(draw, origin, layers, c_dim, label if c_dim else "none")
    fill = _torch_layer if origin == "torch" else _tensorflow_layer
    before = widths[0]
    noise = 0
    for k, width in enumerate(widths):
        side = 4 * 2**k
        start = draw(1, width, 4, 4)
        if not k and origin == "torch":
            tensors["synthesis.b4.const"] = start[0]
        elif not k:
            tensors["G_synthesis/4x4/Const/const"] = start
        for first, inputs in ((True, before), (False, width)):
            if k or not first:
                part = "Conv" if not k else "Conv0_up" if first else "Conv1"
                fill(tensors, draw, side, part, inputs, width, noise)
                noise += 1
        if variant == "skip" or side == size:
            fill(tensors, draw, side, "ToRGB", width, 3, None)
        if variant == "resnet" and k and origin == "torch":
            tensors[f"synthesis.b{side}.skip.weight"] = draw(width, before, 1, 1)
        elif variant == "resnet" and k:
            tensors[f"G_synthesis/{side}x{side}/Skip/weight"] = draw(1, 1, before, width)
        before = width
    if origin == "torch":
        square = np.outer(taps, taps).astype(np.float32)
        for name in list(tensors):
            if found := re.fullmatch(r"(synthesis\.b\d+)\.(conv\d|skip)\.weight", name):
                for owner in (found[1], f"{found[1]}.{found[2]}"):
                    tensors[f"{owner}.resample_filter"] = square
    settings |= {
        "resample_filter": list(taps),
        "conv_clamp": clamp,
        "use_noise": True,
        "architecture": variant,
    }
    return _network("stylegan2", variant, origin, size, tensors, settings, c_dim=c_dim)


def _torch_layer(
    tensors: Tensors, draw: _Random, side: int, part: str, inputs: int, outputs: int, noise: int | None
) -> None:
    own = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}[part]
    name, k = f"synthesis.b{side}.{own}", 1 if part == "ToRGB" else 3
    tensors[f"{name}.weight"] = draw(outputs, inputs, k, k)
    tensors[f"{name}.bias"] = draw(outputs, by=0.3)
    tensors[f"{name}.affine.weight"] = draw(inputs, W)
    tensors[f"{name}.affine.bias"] = draw(inputs, around=1, by=0.2)
    if noise is not None:
        tensors[f"{name}.noise_strength"] = draw(around=0.5, by=0.2)
        tensors[f"{name}.noise_const"] = draw(side, side)


def _tensorflow_layer(
    tensors: Tensors, draw: _Random, side: int, part: str, inputs: int, outputs: int, noise: int | None
) -> None:
    name, k = f"G_synthesis/{side}x{side}/{part}", 1 if part == "ToRGB" else 3
    tensors[f"{name}/weight"] = draw(k, k, inputs, outputs)
    tensors[f"{name}/bias"] = draw(outputs, by=0.3)
    tensors[f"{name}/mod_weight"] = draw(W, inputs)
    tensors[f"{name}/mod_bias"] = draw(inputs, by=0.2)
    if noise is not None:
        tensors[f"{name}/noise_strength"] = draw(around=0.5, by=0.2)
        tensors[f"G_synthesis/noise{noise}"] = draw(1, 1, side, side)


def stylegan3(
    variant: str = "t",
    size: int = 24,
    margin: int = 3,
    factors: Sequence[tuple[int, int]] = ((2, 2), (4, 2), (2, 2), (4, 2), (2, 4), (2, 2)),
    width: int = 4,
    c_dim: int = 0,
    clamp: float = 256.0,
    seed: int = 3,
) -> Network:
    """Layers that go up and down by those factors, to a picture with a margin, and one that crops it.

    Each layer's maps are as large as its sampling rate makes the picture and a margin on all sides.
    """
    draw = _Random(seed)
    tensors, settings = _mapping(draw, "torch", 2, c_dim, "embed" if c_dim else "none")
    taps, kernel = (6, 3 if variant == "t" else 1)
    rate = size
    for up, down in factors:
        rate = rate * down // up
    before = rate + 2 * margin
    entrance = {
        "channels": width,
        "size": [before, before],
        "sampling_rate": float(rate),
        "bandwidth": 0.3 * rate,
    }
    tensors["synthesis.input.weight"] = draw(width, width)
    tensors["synthesis.input.affine.weight"] = draw(4, W, by=0.2)
    tensors["synthesis.input.affine.bias"] = np.array([1, 0.1, 0.05, -0.1], np.float32)
    tensors["synthesis.input.transform"] = np.array(
        [[0.9, -0.1, 0.05], [0.15, 1.1, -0.02], [0, 0, 1]], np.float32
    )
    tensors["synthesis.input.freqs"] = draw(width, 2, by=0.3 * rate)
    tensors["synthesis.input.phases"] = draw(width, by=0.3)
    layers = []
    for k, (up, down) in enumerate((*factors, (1, 1))):
        last = k == len(factors)
        rate = rate * up // down
        after = size if last else rate + 2 * margin
        inputs, outputs, k_size = width, 3 if last else width, 1 if last else kernel
        name = f"L{k}_{after}_{outputs}"
        path = f"synthesis.{name}"
        tensors[f"{path}.weight"] = draw(outputs, inputs, k_size, k_size)
        tensors[f"{path}.bias"] = draw(outputs, by=0.3)
        tensors[f"{path}.affine.weight"] = draw(inputs, W)
        tensors[f"{path}.affine.bias"] = draw(inputs, around=1, by=0.2)
        tensors[f"{path}.magnitude_ema"] = np.float32(0.5 + 0.3 * k).reshape(())
        lengths = (1, 1) if last else (taps * up, taps * down)
        radial = variant == "r" and not last and k != len(factors) - 1
        if not last:
            up_filter, down_filter = draw.positive(lengths[0]), draw.positive(lengths[1])
            if radial:
                down_filter = draw.positive(lengths[1], lengths[1])
            tensors[f"{path}.up_filter"] = up_filter / up_filter.sum()
            tensors[f"{path}.down_filter"] = down_filter / down_filter.sum()
        total = (after - 1) * down + 1 - (before + k_size - 1) * up + sum(lengths) - 2
        low = (total + up) // 2
        layers.append(
            {
                "name": name,
                "is_torgb": last,
                "is_critically_sampled": k >= len(factors) - 1,
                "in_channels": inputs,
                "out_channels": outputs,
                "in_size": [before, before],
                "out_size": [after, after],
                "conv_kernel": k_size,
                "conv_clamp": clamp,
                "up_factor": up,
                "up_taps": lengths[0],
                "down_factor": down,
                "down_taps": lengths[1],
                "down_radial": radial,
                "padding": [low, total - low] * 2,
            }
        )
        before = after
    settings |= {"input": entrance, "layers": layers, "output_scale": 0.25, "conv_clamp": clamp}
    sizes = {"num_ws": len(layers) + 1, "c_dim": c_dim}
    return _network("stylegan3", variant, "torch", size, tensors, settings, **sizes)
