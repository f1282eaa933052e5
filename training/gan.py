"""Generative adversarial network of two perceptrons.

    Goodfellow et al. 2014, "Generative adversarial nets"

A generator G turns noise z into an image; a discriminator D tells images of the data from those of G. They
play the game of the paper's equation 1,

    min_G max_D  E_x log D(x) + E_z log(1 - D(G(z))),

with its section 3 advice for G: maximise log D(G(z)) instead (the non-saturating loss), since
log(1 - D(G(z))) has no slope while D still wins easily.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.config import Config, ConfigError
from training.loop import Draw, Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True

Z = 100  # values of z, for every 28x28 GAN of this project, so that one z means something across them


@dataclass(frozen=True, kw_only=True)
class GANConfig(Config):
    """A generator, a discriminator and how they play."""

    split: str = "train[:50000]"  # the Parzen-window protocol keeps the rest for choosing sigma
    images: int = 10_000_000
    batch: int = 128
    ema_half_life: int = 200_000
    snapshots: int = 10
    generator_widths: tuple[int, ...] = (256, 512)
    discriminator_widths: tuple[int, ...] = (512, 256)
    batch_norm: bool = False  # in the generator
    dropout: float = 0.3  # of the discriminator's hidden units
    generator_rate: float = 2e-4  # Adam's
    discriminator_rate: float = 2e-4
    beta1: float = 0.5
    r1: float = 0.0  # weight of the gradient penalty
    decay_from: float = 0.5  # part of the run after which both rates fall linearly to 0
    bfloat16: bool = True

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if min((*self.generator_widths, *self.discriminator_widths), default=1) < 1:
            raise ConfigError("generator_widths and discriminator_widths must be at least 1 unit each.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must lie in [0, 1), not {self.dropout}.")
        if not 0 <= self.decay_from <= 1:
            raise ConfigError(f"decay_from must lie in [0, 1], not {self.decay_from}.")


MODELS: dict[str, dict[str, GANConfig]] = {"gan": {"default": GANConfig()}}


class Generator(nn.Module):
    """z -> image, rectified hidden layers and sigmoid pixels as in the paper."""

    def __init__(
        self,
        z: int,  # values of the noise
        widths: tuple[int, ...],  # units of the hidden layers
        pixels: int,  # values of a flattened image
        batch_norm: bool,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((z, *widths)):
            layers += [
                nn.Linear(fan_in, fan_out),
                *([nn.BatchNorm1d(fan_out)] if batch_norm else []),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], pixels))

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] from N(0, 1) -> [batch, pixels] in [0, 1]."""
        return torch.sigmoid(self.layers(z).float())


class Discriminator(nn.Module):
    """image -> score, the logit of the probability that it comes from the data."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        widths: tuple[int, ...],  # units of the hidden layers
        dropout: float,  # probability with which a hidden unit is silenced in training
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*sizes) for sizes in pairwise((pixels, *widths, 1)))
        self.dropout = dropout

    def forward(self, image: Tensor, draw: Draw | None = None) -> Tensor:
        """[batch, pixels] in [0, 1] -> score [batch]. With `draw`, hidden units drop out."""
        hidden = image
        for layer in list(self.layers)[:-1]:
            hidden = functional.leaky_relu(layer(hidden), 0.2)
            if draw is not None and self.dropout:
                keep = draw.uniform(*hidden.shape) >= self.dropout
                hidden = hidden * keep / (1 - self.dropout)
        return self.layers[-1](hidden).squeeze(1).float()


class Play:
    """One step of D, then one of G."""

    def __init__(self, config: GANConfig, generator: nn.Module, discriminator: nn.Module) -> None:
        self._config, self._generator, self._discriminator = config, generator, discriminator
        betas = (config.beta1, 0.99)
        self._optimizers = {
            "generator": torch.optim.Adam(generator.parameters(), config.generator_rate, betas, fused=True),
            "discriminator": torch.optim.Adam(
                discriminator.parameters(), config.discriminator_rate, betas, fused=True
            ),
        }

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One batch of data, one of G's images."""
        config, generator, discriminator = self._config, self._generator, self._discriminator
        remaining = min(1.0, (1 - progress) / max(1 - config.decay_from, 1e-9))
        for name, rate in (
            ("generator", config.generator_rate),
            ("discriminator", config.discriminator_rate),
        ):
            for group in self._optimizers[name].param_groups:
                group["lr"] = rate * remaining
        data = images.flatten(1).float() / 255
        autocast = torch.autocast(data.device.type, torch.bfloat16, enabled=config.bfloat16)

        # D: real and generated images in separate passes.
        with autocast:
            with torch.no_grad():
                made = generator(draw.normal(len(data), Z))
            data.requires_grad_(config.r1 > 0)
            real_score, made_score = discriminator(data, draw), discriminator(made, draw)
        loss_d = functional.softplus(-real_score).mean() + functional.softplus(made_score).mean()
        penalty = torch.zeros_like(loss_d)
        if config.r1 > 0:
            (slope,) = torch.autograd.grad(real_score.sum(), data, create_graph=True)
            penalty = config.r1 / 2 * slope.square().sum(1).mean()
        self._descend("discriminator", loss_d + penalty)

        # G: maximise log D(G(z)).
        discriminator.requires_grad_(False)
        with autocast:
            score = discriminator(generator(draw.normal(len(data), Z)), draw)
        loss_g = functional.softplus(-score).mean()
        self._descend("generator", loss_g)
        discriminator.requires_grad_(True)
        return {
            "discriminator": loss_d.detach(),
            "generator": loss_g.detach(),
            "real_probability": torch.sigmoid(real_score.detach()).mean(),
            "made_probability": torch.sigmoid(made_score.detach()).mean(),
        }

    def _descend(self, name: str, loss: Tensor) -> None:
        self._optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self._optimizers[name].step()

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with Adam's moments."""
        for name, optimizer in self._optimizers.items():
            optimizer.load_state_dict(state[name])

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """A hundred images from the same z at every snapshot. [100, 1, 28, 28]."""
        generator = networks["generator"].eval()
        return generator(draw.normal(100, Z)).view(100, 1, 28, 28)


def build(config: GANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    return {
        "generator": Generator(Z, config.generator_widths, 28 * 28, config.batch_norm),
        "discriminator": Discriminator(28 * 28, config.discriminator_widths, config.dropout),
    }


def stages(
    config: GANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"])
    return [Stage("gan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
