"""Auxiliary-classifier GAN: D is not told the class, it has to say it.

    Odena, Olah & Shlens 2017, "Conditional image synthesis with auxiliary classifier GANs"

D has two answers to a picture: where it comes from, and which class it shows.

    L_S = E log P(source = real | x) + E log P(source = made | G(z, y))        (equation 2)
    L_C = E log P(class = y | x)     + E log P(class = y | G(z, y))            (equation 3)

D learns to maximise L_S + L_C, G to maximise L_C - L_S. So they agree about the class, and fight about the
source alone. Networks and recipe are cdcgan.py's but for D's last layer, with one answer more.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial import CLASSES, Game, Z, made_loss, real_loss
from training.cgan import Generator
from training.dcgan import DCGANConfig, channels_last, discriminator_layers, generator_layers
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("discriminate",)}
DISTRIBUTED = True

# A digit is given, not found: two doublings, from 7x7, are enough, and D may learn as fast as G.
MODELS: dict[str, dict[str, DCGANConfig]] = {
    "acgan": {
        "default": DCGANConfig(
            generator_widths=(64, 32), normalise=True, r1=0.0, generator_rate=4e-4, discriminator_rate=4e-4
        )
    }
}


class Discriminator(nn.Module):
    """image -> where it comes from, and what it shows."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers  # [batch, channels, height, width] -> [batch, 1 + 10]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, channels, height, width] in [0, 1] -> score [batch], class_logits [batch, 10].

        The score is the logit of the probability that the image comes from the data.
        """
        answers = self.layers(image).float()
        return answers[:, 0], answers[:, 1:]


class PlayAndAgree(Game):
    """One step of D, then one of G: opponents about the source, partners about the class."""

    def __init__(self, config: DCGANConfig, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__(config, generator, discriminator, labelled=True)
        self._config = config

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One batch of data, one of G's images of the same classes."""
        config, generator, discriminator = self._config, self._generator, self._discriminator
        self._optimizers.schedule(progress)
        data = images.float() / 255
        autocast = self._autocast(data)

        # D: real and generated images in separate passes.
        with autocast:
            with torch.no_grad():
                made = generator(draw.normal(len(data), Z), labels)
            real_score, real_logits = discriminator(data)
            made_score, made_logits = discriminator(made)
        source = real_loss(real_score, config.real_target) + made_loss(made_score)
        real_class = functional.cross_entropy(real_logits, labels)
        made_class = functional.cross_entropy(made_logits, labels)
        self._optimizers.descend("discriminator", source + real_class + made_class)

        # G: maximise log P(real) instead of minimising log P(made), as everywhere here.
        discriminator.requires_grad_(False)
        with autocast:
            score, logits = discriminator(generator(draw.normal(len(data), Z), labels))
        fooled = real_loss(score)
        self._optimizers.descend("generator", fooled + functional.cross_entropy(logits, labels))
        discriminator.requires_grad_(True)
        return {
            "discriminator": source.detach(),
            "generator": fooled.detach(),
            "real_class": real_class.detach(),
            "made_class": made_class.detach(),
        }


def build(config: DCGANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    judging = discriminator_layers(config.discriminator_widths, shape, 1 + CLASSES, config.normalise)
    networks = {
        "generator": Generator(generator_layers(Z - 1 + CLASSES, config.generator_widths, shape)),
        "discriminator": Discriminator(judging),
    }
    return channels_last(networks)


def stages(
    config: DCGANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = PlayAndAgree(config, networks["generator"], networks["discriminator"])
    return [Stage("acgan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
