"""StyleGAN2's synthesis network as a graph, of TensorFlow and of PyTorch: ws [, noise_K] -> image [, rgb_R].

    Karras et al. 2020, "Analyzing and improving the image quality of StyleGAN"; clamped activations are those
    of Karras et al. 2020, "Training generative adversarial networks with limited data", appendix D

The convolution has other weights for each picture of a batch: w s d, s from its style and d what makes them
of length one. Here the maps are multiplied by s before the one convolution that all share, and by d after it:
the same products in another order, and the batch stays free. Gains are multiplied into what is small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from onnx import ModelProto

from export.official import signature
from export.official.errors import OfficialError, quoted
from export.official.nodes import Array, Nodes
from export.official.spec import Network
from export.official.tensors import ACTIVATION_GAIN, Tensors, activation, square_filter

EPSILON = 1e-8
RESAMPLE = (1, 3, 3, 1)
"""The filter that the page doubles parts of a picture with."""


@dataclass(frozen=True)
class Layer:
    """A modulated convolution, every runtime scale multiplied in."""

    weight: Array
    """[out, in, k, k], to correlate with; where the layer doubles, [in, out, k, k] of a transposed one."""
    bias: Array
    """[out]."""
    style_weight: Array
    """[in, w]."""
    style_bias: Array
    """[in]."""
    noise: Array | None = None
    """[1, 1, size, size], times its strength."""
    noise_strength: float | None = None
    """None where the layer takes no noise at all."""


class Layers(Protocol):
    """A network's layers in the one form of `Layer`, whoever wrote them."""

    def start(self) -> Array:
        """Return what all pictures grow from: [1, channels, 4, 4]."""

    def convolution(self, size: int, first: bool) -> Layer:
        """Return one of a size's two convolutions; the first doubles. 4x4 has but the second."""

    def picture(self, size: int) -> Layer | None:
        """Return what turns a size's maps into pixels, if it has that."""

    def skip(self, size: int) -> Array:
        """Return the weight [in, out, 1, 1] of a residual block's way past its convolutions."""


class _Torch:
    def __init__(self, network: Network) -> None:
        self._tensors = Tensors(network)

    def start(self) -> Array:
        return self._tensors["synthesis.b4.const"][None]

    def convolution(self, size: int, first: bool) -> Layer:
        name = f"synthesis.b{size}.conv{0 if first else 1}"
        weight = self._tensors[f"{name}.weight"]
        noise = strength = None
        if f"{name}.noise_strength" in self._tensors:
            strength = float(self._tensors[f"{name}.noise_strength"].reshape(()))
            noise = self._tensors[f"{name}.noise_const"][None, None] * strength
        return Layer(
            weight.transpose(1, 0, 2, 3) if first else weight,
            self._tensors[f"{name}.bias"],
            *self._tensors.torch_linear(f"{name}.affine"),
            noise,
            strength,
        )

    def picture(self, size: int) -> Layer | None:
        name = f"synthesis.b{size}.torgb"
        if f"{name}.weight" not in self._tensors:
            return None
        weight = self._tensors[f"{name}.weight"]
        scaled = weight / np.prod(weight.shape[1:]) ** 0.5
        return Layer(scaled, self._tensors[f"{name}.bias"], *self._tensors.torch_linear(f"{name}.affine"))

    def skip(self, size: int) -> Array:
        weight = self._tensors[f"synthesis.b{size}.skip.weight"]
        return weight.transpose(1, 0, 2, 3) / np.prod(weight.shape[1:]) ** 0.5


