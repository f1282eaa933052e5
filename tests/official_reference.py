"""StyleGAN, StyleGAN2 and StyleGAN3 in float64 numpy, straight from their papers: slow, plain, independent.

Nothing is shared with `export.official`: weights are modulated for each picture and convolved with one
picture at a time, upsampling inserts zeros and filters, downsampling filters and drops. `mapping` and
`synthesis` take a `export.official.spec.Network`; images are in the networks' own range, about [-1, 1].

    Karras, Laine & Aila 2019 (StyleGAN); Karras et al. 2020 (StyleGAN2); Karras et al. 2020 (its ADA);
    Karras et al. 2021 (StyleGAN3)

How the two conventions differ, for StyleGAN2: TensorFlow keeps weights [k, k, in, out] and multiplies them
by their runtime scale before they are demodulated, where PyTorch's are [out, in, k, k] and not multiplied;
PyTorch's doubling layers turn the kernel round, TensorFlow's do not; TensorFlow adds 1 to the style, which
PyTorch has in its bias; a label's embedding is concatenated to z before the normalisation (StyleGAN and
StyleGAN2 of TensorFlow), or normalised alone (both versions of ADA, and StyleGAN3).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.official.spec import Network

Array = NDArray[np.float64]


# ------------------------------------------------------------------------------------------------ primitives


def correlate(x: Array, weight: Array, pad: int = 0) -> Array:
    """[in, h, w] with [out, in, k, k], zeros around: what is called a convolution in networks."""
    k = weight.shape[2]
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    height, width = (size - k + 1 for size in padded.shape[1:])
    found = np.zeros((weight.shape[0], height, width))
    for i in range(k):
        for j in range(k):
            part = padded[:, i : i + height, j : j + width]
            found += np.einsum("oc,chw->ohw", weight[:, :, i, j], part)
    return found


def insert_zeros(x: Array, factor: int) -> Array:
    """Put factor - 1 zeros after each sample, both ways."""
    *rest, height, width = x.shape
    found = np.zeros((*rest, height * factor, width * factor))
    found[..., ::factor, ::factor] = x
    return found


def filtered(x: Array, taps: Array) -> Array:
    """A true convolution of each channel with taps, [n], along both axes, or [n, n]; only where they fit."""
    taps = np.outer(taps, taps) if taps.ndim == 1 else taps
    turned = taps[::-1, ::-1]
    height, width = x.shape[-2] - len(taps) + 1, x.shape[-1] - len(taps) + 1
    found = np.zeros((*x.shape[:-2], height, width))
    for i in range(len(taps)):
        for j in range(len(taps)):
            found += turned[i, j] * x[..., i : i + height, j : j + width]
    return found


def padded(x: Array, left: int, right: int, top: int, bottom: int) -> Array:
    """Zeros around; where a number is negative that much is cropped."""
    grown = np.pad(x, ((0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))))
    height, width = grown.shape[1:]
    return grown[:, max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)]


def doubled(x: Array, taps: Sequence[float] | Array) -> Array:
    """Zeros between the pixels and a filter of sum 4: each pixel keeps its place."""
    square = np.asarray(taps, np.float64)
    square = np.outer(square, square) if square.ndim == 1 else square
    square = 4 * square / square.sum()
    n = len(square)
    return filtered(padded(insert_zeros(x, 2), *((n + 1) // 2, (n - 2) // 2) * 2), square)


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def normalised(x: Array) -> Array:
    return x / np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True) + 1e-8)


def scaled(weight: Array, lrmul: float = 1.0, gain: float = 1.0) -> Array:
    """TensorFlow's [..., in, out] times its runtime scale."""
    return weight * gain * lrmul / np.sqrt(np.prod(weight.shape[:-1]))


def tensors(network: Network) -> Mapping[str, Array]:
    return {name: tensor.astype(np.float64) for name, tensor in network.tensors.items()}


# --------------------------------------------------------------------------------------------------- mapping


