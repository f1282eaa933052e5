"""How a Deep Belief Network is pretrained: layer by layer from the pixels up, last the memory with labels.

    Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets", section 3
    Larochelle & Bengio 2008, "Classification using discriminative restricted Boltzmann machines"

See dbn.py for the lesson. The memory's ascent is also what up-down goes on with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config, ConfigError
from training.dbn_networks import CLASSES, AssociativeMemory, DeepBeliefNetwork, GreedyStack
from training.randomness import Draw
from training.rbm import Ascent, binarised, sample

STAGES = ("layer 1", "layer 2", "memory", "up-down", "backprop")


@dataclass(frozen=True, kw_only=True)
class DBNConfig(Config):
    """A Deep Belief Network and how it learns. Rates fall linearly to 0 within each stage."""

    images: int = 130 * 60_000
    shares: tuple[float, ...] = (
        20 / 130,
        15 / 130,
        20 / 130,
        25 / 130,
        50 / 130,
    )  # by stage; 0 leaves it out
    batch: int = 100
    code: int = 500  # units of h1 and of h2
    memory: int = 2000  # units of the top
    gibbs_steps: int = 2  # of the persistent chains, between two updates
    chains: int = 100  # persistent; the memory's are dealt to the classes in turn
    learning_rate: float = 0.1  # of the greedy stages
    up_down_rate: float = 0.05
    offset_rate: float = 0.01  # of the moving averages that the units are centred on
    label_weight: float = 1.0  # of log p(label | code) beside log p(code | label)
    label_rows: int = 25  # of a batch, that it is computed on: a quarter of the price, no bias
    # Of each label's pull on the memory, while a dream holds it.
    label_gain: tuple[float, ...] = (1.2, 1.2, 1.2, 1.3, 1.3, 1.3, 1.2, 1.1, 1.6, 1.4)
    backprop_rate: float = 1e-3  # AdamW's, at its height
    pixel_dropout: float = 0.1  # Hinton et al. 2012, "Improving neural networks by preventing co-adaptation"
    hidden_dropout: float = 0.3
    bfloat16: bool = True  # matrix products; states are exact in it, and weights are kept in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if len(self.shares) != len(STAGES) or min(self.shares) < 0 or not 0 < sum(self.shares) < 1 + 1e-6:
            raise ConfigError(f"shares takes {len(STAGES)} parts, none negative, of at most 1 together.")
        if min(self.code, self.memory, self.gibbs_steps, self.label_rows) < 1:
            raise ConfigError("code, memory, gibbs_steps and label_rows must each be at least 1.")
        if self.chains < CLASSES or self.chains % CLASSES:
            raise ConfigError(f"chains must be a multiple of the {CLASSES} classes, not {self.chains}.")
        if len(self.label_gain) != CLASSES or min(self.label_gain) <= 0:
            raise ConfigError(f"label_gain takes {CLASSES} positive numbers, one for each label.")
        for name in ("offset_rate", "pixel_dropout", "hidden_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1), not {getattr(self, name)}.")

    def steps(self, stage: str) -> int:
        """Batches of a stage."""
        return round(self.images * self.shares[STAGES.index(stage)] / self.batch)


class GreedyLayer:
    """PCD-k of layer 1 or 2, on binary states that the layers below have made of the pictures."""

    def __init__(self, config: DBNConfig, stack: GreedyStack, index: int) -> None:
        self._config, self._stack, self._index = config, stack, index
        self._rbm = stack.layer(index)
        self._ascent = Ascent(self._rbm, config.offset_rate)
        self._chains = torch.empty(0)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Sample upwards, run the chains, ascend."""
        config, rbm = self._config, self._rbm
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            data = climbed(self._stack, images, self._index, draw)
            if progress == 0:
                self._ascent.start(data, fresh=True)
                self._chains = dealt(data, config.chains)
            for _ in range(config.gibbs_steps):
                self._chains = rbm.gibbs_step(self._chains, draw)
            shares = torch.full([config.chains], 1 / config.chains, device=data.device)
            rate = config.learning_rate * (1 - progress)
            hidden = self._ascent.climb(data, self._chains, rate, shares)
            error = (rbm.visible_mean(hidden).float() - data).square().sum(1).mean()
        return {"reconstruction_squared_error": error}

    def state_dict(self) -> dict[str, Any]:
        """The chains and the offsets."""
        return {"chains": self._chains, "offset": self._ascent.offset}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._chains, self._ascent.offset = state["chains"], state["offset"]

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """A hundred chains of this layer after 200 steps from coin flips, seen through the layers below."""
        stack = cast(GreedyStack, networks["greedy"])
        rbm = stack.layer(self._index)
        states = sample(torch.full([100, rbm.weight.shape[1]], 0.5, device=rbm.weight.device), draw)
        for _ in range(200):
            states = rbm.gibbs_step(states, draw)
        states = rbm.visible_mean(rbm.hidden_mean(states))
        for index in reversed(range(self._index)):
            states = stack.layer(index).visible_mean(states)
        return states.view(-1, 1, 28, 28)


