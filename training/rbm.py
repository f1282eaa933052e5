"""Restricted Boltzmann Machine on binarised digits, trained without a single gradient of an autograd tape.

    Smolensky 1986, "Information processing in dynamical systems" (the harmonium)
    Hinton 2002, "Training products of experts by minimizing contrastive divergence" (CD-k)
    Tieleman 2008, "Training RBMs using approximations to the likelihood gradient" (PCD)
    Montavon & Müller 2012; Melchior, Fischer & Wiskott 2016, "How to center deep Boltzmann machines"

An RBM is the distribution p(v, h) = exp(-E(v, h)) / Z over binary visible units v (the pixels) and hidden
units h, with the energy

    E(v, h) = - b'v - c'h - h'Wv.

No two units of a layer are connected, so each layer is sampled in one go given the other (equations 2 and 3
below). The gradient of log p(v) is the difference of <hv'> with v clamped to data and <hv'> under the model.
The second is out of reach; CD-k replaces it by k steps of Gibbs sampling from the data, PCD-k by k further
steps of chains that never restart.

Here that difference is taken between *centred* variables (Melchior et al., enhanced gradient): the update no
longer depends on which of the two states of a unit is called 1, which is what MNIST's mostly black pixels
otherwise spoil.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config, ConfigError
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"rbm": ("gibbs_step",)}
MEAN_FLOOR = 1e-3  # probability of a pixel that is never, or always, white in the training set
DISTRIBUTED = False  # the rule writes the weights itself: there is no backward pass to average gradients in


@dataclass(frozen=True, kw_only=True)
class RBMConfig(Config):
    """An RBM and how it learns."""

    images: int = 50 * 60_000
    batch: int = 100
    ema_half_life: int = 70_000  # 0.999 a step
    hidden: int = 500
    persistent: bool = True  # PCD-k; false: CD-k, which restarts every chain at the data
    gibbs_steps: int = 5  # the k of both
    chains: int = 100  # persistent chains (PCD)
    learning_rate: float = 0.1  # falls linearly to 0
    offset_rate: float = 0.01  # of the moving averages that the units are centred on
    bfloat16: bool = True  # the chains' matrix products; states are exact in it, and gradients stay float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.hidden < 1 or self.gibbs_steps < 1 or self.chains < 1:
            raise ConfigError("hidden, gibbs_steps and chains must each be at least 1.")
        if not 0 <= self.offset_rate <= 1:
            raise ConfigError(f"offset_rate must lie in [0, 1], not {self.offset_rate}.")


MODELS: dict[str, dict[str, RBMConfig]] = {
    # "selection" leaves train[50000:] to choose a recipe on; the default is the refit on all 60,000.
    "rbm": {
        "default": RBMConfig(),
        "selection": RBMConfig(split="train[:50000]"),
        "cd1": RBMConfig(persistent=False, gibbs_steps=1),
    },
    # The same network before its first image: what the page shows as a baseline.
    "rbm_untrained": {"default": RBMConfig(images=0, snapshots=1)},
}


class RBM(nn.Module):
    """p(v, h) = exp(b'v + c'h + h'Wv) / Z for v in {0, 1}^visible, h in {0, 1}^hidden."""

    def __init__(
        self,
        visible: int,  # units, one a pixel
        hidden: int,  # units
    ) -> None:
        super().__init__()
        # Hinton 2012, "A practical guide to training RBMs", section 8: small weights, no symmetry left.
        self.weight = nn.Parameter(torch.randn(hidden, visible) * 0.01, requires_grad=False)
        self.visible_bias = nn.Parameter(torch.zeros(visible), requires_grad=False)
        self.hidden_bias = nn.Parameter(torch.zeros(hidden), requires_grad=False)

    def hidden_drive(self, visible: Tensor) -> Tensor:
        """c + Wv, the logits of p(h = 1 | v). [batch, visible] -> [batch, hidden]."""
        return functional.linear(visible, self.weight, self.hidden_bias)

    def hidden_mean(self, visible: Tensor) -> Tensor:
        """p(h = 1 | v) = sigmoid(c + Wv). [batch, visible] -> [batch, hidden], probabilities."""
        return torch.sigmoid(self.hidden_drive(visible))

    def visible_mean(self, hidden: Tensor) -> Tensor:
        """p(v = 1 | h) = sigmoid(b + W'h). [batch, hidden] -> [batch, visible], probabilities."""
        return torch.sigmoid(torch.addmm(self.visible_bias, hidden, self.weight))

    def free_energy(self, visible: Tensor) -> Tensor:
        """F(v) = -b'v - sum_j log(1 + exp(c + Wv)_j), so that p(v) = exp(-F(v)) / Z. -> [batch], nats."""
        return -visible @ self.visible_bias - functional.softplus(self.hidden_drive(visible)).sum(dim=1)

    def gibbs_step(self, visible: Tensor, draw: Draw) -> Tensor:
        """One step of block Gibbs sampling, v -> h -> v. [batch, visible] in {0, 1} -> the same."""
        hidden = sample(self.hidden_mean(visible), draw)
        return sample(self.visible_mean(hidden), draw)


def sample(mean: Tensor, draw: Draw) -> Tensor:
    """Bernoulli states of units with the given means. [batch, units] probabilities -> {0., 1.}."""
    return (draw.uniform(*mean.shape) < mean).float()


def binarised(images: Tensor, draw: Draw) -> Tensor:
    """Pixels drawn with their grey level as the probability of white. uint8 NCHW -> [batch, pixels]."""
    return sample(images.flatten(1).float() / 255, draw)


def centred_gradient(
    data: tuple[Tensor, Tensor],  # v [batch, visible], E[h | v] [batch, hidden] with v clamped to the data
    model: tuple[Tensor, Tensor],  # the same of the chains
    offset: tuple[Tensor, Tensor],  # what v [visible] and h [hidden] are centred on: mu, lambda
    shares: Tensor | None = None,  # [chains], what each chain counts; they sum to 1; None: all the same
) -> tuple[Tensor, Tensor, Tensor]:
    """Ascent directions of log p for weight, visible_bias, hidden_bias (Melchior et al. 2016, section 3).

    With offsets of zero this is the plain gradient <hv'>_data - <hv'>_model. Hidden units enter by their
    means, which has the same expectation as sampling them and less variance.
    """
    visible, hidden = offset
    if shares is None:
        positive = (data[1] - hidden).T @ (data[0] - visible) / len(data[0])  # [hidden, visible]
        negative = (model[1] - hidden).T @ (model[0] - visible) / len(model[0])
        weight = positive - negative
    else:
        # Both phases in one product: sum_i s_i (h_i - lambda)(v_i - mu)', data counted +, chains -.
        signs = torch.cat([torch.full_like(data[0][:, 0], 1 / len(data[0])), -shares])
        centred = torch.cat([data[1], model[1]]) - hidden
        weight = (centred * signs[:, None]).T @ (torch.cat([data[0], model[0]]) - visible)
    visible_bias = data[0].mean(0) - counted(model[0], shares) - hidden @ weight
    hidden_bias = data[1].mean(0) - counted(model[1], shares) - weight @ visible
    return weight, visible_bias, hidden_bias


def counted(states: Tensor, shares: Tensor | None) -> Tensor:
    """Mean of [chains, units] in which each chain counts its share -> [units]."""
    # A product instead of `shares @ states`, which autocast would round: the means must not be biased.
    return states.mean(0) if shares is None else (states * shares[:, None]).sum(0)


class Ascent:
    """Plain stochastic ascent of one RBM along the centred gradient, and the offsets it is centred on.

    A chain may count for more than another: a belief network deals its chains evenly to the classes, which
    images are not.
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
        rate: float,
        shares: Tensor | None = None,  # as in :func:`centred_gradient`
    ) -> Tensor:
        """One update of weight and biases; returns E[h | data] before it, [batch, hidden].

        The offsets follow the means of data and model together (the enhanced gradient's choice). Without a
        :meth:`start` the first batch sets them: from then on they only drift.
        """
        rbm = self._rbm
        data_hidden, chains_hidden = rbm.hidden_mean(data).float(), rbm.hidden_mean(chains).float()
        mu = (data.mean(0) + counted(chains, shares)) / 2
        lam = (data_hidden.mean(0) + counted(chains_hidden, shares)) / 2
        if len(self.offset[0]):
            mu = self.offset[0].lerp(mu, self._offset_rate)
            lam = self.offset[1].lerp(lam, self._offset_rate)
        self.offset = mu, lam
        gradient = centred_gradient((data, data_hidden), (chains, chains_hidden), self.offset, shares)
        for parameter, direction in zip(
            (rbm.weight, rbm.visible_bias, rbm.hidden_bias), gradient, strict=True
        ):
            if shares is None:
                parameter += rate * direction  # rounded twice, as the shipped weights were
            else:
                parameter.add_(direction, alpha=rate)
        return data_hidden


class ContrastiveDivergence:
    """CD-k or PCD-k with the centred gradient, plain stochastic ascent."""

    def __init__(self, config: RBMConfig, rbm: RBM, images: Tensor) -> None:
        self._config, self._rbm, self._images = config, rbm, images
        self._ascent = Ascent(rbm, config.offset_rate)
        self._chains = torch.zeros(config.chains, rbm.weight.shape[1], device=rbm.weight.device)

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Binarise the batch, run the chains k steps, ascend."""
        rbm, config = self._rbm, self._config
        if progress == 0 and not rbm.visible_bias.any():
            # Hinton 2012, section 8.1: a new machine starts at each pixel's log-odds. From zeros the first
            # updates are so violent that they dig modes which no persistent chain visits ever again.
            mean = self._images.flatten(1).float().mean(0) / 255
            rbm.visible_bias.copy_(torch.logit(mean.clamp(MEAN_FLOOR, 1 - MEAN_FLOOR)))
        data = binarised(images, draw)

        chains = self._chains if config.persistent else data
        with torch.autocast(chains.device.type, torch.bfloat16, enabled=config.bfloat16):
            for _ in range(config.gibbs_steps):
                chains = rbm.gibbs_step(chains, draw)
        self._chains = chains if config.persistent else self._chains
        data_hidden = self._ascent.climb(data, chains, config.learning_rate * (1 - progress))
        return {
            "reconstruction_squared_error": (rbm.visible_mean(data_hidden) - data).square().sum(1).mean(),
            # Overfitting, or chains that no longer mix, show as data far likelier than what the chains hold.
            "free_energy_gap": rbm.free_energy(data).mean() - rbm.free_energy(chains).mean(),
        }

    def state_dict(self) -> dict[str, Any]:
        """The persistent chains and the offsets."""
        visible, hidden = self._ascent.offset
        return {"chains": self._chains, "visible_offset": visible, "hidden_offset": hidden}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._chains = state["chains"]
        self._ascent.offset = state["visible_offset"], state["hidden_offset"]

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """A hundred chains after 200 steps from coin flips, as probabilities. [100, 1, 28, 28]."""
        rbm = networks["rbm"]
        assert isinstance(rbm, RBM)
        visible = sample(torch.full([100, rbm.weight.shape[1]], 0.5, device=rbm.weight.device), draw)
        for _ in range(200):
            visible = rbm.gibbs_step(visible, draw)
        side = int(visible.shape[1] ** 0.5)
        return rbm.visible_mean(rbm.hidden_mean(visible)).view(-1, 1, side, side)


def build(config: RBMConfig) -> dict[str, nn.Module]:
    """An RBM for 28x28 digits with fresh weights."""
    return {"rbm": RBM(28 * 28, config.hidden)}


def stages(
    config: RBMConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of contrastive divergence."""
    rbm = networks["rbm"]
    assert isinstance(rbm, RBM)
    rule = ContrastiveDivergence(config, rbm, images)
    name = f"{'PCD' if config.persistent else 'CD'}-{config.gibbs_steps}"
    return [Stage(name, rule, config.images // config.batch, config.batch, config.ema_half_life)]