def mapping(network: Network, z: Array, psi: Array, label: NDArray[np.int64] | None = None) -> Array:
    """[batch, z], [batch, num_ws] [, [batch], -1 for none] -> [batch, num_ws, w]."""
    t, lrmul = tensors(network), network.settings["lrmul"]
    onehot = np.zeros((len(z), network.c_dim))
    if label is not None:
        onehot[np.flatnonzero(label >= 0), label[label >= 0]] = 1
    x = np.asarray(z, np.float64)
    if network.origin == "torch":
        x = normalised(x)
        if network.c_dim:
            embedded = onehot @ t["mapping.embed.weight"].T / np.sqrt(network.c_dim) + t["mapping.embed.bias"]
            x = np.concatenate([x, normalised(embedded)], axis=1)
        for k in range(network.settings["mapping_layers"]):
            weight, bias = t[f"mapping.fc{k}.weight"], t[f"mapping.fc{k}.bias"]
            x = np.sqrt(2) * leaky(x @ (weight * lrmul / np.sqrt(weight.shape[1])).T + bias * lrmul)
        centre = t["mapping.w_avg"]
    else:
        if "G_mapping/LabelConcat/weight" in t:
            x = normalised(np.concatenate([x, onehot @ t["G_mapping/LabelConcat/weight"]], axis=1))
        elif "G_mapping/LabelEmbed/weight" in t:
            embedded = onehot @ scaled(t["G_mapping/LabelEmbed/weight"]) + t["G_mapping/LabelEmbed/bias"]
            x = np.concatenate([normalised(x), normalised(embedded)], axis=1)
        else:
            x = normalised(x)
        old = network.family == "stylegan"
        for k in range(network.settings["mapping_layers"]):
            weight = scaled(t[f"G_mapping/Dense{k}/weight"], lrmul, np.sqrt(2) if old else 1.0)
            x = leaky(x @ weight + t[f"G_mapping/Dense{k}/bias"] * lrmul) * (1.0 if old else np.sqrt(2))
        centre = t["dlatent_avg"]
    every = np.repeat(x[:, None], network.num_ws, axis=1)
    return centre + psi[:, :, None] * (every - centre)


def synthesis(network: Network, ws: Array, noises: Sequence[Array] | str = "const") -> Array:
    """[batch, num_ws, w] -> [batch, channels, size, size]; noises [batch, 1, h, w], ``const`` or ``none``."""
    paint = {"stylegan": _stylegan, "stylegan2": _stylegan2, "stylegan3": _stylegan3}[network.family]
    every = []
    for n, w in enumerate(np.asarray(ws, np.float64)):
        own = noises if isinstance(noises, str) else [grain[n, 0].astype(np.float64) for grain in noises]
        every.append(paint(network, w, own))
    return np.stack(every)


# -------------------------------------------------------------------------------------------------- StyleGAN


def _stylegan(network: Network, ws: Array, noises: Any) -> Array:
    t = {name.removeprefix("G_synthesis/"): value for name, value in tensors(network).items()}
    root = np.sqrt(2)
    x = np.zeros(0)
    k = 0
    size = 4
    while size <= network.resolution:
        for part in ("Const", "Conv") if size == 4 else ("Conv0_up", "Conv1"):
            name = f"{size}x{size}/{part}"
            if part == "Const":
                x = t[f"{name}/const"][0]
            elif part != "Conv0_up":
                weight = scaled(t[f"{name}/weight"], gain=root)
                x = correlate(x, weight.transpose(3, 2, 0, 1), pad=1)
            else:
                weight = scaled(t[f"{name}/weight"], gain=root)
                if size < 128:
                    nearest = x.repeat(2, axis=1).repeat(2, axis=2)
                    x = correlate(nearest, weight.transpose(3, 2, 0, 1), pad=1)
                else:
                    x = _fused(x, weight)
                x = filtered(np.pad(x, ((0, 0), (1, 1), (1, 1))), np.array([1, 2, 1]) / 4)
            if not isinstance(noises, str):
                x = x + t[f"{name}/Noise/weight"][:, None, None] * noises[k]
            elif noises == "const":
                x = x + t[f"{name}/Noise/weight"][:, None, None] * t[f"noise{k}"][0]
            x = leaky(x + t[f"{name}/bias"][:, None, None])
            x = x - x.mean(axis=(1, 2), keepdims=True)
            x = x / np.sqrt(np.square(x).mean(axis=(1, 2), keepdims=True) + 1e-8)
            style = ws[k] @ scaled(t[f"{name}/StyleMod/weight"]) + t[f"{name}/StyleMod/bias"]
            scale, shift = style.reshape(2, -1)
            x = x * (scale[:, None, None] + 1) + shift[:, None, None]
            k += 1
        size *= 2
    weight = scaled(t["ToRGB_lod0/weight"]).transpose(3, 2, 0, 1)
    return correlate(x, weight) + t["ToRGB_lod0/bias"][:, None, None]