class _TensorFlow:
    def __init__(self, network: Network) -> None:
        self._tensors = Tensors(network)

    def start(self) -> Array:
        return self._tensors["G_synthesis/4x4/Const/const"]

    def convolution(self, size: int, first: bool) -> Layer:
        part = "Conv" if size == 4 else "Conv0_up" if first else "Conv1"
        name = f"G_synthesis/{size}x{size}/{part}"
        weight = self._tensors.tensorflow_weight(f"{name}/weight")  # [k, k, in, out]
        # A transposed convolution with the kernel turned round is one of the doubled maps as it stands.
        turned = weight[::-1, ::-1].transpose(2, 3, 0, 1) if first else weight.transpose(3, 2, 0, 1)
        noise = strength = None
        if f"{name}/noise_strength" in self._tensors:
            strength = float(self._tensors[f"{name}/noise_strength"].reshape(()))
            number = 2 * size.bit_length() - 2 - (5 if first else 4)
            noise = self._tensors[f"G_synthesis/noise{number}"] * strength
        return Layer(turned, self._tensors[f"{name}/bias"], *self._style(name), noise, strength)

    def picture(self, size: int) -> Layer | None:
        name = f"G_synthesis/{size}x{size}/ToRGB"
        if f"{name}/weight" not in self._tensors:
            return None
        weight = self._tensors.tensorflow_weight(f"{name}/weight").transpose(3, 2, 0, 1)
        return Layer(weight, self._tensors[f"{name}/bias"], *self._style(name))

    def skip(self, size: int) -> Array:
        weight = self._tensors.tensorflow_weight(f"G_synthesis/{size}x{size}/Skip/weight")
        return weight.transpose(2, 3, 0, 1)

    def _style(self, name: str) -> tuple[Array, Array]:
        weight = self._tensors.tensorflow_weight(f"{name}/mod_weight")  # [w, in]
        return weight.T, self._tensors[f"{name}/mod_bias"] + 1


LAYERS: dict[str, Callable[[Network], Layers]] = {"torch": _Torch, "tensorflow": _TensorFlow}


def build(network: Network, noise: str) -> ModelProto:
    """Return the graph ``synthesis``; ``noise`` is one of `signature.NOISES`.

    Raises :class:`export.official.errors.OfficialError` for what it cannot build.
    """
    if network.variant not in ("skip", "resnet", "orig"):
        raise OfficialError(f"its architecture is {quoted(network.variant)}, not skip, resnet or orig.")
    if len(network.settings["resample_filter"]) < 2:
        raise OfficialError("its resampling filter has a single tap, which doubles nothing.")
    return _Synthesis(network, noise).model()


