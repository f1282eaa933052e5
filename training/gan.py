"""Generative adversarial network of two perceptrons.

    Goodfellow et al. 2014, "Generative adversarial nets"

A generator G turns noise z into an image; a discriminator D tells images of the data from those of G. They
play the game of the paper's equation 1,

    min_G max_D  E_x log D(x) + E_z log(1 - D(G(z))),

with its section 3 advice for G: maximise log D(G(z)) instead (the non-saturating loss), since
log(1 - D(G(z))) has no slope while D still wins easily.

The game, the loss and the shape of both players are the paper's. These are not, and why:

* z has 100 values from N(0, 1), as every 28x28 GAN here, instead of uniform noise;
* G is small (100-256-512-784), so that its history can ship, and its hidden layers are batch-normalised
  (Ioffe & Szegedy 2015), D's never, and D sees real and made images in separate passes;
* D has leaky rectifiers and a penalty on its slope at the data, R1 (Mescheder et al. 2018), instead of maxout
  with dropout, which here gave digits that were 39 % ones (see NOTES.md);
* Adam (Kingma & Ba 2015) with rates that fall to zero in the second half, instead of momentum;
* the weights that ship are an exponential average of G's (Yazici et al. 2019): the game circles around its
  solution, and the average sits nearer to it than any point of the circle.
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
    batch: int = 256
    ema_half_life: int = 200_000
    snapshots: int = 12
    generator_widths: tuple[int, ...] = (256, 512)  # small: a dozen snapshots of it ship
    discriminator_widths: tuple[int, ...] = (512, 256)
    generator_rate: float = 5e-4  # Adam's
    discriminator_rate: float = 5e-4
    r1: float = 0.1  # weight of the gradient penalty
    decay_from: float = 0.5  # part of the run after which both rates fall linearly to 0
    bfloat16: bool = True  # matrix products in bfloat16; pixels, scores and losses in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if not self.generator_widths or min((*self.generator_widths, *self.discriminator_widths)) < 1:
            raise ConfigError("generator_widths and discriminator_widths must be at least 1 unit each.")
        if self.r1 < 0:
            raise ConfigError(f"r1 must be 0 or more, not {self.r1}.")
        if not 0 <= self.decay_from <= 1:
            raise ConfigError(f"decay_from must lie in [0, 1], not {self.decay_from}.")


MODELS: dict[str, dict[str, GANConfig]] = {
    "gan": {
        "default": GANConfig(),
        "short": GANConfig(images=4_000_000, ema_half_life=100_000),
    },
}


class Generator(nn.Module):
    """z -> image, rectified hidden layers and sigmoid pixels as in the paper, normalised between."""

    def __init__(
        self,
        z: int,  # values of the noise
        widths: tuple[int, ...],  # units of the hidden layers
        pixels: int,  # values of a flattened image
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((z, *widths)):
            layers += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.ReLU()]
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
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((pixels, *widths)):
            layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1] if widths else pixels, 1))

    def forward(self, image: Tensor) -> Tensor:
        """[batch, pixels] in [0, 1] -> score [batch]."""
        return self.layers(image).squeeze(1).float()


class Play:
    """One step of D, then one of G."""

    def __init__(self, config: GANConfig, generator: nn.Module, discriminator: nn.Module) -> None:
        self._config, self._generator, self._discriminator = config, generator, discriminator
        betas = (0.5, 0.99)
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
            real_score, made_score = discriminator(data), discriminator(made)
        loss_d = functional.softplus(-real_score).mean() + functional.softplus(made_score).mean()
        penalty = torch.zeros_like(loss_d)
        if config.r1 > 0:
            (slope,) = torch.autograd.grad(real_score.sum(), data, create_graph=True)
            penalty = config.r1 / 2 * slope.square().sum(1).mean()
        self._descend("discriminator", loss_d + penalty)

        # G: maximise log D(G(z)).
        discriminator.requires_grad_(False)
        with autocast:
            score = discriminator(generator(draw.normal(len(data), Z)))
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
        "generator": Generator(Z, config.generator_widths, 28 * 28),
        "discriminator": Discriminator(28 * 28, config.discriminator_widths),
    }


def stages(
    config: GANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"])
    return [Stage("gan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
