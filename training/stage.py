"""What a run is made of: stages, each a learning rule with its share of the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from training.randomness import Draw


class Rule(Protocol):
    """A learning rule: how networks learn from one batch. Critic ratios, persistent chains and optimisers
    belong to the rule; the networks' weights do not: they are the loop's to save.
    """

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Learn from `images` (uint8 NCHW) and `labels` (int64 [batch]); return losses by name (0-d).

        `progress` in [0, 1) is the part of the stage that lies behind: what schedules follow.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Whatever the next step depends on beyond the networks' weights."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        ...

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Pictures that show what `networks` have learned, float32 NCHW in [0, 1], a multiple of ten of
        them; None where there is nothing to see. `draw` is the same at every snapshot.
        """
        ...


@dataclass(frozen=True)
class Stage:
    """One learning rule with its share of the run."""

    name: str  # appears in the log and on the progress bar
    rule: Rule
    steps: int
    batch: int  # images a step, over all processes together
    ema_half_life: int = 0  # images; 0 = the weights themselves are what ships


@dataclass(frozen=True)
class Place:
    """Where a run computes."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def writes(self) -> bool:
        """Whether this process owns the files and the terminal."""
        return self.rank == 0