def _fused(x: Array, weight: Array) -> Array:
    """Each pixel paints a 4x4 patch, two pixels apart: the kernel is the sum of four shifted copies."""
    kernel = np.zeros((4, 4, *weight.shape[2:]))
    for i in range(2):
        for j in range(2):
            kernel[i : i + 3, j : j + 3] += weight
    height, width = x.shape[1:]
    canvas = np.zeros((weight.shape[3], 2 * height + 2, 2 * width + 2))
    for row in range(height):
        for column in range(width):
            patch = np.einsum("c,ijco->oij", x[:, row, column], kernel)
            canvas[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += patch
    return canvas[:, 1:-1, 1:-1]


# ------------------------------------------------------------------------------------------------- StyleGAN2


class _Named:
    """StyleGAN2's layers by size and part, in the paper's terms, from either convention."""

    def __init__(self, network: Network) -> None:
        self.t, self.torch = tensors(network), network.origin == "torch"

    def name(self, size: int, part: str) -> str:
        if self.torch:
            own = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}
            return f"synthesis.b{size}.{own[part]}"
        return f"G_synthesis/{size}x{size}/{part}"

    def has(self, size: int, part: str) -> bool:
        return {f"{self.name(size, part)}{end}" for end in ("/weight", ".weight")} & self.t.keys() != set()

    def style(self, size: int, part: str, w: Array) -> Array:
        name = self.name(size, part)
        if self.torch:
            weight = self.t[f"{name}.affine.weight"]
            return weight @ w / np.sqrt(len(w)) + self.t[f"{name}.affine.bias"]
        return w @ scaled(self.t[f"{name}/mod_weight"]) + self.t[f"{name}/mod_bias"] + 1

    def weight(self, size: int, part: str) -> Array:
        """[out, in, k, k] to correlate zero-inserted or plain maps with."""
        name = self.name(size, part)
        if not self.torch:
            return scaled(self.t[f"{name}/weight"]).transpose(3, 2, 0, 1)
        weight = self.t[f"{name}.weight"]
        if part in ("ToRGB", "Skip"):
            weight = weight / np.sqrt(weight.shape[1])
        return weight[:, :, ::-1, ::-1] if part == "Conv0_up" else weight

    def bias(self, size: int, part: str) -> Array:
        name = self.name(size, part)
        return self.t[f"{name}.bias" if self.torch else f"{name}/bias"][:, None, None]

    def noise(self, size: int, part: str, k: int) -> tuple[float, Array]:
        name = self.name(size, part)
        if self.torch:
            return float(self.t[f"{name}.noise_strength"]), self.t[f"{name}.noise_const"]
        return float(self.t[f"{name}/noise_strength"]), self.t[f"G_synthesis/noise{k}"][0, 0]


