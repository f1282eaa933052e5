"""Semi-supervised GAN: a classifier of digits from 100 labels and 59,900 pictures without one.

    Salimans, Goodfellow, Zaremba, Cheung, Radford & Chen 2016, "Improved techniques for training GANs"

(Semi-supervised, not self-supervised: some labels are given.) D is a classifier with K logits l_k. A made
picture is a class of its own, K + 1, whose logit may be fixed at 0 (section 5), so that

    Z(x) = sum_k exp l_k(x)        D(x) = Z(x) / (Z(x) + 1)

and log Z(x) is the logit of D(x). D learns from three batches at once: labelled digits, by cross-entropy of
the K classes; unlabelled ones, which are real whatever they show; and made ones. G learns by feature matching
(section 3.1): the mean of D's last hidden layer over made pictures is to equal that over real ones,

    |E_x f(x) - E_z f(G(z))|^2.

Fooling D sample by sample makes better pictures and a worse classifier, as the paper reports. So D learns
against feature matching alone until it has sorted the digits; from where the rates begin to fall G is also
to fool it, which costs D next to nothing by then and mends many a broken stroke (see NOTES.md).

D is the paper's permutation-invariant perceptron, 784-1000-500-250-250-250-10, with Gaussian noise added to
the input of each layer and normalised weights (Salimans & Kingma 2016). G is that of gan.py. Rates that fall
to zero and averaged weights as everywhere here; the paper averages too.

Which hundred digits carry labels moves the error by more than anything else: the default is subset 0, and
`ssgan_subset_1` and `ssgan_subset_2` are the same run with ten other digits a class.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial import CLASSES, Game, GameConfig, Z, made_loss, real_loss
from training.captured import played
from training.config import ConfigError
from training.gan import Generator, generator_layers
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"generator": ("generate",), "discriminator": ("classify",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class SSGANConfig(GameConfig):
    """A generator, a discriminator that classifies, and how they learn."""

    images: int = 40 * 60_000
    snapshots: int = 7
    batch: int = 100  # unlabelled images, made ones, and labelled ones
    ema_half_life: int = 200_000
    labels: int = 100  # images whose label is known, as many of each class
    label_subset: int = 0  # which ones
    generator_widths: tuple[int, ...] = (256, 512)
    discriminator_widths: tuple[int, ...] = (1000, 500, 250, 250, 250)
    input_noise: float = 0.3  # standard deviation of what is added to the pixels
    hidden_noise: float = 0.5  # to the input of every other layer
    fooling: float = 1.0  # weight of -log D(G(z)) in what G learns while the rates fall
    generator_rate: float = 3e-3
    discriminator_rate: float = 3e-3

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.labels < CLASSES or self.labels % CLASSES:
            raise ConfigError(f"labels must be a multiple of {CLASSES}, not {self.labels}.")
        if not 0 <= self.label_subset < 2**32:
            raise ConfigError(f"label_subset must lie in 0 to 4294967295, not {self.label_subset}.")
        widths = (*self.generator_widths, *self.discriminator_widths)
        if not self.generator_widths or not self.discriminator_widths or min(widths) < 1:
            raise ConfigError("generator_widths and discriminator_widths must each name at least 1 unit.")
        if min(self.input_noise, self.hidden_noise, self.fooling) < 0:
            raise ConfigError("input_noise, hidden_noise and fooling must be 0 or more.")


MODELS: dict[str, dict[str, SSGANConfig]] = {
    name: {"default": config, "gpu": replace(config, images=200 * 60_000)}
    for name, config in (
        ("ssgan", SSGANConfig()),
        ("ssgan_subset_1", SSGANConfig(label_subset=1, snapshots=2)),
        ("ssgan_subset_2", SSGANConfig(label_subset=2, snapshots=2)),
    )
}


class NormalisedLinear(nn.Module):
    """y = g v / |v| x + b: a unit's length of weights and their direction are learned apart.

    Salimans & Kingma 2016, "Weight normalization", equation 2.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        input_power: float,  # mean square of the inputs to expect, so that activations begin near variance 1
    ) -> None:
        super().__init__()
        self.direction = nn.Parameter(0.1 * torch.randn(fan_out, fan_in))  # short ones turn quickly
        self.length = nn.Parameter(torch.full((fan_out, 1), input_power**-0.5))
        self.bias = nn.Parameter(torch.zeros(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, fan_in] -> [batch, fan_out]."""
        # g / |v| scales what comes out instead of v: the same y, and a batch is smaller than the weights.
        scale = self.length / torch.linalg.vector_norm(self.direction, dim=1, keepdim=True)
        return torch.addcmul(self.bias, functional.linear(x, self.direction), scale.t())


class Discriminator(nn.Module):
    """image -> class_logits, whose log-sum-exp is the logit of being real."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        widths: tuple[int, ...],  # units of the hidden layers; the last one is the features
        input_noise: float,
        hidden_noise: float,
    ) -> None:
        super().__init__()
        sizes = pairwise((pixels, *widths, CLASSES))
        # A tenth of a digit is ink; a rectified normal variable has half its power left.
        self.layers = nn.ModuleList(
            NormalisedLinear(fan_in, fan_out, 0.1 if number == 0 else 0.5)
            for number, (fan_in, fan_out) in enumerate(sizes)
        )
        self.noise = (input_noise, *[hidden_noise] * len(widths))

    def forward(self, image: Tensor, noises: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """[batch, channels, height, width] in [0, 1] -> class_logits [batch, 10], features [batch, ...] >= 0.

        In training `noises` from N(0, 1), [batch, inputs] each, are added to the layers' inputs, weighted.
        """
        x = features = image.flatten(1)
        for number, (layer, deviation) in enumerate(zip(self.layers, self.noise, strict=True)):
            features = x
            if noises is not None:
                x = x + deviation * noises[number]
            x = layer(x)
            if number + 1 < len(self.layers):
                x = functional.relu(x)
        return x.float(), features.float()


def source_score(class_logits: Tensor) -> Tensor:
    """log Z, the logit of D = Z / (Z + 1), of [batch, K] -> [batch]. Section 5."""
    return class_logits.logsumexp(1)


def feature_matching(real: Tensor, made: Tensor) -> Tensor:
    """The mean over features of (E real - E made)^2; both [batch, features]. Section 3.1."""
    return (real.mean(0) - made.mean(0)).square().mean()


def labelled_subset(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Indices of `count` examples, as many of each class, a function of `seed`: int64 [count], by class."""
    random = np.random.Generator(np.random.Philox(key=seed))
    each = count // CLASSES
    chosen = []
    for label in range(CLASSES):
        (members,) = np.nonzero(labels == label)
        if len(members) < each:
            raise ConfigError(f"The training set has {len(members)} images of class {label}, not {each}.")
        chosen.append(random.choice(members, each, replace=False))
    return np.concatenate(chosen)


class MatchFeatures(Game):
    """One step of D on three batches, then one of G."""

    def __init__(
        self,
        config: SSGANConfig,
        generator: nn.Module,
        discriminator: nn.Module,
        images: Tensor,  # uint8 NCHW: those whose labels are known
        labels: Tensor,  # int64
    ) -> None:
        super().__init__(config, generator, discriminator, betas=(0.5, 0.999))
        self._config, self._images, self._labels = config, images, labels
        self._play = played(self._step, generator)

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One batch of unlabelled data: `labels` is not looked at."""
        self._optimizers.schedule(progress)
        count, config = len(images), self._config
        which, z = draw.integers(0, len(self._labels), count), draw.normal(count, Z)
        noises = [*self._noises(3 * count, draw), *self._noises(count, draw)]
        z_of_generator = draw.normal(count, Z)
        noises += self._noises(count, draw)
        weight = config.fooling if progress >= config.decay_from else 0.0
        fooling = torch.full((), weight, device=images.device)
        return self._play(images, which, z, z_of_generator, fooling, *noises)

    def _noises(self, count: int, draw: Draw) -> list[Tensor]:
        """What is added in one pass of so many pictures through D."""
        return [
            draw.normal(count, size) for size in (self._images[0].numel(), *self._config.discriminator_widths)
        ]

    def _step(
        self,
        images: Tensor,
        which: Tensor,
        z: Tensor,
        z_of_generator: Tensor,
        fooling: Tensor,
        *noises: Tensor,
    ) -> dict[str, Tensor]:
        generator, discriminator = self._generator, self._discriminator
        each = len(noises) // 3  # passes through D: the three batches, real ones, made ones
        of_batches, of_real, of_made_ones = noises[:each], noises[each : 2 * each], noises[2 * each :]
        data = images.float() / 255
        labelled, known = self._images[which].float() / 255, self._labels[which]
        autocast = self._autocast(data)

        # D: nothing in it looks across a batch, so that all three can pass at once.
        with autocast:
            with torch.no_grad():
                made = generator(z)
            logits, _ = discriminator(torch.cat([labelled, data, made]), of_batches)
        of_labelled, of_data, of_made = logits.chunk(3)
        supervised = functional.cross_entropy(of_labelled, known)
        unsupervised = (real_loss(source_score(of_data)) + made_loss(source_score(of_made))) / 2
        self._optimizers.descend("discriminator", supervised + unsupervised)

        # G: features of made pictures, on the whole, like those of real ones.
        discriminator.requires_grad_(False)
        with autocast:
            with torch.no_grad():
                _, real_features = discriminator(data, of_real)
            made_logits, made_features = discriminator(generator(z_of_generator), of_made_ones)
        matching = feature_matching(real_features, made_features)
        self._optimizers.descend("generator", matching + fooling * real_loss(source_score(made_logits)))
        discriminator.requires_grad_(True)
        return {
            "supervised": supervised.detach(),
            "unsupervised": unsupervised.detach(),
            "feature_matching": matching.detach(),
        }


def build(config: SSGANConfig) -> dict[str, nn.Module]:
    """Both players with fresh weights."""
    shape = config.image_shape
    return {
        "generator": Generator(generator_layers(Z, config.generator_widths, shape)),
        "discriminator": Discriminator(
            math.prod(shape), config.discriminator_widths, config.input_noise, config.hidden_noise
        ),
    }


def stages(
    config: SSGANConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage, with the labels of a hundred images and no others."""
    chosen = torch.from_numpy(labelled_subset(labels.cpu().numpy(), config.labels, config.label_subset))
    chosen = chosen.to(images.device)
    rule = MatchFeatures(
        config, networks["generator"], networks["discriminator"], images[chosen], labels[chosen]
    )
    return [Stage("ssgan", rule, config.images // config.batch, config.batch, config.ema_half_life)]