def climbed(stack: GreedyStack, images: Tensor, levels: int, draw: Draw) -> Tensor:
    """States sampled `levels` layers above binarised pictures. uint8 NCHW -> [batch, units] in {0, 1}."""
    states = binarised(images, draw)
    for index in range(levels):
        states = sample(stack.layer(index).hidden_mean(states), draw)
    return states


def dealt(states: Tensor, count: int) -> Tensor:
    """`count` chains that start at the given states, over and over. [n, units] -> [count, units]."""
    return states.repeat(-(-count // len(states)), 1)[:count]


class MemoryAscent:
    """Ascent of log p(code | label) + label_weight log p(label | code) in the memory.

    The first by persistent chains whose labels stay clamped, the second by its exact gradient.
    """

    def __init__(self, config: DBNConfig, memory: AssociativeMemory, class_shares: Tensor) -> None:
        self._config, self._memory = config, memory
        self._ascent = Ascent(memory, config.offset_rate)
        self._label = torch.arange(config.chains, device=class_shares.device) % CLASSES
        self._shares = class_shares[self._label] * CLASSES / config.chains
        self.chains = torch.empty(0)  # codes, [chains, code]

    def start(self, code: Tensor, label: Tensor, fresh: bool) -> None:
        """Centre on the first batch and start the chains at its codes; see :meth:`Ascent.start`."""
        self._ascent.start(self._memory.with_label(code, label), fresh)
        self.chains = dealt(code, self._config.chains)

    def climb(self, code: Tensor, label: Tensor, rate: float, draw: Draw) -> dict[str, Tensor]:
        """One update. `code` [batch, code] in {0, 1}, `label` int64 [batch]."""
        config, memory = self._config, self._memory
        for _ in range(config.gibbs_steps):
            self.chains = memory.clamped_step(self.chains, self._label, draw)
        data, chains = memory.with_label(code, label), memory.with_label(self.chains, self._label)
        self._ascent.climb(data, chains, rate, self._shares)
        return self._climb_label(code[: config.label_rows], label[: config.label_rows], rate)

    def _climb_label(self, code: Tensor, label: Tensor, rate: float) -> dict[str, Tensor]:
        """The exact gradient of log p(label | code) (Larochelle & Bengio 2008, section 3.1)."""
        memory, units = self._memory, code.shape[1]
        scores, drive = memory.label_scores(code)  # [rows, classes], [rows, classes, hidden]
        surprise = functional.one_hot(label, CLASSES) - scores.softmax(1)
        blame = surprise[:, :, None] * torch.sigmoid(drive)  # of h3, under each label
        by_unit = blame.sum(1)  # [rows, hidden]
        rate = rate * self._config.label_weight / len(code)
        memory.weight[:, :units].add_(by_unit.T @ code, alpha=rate)
        memory.weight[:, units:].add_(blame.sum(0).T, alpha=rate)
        memory.hidden_bias.add_(by_unit.sum(0), alpha=rate)
        memory.visible_bias[units:].add_(surprise.sum(0), alpha=rate)
        return {"label_error": (scores.argmax(1) != label).float().mean()}

    def state_dict(self) -> dict[str, Any]:
        """The chains and the offsets."""
        return {"chains": self.chains, "offset": self._ascent.offset}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self.chains, self._ascent.offset = state["chains"], state["offset"]


class GreedyMemory:
    """The third greedy stage: the memory learns which codes come with which label."""

    def __init__(self, config: DBNConfig, stack: GreedyStack, class_shares: Tensor) -> None:
        self._config, self._stack = config, stack
        self._ascent = MemoryAscent(config, stack.memory, class_shares)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Sample upwards, ascend."""
        config = self._config
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            code = climbed(self._stack, images, len(self._stack.layers), draw)
            if progress == 0:
                self._ascent.start(code, labels, fresh=True)
            return self._ascent.climb(code, labels, config.learning_rate * (1 - progress), draw)

    def state_dict(self) -> dict[str, Any]:
        """The memory's chains and offsets."""
        return self._ascent.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._ascent.load_state_dict(state)

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Ten dreams of each label, a column a label."""
        config = self._config
        dbn = DeepBeliefNetwork(config.code, config.memory, config.label_gain)
        dbn.untie(cast(GreedyStack, networks["greedy"]))
        return dreams(dbn, draw)


def dreams(dbn: DeepBeliefNetwork, draw: Draw) -> Tensor:
    """A hundred pictures, a column of ten for each label, after 300 clamped steps from coin flips."""
    return dbn.dream(torch.arange(10 * CLASSES) % CLASSES, 300, draw)
