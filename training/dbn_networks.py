"""The networks of a Deep Belief Network: its memory, and the stack below as each part of the training has it.

    Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets"

See dbn.py for the lesson, and how they learn.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.randomness import Draw
from training.rbm import RBM, sample

PIXELS, CLASSES = 28 * 28, 10


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

    def __init__(
        self,
        code: int,  # units of h1 and of h2
        memory: int,  # units of the top
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList([RBM(PIXELS, code), RBM(code, code)])
        self.memory = AssociativeMemory(code, memory)

    def layer(self, index: int) -> RBM:
        """RBM `index` from below; 2 is the memory."""
        return self.memory if index == len(self.layers) else cast(RBM, self.layers[index])


class DeepBeliefNetwork(nn.Module):
    """The directed stack, with weights of its own for each direction, below the memory."""

    def __init__(
        self,
        code: int,  # units of h1 and of h2
        memory: int,  # units of the top
        label_gain: Sequence[float],  # of each label's pull on the memory, while a dream holds it
    ) -> None:
        super().__init__()
        sizes = (PIXELS, code, code)
        pairs = list(itertools.pairwise(sizes))
        self.recognition = nn.ModuleList([nn.Linear(below, above) for below, above in pairs])
        self.generative = nn.ModuleList([nn.Linear(above, below) for below, above in pairs])
        self.memory = AssociativeMemory(code, memory)
        # No weight: it is chosen after the training that it takes no part in.
        self.register_buffer("label_gain", torch.tensor(label_gain), persistent=False)
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

    def __init__(
        self,
        code: int,  # units of the first two hidden layers
        memory: int,  # and of the third
    ) -> None:
        super().__init__()
        sizes = (PIXELS, code, code, memory)
        self.body = nn.ModuleList([nn.Linear(*pair) for pair in itertools.pairwise(sizes)])
        self.head = nn.Linear(memory, CLASSES)
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
