"""StyleGAN3's synthesis network as a graph, t and r: ws -> image.

    Karras et al. 2021, "Alias-free generative adversarial networks"

The convolutions are StyleGAN2's. The filtered rectifier (section 3.1) is three steps here:

* Up: zeros between the pixels, then a filter, first along the rows and then along the columns. Along one axis
  that is a product with a banded matrix, and processors multiply matrices faster than they do anything else;
  a wide band is cut into blocks, nearly all of them the same. Padding and cropping are rows left out.
* The leaky rectifier, its gain in the matrix already, and the clamp.
* Down: one convolution a channel with strides; two, one an axis, where the filter is not radial.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto

from export.official import signature
from export.official.errors import OfficialError, quoted
from export.official.nodes import Array, Nodes
from export.official.spec import Network
from export.official.tensors import Tensors

EPSILON = 1e-8
BLOCK = 64
"""Samples after filtering in a block: 32 to 64 were the fastest of 16 to 256 on an x86 core."""

Size = tuple[int, int]
"""Width and height."""


def build(network: Network, noise: str = "none") -> ModelProto:
    """Return the graph ``synthesis``. It takes no noise: nothing but ws decides the picture.

    Raises :class:`export.official.errors.OfficialError` for what it cannot build.
    """
    graph, tensors = Nodes("synthesis"), Tensors(network)
    with graph.scope("input"):
        x, size = _fourier(graph, tensors, network.settings["input"])
    layers = network.settings["layers"]
    for k, layer in enumerate(layers):
        with graph.scope(layer["name"]):
            # From [-1, 1] to [0, 1]: a half of the last layer, and a half.
            last = float(network.settings["output_scale"]) / 2 if k == len(layers) - 1 else None
            x, size = _layer(graph, tensors, x, size, layer, k + 1, last)
    if size != (network.resolution, network.resolution):
        raise OfficialError(f"its layers paint {size} pixels, not {network.resolution} a side.")
    graph.picture(graph.add("Add", x, 0.5))
    return graph.model(*signature.synthesis(network))


def _fourier(graph: Nodes, tensors: Tensors, settings: Mapping[str, Any]) -> tuple[str, Size]:
    """Fourier features of a plane that w turns and moves (section 3.2): [batch, n, h, w], and size."""
    width, height = size = _size(settings["size"])
    rate, bandwidth = float(settings["sampling_rate"]), float(settings["bandwidth"])
    frequencies, phases = tensors["synthesis.input.freqs"], tensors["synthesis.input.phases"]
    user = tensors["synthesis.input.transform"]  # [3, 3], of homogeneous coordinates
    mixing = tensors["synthesis.input.weight"]
    t = graph.linear(graph.row("ws", 0), *tensors.torch_linear("synthesis.input.affine"), "affine_")
    turn = graph.add("Slice", t, (0,), (2,), (1,))
    length = graph.add("ReduceL2", turn, (1,), keepdims=1)
    t = graph.add("Div", t, length)  # cosine, sine, and the way along x and y

    # (c, s) -> [[c, -s], [s, c]], the inverse of a turn of the picture; then that of a move, then the user's.
    spread = np.array([[1.0, 0, 0, 1], [0, -1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    rotation = graph.add("MatMul", t, graph.constant("spread", spread))
    rotation = graph.add("Reshape", rotation, (-1, 2, 2))
    move = graph.add("Unsqueeze", graph.add("Slice", t, (2,), (4,), (1,)), (2,))  # [batch, 2, 1]
    moved = graph.add("Mul", move, graph.constant("transform_row", user[2:]))  # [batch, 2, 3]
    moved = graph.add("Sub", graph.constant("transform", user[:2]), moved)
    whole = graph.add("MatMul", rotation, moved)  # [batch, 2, 3]

    waves = graph.add("MatMul", graph.constant("frequencies", frequencies), whole)  # [batch, channels, 3]
    turned = graph.add("Slice", waves, (0,), (2,), (2,))
    shift = graph.add("Slice", waves, (2,), (3,), (2,))
    shift = graph.add("Add", shift, graph.constant("phases", phases[:, None]))
    # What a turn or a scale brings above the band fades out, up to half the sampling rate.
    high = graph.add("ReduceL2", turned, (2,), keepdims=1)
    slope = 1 / (rate / 2 - bandwidth)
    fade = graph.add("Add", graph.add("Mul", high, -slope), 1 + bandwidth * slope)
    fade = graph.add("Clip", fade, 0.0, 1.0)

    x, y = ((np.arange(side) + 0.5 - side / 2) / rate for side in size)  # of pixels' centres
    plane = np.stack([np.tile(x, height), np.repeat(y, width)])  # [2, height * width]
    angle = graph.add("MatMul", turned, graph.constant("plane", plane))
    angle = graph.add("Mul", graph.add("Add", angle, shift), 2 * np.pi)
    features = graph.add("Mul", graph.add("Sin", angle), fade)
    mixed = graph.add("MatMul", graph.constant("weight", mixing / len(mixing) ** 0.5), features)
    return graph.add("Reshape", mixed, (0, len(mixing), height, width)), size


def _layer(
    graph: Nodes,
    tensors: Tensors,
    x: str,
    size: Size,
    layer: Mapping[str, Any],
    row: int,
    scale: float | None,
) -> tuple[str, Size]:
    """One layer of figure 4b, to maps of the size that is returned; ``scale`` is of the last alone."""
    name = f"synthesis.{layer['name']}"
    style_weight, style_bias = tensors.torch_linear(f"{name}.affine")
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    kernel = weight.shape[2]
    # What the maps' moving average has found to bring them to variance one (appendix, magnitude).
    normal = float(tensors[f"{name}.magnitude_ema"].reshape(())) ** -0.5
    clamp: float | None = layer["conv_clamp"]
    w, pads = graph.row("ws", row), [kernel - 1] * 4
    if scale is not None:
        weight = weight * (normal * scale / np.prod(weight.shape[1:]) ** 0.5)
        s = graph.linear(w, style_weight, style_bias, "style_")
        x = graph.add("Mul", x, graph.each_channel(s))
        x = graph.add(
            "Conv", x, graph.constant("weight", weight), graph.constant("bias", bias * scale), pads=pads
        )
        gain, clamp = 1.0, clamp and clamp * scale
    else:
        weight = weight / np.sqrt(np.square(weight).mean(axis=(1, 2, 3), keepdims=True))
        s = graph.linear(w, style_weight, style_bias, "style_")
        square = graph.add("ReduceMean", graph.add("Mul", s, s), (1,), keepdims=1)
        s = graph.add("Div", s, graph.add("Sqrt", square))
        stored = graph.constant("weight", weight)
        x = graph.add("Conv", graph.add("Mul", x, graph.each_channel(s)), stored, pads=pads)
        lengths = graph.add("ReduceSumSquare", stored, (2, 3), keepdims=0)
        square = graph.add("Gemm", graph.add("Mul", s, s), lengths, transB=1)
        d = graph.add("Div", normal, graph.add("Sqrt", graph.add("Add", square, EPSILON)))
        x = graph.add("Mul", x, graph.each_channel(d))
        x = graph.add("Add", x, graph.constant("bias", bias[:, None, None]))
        gain = 2**0.5

    taps = _taps(tensors, f"{name}.up_filter")
    factor, down = int(layer["up_factor"]), int(layer["down_factor"])
    padding = [int(pad) for pad in layer["padding"]]
    reached = []
    for axis, side, sides, raised in ((3, size[0], padding[:2], gain), (2, size[1], padding[2:], 1.0)):
        matrix = _upsampling(side + kernel - 1, factor, taps, sides) * raised
        x = _banded(graph, x, matrix, axis, factor)
        reached.append(len(matrix))
    if scale is None:
        x = graph.rectify(x, "lrelu")
    x = graph.clip(x, clamp)
    taps = _taps(tensors, f"{name}.down_filter", radial=True)
    x = _down(graph, x, taps, down, weight.shape[0])
    width, height = ((length - len(taps)) // down + 1 for length in reached)
    return x, (width, height)


def _size(stored: Sequence[int]) -> Size:
    width, height = stored
    return int(width), int(height)


def _taps(tensors: Tensors, name: str, radial: bool = False) -> Array:
    """A filter's taps, [n], or [n, n] of one that may be radial; a single one where the layer has none."""
    taps = tensors[name] if name in tensors else np.ones(1)
    if taps.ndim > 1 + radial:
        raise OfficialError(f"its filter {quoted(name)} has {taps.ndim} axes.")
    return taps


