"""Conditional generative adversarial network of two perceptrons: the class is asked for, z does the rest.

    Mirza & Osindero 2014, "Conditional generative adversarial nets"

    min_G max_D  E_{x,y} log D(x|y) + E_{z,y} log(1 - D(G(z|y)|y))        (equation 2)

Both players are told y, the label of a real image: so D can tell a made picture by its not being the digit it
is said to be, and G learns to make the digit it is asked for.

The networks are those of gan.py but for what they are told. G reads y as ten more inputs beside z. D, instead
of reading it, scores the picture under all ten labels, and the score under y is the one that counts: its
features are then shared by the classes, and its verdicts are not. (The paper joins y to the input of both.)

The first value of z is spare: no layer sees it. Where no label is asked for, it picks one
(:func:`training.adversarial.chosen_label`).
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from training.adversarial import CLASSES, Z, chosen_label, one_hot, score_of
from training.gan import GANConfig, Play, discriminator_layers, generator_layers
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True

MODELS: dict[str, dict[str, GANConfig]] = {
    "cgan": {"default": GANConfig(images=8_000_000, snapshots=7)},
}


class Generator(nn.Module):
    """z and a label -> image, whatever the layers between."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, z - 1 + 10] -> log-odds of the pixels, NCHW

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """[batch, z] from N(0, 1), int64 [batch] in -1..9 -> [batch, channels, height, width] in [0, 1]."""
        given = one_hot(chosen_label(label, z[:, 0]))
        return torch.sigmoid(self.layers(torch.cat([z[:, 1:], given], 1)).float())


class Discriminator(nn.Module):
    """image and its label -> score, the logit of the probability that the two come from the data."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, channels, height, width] -> [batch, 10]

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """[batch, channels, height, width] in [0, 1], int64 [batch] in -1..9 -> score [batch]."""
        return score_of(self.layers(image).float(), label)


def build(config: GANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    inputs = Z - 1 + CLASSES
    judging = discriminator_layers(math.prod(shape), config.discriminator_widths, CLASSES)
    return {
        "generator": Generator(generator_layers(inputs, config.generator_widths, shape, config.normalise)),
        "discriminator": Discriminator(nn.Sequential(nn.Flatten(), *judging)),
    }


def stages(
    config: GANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"], labelled=True)
    return [Stage("cgan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
