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

`gan_collapsed` is the same game without batch normalisation: G falls onto a one and a nine, whatever z is,
and stays there though D has long seen through it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.adversarial import Game, GameConfig, Z, made_loss, real_loss, slope_penalty
from training.config import ConfigError
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class PlayConfig(GameConfig):
    """How G and D play the game of 2014."""

    r1: float = 0.0  # weight of the penalty on D's slope at real images
    real_target: float = 1.0  # what D is to answer for real images

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.r1 < 0:
            raise ConfigError(f"r1 must be 0 or more, not {self.r1}.")
        if not 0.5 < self.real_target <= 1:
            raise ConfigError(f"real_target must lie in (0.5, 1], not {self.real_target}.")


@dataclass(frozen=True, kw_only=True)
class GANConfig(PlayConfig):
    """A generator, a discriminator and how they play."""

    split: str = "train[:50000]"  # the Parzen-window protocol keeps the rest for choosing sigma
    images: int = 10_000_000
    batch: int = 256
    ema_half_life: int = 200_000
    snapshots: int = 12
    generator_widths: tuple[int, ...] = (256, 512)  # small: a dozen snapshots of it ship
    discriminator_widths: tuple[int, ...] = (512, 256)
    normalise: bool = True  # batch normalisation in G
    r1: float = 0.1

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if not self.generator_widths or min((*self.generator_widths, *self.discriminator_widths)) < 1:
            raise ConfigError("generator_widths and discriminator_widths must be at least 1 unit each.")


MODELS: dict[str, dict[str, GANConfig]] = {
    "gan": {
        "default": GANConfig(),
        "short": GANConfig(images=4_000_000, ema_half_life=100_000),
    },
    "gan_collapsed": {
        "default": GANConfig(
            images=200_000,
            batch=128,
            ema_half_life=10_000,
            snapshots=7,
            normalise=False,
        ),
    },
}


class Generator(nn.Module):
    """z -> image, whatever the layers between."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, z] -> log-odds of the pixels, [batch, channels, height, width]

    def forward(self, z: Tensor) -> Tensor:
        """[batch, z] from N(0, 1) -> [batch, channels, height, width] in [0, 1]."""
        return torch.sigmoid(self.layers(z).float())


class Discriminator(nn.Module):
    """image -> score, the logit of the probability that it comes from the data."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, pixels] -> [batch, 1]

    def forward(self, image: Tensor) -> Tensor:
        """[batch, channels, height, width] in [0, 1] -> score [batch]."""
        return self.layers(image.flatten(1)).squeeze(1).float()


def generator_layers(
    inputs: int,  # values of the noise, and of whatever is joined to it
    widths: tuple[int, ...],  # units of the hidden layers
    image_shape: tuple[int, int, int],  # channels, height, width
    normalise: bool = True,  # batch normalisation before each rectifier
) -> nn.Sequential:
    """A perceptron from [batch, inputs] to the log-odds of the pixels, rectified as in the paper."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise((inputs, *widths)):
        layers += [nn.Linear(fan_in, fan_out)]
        layers += [nn.BatchNorm1d(fan_out)] if normalise else []
        layers += [nn.ReLU()]
    pixels = math.prod(image_shape)
    return nn.Sequential(*layers, nn.Linear(widths[-1], pixels), nn.Unflatten(1, image_shape))


def discriminator_layers(
    pixels: int,  # values of a flattened image
    widths: tuple[int, ...],  # units of the hidden layers
    scores: int,  # values for each image
) -> nn.Sequential:
    """A perceptron with leaky rectifiers, [batch, pixels] -> [batch, scores]."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise((pixels, *widths)):
        layers += [nn.Linear(fan_in, fan_out), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(widths[-1] if widths else pixels, scores))


class Play(Game):
    """One step of D, then one of G. Where the networks take labels, both are given those of the data."""

    def __init__(
        self, config: PlayConfig, generator: nn.Module, discriminator: nn.Module, labelled: bool = False
    ) -> None:
        super().__init__(config, generator, discriminator, labelled=labelled)
        self._config = config

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One batch of data, one of G's images."""
        config, generator, discriminator = self._config, self._generator, self._discriminator
        self._optimizers.schedule(progress)
        data = images.float() / 255
        given = (labels,) if self._labelled else ()  # what both players are told
        autocast = self._autocast(data)

        # D: real and generated images in separate passes.
        with autocast:
            with torch.no_grad():
                made = generator(draw.normal(len(data), Z), *given)
            data.requires_grad_(config.r1 > 0)
            real_score, made_score = discriminator(data, *given), discriminator(made, *given)
        loss_d = real_loss(real_score, config.real_target) + made_loss(made_score)
        penalty = slope_penalty(real_score, data).mean() if config.r1 > 0 else torch.zeros_like(loss_d)
        self._optimizers.descend("discriminator", loss_d + config.r1 * penalty)

        # G: maximise log D(G(z)).
        discriminator.requires_grad_(False)
        with autocast:
            score = discriminator(generator(draw.normal(len(data), Z), *given), *given)
        loss_g = real_loss(score)
        self._optimizers.descend("generator", loss_g)
        discriminator.requires_grad_(True)
        return {
            "discriminator": loss_d.detach(),
            "generator": loss_g.detach(),
            "real_probability": torch.sigmoid(real_score.detach()).mean(),
            "made_probability": torch.sigmoid(made_score.detach()).mean(),
        }


def build(config: GANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    return {
        "generator": Generator(generator_layers(Z, config.generator_widths, shape, config.normalise)),
        "discriminator": Discriminator(
            discriminator_layers(math.prod(shape), config.discriminator_widths, 1)
        ),
    }


def stages(
    config: GANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"])
    return [Stage("gan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
