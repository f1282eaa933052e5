"""What the lessons that learn by backpropagation have in common: a perceptron, shifted pictures, AdamW."""

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config
from training.randomness import Draw

BETAS = (0.9, 0.99)  # of AdamW's moments


def mlp(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with SiLU between them and none after the last."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def shifted(images: Tensor, reach: int, draw: Draw) -> Tensor:
    """Each of `images` [batch, channels, height, width] moved by its own -reach..reach pixels, zeros in."""
    if reach == 0:
        return images
    batch, channels, height, width = images.shape
    padded = functional.pad(images, (reach, reach, reach, reach))
    offset = draw.integers(0, 2 * reach + 1, batch, 2)  # [batch, 2]: row, column
    rows = offset[:, :1] + torch.arange(height, device=images.device)  # [batch, height]
    columns = offset[:, 1:] + torch.arange(width, device=images.device)  # [batch, width]
    index = rows[:, :, None] * padded.shape[3] + columns[:, None, :]  # [batch, height, width]
    index = index.flatten(1)[:, None].expand(-1, channels, -1)  # [batch, channels, height * width]
    return padded.flatten(2).gather(2, index).view_as(images)


def warm_up_then_cosine(progress: float, warm_up: float) -> float:
    """Factor of the learning rate: 0 to 1 over the first `warm_up` part of the run, then a cosine to 0."""
    if progress < warm_up:
        return progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def part_of_run(steps: int, config: Config) -> float:
    """What part of the run that many steps are, at most all of it."""
    return min(1.0, steps / max(1, config.images // config.batch))


class Descent:
    """What a rule that makes one loss small is made of: AdamW (Loshchilov & Hutter 2019) and its rate."""

    def __init__(
        self,
        network: nn.Module,
        rate: float,  # AdamW's, at its height
        warm_up: float,  # part of the run
        weight_decay: float = 0.0,
        fused: bool = False,  # all parameters in one kernel
    ) -> None:
        self._rate, self._warm_up = rate, warm_up
        self._optimizer = torch.optim.AdamW(
            network.parameters(), rate, BETAS, weight_decay=weight_decay, fused=fused
        )

    def descend(self, loss: Tensor, progress: float) -> None:
        """One step of AdamW down `loss`, at the rate of this part of the run."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * warm_up_then_cosine(progress, self._warm_up)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """AdamW's moments."""
        return {"optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with AdamW's moments."""
        self._optimizer.load_state_dict(state["optimizer"])
