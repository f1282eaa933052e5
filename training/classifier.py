"""The judges: classifiers in whose features diversity and Fréchet distances are measured, and a baseline.

    LeCun et al. 1998, "Gradient-based learning applied to document recognition": `classifier_cnn`, and the
        same network on Fashion-MNIST, `classifier_fashion`
    He et al. 2016, "Deep residual learning for image recognition": `classifier_cifar10`, a small one, and
        `classifier_avatars`, a smaller one that names ten things in each picture instead of one
    Ioffe & Szegedy 2015, "Batch normalization", for what makes all of them train in minutes

`classifier_mlp` is the baseline that knows nothing of pictures: shuffle the 784 pixels of all images in the
same way, and it learns just as well. So no shifts for it, only pixels blanked at random (Srivastava et al.
2014, "Dropout"; on the input layer alone).

Judges compete with nothing on the page. Each is trained on its whole training set; its penultimate
activations play the part that Inception's play for photographs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.avatars import ATTRIBUTES
from training.config import Config, ConfigError
from training.randomness import Draw
from training.recipes import Descent, shifted
from training.stage import Stage

GRAPHS = {"classifier": ("classify",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class LearningConfig(Config):
    """How any of the classifiers learns."""

    batch: int = 100
    ema_half_life: int = 30_000
    snapshots: int = 2
    learning_rate: float = 2e-3  # AdamW's, at its height
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    shift: int = 2  # pixels; each image moves by -shift..shift in both directions
    flip: bool = False  # half of the images mirrored, left to right
    blank: float = 0.0  # probability with which a pixel is set to zero
    bfloat16: bool = True  # convolutions and matrix products in bfloat16, the loss in float32

    @property
    def groups(self) -> tuple[int, ...]:
        """How many answers each question about a picture has: one question of ten classes."""
        return (10,)

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must lie in [0, 1), not {self.label_smoothing}.")
        if not 0 <= self.blank < 1:
            raise ConfigError(f"blank must lie in [0, 1), not {self.blank}.")
        if not 0 <= self.shift < self.image_shape[1]:
            raise ConfigError(f"shift must be 0 to {self.image_shape[1] - 1} pixels, not {self.shift}.")


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(LearningConfig):
    """A convolutional classifier and how it learns."""

    images: int = 8 * 60_000
    channels: int = 16  # of the first block; the second has twice, the third four times as many
    features: int = 128  # penultimate units

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.channels < 1 or self.features < 1:
            raise ConfigError("channels and features must each be at least 1.")


@dataclass(frozen=True, kw_only=True)
class PerceptronConfig(LearningConfig):
    """A multilayer perceptron and how it learns."""

    images: int = 40 * 60_000
    widths: tuple[int, ...] = (512, 256)  # hidden layers; the last one is the features
    shift: int = 0
    blank: float = 0.25

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if not self.widths or min(self.widths) < 1:
            raise ConfigError("widths must name at least one hidden layer, of 1 unit or more.")


@dataclass(frozen=True, kw_only=True)
class ResidualConfig(LearningConfig):
    """A residual network for colour pictures and how it learns."""

    image_shape = (3, 32, 32)

    dataset: str = "cifar10"
    images: int = 16 * 50_000
    batch: int = 128
    channels: int = 32  # of the stem; each of the three blocks doubles them
    learning_rate: float = 4e-3
    weight_decay: float = 5e-2
    label_smoothing: float = 0.1
    shift: int = 3
    flip: bool = True

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.channels < 1:
            raise ConfigError(f"channels must be at least 1, not {self.channels}.")


@dataclass(frozen=True, kw_only=True)
class AttributesConfig(ResidualConfig):
    """A residual network that names every attribute of an avatar."""

    image_shape = (3, 64, 64)

    dataset: str = "avatars"
    images: int = 6 * 30_000
    batch: int = 100
    channels: int = 16
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    shift: int = 2
    flip: bool = False

    @property
    def groups(self) -> tuple[int, ...]:
        """How many values each attribute has."""
        return tuple(len(attribute.values) for attribute in ATTRIBUTES)


MODELS: dict[str, dict[str, LearningConfig]] = {
    "classifier_mlp": {"default": PerceptronConfig()},
    "classifier_cnn": {"default": ClassifierConfig()},
    "classifier_fashion": {
        "default": ClassifierConfig(dataset="fashion-mnist", images=14 * 60_000, channels=24, flip=True)
    },
    "classifier_cifar10": {"default": ResidualConfig()},
    "classifier_avatars": {"default": AttributesConfig()},
}


class Classifier(nn.Module):
    """Four convolutions with batch normalisation and ReLU, then `features` units, then ten classes."""

    def __init__(
        self,
        channels: int,  # maps of the first block
        features: int,  # penultimate units
        classes: int = 10,
    ) -> None:
        super().__init__()
        c = channels
        self.body = nn.Sequential(
            *convolution(1, c),  # [batch, c, 28, 28]
            nn.MaxPool2d(2),  # [batch, c, 14, 14]
            *convolution(c, 2 * c),
            *convolution(2 * c, 2 * c),
            nn.MaxPool2d(2),  # [batch, 2c, 7, 7]
            *convolution(2 * c, 4 * c, stride=2, padding=0),  # [batch, 4c, 3, 3]
            nn.Flatten(),
            nn.Linear(4 * c * 9, features),
            nn.ReLU(),
        )
        self.head = nn.Linear(features, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 1, 28, 28] in [0, 1] -> class_logits [batch, classes], features [batch, features] >= 0."""
        features = self.body(image)
        return self.head(features), features


