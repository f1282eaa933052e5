"""What ships, as modules whose `forward` signature IS the ONNX signature: names and order of its arguments.

Images are float32 NCHW in [0, 1] on both sides of every graph, whatever the network inside likes. Randomness
comes in by arguments. Such a module holds exactly one network, as its only child, so that the parameters keep
the names they have in training once that child's name is taken off. A family's are in its own file, in
`export.models`.
"""

import inspect
from dataclasses import dataclass
from typing import Literal

from torch import nn

from export.inputs import UNIT_INTERVAL
from onnx_models.catalog import Tensor as Described

SIZE = (1, 28, 28)  # channels, height, width of a digit


@dataclass(frozen=True)
class Graph:
    """One ``.onnx`` file to be."""

    role: str
    module: nn.Module
    inputs: tuple[Described, ...]
    outputs: tuple[Described, ...]
    storage: Literal["float32", "float16", "int16", "int8"] = "float32"
    """What the weights are kept in; all arithmetic is float32."""

    def __post_init__(self) -> None:
        arguments: list[str] = []
        described = [tensor.name for tensor in self.inputs]
        for name, parameter in inspect.signature(self.module.forward).parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:  # *noise is noise_0, noise_1, ...
                arguments += [f"{name}_{k}" for k in range(len(described) - len(arguments))]
            else:
                arguments.append(name)
        if arguments != described:
            raise ValueError(f"{self.role}: forward takes {arguments}, but {described} are described")


def batched(name: str, range: str, meaning: str, *shape: int, dtype: str = "float32") -> Described:
    """Describe an input or output [batch, *shape]."""
    return Described(name, dtype, ("batch", *shape), range, meaning)


def picture(
    name: str, meaning: str, size: tuple[int, int, int] = SIZE, range: str = UNIT_INTERVAL
) -> Described:
    """Describe images [batch, channels, height, width]."""
    return batched(name, range, meaning, *size)


class Wrapper(nn.Module):
    """A network as a graph shows it; what goes in and comes out is said by the `forward` of each kind."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
