"""Wasserstein GAN with gradient penalty: D becomes a critic, whose score is no probability.

    Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, "Improved training of Wasserstein GANs"

    L = E_z C(G(z)) - E_x C(x) + lambda E_u (|grad_u C(u)| - 1)^2        (equation 3)

Without the last term and with C of slope at most 1 everywhere, the largest E_x C(x) - E_z C(G(z)) is the
Wasserstein-1 distance between data and made images: how far mass would have to be moved. It has a useful
slope where the probability of a discriminator that wins is flat. The last term asks for slope 1 at images u
on the straight lines between real and made ones, u = e x + (1 - e) G(z) with e uniform (algorithm 1).

As in the paper: lambda 10; no batch normalisation in C, since the penalty is of each image alone, but in G;
Adam without a first moment. Not the paper's: the networks of dcgan.py; one step of C for one of G where the
paper takes five, and higher rates that fall to zero, for a budget of tens of thousands of steps instead of
hundreds of thousands (see NOTES.md; Heusel et al. 2017 do with one too); averaged weights. Slopes are
measured where pixels lie in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.adversarial import Game, GameConfig, Z
from training.captured import played
from training.config import ConfigError
from training.dcgan import (
    Discriminator,
    channels_last,
    check_widths,
    discriminator_layers,
    generator_layers,
)
from training.gan import Generator
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "critic": ("criticise",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class WGANConfig(GameConfig):
    """A generator, a critic and how they learn."""

    images: int = 1_400_000  # real ones, all seen by the critic
    batch: int = 32  # real images for one step of G
    critic_steps: int = 1  # in which they are shown to the critic
    penalty: float = 10.0  # lambda
    generator_widths: tuple[int, ...] = (256, 64, 32)  # maps before each doubling of the size
    critic_widths: tuple[int, ...] = (32, 64, 128)  # maps after each halving
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3  # the critic's

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        check_widths(self.generator_widths, self.critic_widths, self.image_shape)
        if self.critic_steps < 1 or self.batch % self.critic_steps:
            raise ConfigError(
                f"batch must be a multiple of critic_steps, not {self.batch} images in {self.critic_steps}"
                " steps."
            )
        if self.penalty < 0:
            raise ConfigError(f"penalty must be 0 or more, not {self.penalty}.")


@dataclass(frozen=True, kw_only=True)
class WGANColourConfig(WGANConfig):
    """The same for colour pictures of 32x32."""

    image_shape = (3, 32, 32)

    dataset: str = "cifar10"
    images: int = 600_000
    generator_widths: tuple[int, ...] = (128, 64, 32)
    critic_widths: tuple[int, ...] = (48, 96, 192)


MODELS: dict[str, dict[str, WGANConfig]] = {
    "wgan_gp": {"default": WGANConfig()},
    "wgan_gp_fashion": {"default": WGANConfig(dataset="fashion-mnist")},
    "wgan_gp_cifar10": {
        "default": WGANColourConfig(),
        "gpu": WGANColourConfig(
            images=8_000_000, batch=64, generator_widths=(256, 128, 64), critic_widths=(96, 192, 384)
        ),
    },
}


def gradient_penalty(critic: nn.Module, real: Tensor, made: Tensor, mix: Tensor) -> Tensor:
    """The mean of (|grad_u critic(u)| - 1)^2 at u = mix real + (1 - mix) made.

    real and made [batch, ...], mix [batch] in [0, 1).
    """
    between = made.lerp(real, mix.view(-1, *[1] * (real.dim() - 1))).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


class Transport(Game):
    """`critic_steps` steps of the critic, then one of G."""

    def __init__(self, config: WGANConfig, generator: nn.Module, critic: nn.Module) -> None:
        super().__init__(config, generator, critic, betas=(0.0, 0.9))
        self._config = config
        self._play = played(self._step, generator)

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """A batch of data, shared out to the critic's steps, and as many of G's images."""
        self._optimizers.schedule(progress)
        z, mix = draw.normal(len(images), Z), draw.uniform(len(images))
        return self._play(images, z, mix, draw.normal(len(images) // self._config.critic_steps, Z))

    def _step(self, images: Tensor, z: Tensor, mix: Tensor, z_of_generator: Tensor) -> dict[str, Tensor]:
        config, generator, critic = self._config, self._generator, self._discriminator
        data = images.float() / 255
        autocast = self._autocast(data)

        with autocast, torch.no_grad():
            made = generator(z)
        for x, g, e in zip(*(part.chunk(config.critic_steps) for part in (data, made, mix)), strict=True):
            with autocast:
                penalty = gradient_penalty(critic, x, g, e)
                distance = critic(x).mean() - critic(g).mean()
            self._optimizers.descend("discriminator", config.penalty * penalty - distance)

        critic.requires_grad_(False)
        with autocast:
            score = critic(generator(z_of_generator)).mean()
        self._optimizers.descend("generator", -score)
        critic.requires_grad_(True)
        return {
            "distance": distance.detach(),  # an estimate of the Wasserstein distance, from below
            "penalty": penalty.detach(),
            "made_score": score.detach(),
        }


def build(config: WGANConfig) -> dict[str, nn.Module]:
    """Generator and critic with fresh weights."""
    shape = config.image_shape
    critic = discriminator_layers(config.critic_widths, shape, 1, normalise=False)
    networks = {
        "generator": Generator(generator_layers(Z, config.generator_widths, shape)),
        "critic": Discriminator(critic),
    }
    return channels_last(networks)


def stages(
    config: WGANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage."""
    rule = Transport(config, networks["generator"], networks["critic"])
    return [Stage("wgan_gp", rule, config.images // config.batch, config.batch, config.ema_half_life)]