def _upsampling(count: int, factor: int, taps: Array, padding: list[int]) -> Array:
    """The matrix [after, count] of zeros between, padding or cropping, and a true convolution."""
    after = count * factor + sum(padding) - (len(taps) - 1)
    # Sample p takes tap j of sample i where p + (n - 1) - before = factor i + j.
    tap = np.arange(after)[:, None] + len(taps) - 1 - padding[0] - factor * np.arange(count)
    return np.where((tap >= 0) & (tap < len(taps)), factor * taps[np.clip(tap, 0, len(taps) - 1)], 0.0)


def _banded(graph: Nodes, x: str, matrix: Array, axis: int, factor: int) -> str:
    """Multiply along an axis of [batch, channels, height, width], by blocks of rows where they are many."""
    after, count = matrix.shape
    first = _crop(matrix)
    if first is not None:
        return x if after == count else graph.add("Slice", x, (first,), (first + after,), (axis,))
    block = BLOCK // factor * factor
    starts = range(0, after, block) if after > 3 * block // 2 else (0,)
    pieces = []
    for k, start in enumerate(starts):
        rows = matrix[start : starts[k + 1] if k + 1 < len(starts) else after]
        (touched,) = np.nonzero(rows.any(axis=0))
        low, high = int(touched.min()), int(touched.max()) + 1
        part = x if high - low == count else graph.add("Slice", x, (low,), (high,), (axis,))
        rows = rows[:, low:high]
        if axis == 3:
            pieces.append(graph.add("MatMul", part, graph.constant("up_x", rows.T)))
        else:
            pieces.append(graph.add("MatMul", graph.constant("up_y", rows), part))
    return pieces[0] if len(pieces) == 1 else graph.add("Concat", *pieces, axis=axis)


def _crop(matrix: Array) -> int | None:
    """The first sample of a stretch, where a matrix does no more than to take it."""
    after, count = matrix.shape
    first = int(matrix[0].argmax())
    taken = np.eye(after, count, first)
    return first if first + after <= count and np.array_equal(matrix, taken) else None


def _down(graph: Nodes, x: str, taps: Array, factor: int, channels: int) -> str:
    if taps.size == 1 and factor == 1:
        return x
    flipped = taps[..., ::-1] if taps.ndim == 1 else taps[::-1, ::-1]
    if taps.ndim == 2:
        kernel = np.broadcast_to(flipped, (channels, 1, *taps.shape))
        return graph.add("Conv", x, graph.constant("down", kernel), group=channels, strides=[factor] * 2)
    along_x = np.broadcast_to(flipped[None, :], (channels, 1, 1, len(taps)))
    along_y = np.broadcast_to(flipped[:, None], (channels, 1, len(taps), 1))
    x = graph.add("Conv", x, graph.constant("down_x", along_x), group=channels, strides=[1, factor])
    return graph.add("Conv", x, graph.constant("down_y", along_y), group=channels, strides=[factor, 1])
