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
from training.loop import Draw, Stage

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


def centred_gradient(
    data: tuple[Tensor, Tensor],  # v [batch, visible], E[h | v] [batch, hidden] with v clamped to the data
    model: tuple[Tensor, Tensor],  # the same of the chains
    offset: tuple[Tensor, Tensor],  # what v [visible] and h [hidden] are centred on: mu, lambda
) -> tuple[Tensor, Tensor, Tensor]:
    """Ascent directions of log p for weight, visible_bias, hidden_bias (Melchior et al. 2016, section 3).

    With offsets of zero this is the plain gradient <hv'>_data - <hv'>_model. Hidden units enter by their
    means, which has the same expectation as sampling them and less variance.
    """
    visible, hidden = offset
    positive = (data[1] - hidden).T @ (data[0] - visible) / len(data[0])  # [hidden, visible]
    negative = (model[1] - hidden).T @ (model[0] - visible) / len(model[0])
    weight = positive - negative
    visible_bias = data[0].mean(0) - model[0].mean(0) - hidden @ weight
    hidden_bias = data[1].mean(0) - model[1].mean(0) - weight @ visible
    return weight, visible_bias, hidden_bias


class ContrastiveDivergence:
    """CD-k or PCD-k with the centred gradient, plain stochastic ascent."""

    def __init__(self, config: RBMConfig, rbm: RBM, images: Tensor) -> None:
        self._config, self._rbm, self._images = config, rbm, images
        hidden, visible = rbm.weight.shape
        self._state = {
            "chains": torch.zeros(config.chains, visible, device=rbm.weight.device),
            "visible_offset": torch.full([visible], 0.5, device=rbm.weight.device),
            "hidden_offset": torch.full([hidden], 0.5, device=rbm.weight.device),
        }

    @torch.no_grad()
    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Binarise the batch, run the chains k steps, ascend."""
        rbm, config, state = self._rbm, self._config, self._state
        if progress == 0 and not rbm.visible_bias.any():
            # Hinton 2012, section 8.1: a new machine starts at each pixel's log-odds. From zeros the first
            # updates are so violent that they dig modes which no persistent chain visits ever again.
            mean = self._images.flatten(1).float().mean(0) / 255
            rbm.visible_bias.copy_(torch.logit(mean.clamp(MEAN_FLOOR, 1 - MEAN_FLOOR)))
        data = sample(images.flatten(1).float() / 255, draw)  # grey is the probability of white

        chains = state["chains"] if config.persistent else data
        with torch.autocast(chains.device.type, torch.bfloat16, enabled=config.bfloat16):
            for _ in range(config.gibbs_steps):
                chains = rbm.gibbs_step(chains, draw)
        state["chains"] = chains if config.persistent else state["chains"]

        # The offsets follow the means of data and model together (the enhanced gradient's choice). The first
        # batch sets them: from then on they only drift.
        data_hidden, chains_hidden = rbm.hidden_mean(data), rbm.hidden_mean(chains)
        rate = config.offset_rate if progress > 0 else 1.0
        means = (data.mean(0) + chains.mean(0)) / 2, (data_hidden.mean(0) + chains_hidden.mean(0)) / 2
        offset = state["visible_offset"].lerp(means[0], rate), state["hidden_offset"].lerp(means[1], rate)
        state["visible_offset"], state["hidden_offset"] = offset

        gradient = centred_gradient((data, data_hidden), (chains, chains_hidden), offset)
        learning_rate = config.learning_rate * (1 - progress)
        for parameter, direction in zip(
            (rbm.weight, rbm.visible_bias, rbm.hidden_bias), gradient, strict=True
        ):
            parameter += learning_rate * direction

        return {
            "reconstruction_squared_error": (rbm.visible_mean(data_hidden) - data).square().sum(1).mean(),
            # Overfitting, or chains that no longer mix, show as data far likelier than what the chains hold.
            "free_energy_gap": rbm.free_energy(data).mean() - rbm.free_energy(chains).mean(),
        }

    def state_dict(self) -> dict[str, Any]:
        """The persistent chains and the offsets."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the chains where they were."""
        self._state = dict(state)

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
