"""StyleGAN's synthesis network as a graph: ws [, noise_K] -> image.

    Karras, Laine & Aila 2019, "A style-based generator architecture for generative adversarial networks"

How the graph differs from the paper's figure, and why it computes the same:

* Doubling the pixels and convolving is one transposed convolution whose kernel is the sum of four shifted
  copies: four products a pixel instead of nine. From 128 pixels on the official code does so as well, with
  the kernel turned round. The sum is a part of the graph; runtimes work it out once, when they load it.
* Noise and bias are added together, as a 1x1 convolution of the noise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnx import ModelProto

from export.official import signature
from export.official.nodes import Array, Nodes
from export.official.spec import Network
from export.official.tensors import ACTIVATION_GAIN, Tensors, activation, square_filter

FUSED_FROM = 128
"""Pixels of a side, where the checkpoint leaves the choice to the code."""


def build(network: Network, noise: str) -> ModelProto:
    """Return the graph ``synthesis``; ``noise`` is one of `signature.NOISES`.

    Raises :class:`export.official.errors.OfficialError` for what it cannot build.
    """
    return _Synthesis(network, noise).model()


class _Synthesis:
    def __init__(self, network: Network, noise: str) -> None:
        self._network, self._noise = network, noise
        self._tensors = Tensors(network)
        self._graph = Nodes("synthesis")
        self._rectifier = activation(network)
        self._gain = ACTIVATION_GAIN[self._rectifier]  # of the weights, here
        self._sizes = [2**k for k in range(2, network.resolution.bit_length())]

    def model(self) -> ModelProto:
        graph, tensors = self._graph, self._tensors
        noises = tuple(size for size in self._sizes for _ in range(2)) if self._noise == "input" else ()
        inputs, outputs = signature.synthesis(self._network, noises)
        x = ""
        for k, (name, size) in enumerate(self._layers()):
            with graph.scope(name.replace("/", ".")):
                x = self._epilogue(self._convolved(x, f"G_synthesis/{name}", size), name, k)
        with graph.scope("ToRGB"):
            weight = tensors.tensorflow_weight("G_synthesis/ToRGB_lod0/weight").transpose(3, 2, 0, 1)
            bias = tensors["G_synthesis/ToRGB_lod0/bias"]
            # From [-1, 1] to [0, 1].
            x = self._convolution(x, graph.constant("weight", weight / 2), bias / 2 + 0.5)
        graph.picture(x)
        return graph.model(inputs, outputs)

    def _layers(self) -> Iterator[tuple[str, int]]:
        """Names and sizes; the first is the constant that all pictures grow from."""
        for size in self._sizes:
            for part in ("Const", "Conv") if size == 4 else ("Conv0_up", "Conv1"):
                yield f"{size}x{size}/{part}", size

    def _convolved(self, x: str, name: str, size: int) -> str:
        """The layer's maps, its bias among them where there is no noise that brings it along."""
        graph, tensors = self._graph, self._tensors
        bias = tensors[f"{name}/bias"] if self._noise == "none" else None
        if name.endswith("/Const"):
            start = tensors[f"{name}/const"]
            return graph.constant("const", start if bias is None else start + bias[:, None, None])
        weight = tensors.tensorflow_weight(f"{name}/weight", self._gain)  # [3, 3, in, out]
        if name.endswith("up"):
            return self._blurred(self._doubled(x, weight, size), weight.shape[3], bias)
        kernel = graph.constant("weight", weight.transpose(3, 2, 0, 1))
        return self._convolution(x, kernel, bias, pads=[1, 1, 1, 1])

    def _convolution(self, x: str, kernel: str, bias: Array | None, **attributes: Any) -> str:
        offset = () if bias is None else (self._graph.constant("bias", bias),)
        return self._graph.add("Conv", x, kernel, *offset, **attributes)

    def _doubled(self, x: str, weight: Array, size: int) -> str:
        """[batch, in, h, w] -> [batch, out, 2 h, 2 w]: nearest pixels convolved, or what training fused."""
        graph = self._graph
        fused = self._network.settings["fused_scale"]
        if not (size >= FUSED_FROM if fused == "auto" else fused):
            weight = weight[::-1, ::-1]
        kernel = graph.constant("weight", weight.transpose(2, 3, 0, 1))
        wide = graph.add("Pad", kernel, (0, 0, 1, 1, 0, 0, 1, 1))  # [in, out, 5, 5]
        corners = [
            graph.add("Slice", wide, (y, x), (y + 4, x + 4), (2, 3)) for y in range(2) for x in range(2)
        ]
        summed = graph.add("Sum", *corners)
        return graph.add("ConvTranspose", x, summed, strides=[2, 2], pads=[1, 1, 1, 1])

    def _blurred(self, x: str, channels: int, bias: Array | None) -> str:
        graph = self._graph
        square = square_filter(np.array(self._network.settings["blur_filter"] or [1.0]))
        n = len(square)
        kernel = np.broadcast_to(square, (channels, 1, n, n))
        before, after = (n - 1) // 2, n // 2  # as TensorFlow keeps a size
        pads = [before, before, after, after]
        return self._convolution(x, graph.constant("blur", kernel), bias, group=channels, pads=pads)

    def _epilogue(self, x: str, name: str, k: int) -> str:
        """Noise and bias, rectifier, instance normalisation, style (figure 1 of the paper)."""
        graph, tensors, full = self._graph, self._tensors, f"G_synthesis/{name}"
        strength = tensors[f"{full}/Noise/weight"]
        channels = len(strength)
        if self._noise != "none":
            grain = f"noise_{k}"
            if self._noise == "const":
                grain = graph.constant("noise", tensors[f"G_synthesis/noise{k}"])
            kernel = graph.constant("noise_strength", strength.reshape(-1, 1, 1, 1))
            x = graph.add("Add", x, self._convolution(grain, kernel, tensors[f"{full}/bias"]))
        x = graph.rectify(x, self._rectifier)
        ones, zeros = graph.constant("ones", np.ones(channels)), graph.constant("zeros", np.zeros(channels))
        x = graph.add("InstanceNormalization", x, ones, zeros, epsilon=1e-8)
        w = graph.row("ws", k)
        weight = tensors.tensorflow_weight(f"{full}/StyleMod/weight").T  # [2 channels, w]
        bias = tensors[f"{full}/StyleMod/bias"]
        scale = graph.linear(w, weight[:channels], bias[:channels] + 1, "style_scale_")
        shift = graph.linear(w, weight[channels:], bias[channels:], "style_shift_")
        return graph.add("Add", graph.add("Mul", x, graph.each_channel(scale)), graph.each_channel(shift))