class Perceptron(nn.Module):
    """Linear layers with batch normalisation and ReLU, then ten classes."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        widths: tuple[int, ...],  # units of the hidden layers
        classes: int = 10,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        for fan_in, fan_out in pairwise((pixels, *widths)):
            layers += [nn.Linear(fan_in, fan_out, bias=False), nn.BatchNorm1d(fan_out), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, ...] in [0, 1] -> class_logits [batch, classes], features [batch, widths[-1]] >= 0."""
        features = self.body(image)
        return self.head(features), features


class ResidualNetwork(nn.Module):
    """A stem, three residual blocks at half, a quarter and an eighth of the size, an average over places.

    Questions about one picture share all layers but the last, whose outputs are their answers, side by side.
    """

    def __init__(
        self,
        channels: int,  # maps of the stem
        classes: int = 10,
    ) -> None:
        super().__init__()
        c = channels
        self.body = nn.Sequential(
            *convolution(3, c),  # [batch, c, h, h]
            nn.MaxPool2d(2),
            ResidualBlock(c, 2 * c),  # [batch, 2c, h / 2, h / 2]
            nn.MaxPool2d(2),
            ResidualBlock(2 * c, 4 * c),  # [batch, 4c, h / 4, h / 4]
            nn.MaxPool2d(2),
            ResidualBlock(4 * c, 8 * c),  # [batch, 8c, h / 8, h / 8]
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(8 * c, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 3, h, h] in [0, 1] -> class_logits [batch, classes], features [batch, 8 c] >= 0."""
        features = self.body(image)
        return self.head(features), features


class ResidualBlock(nn.Module):
    """relu(W x + F(x)), F two convolutions and W a 1x1 one that widens x to match (He et al. 2016, eq. 2)."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(*convolution(fan_in, fan_out), *convolution(fan_out, fan_out)[:-1])
        self.shortcut = nn.Conv2d(fan_in, fan_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, fan_in, height, width] -> [batch, fan_out, height, width] >= 0."""
        return functional.relu(self.shortcut(x) + self.residual(x))


def convolution(fan_in: int, fan_out: int, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    return [
        nn.Conv2d(fan_in, fan_out, 3, stride, padding, bias=False),
        nn.BatchNorm2d(fan_out),
        nn.ReLU(),
    ]


class Classify(Descent):
    """Cross-entropy with smoothed labels (Szegedy et al. 2016, section 7), the mean over all questions."""

    def __init__(self, config: LearningConfig, classifier: nn.Module) -> None:
        super().__init__(classifier, config.learning_rate, 0.1, config.weight_decay)
        self._config, self._classifier = config, classifier

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW on the batch, shifted, mirrored and blanked as the configuration says."""
        config = self._config
        self._classifier.train()
        image = shifted(images, config.shift, draw).float() / 255
        if config.flip:
            mirror = draw.uniform(len(image), 1, 1, 1) < 0.5
            image = torch.where(mirror, image.flip(3), image)
        if config.blank:
            image = image * (draw.uniform(*image.shape) >= config.blank) / (1 - config.blank)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, _ = self._classifier(image.contiguous(memory_format=torch.channels_last))
        answers = logits.float().split(config.groups, dim=1)
        asked = labels.view(len(labels), -1).unbind(1)  # [batch] a question
        losses = [
            functional.cross_entropy(answer, label, label_smoothing=config.label_smoothing)
            for answer, label in zip(answers, asked, strict=True)
        ]
        loss = torch.stack(losses).mean()
        wrong = [(a.argmax(1) != label).float().mean() for a, label in zip(answers, asked, strict=True)]
        self.descend(loss, progress)
        return {"cross_entropy": loss.detach(), "error": torch.stack(wrong).mean()}

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Nothing to see: a classifier makes no pictures."""
        return None


def build(config: LearningConfig) -> dict[str, nn.Module]:
    """The classifier that `config` is of, with fresh weights."""
    match config:
        case PerceptronConfig():
            return {"classifier": Perceptron(math.prod(config.image_shape), config.widths)}
        case ResidualConfig():
            classifier: nn.Module = ResidualNetwork(config.channels, sum(config.groups))
        case ClassifierConfig():
            classifier = Classifier(config.channels, config.features)
        case _:
            raise TypeError(f"No classifier has a {type(config).__name__}.")
    return {"classifier": classifier.to(memory_format=torch.channels_last)}  # faster on a CPU


def stages(
    config: LearningConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage."""
    rule = Classify(config, networks["classifier"])
    return [Stage("classifier", rule, config.images // config.batch, config.batch, config.ema_half_life)]
