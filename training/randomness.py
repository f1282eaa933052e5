"""What is random in a run, as functions of the seed and of where the run is: nothing has a state to lose."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Draw:
    """The random numbers of one training step, a function of the key alone.

    With several processes each one draws the numbers of the whole batch and keeps its own rows, so that
    image i of the global batch meets the same noise however many processes share the work.
    """

    def __init__(self, key: Sequence[int], device: torch.device, rank: int = 0, world: int = 1) -> None:
        seed = int(np.random.SeedSequence(list(key)).generate_state(1, np.uint64)[0] >> np.uint64(1))
        self._generator = torch.Generator(device).manual_seed(seed)
        self._rank, self._world = rank, world

    def uniform(self, *shape: int) -> Tensor:
        """Float32 in [0, 1), `shape` [rows of this process, ...]."""
        whole = (shape[0] * self._world, *shape[1:])
        return self._mine(torch.rand(whole, generator=self._generator, device=self._generator.device))

    def normal(self, *shape: int) -> Tensor:
        """Float32 from N(0, 1), `shape` [rows of this process, ...]."""
        whole = (shape[0] * self._world, *shape[1:])
        return self._mine(torch.randn(whole, generator=self._generator, device=self._generator.device))

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Int64 in [low, high), `shape` [rows of this process, ...]."""
        whole = (shape[0] * self._world, *shape[1:])
        device = self._generator.device
        return self._mine(torch.randint(low, high, whole, generator=self._generator, device=device))

    def _mine(self, numbers: Tensor) -> Tensor:
        return numbers.chunk(self._world)[self._rank]


def data_order(seed: int, stage: int, start: int, count: int, size: int) -> np.ndarray:
    """Indices of the training images number `start` to `start + count` of a stage, int64 [count].

    Every epoch is a fresh permutation of the `size` images, computed from its number instead of drawn from
    a stream (Philox, a counter-based generator: Salmon et al. 2011), so resuming replays nothing.
    """
    parts = []
    while count > 0:
        epoch, offset = divmod(start, size)
        part = _epoch_order(seed, stage, epoch, size)[offset : offset + count]
        parts.append(part)
        start, count = start + len(part), count - len(part)
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


_last_order: dict[tuple[int, int, int, int], np.ndarray] = {}


def _epoch_order(seed: int, stage: int, epoch: int, size: int) -> np.ndarray:
    key = (seed, stage, epoch, size)
    if key not in _last_order:
        _last_order.clear()  # one epoch is in use at a time
        _last_order[key] = np.random.Generator(np.random.Philox(key=[seed, stage << 32 | epoch])).permutation(
            size
        )
    return _last_order[key]
