"""Conditional DCGAN: the game of cgan.py, played by the networks of dcgan.py.

    Mirza & Osindero 2014, "Conditional generative adversarial nets"
    Radford, Metz & Chintala 2016, "Unsupervised representation learning with deep convolutional generative
    adversarial networks"

Nothing else is new here, and that is the lesson: what a network is told and what it is made of are two
choices, and each can be made without the other.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from training.adversarial import CLASSES, Z
from training.cgan import Discriminator, Generator
from training.dcgan import DCGANConfig, channels_last, discriminator_layers, generator_layers
from training.gan import Play
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True

# A digit is given, not found: two doublings, from 7x7, are enough.
MODELS: dict[str, dict[str, DCGANConfig]] = {
    "cdcgan": {"default": DCGANConfig(generator_widths=(64, 32))},
}


def build(config: DCGANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    judging = discriminator_layers(config.discriminator_widths, shape, CLASSES, config.normalise)
    networks = {
        "generator": Generator(generator_layers(Z - 1 + CLASSES, config.generator_widths, shape)),
        "discriminator": Discriminator(judging),
    }
    return channels_last(networks)


def stages(
    config: DCGANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"], labelled=True)
    return [Stage("cdcgan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