class _Synthesis:
    def __init__(self, network: Network, noise: str) -> None:
        self._network, self._noise = network, noise
        self._layers = LAYERS[network.origin](network)
        self._graph = Nodes("synthesis")
        self._rectifier = activation(network)
        self._clamp: float | None = network.settings["conv_clamp"]
        self._filter = square_filter(np.array(network.settings["resample_filter"]))
        self._noises: list[int] = []

    def model(self) -> ModelProto:
        graph, network = self._graph, self._network
        sizes = [2**k for k in range(2, network.resolution.bit_length())]
        x, picture, parts = graph.constant("start", self._layers.start()), "", []
        for size in sizes:
            with graph.scope(f"b{size}"):
                x = self._block(x, size)
                layer = self._layers.picture(size)
                if layer is None:
                    continue
                skips = network.variant == "skip"
                # From [-1, 1] to [0, 1]: half of each part, and a half. Halves are exact.
                added = self._pixels(x, 2 * size.bit_length() - 5, layer, f"rgb_{size}" if skips else None)
                parts.append(size)
                picture = graph.add("Add", self._enlarged(picture), added) if picture else added
        graph.picture(graph.add("Add", picture, 0.5))
        page = square_filter(np.array(RESAMPLE))
        usual = self._filter.shape == page.shape and np.allclose(self._filter, page, atol=1e-6)
        told = tuple(parts) if network.variant == "skip" and usual else ()
        return graph.model(*signature.synthesis(network, tuple(self._noises), told))

    def _block(self, x: str, size: int) -> str:
        """The convolutions of one size (figure 2 and, for residual ones, figure 7 of the paper)."""
        style = 2 * size.bit_length() - 7  # the index of the first convolution's; -1 for 4x4, which has none
        if size == 4:
            return self._styled(x, size, False, style + 1)
        if self._network.variant != "resnet":
            return self._styled(self._styled(x, size, True, style), size, False, style + 1)
        with self._graph.scope("skip"):
            past = self._doubled(x, self._graph.constant("weight", self._layers.skip(size) * 0.5**0.5), 1)
        y = self._styled(self._styled(x, size, True, style), size, False, style + 1, 0.5**0.5)
        return self._graph.add("Add", y, past)

    def _styled(self, x: str, size: int, first: bool, style: int, gain: float = 1.0) -> str:
        """One modulated convolution with noise, bias and activation, times ``gain``."""
        graph, layer = self._graph, self._layers.convolution(size, first)
        gain *= ACTIVATION_GAIN[self._rectifier]  # leaky(g x) = g leaky(x): it is multiplied in before
        clamp = self._clamp and self._clamp * gain / ACTIVATION_GAIN[self._rectifier]
        with graph.scope(f"conv{0 if first else 1}"):
            s = graph.linear(graph.row("ws", style), layer.style_weight, layer.style_bias, "style_")
            weight = graph.constant("weight", layer.weight)
            x = graph.add("Mul", x, graph.each_channel(s))
            if first:
                x = self._doubled(x, weight, layer.weight.shape[2])
            else:
                x = graph.add("Conv", x, weight, pads=[layer.weight.shape[2] // 2] * 4)
            # Equation 3 of the paper. Lengths of kernels are worked out when a runtime loads the graph.
            lengths = graph.add("ReduceSumSquare", weight, (2, 3), keepdims=0)
            square = graph.add("Gemm", graph.add("Mul", s, s), lengths, transB=0 if first else 1)
            d = graph.add("Div", gain, graph.add("Sqrt", graph.add("Add", square, EPSILON)))
            x = graph.add("Mul", x, graph.each_channel(d))
            if self._noise != "none" and layer.noise is not None and layer.noise_strength is not None:
                if self._noise == "input":
                    grain = graph.add("Mul", f"noise_{len(self._noises)}", layer.noise_strength * gain)
                    self._noises.append(size)
                else:
                    grain = graph.constant("noise", layer.noise * gain)
                x = graph.add("Add", x, grain)
            x = graph.add("Add", x, graph.constant("bias", layer.bias[:, None, None] * gain))
            return graph.clip(graph.rectify(x, self._rectifier), clamp)

    def _pixels(self, x: str, style: int, layer: Layer, name: str | None) -> str:
        """Half of what a size adds to the picture: [batch, channels, size, size]."""
        graph = self._graph
        with graph.scope("torgb"):
            s = graph.linear(graph.row("ws", style), layer.style_weight / 2, layer.style_bias / 2, "style_")
            x = graph.add("Mul", x, graph.each_channel(s))
            offset = graph.constant("bias", layer.bias / 2)
            x = graph.add("Conv", x, graph.constant("weight", layer.weight), offset)
            x = graph.clip(x, self._clamp and self._clamp / 2)
        return graph.add("Identity", x, to=name) if name else x

    def _doubled(self, x: str, weight: str, kernel: int) -> str:
        """Zeros between the pixels, a convolution and the filter, which is true to a factor of four."""
        graph, taps = self._graph, len(self._filter)
        x = graph.add("ConvTranspose", x, weight, strides=[2, 2])
        slack = taps - 1 - kernel  # the filter's pixels beyond those that the convolution has brought already
        before, after = (slack + 1) // 2 + 1, slack // 2 + 1
        channels = graph.shape(weight)[1]
        blur = np.broadcast_to(4 * self._filter[::-1, ::-1], (channels, 1, taps, taps))
        pads = [before, before, after, after]
        return graph.add("Conv", x, graph.constant("blur", blur), group=channels, pads=pads)

    def _enlarged(self, picture: str) -> str:
        """[batch, channels, h, w] -> [batch, channels, 2 h, 2 w], zeros beyond the border."""
        channels, taps = self._network.channels, len(self._filter)
        kernel = np.broadcast_to(4 * self._filter, (channels, 1, taps, taps))
        before = taps - 1 - (taps + 1) // 2
        pads = [before, before, taps - 2 - before, taps - 2 - before]
        stored = self._graph.constant("upsample", kernel)
        return self._graph.add("ConvTranspose", picture, stored, group=channels, strides=[2, 2], pads=pads)
