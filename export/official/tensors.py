"""Tensors of a network by their names, and what both conventions share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.official.errors import OfficialError, quoted
from export.official.spec import Network

Array = NDArray[Any]

ACTIVATION_GAIN = {"lrelu": 2**0.5, "relu": 2**0.5, "linear": 1.0}
"""What StyleGAN2 and 3 multiply an activation by to keep the variance; StyleGAN has it in its weights."""


class Tensors:
    """Look-up that names what is missing."""

    def __init__(self, network: Network) -> None:
        self._found: Mapping[str, Array] = network.tensors

    def __getitem__(self, name: str) -> Array:
        try:
            return self._found[name].astype(np.float64)
        except KeyError:
            raise OfficialError(f"it has no tensor {quoted(name)}.") from None

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def torch_linear(self, name: str, lrmul: float = 1.0) -> tuple[Array, Array]:
        """Weight [out, in] and bias [out] of a layer with its runtime scale (Karras et al. 2018, 4.1)."""
        weight = self[f"{name}.weight"]
        return weight * (lrmul / weight.shape[1] ** 0.5), self[f"{name}.bias"] * lrmul

    def tensorflow_weight(self, name: str, gain: float = 1.0) -> Array:
        """A weight [..., in, out] with its runtime scale, the inputs' count being all but the last axis."""
        weight = self[name]
        return weight * (gain / np.prod(weight.shape[:-1]) ** 0.5)


def activation(network: Network, name: str = "activation") -> str:
    """Return lrelu, relu or linear; raise OfficialError for any other."""
    found = str(network.settings[name])
    if found not in ACTIVATION_GAIN:
        raise OfficialError(f"its {name} is {quoted(found)}, none of {', '.join(ACTIVATION_GAIN)}.")
    return found


def square_filter(taps: Array) -> Array:
    """A filter [n, n] of sum 1 from one axis's taps, or from both."""
    taps = np.asarray(taps, np.float64)
    square = np.outer(taps, taps) if taps.ndim == 1 else taps
    return square / square.sum()
