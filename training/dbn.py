"""Deep Belief Network 784-500-500-2000 with ten label units: pretrained layer by layer, fine-tuned twice.

    Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets"

The model is a directed stack below an undirected top. An associative memory, an RBM between 2,000 units and
the 500 units of the code beside ten label units, says which codes (and labels) exist; from a code the picture
is drawn on the way down:

    p(v, h1, h2, y) = p(v | h1) p(h1 | h2) p(h2, y),        p(h2, y) the memory's

and q(h1 | v), q(h2 | h1) guess on the way up what may have caused a picture. The run has five stages.

    layer 1, layer 2    greedy: an RBM on the pixels, then one on what the first makes of them (section 3)
    memory              the top RBM, on the second layer's states and the labels
    up-down             generative and recognition weights part and are tuned together: contrastive wake-sleep
                        (section 5, appendix B). This network dreams.
    backprop            a copy of the greedy weights becomes a forward network 784-500-500-2000-10, tuned to
                        the labels alone. This network says what it sees.

Two departures from the paper, both for the sake of the dreams. The memory's chains persist with their label
held, ten to a class, in place of CD-k from the data: the ascent is then that of log p(code | label), which is
what a dreamer with a clamped label samples from. What those chains cannot teach, which label a code has,
comes from the exact gradient of log p(label | code) (Larochelle & Bengio 2008). And a dream holds its label
tighter than the model does (`label_gain`): at the learned strength one dream in eight is of another digit.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.autoencoder import warm_up_then_cosine
from training.config import Config, ConfigError
from training.loop import Draw, Rule, Stage
from training.rbm import RBM, sample

GRAPHS = {
    "greedy": ("parameters",),
    "dbn": ("encode", "decode", "gibbs_step"),
    "classifier": ("classify",),
}
DISTRIBUTED = False  # four of the five stages write the weights themselves: nothing for DDP to average

PIXELS, CLASSES = 28 * 28, 10
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


MODELS: dict[str, dict[str, DBNConfig]] = {
    # The recipe was chosen on train[:50000] / train[50000:]; the default is the final refit on all 60,000.
    "dbn": {"default": DBNConfig(), "selection": DBNConfig(split="train[:50000]")},
    # The forward network alone, from random weights, as long as the pretrained one: what pretraining gave.
    "dbn_random": {"default": DBNConfig(images=50 * 60_000, shares=(0, 0, 0, 0, 1.0), snapshots=1)},
}


class AssociativeMemory(RBM):
    """p(h2, y, h3) = exp(b'[h2 y] + c'h3 + h3'W[h2 y]) / Z, with y one of `classes` (a softmax group).

    The label units are the last `classes` of the visible ones.
    """

    def __init__(
        self,
        code: int,  # units of h2
        hidden: int,  # units of h3
        classes: int = CLASSES,
    ) -> None:
        super().__init__(code + classes, hidden)
        self.classes = classes

    def code_mean(self, hidden: Tensor) -> Tensor:
        """p(h2 = 1 | h3). [batch, hidden] -> [batch, code]. The label takes no part once h3 is given."""
        weight, bias = self.weight[:, : -self.classes], self.visible_bias[: -self.classes]
        return torch.sigmoid(torch.addmm(bias, hidden, weight))

    def label_scores(
        self, code: Tensor, softplus: Callable[[Tensor], Tensor] = functional.softplus
    ) -> tuple[Tensor, Tensor]:
        """-F(code, y) of every label y [batch, classes], nats, and h3's drives [batch, classes, hidden].

        softmax over y of the scores is p(y | code), exactly (Larochelle & Bengio 2008, equation 2).
        `softplus` computes log(1 + exp x), however that is fastest.
        """
        code_weight, label_weight = self.weight.split([code.shape[1], self.classes], dim=1)
        code_bias, label_bias = self.visible_bias.split([code.shape[1], self.classes])
        from_code = functional.linear(code, code_weight).float() + self.hidden_bias  # [batch, hidden]
        drive = from_code[:, None, :] + label_weight.T  # [batch, classes, hidden]
        scores = (code @ code_bias)[:, None] + label_bias + softplus(drive).sum(2)
        return scores, drive

    def with_label(self, code: Tensor, label: Tensor) -> Tensor:
        """The visible state. [batch, code], int64 [batch] -> [batch, code + classes]."""
        return torch.cat([code, functional.one_hot(label, self.classes).to(code.dtype)], dim=1)

    def held_mean(self, code: Tensor, label: Tensor, gain: float | Tensor = 1.0) -> Tensor:
        """p(h3 = 1 | h2, y), the label's pull multiplied. [batch, code], int64 [batch] -> [batch, hidden].

        The pull is what sets a label's weights apart from the labels' mean; `gain` is [batch, 1] or one
        number. Over 1 it sharpens p(h2 | y) towards codes that p(y | h2) is sure of, as guidance by a
        classifier does (Dhariwal & Nichol 2021); at 1 this is the model as it was learned.
        """
        weight = self.weight[:, -self.classes :]
        pull = (weight - weight.mean(1, keepdim=True)).T[label]  # [batch, hidden]
        state = self.with_label(code, label)
        return torch.sigmoid(functional.linear(state, self.weight, self.hidden_bias) + (gain - 1) * pull)

    def clamped_step(self, code: Tensor, label: Tensor, draw: Draw, gain: float | Tensor = 1.0) -> Tensor:
        """One Gibbs step with the label held. [batch, code] in {0, 1}, int64 [batch] -> [batch, code].

        `gain` as in :meth:`held_mean`.
        """
        return sample(self.code_mean(sample(self.held_mean(code, label, gain), draw)), draw)


class GreedyStack(nn.Module):
    """Two RBMs and the memory as the greedy stages leave them: each weight serves both directions."""

    def __init__(self, config: DBNConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([RBM(PIXELS, config.code), RBM(config.code, config.code)])
        self.memory = AssociativeMemory(config.code, config.memory)

    def layer(self, index: int) -> RBM:
        """RBM `index` from below; 2 is the memory."""
        return self.memory if index == len(self.layers) else cast(RBM, self.layers[index])


class DeepBeliefNetwork(nn.Module):
    """The directed stack, with weights of its own for each direction, below the memory."""

    def __init__(self, config: DBNConfig) -> None:
        super().__init__()
        sizes = (PIXELS, config.code, config.code)
        pairs = list(itertools.pairwise(sizes))
        self.recognition = nn.ModuleList([nn.Linear(below, above) for below, above in pairs])
        self.generative = nn.ModuleList([nn.Linear(above, below) for below, above in pairs])
        self.memory = AssociativeMemory(config.code, config.memory)
        # No weight: it is chosen after the training that it takes no part in.
        self.register_buffer("label_gain", torch.tensor(config.label_gain), persistent=False)
        self.requires_grad_(False)

    def untie(self, stack: GreedyStack) -> None:
        """Start from the greedy weights, both directions alike (section 5)."""
        for up, down, layer in zip(self.recognition, self.generative, stack.layers, strict=True):
            up.weight.copy_(layer.weight)
            up.bias.copy_(layer.hidden_bias)
            down.weight.copy_(layer.weight.T)
            down.bias.copy_(layer.visible_bias)
        self.memory.load_state_dict(stack.memory.state_dict())

    def up(self, visible: Tensor, level: int) -> Tensor:
        """q(h_{level + 1} = 1 | states of level `level`), level 0 being the pixels."""
        return torch.sigmoid(self.recognition[level](visible))

    def down(self, states: Tensor, level: int) -> Tensor:
        """p(states of level `level` = 1 | h_{level + 1}), level 0 being the pixels."""
        return torch.sigmoid(self.generative[level](states))

    def encode(self, pixels: Tensor) -> Tensor:
        """Up by probabilities: [batch, 784] in [0, 1] -> code [batch, code], in [0, 1]."""
        return self.up(self.up(pixels, 0), 1)

    def decode(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Down by probabilities: [batch, code] -> logits of the pixels [batch, 784], h1 [batch, code]."""
        below = self.down(code, 1)
        return self.generative[0](below), below

    def gain(self, label: Tensor) -> Tensor:
        """How hard a dream holds its label: int64 [batch] in -1..9 -> [batch, 1], 1 where it is free."""
        held = self.get_buffer("label_gain")[label.clamp(min=0)]
        return torch.where(label < 0, 1.0, held)[:, None]

    def dream(self, label: Tensor, steps: int, draw: Draw) -> Tensor:
        """Pictures of clamped labels, `steps` Gibbs steps from coin flips. int64 [n] -> [n, 1, 28, 28]."""
        code = sample(torch.full([len(label), self.memory.weight.shape[1] - CLASSES], 0.5), draw)
        code, label = code.to(self.memory.weight.device), label.to(self.memory.weight.device)
        for _ in range(steps):
            code = self.memory.clamped_step(code, label, draw, self.gain(label))
        return torch.sigmoid(self.decode(code)[0]).view(-1, 1, 28, 28)


class ForwardNetwork(nn.Module):
    """784-500-500-2000-10 with sigmoid units, for backpropagation."""

    def __init__(self, config: DBNConfig) -> None:
        super().__init__()
        sizes = (PIXELS, config.code, config.code, config.memory)
        self.body = nn.ModuleList([nn.Linear(*pair) for pair in itertools.pairwise(sizes)])
        self.head = nn.Linear(config.memory, CLASSES)
        for linear in self.body:  # Glorot & Bengio 2010, for the sigmoid: four times tanh's
            assert isinstance(linear, nn.Linear)
            nn.init.xavier_uniform_(linear.weight, gain=4.0)
            nn.init.zeros_(linear.bias)

    def start_from(self, stack: GreedyStack) -> None:
        """Take the greedy weights; the label units' weights become the classifier's last layer."""
        memory, classes = stack.memory, stack.memory.classes
        ups = [(stack.layer(k).weight, stack.layer(k).hidden_bias) for k in range(len(stack.layers))]
        ups += [(memory.weight[:, :-classes], memory.hidden_bias)]
        ups += [(memory.weight[:, -classes:].T, memory.visible_bias[-classes:])]
        with torch.no_grad():
            for linear, (weight, bias) in zip((*self.body, self.head), ups, strict=True):
                cast(nn.Linear, linear).weight.copy_(weight)
                cast(nn.Linear, linear).bias.copy_(bias)

    def forward(
        self, image: Tensor, dropout: Sequence[float] = (), draw: Draw | None = None
    ) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] in [0, 1] -> class_logits [batch, 10], features [batch, memory] in (0, 1).

        `dropout`, in training: the probabilities that a pixel and that a hidden unit is left out.
        """
        states = image.flatten(1)
        for index, linear in enumerate((*self.body, self.head)):
            if draw is not None:
                rate = dropout[min(index, 1)]
                states = states * ((draw.uniform(*states.shape) >= rate) / (1 - rate))
            if linear is not self.head:
                states = torch.sigmoid(linear(states))
        return self.head(states), states


class Ascent:
    """Centred gradient ascent of one RBM (Melchior et al. 2016; see training/rbm.py), chains weighted.

    A chain may count for more than another: chains are dealt evenly to the classes, images are not.
    """

    def __init__(self, rbm: RBM, offset_rate: float) -> None:
        self._rbm, self._offset_rate = rbm, offset_rate
        self.offset = torch.empty(0), torch.empty(0)  # of the visible and of the hidden units: mu, lambda

    def start(self, data: Tensor, fresh: bool) -> None:
        """Centre on the first batch; give `fresh` weights the batch's log-odds as visible biases.

        Without those (Hinton 2012, section 8.1) the first updates are large and blind, and leave behind a
        mode of mostly white pictures, far more probable than the digits, which no persistent chain visits.
        """
        if fresh:
            rate = (data.sum(0) + 1) / (len(data) + 2)
            self._rbm.visible_bias.copy_(torch.logit(rate))
        self.offset = data.mean(0), self._rbm.hidden_mean(data).float().mean(0)

    def climb(
        self,
        data: Tensor,  # [batch, visible], states clamped to the data
        chains: Tensor,  # [chains, visible]
        shares: Tensor,  # [chains], what each chain counts; they sum to 1
        rate: float,
    ) -> Tensor:
        """One update of weight and biases; returns E[h | data], [batch, hidden]."""
        rbm = self._rbm
        data_hidden, chains_hidden = rbm.hidden_mean(data).float(), rbm.hidden_mean(chains).float()
        # Products instead of `shares @ chains`, which autocast would round: the means must not be biased.
        visible_means = data.mean(0), (chains * shares[:, None]).sum(0)
        hidden_means = data_hidden.mean(0), (chains_hidden * shares[:, None]).sum(0)
        mu = self.offset[0].lerp((visible_means[0] + visible_means[1]) / 2, self._offset_rate)
        lam = self.offset[1].lerp((hidden_means[0] + hidden_means[1]) / 2, self._offset_rate)
        self.offset = mu, lam

        # Both phases in one product: sum_i s_i (h_i - lambda)(v_i - mu)', data counted +, chains -.
        signs = torch.cat([torch.full_like(data[:, 0], 1 / len(data)), -shares])
        hidden = torch.cat([data_hidden, chains_hidden]) - lam
        weight = (hidden * signs[:, None]).T @ (torch.cat([data, chains]) - mu)
        rbm.weight.add_(weight, alpha=rate)
        rbm.visible_bias.add_(visible_means[0] - visible_means[1] - lam @ weight, alpha=rate)
        rbm.hidden_bias.add_(hidden_means[0] - hidden_means[1] - weight @ mu, alpha=rate)
        return data_hidden


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
            hidden = self._ascent.climb(data, self._chains, shares, rate)
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


def binarised(images: Tensor, draw: Draw) -> Tensor:
    """Pixels drawn with their grey level as the probability of white. uint8 NCHW -> [batch, 784]."""
    return sample(images.flatten(1).float() / 255, draw)


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
        self._ascent.climb(data, chains, self._shares, rate)
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
        dbn = DeepBeliefNetwork(self._config)
        dbn.untie(cast(GreedyStack, networks["greedy"]))
        return dreams(dbn, draw)


def dreams(dbn: DeepBeliefNetwork, draw: Draw) -> Tensor:
    """A hundred pictures, a column of ten for each label, after 300 clamped steps from coin flips."""
    return dbn.dream(torch.arange(10 * CLASSES) % CLASSES, 300, draw)


class UpDown:
    """Contrastive wake-sleep (Hinton, Osindero & Teh 2006, section 5 and appendix B)."""

    def __init__(
        self, config: DBNConfig, stack: GreedyStack, dbn: DeepBeliefNetwork, class_shares: Tensor
    ) -> None:
        self._config, self._stack, self._dbn = config, stack, dbn
        self._ascent = MemoryAscent(config, dbn.memory, class_shares)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One pass up, one step in the memory, one pass down."""
        config, dbn = self._config, self._dbn
        if progress == 0:
            dbn.untie(self._stack)
        rate = config.up_down_rate * (1 - progress)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            # Wake: recognise the picture, teach each layer to generate what is below it.
            pixels = binarised(images, draw)
            below = sample(dbn.up(pixels, 0), draw)
            code = sample(dbn.up(below, 1), draw)
            error = learn(dbn.generative[0], below, pixels, rate)
            learn(dbn.generative[1], code, below, rate)

            if progress == 0:
                self._ascent.start(code, labels, fresh=False)
            losses = self._ascent.climb(code, labels, rate, draw)

            # Sleep: dream a picture from the memory's chains, teach each layer to recognise its causes.
            dreamt_code = self._ascent.chains
            dreamt_below = sample(dbn.down(dreamt_code, 1), draw)
            dreamt_pixels = sample(dbn.down(dreamt_below, 0), draw)
            learn(dbn.recognition[1], dreamt_below, dreamt_code, rate)
            learn(dbn.recognition[0], dreamt_pixels, dreamt_below, rate)
        return {"reconstruction_squared_error": error, **losses}

    def state_dict(self) -> dict[str, Any]:
        """The memory's chains and offsets."""
        return self._ascent.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._ascent.load_state_dict(state)

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Ten dreams of each label, a column a label."""
        return dreams(cast(DeepBeliefNetwork, networks["dbn"]), draw)


def learn(linear: nn.Module, given: Tensor, target: Tensor, rate: float) -> Tensor:
    """The delta rule: one ascent step of log p(target | given) for sigmoid units; the squared error before.

    given [batch, in], target [batch, out] in {0, 1}.
    """
    assert isinstance(linear, nn.Linear)
    error = target - torch.sigmoid(linear(given)).float()
    linear.weight.add_(error.T @ given, alpha=rate / len(given))
    linear.bias.add_(error.mean(0), alpha=rate)
    return error.square().sum(1).mean()


class Backprop:
    """Cross-entropy of the labels, with dropout (Hinton et al. 2012), from the greedy weights."""

    def __init__(self, config: DBNConfig, stack: GreedyStack | None, classifier: ForwardNetwork) -> None:
        self._config, self._stack, self._classifier = config, stack, classifier
        self._optimizer = torch.optim.AdamW(
            classifier.parameters(), 0.0, (0.9, 0.99), weight_decay=0.0, fused=True
        )

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW."""
        config, classifier = self._config, self._classifier
        if progress == 0 and self._stack is not None:
            classifier.start_from(self._stack)
        for group in self._optimizer.param_groups:
            group["lr"] = config.backprop_rate * warm_up_then_cosine(progress, warm_up=0.02)
        dropout = config.pixel_dropout, config.hidden_dropout
        with torch.autocast(images.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, _ = classifier(images.float() / 255, dropout, draw)
        loss = functional.cross_entropy(logits.float(), labels)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return {"cross_entropy": loss.detach(), "error": (logits.argmax(1) != labels).float().mean()}

    def state_dict(self) -> dict[str, Any]:
        """AdamW's moments."""
        return {"optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with AdamW's moments."""
        self._optimizer.load_state_dict(state["optimizer"])

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Nothing to see: a classifier makes no pictures."""
        return None


def build(config: DBNConfig) -> dict[str, nn.Module]:
    """The network as the greedy stages leave it, as up-down leaves it, and as backpropagation does.

    The last alone where no other stage has a share.
    """
    classifier = ForwardNetwork(config)
    if not any(config.shares[:-1]):
        return {"classifier": classifier}
    return {"greedy": GreedyStack(config), "dbn": DeepBeliefNetwork(config), "classifier": classifier}


def stages(
    config: DBNConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """The five stages of the module's docstring, less those without a share."""
    classifier = cast(ForwardNetwork, networks["classifier"])
    rules: dict[str, Rule] = {}
    if "greedy" in networks:
        stack, dbn = cast(GreedyStack, networks["greedy"]), cast(DeepBeliefNetwork, networks["dbn"])
        class_shares = torch.bincount(labels, minlength=CLASSES) / len(labels)
        rules = {
            "layer 1": GreedyLayer(config, stack, 0),
            "layer 2": GreedyLayer(config, stack, 1),
            "memory": GreedyMemory(config, stack, class_shares),
            "up-down": UpDown(config, stack, dbn, class_shares),
        }
    rules["backprop"] = Backprop(config, stack if rules else None, classifier)
    return [
        Stage(name, rule, config.steps(name), config.batch)
        for name, rule in rules.items()
        if config.steps(name)
    ]