def _stylegan2(network: Network, ws: Array, noises: Any) -> Array:
    named, clamp = _Named(network), network.settings["conv_clamp"]
    taps = np.array(network.settings["resample_filter"], np.float64)

    def clipped(x: Array, scale: float = 1.0) -> Array:
        return x if clamp is None else np.clip(x, -clamp * scale, clamp * scale)

    def layer(x: Array, size: int, part: str, k: int, gain: float = 1.0) -> Array:
        style = named.style(size, part, ws[k])
        weight = named.weight(size, part) * style[None, :, None, None]
        weight = weight / np.sqrt(np.square(weight).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
        if part == "Conv0_up":
            square = np.outer(taps, taps)
            n = len(taps)
            # The convolution comes first, on maps with room for the filter around them.
            sides = (
                (n - 1) // 2 + 2,
                (n - 2) // 2 + 1,
            )  # zeros that both need, the trailing one is there already
            x = correlate(padded(insert_zeros(x, 2), *sides * 2), weight)
            x = filtered(x, 4 * square / square.sum())
        else:
            x = correlate(x, weight, pad=1)
        strength, constant = named.noise(size, part, k)
        if not isinstance(noises, str):
            x = x + strength * noises[k]
        elif noises == "const":
            x = x + strength * constant
        return clipped(leaky(x + named.bias(size, part)) * np.sqrt(2) * gain, gain)

    start = named.t["synthesis.b4.const"] if named.torch else named.t["G_synthesis/4x4/Const/const"][0]
    x = layer(start, 4, "Conv", 0)
    image: Array | None = None
    k, size = 1, 4
    while True:
        if size > 4:
            if network.variant == "resnet":
                past = correlate(doubled(x, taps), named.weight(size, "Skip")) * np.sqrt(0.5)
                x = layer(layer(x, size, "Conv0_up", k), size, "Conv1", k + 1, np.sqrt(0.5)) + past
            else:
                x = layer(layer(x, size, "Conv0_up", k), size, "Conv1", k + 1)
            k += 2
        if named.has(size, "ToRGB"):
            weight = named.weight(size, "ToRGB") * named.style(size, "ToRGB", ws[k])[None, :, None, None]
            added = clipped(correlate(x, weight) + named.bias(size, "ToRGB"))
            image = added if image is None else doubled(image, taps) + added
        if size == network.resolution:
            assert image is not None
            return image
        size *= 2


# ------------------------------------------------------------------------------------------------- StyleGAN3


def _stylegan3(network: Network, ws: Array, noises: Any) -> Array:
    t, settings = tensors(network), network.settings
    x = _fourier(t, ws[0], settings["input"])
    for k, layer in enumerate(settings["layers"]):
        name, last = f"synthesis.{layer['name']}", k == len(settings["layers"]) - 1
        style = t[f"{name}.affine.weight"] @ ws[k + 1] / np.sqrt(network.w_dim) + t[f"{name}.affine.bias"]
        weight = t[f"{name}.weight"]
        if last:
            weight = weight * style[None, :, None, None] / np.sqrt(np.prod(weight.shape[1:]))
        else:
            weight = weight / np.sqrt(np.square(weight).mean(axis=(1, 2, 3), keepdims=True))
            weight = weight * (style / np.sqrt(np.square(style).mean()))[None, :, None, None]
            weight = weight / np.sqrt(np.square(weight).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
        weight = weight / np.sqrt(float(t[f"{name}.magnitude_ema"]))
        x = correlate(x, weight, pad=weight.shape[2] - 1) + t[f"{name}.bias"][:, None, None]
        up, down = layer["up_factor"], layer["down_factor"]
        x = padded(insert_zeros(x, up), *layer["padding"])
        x = filtered(x, up * t.get(f"{name}.up_filter", np.ones(1)))
        x = x if last else leaky(x) * np.sqrt(2)
        x = np.clip(x, -layer["conv_clamp"], layer["conv_clamp"])
        x = filtered(x, t.get(f"{name}.down_filter", np.ones(1)))[:, ::down, ::down]
    return x * settings["output_scale"]


def _fourier(t: Mapping[str, Array], w: Array, settings: Mapping[str, Any]) -> Array:
    name = "synthesis.input"
    affine = t[f"{name}.affine.weight"] @ w / np.sqrt(len(w)) + t[f"{name}.affine.bias"]
    cosine, sine, right, down = affine / np.hypot(affine[0], affine[1])
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    move = np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1]])
    whole = turn @ move @ t[f"{name}.transform"]
    phases = t[f"{name}.phases"] + t[f"{name}.freqs"] @ whole[:2, 2]
    frequencies = t[f"{name}.freqs"] @ whole[:2, :2]
    rate, bandwidth = settings["sampling_rate"], settings["bandwidth"]
    lengths = np.hypot(*frequencies.T)
    fade = np.clip(1 - (lengths - bandwidth) / (rate / 2 - bandwidth), 0, 1)
    size, _ = settings["size"]
    features = np.zeros((len(phases), size, size))
    for row in range(size):
        for column in range(size):
            x, y = (2 * column + 1 - size) / (2 * rate), (2 * row + 1 - size) / (2 * rate)
            features[:, row, column] = np.sin(2 * np.pi * (frequencies @ [x, y] + phases)) * fade
    weight = t[f"{name}.weight"] / np.sqrt(len(phases))
    return np.einsum("oc,chw->ohw", weight, features)
