"""Deep convolutional generative adversarial network.

    Radford, Metz & Chintala 2016, "Unsupervised representation learning with deep convolutional generative
    adversarial networks"

The game of 2014 (gan.py), played by convolutional networks that follow the paper's guidelines: strides
instead of pooling, on the way down in D and, transposed, on the way up in G; batch normalisation in G,
except in its last layer; no hidden fully connected layers; rectifiers in G, leaky ones in D; weights that
start from N(0, 0.02); Adam with a first moment of 0.5.

Not the paper's: D is kept from being sure by a penalty on its slope at real images, as in gan.py, and not by
batch normalisation, under which it wins in the long run (`normalise` and `r1` choose); 28x28 images need
three doublings from 4x4 instead of four; the last layer is a sigmoid, since pixels here lie in [0, 1]; D's
targets for real images are smoothed (Salimans et al. 2016); rates fall to zero and weights are averaged.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from training.adversarial import Z
from training.config import ConfigError
from training.gan import Generator, Play, PlayConfig
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class DCGANConfig(PlayConfig):
    """A convolutional generator and discriminator and how they play."""

    images: int = 1_400_000
    # Maps before each doubling of the size. Without labels two are too few: nothing but the first layer sees
    # the whole picture, and one layer cannot sort z into ten digits (see NOTES.md).
    generator_widths: tuple[int, ...] = (128, 64, 32)
    discriminator_widths: tuple[int, ...] = (32, 64, 128)  # maps after each halving
    normalise: bool = False  # batch normalisation in D; in G always
    r1: float = 0.05  # instead of it: D stays unsure, and G has something to follow to the end (see NOTES.md)
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    real_target: float = 0.9

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        check_widths(self.generator_widths, self.discriminator_widths, self.image_shape)


@dataclass(frozen=True, kw_only=True)
class DCGANColourConfig(DCGANConfig):
    """The same for colour pictures of 64x64; as many weights, and as many images, as `stylegan2_avatars`."""

    image_shape = (3, 64, 64)

    dataset: str = "avatars"
    images: int = 250_000
    generator_widths: tuple[int, ...] = (96, 64, 48, 24)
    discriminator_widths: tuple[int, ...] = (32, 64, 96, 128)


def check_widths(
    generator: tuple[int, ...], discriminator: tuple[int, ...], image_shape: tuple[int, int, int]
) -> None:
    """Raise :class:`ConfigError` where the sizes do not come out."""
    if not generator or not discriminator or min((*generator, *discriminator)) < 1:
        raise ConfigError("generator_widths and discriminator_widths must each name at least 1 map.")
    size = image_shape[1]
    if sizes(size, len(generator))[0] < 2 or size >> len(discriminator) < 1:
        raise ConfigError(
            f"{size} pixels cannot be made by {len(generator)} doublings and judged after"
            f" {len(discriminator)} halvings."
        )


MODELS: dict[str, dict[str, DCGANConfig]] = {
    "dcgan": {"default": DCGANConfig()},
    "dcgan_fashion": {"default": DCGANConfig(dataset="fashion-mnist")},
    "dcgan_avatars": {"default": DCGANColourConfig()},
}


class Discriminator(nn.Module):
    """image -> score, the logit of the probability that it comes from the data."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, channels, height, width] -> [batch, 1]

    def forward(self, image: Tensor) -> Tensor:
        """[batch, channels, height, width] in [0, 1] -> score [batch]."""
        return self.layers(image).squeeze(1).float()


def generator_layers(
    inputs: int,  # values of the noise, and of whatever is joined to it
    widths: tuple[int, ...],
    image_shape: tuple[int, int, int],
) -> nn.Sequential:
    """The layers from [batch, inputs] to the log-odds of every pixel."""
    channels, height, width = image_shape
    heights, across = sizes(height, len(widths)), sizes(width, len(widths))
    kernels = [tuple(3 if n % 2 else 4 for n in after) for after in zip(heights[1:], across[1:], strict=True)]
    corner = (widths[0], heights[0], across[0])  # the first maps
    layers: list[nn.Module] = [
        nn.Linear(inputs, math.prod(corner), bias=False),  # "project and reshape", figure 1
        nn.Unflatten(1, corner),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
    ]
    for (fan_in, fan_out), kernel in zip(pairwise(widths), kernels, strict=False):
        layers += [
            nn.ConvTranspose2d(fan_in, fan_out, kernel, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(fan_out),
            nn.ReLU(),
        ]
    return initialised(nn.Sequential(*layers, nn.ConvTranspose2d(widths[-1], channels, kernels[-1], 2, 1)))


def sizes(size: int, doublings: int) -> list[int]:
    """Height or width of the maps, the first ones' to the picture's: 28 is 4, 7, 14, 28, for example.

    A kernel of 4 makes 2n of n with a stride of 2 and a padding of 1, one of 3 makes 2n - 1.
    """
    return [-(-size // 2**k) for k in range(doublings, -1, -1)]


class Centre(nn.Module):
    """[0, 1] -> [-1, 1], the range of the paper's images."""

    def forward(self, image: Tensor) -> Tensor:
        """The same shape."""
        return 2 * image - 1


def discriminator_layers(
    widths: tuple[int, ...],
    image_shape: tuple[int, int, int],
    scores: int,  # values for each image
    normalise: bool = True,  # batch normalisation in all but the first layer
) -> nn.Sequential:
    """The layers from pixels in [0, 1] to [batch, scores]."""
    channels, height, width = image_shape
    layers: list[nn.Module] = [Centre()]
    for fan_in, fan_out in pairwise((channels, *widths)):
        normalised = normalise and fan_in != channels
        layers += [nn.Conv2d(fan_in, fan_out, 4, stride=2, padding=1, bias=not normalised)]
        layers += [nn.BatchNorm2d(fan_out)] if normalised else []
        layers += [nn.LeakyReLU(0.2)]
    corner = widths[-1] * (height >> len(widths)) * (width >> len(widths))
    return initialised(nn.Sequential(*layers, nn.Flatten(), nn.Linear(corner, scores)))


def initialised(layers: nn.Sequential) -> nn.Sequential:
    """Draw the weights from N(0, 0.02), section 4; biases start at zero."""
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return layers


def build(config: DCGANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    judging = discriminator_layers(config.discriminator_widths, shape, 1, config.normalise)
    networks = {
        "generator": Generator(generator_layers(Z, config.generator_widths, shape)),
        "discriminator": Discriminator(judging),
    }
    return channels_last(networks)


def channels_last(networks: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """The same networks with their weights laid out the way convolutions are fastest in."""
    return {name: network.to(memory_format=torch.channels_last) for name, network in networks.items()}


def stages(
    config: DCGANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Play(config, networks["generator"], networks["discriminator"])
    return [Stage("dcgan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
