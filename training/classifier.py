"""The judge: a small convolutional classifier in whose features diversity and Fréchet distances are measured.

    LeCun et al. 1998, "Gradient-based learning applied to document recognition", for the idea
    Ioffe & Szegedy 2015, "Batch normalization", for what makes it train in two minutes

It competes with nothing on the page. It is trained on all 60,000 digits, shifted by up to two pixels, and its
128 penultimate activations play the part that Inception's play for photographs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.autoencoder import shifted, warm_up_then_cosine
from training.config import Config, ConfigError
from training.loop import Draw, Stage

GRAPHS = {"classifier": ("classify",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(Config):
    """A convolutional classifier and how it learns."""

    images: int = 8 * 60_000
    batch: int = 100
    ema_half_life: int = 30_000
    snapshots: int = 2
    channels: int = 16  # of the first block; the second has twice, the third four times as many
    features: int = 128  # penultimate units
    learning_rate: float = 2e-3  # AdamW's, at its height
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    shift: int = 2  # pixels
    bfloat16: bool = True  # convolutions and matrix products in bfloat16, the loss in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.channels < 1 or self.features < 1:
            raise ConfigError("channels and features must each be at least 1.")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must lie in [0, 1), not {self.label_smoothing}.")


MODELS: dict[str, dict[str, ClassifierConfig]] = {
    "classifier_cnn": {"default": ClassifierConfig()},
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


def convolution(fan_in: int, fan_out: int, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    return [
        nn.Conv2d(fan_in, fan_out, 3, stride, padding, bias=False),
        nn.BatchNorm2d(fan_out),
        nn.ReLU(),
    ]


class Classify:
    """Cross-entropy with smoothed labels (Szegedy et al. 2016, section 7)."""

    def __init__(self, config: ClassifierConfig, classifier: nn.Module) -> None:
        self._config, self._classifier = config, classifier
        self._optimizer = torch.optim.AdamW(
            classifier.parameters(), config.learning_rate, (0.9, 0.99), weight_decay=config.weight_decay
        )

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW on the shifted batch."""
        config = self._config
        for group in self._optimizer.param_groups:
            group["lr"] = config.learning_rate * warm_up_then_cosine(progress, warm_up=0.1)
        self._classifier.train()
        image = shifted(images, config.shift, draw).float() / 255
        with torch.autocast(image.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, _ = self._classifier(image.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=config.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return {"cross_entropy": loss.detach(), "error": (logits.argmax(1) != labels).float().mean()}

    def state_dict(self) -> dict[str, Any]:
        """AdamW's moments."""
        return {"optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with AdamW's moments."""
        self._optimizer.load_state_dict(state["optimizer"])

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Nothing to see: a classifier makes no pictures."""
        return None


def build(config: ClassifierConfig) -> dict[str, nn.Module]:
    """A classifier of 28x28 images with fresh weights."""
    classifier = Classifier(config.channels, config.features)
    return {"classifier": classifier.to(memory_format=torch.channels_last)}  # faster on a CPU


def stages(
    config: ClassifierConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage."""
    rule = Classify(config, networks["classifier"])
    return [Stage("classifier", rule, config.images // config.batch, config.batch, config.ema_half_life)]
