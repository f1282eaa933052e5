"""A training step as one CUDA graph: a GPU takes longer to be told a thousand small kernels than to run them.

A graph replays the very kernels that one call of a step started, on the same memory. So whatever changes from
step to step must reach it in tensors: images, random numbers, rates, weights of a loss.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributed import is_initialized

Step = Callable[..., dict[str, Tensor]]

WARM_UP = 3  # ordinary calls first: libraries choose their kernels, optimisers make their state


class Captured:
    """`step` by replay, from its fourth call on; the first three are ordinary ones, and count."""

    def __init__(self, step: Step) -> None:
        self._step, self._calls = step, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: dict[str, Tensor] = {}

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        """One step on `inputs`, CUDA tensors whose shapes never change; its losses, valid until the next."""
        if self._calls < WARM_UP:
            self._calls += 1
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                outputs = self._step(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            return outputs
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            self._inputs = tuple(value.clone() for value in inputs)
            with torch.cuda.graph(self._graph):  # notes the kernels down without running them
                self._outputs = self._step(*self._inputs)
        for kept, value in zip(self._inputs, inputs, strict=True):
            kept.copy_(value)
        self._graph.replay()
        return self._outputs


def played(step: Step, network: nn.Module) -> Step:
    """`step` as it is played where `network` lies: captured on a GPU of its own, as it is elsewhere."""
    alone = not is_initialized()  # processes that share a batch meet in the middle of a step
    return Captured(step) if alone and next(network.parameters()).is_cuda else step
