"""Deep autoencoder 784-1000-500-250-30 and back.

    Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural networks"

The layer sizes, the linear code of 30 and the measure (squared error summed over an image's pixels) are the
paper's. What the paper could not do yet, and this file does instead of pretraining a stack of RBMs:

* SiLU in place of logistic units (Hendrycks & Gimpel 2016), trained end to end from random weights with
  AdamW (Loshchilov & Hutter 2019), a warm-up and a cosine decay to zero;
* every image shifted by up to a pixel each way, an augmentation the paper did not have. Without it the same
  network fits the 60,000 digits and forgets the rest: its numbers and this file's are not like for like.

The smaller codes (2 to draw as a map, 5, 10) come with narrower layers and without the shift: two numbers
have better things to say than where the digit stands.

    Vincent et al. 2008, "Extracting and composing robust features with denoising autoencoders"

`autoencoder_denoising` sees a damaged picture and answers with the whole one. The damage is the paper's
masking (pixels to black), to which salt (pixels to white) is added; how much of it is drawn for each picture
anew, so that an undamaged one is nothing unheard of.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.config import Config, ConfigError
from training.grids import above_one_another
from training.randomness import Draw
from training.recipes import Descent, mlp, part_of_run, shifted
from training.stage import Stage

GRAPHS = {"autoencoder": ("reconstruct",)}
DISTRIBUTED = True


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Config):
    """An autoencoder and how it learns."""

    images: int = 150 * 60_000
    batch: int = 128
    code: int = 30  # units of the code
    widths: tuple[int, ...] = (1000, 500, 250)  # hidden layers of the encoder; the decoder mirrors them
    learning_rate: float = 1e-3  # AdamW's, at its height
    warm_up_steps: int = 500
    weight_decay: float = 1e-2
    shift: int = 1  # pixels; each image moves by -shift..shift in both directions
    bfloat16: bool = True  # matrix products in bfloat16, sums and the loss in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if self.code < 1 or min(self.widths, default=1) < 1:
            raise ConfigError("code and every one of widths must be at least 1 unit.")
        if not 0 <= self.shift < 28:
            raise ConfigError(f"shift must be 0 to 27 pixels, not {self.shift}.")


@dataclass(frozen=True, kw_only=True)
class DenoisingConfig(AutoencoderConfig):
    """An autoencoder that repairs pictures, and how it learns."""

    images: int = 60 * 60_000
    code: int = 50
    widths: tuple[int, ...] = (500, 250)
    masking: float = 0.5  # up to this part of a picture's pixels is blackened before the encoder sees it
    salt: float = 0.3  # and up to this part whitened

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if min(self.masking, self.salt) < 0 or self.masking + self.salt > 1:
            raise ConfigError("masking and salt must be 0 or more, and 1 or less together.")


MODELS: dict[str, dict[str, AutoencoderConfig]] = {
    # "selection" leaves train[50000:] to choose a recipe on; the default is the refit on all 60,000.
    "autoencoder": {
        "default": AutoencoderConfig(),
        "selection": AutoencoderConfig(split="train[:50000]"),
    },
    **{
        f"autoencoder_{code}": {
            "default": AutoencoderConfig(code=code, widths=(400, 200, 100), images=60 * 60_000, shift=0)
        }
        for code in (2, 5, 10)
    },
    "autoencoder_denoising": {"default": DenoisingConfig()},
}


class Autoencoder(nn.Module):
    """pixels -> widths -> code -> widths reversed -> pixels."""

    def __init__(
        self,
        pixels: int,  # values of a flattened image
        widths: tuple[int, ...],  # units of the encoder's hidden layers
        code: int,  # units of the code, which is linear
    ) -> None:
        super().__init__()
        self.encoder = mlp((pixels, *widths, code))
        self.decoder = mlp((code, *reversed(widths), pixels))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, pixels] in [0, 1] -> logits [batch, pixels], code [batch, code].

        The picture is the sigmoid of the logits.
        """
        code = self.encoder(image)
        return self.decoder(code), code


def squared_error(logits: Tensor, image: Tensor) -> Tensor:
    """Mean over the batch of the paper's measure, the sum over an image's pixels of squared differences."""
    return (torch.sigmoid(logits.float()) - image).square().sum(1).mean()


def corrupted(image: Tensor, masking: float, salt: float, draw: Draw) -> Tensor:
    """`image` [batch, pixels] with pixels set to 0 and others to 1, independently of one another.

    Each image has its own severity, uniform in [0, 1]: a pixel of it is blackened with probability severity
    times `masking` and whitened with probability severity times `salt` (Vincent et al. 2008, section 2.3;
    2010, section 3.4).
    """
    severity = draw.uniform(len(image), 1)
    fate = draw.uniform(*image.shape)
    blackened = image * (fate >= severity * masking)
    return torch.where(fate > 1 - severity * salt, 1.0, blackened)


class Reconstruct(Descent):
    """Minimise the squared error of what comes back through the code."""

    def __init__(self, config: AutoencoderConfig, autoencoder: nn.Module, images: Tensor) -> None:
        warm_up = part_of_run(config.warm_up_steps, config)
        super().__init__(autoencoder, config.learning_rate, warm_up, config.weight_decay)
        self._config, self._autoencoder = config, autoencoder
        self._examples = images[:50]

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of AdamW on the shifted batch."""
        config = self._config
        image = shifted(images, config.shift, draw).flatten(1).float() / 255
        with torch.autocast(image.device.type, torch.bfloat16, enabled=config.bfloat16):
            logits, _ = self._autoencoder(self.seen(image, draw))
        loss = squared_error(logits, image)
        self.descend(loss, progress)
        return {"squared_error": loss.detach()}

    def seen(self, image: Tensor, draw: Draw) -> Tensor:
        """What the encoder gets of `image` [batch, pixels]: all of it."""
        return image

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Rows of ten training images, as the encoder sees them, each above the row of their reconstructions.
        [100, 1, 28, 28].
        """
        images = self._examples.float() / 255
        seen = self.seen(images.flatten(1), draw)
        logits, _ = networks["autoencoder"](seen)
        return above_one_another(seen.view_as(images), torch.sigmoid(logits).view_as(images))


class Denoise(Reconstruct):
    """Minimise the squared error between the whole image and what is made of a damaged one."""

    def __init__(self, config: DenoisingConfig, autoencoder: nn.Module, images: Tensor) -> None:
        super().__init__(config, autoencoder, images)
        self._masking, self._salt = config.masking, config.salt

    def seen(self, image: Tensor, draw: Draw) -> Tensor:
        """What the encoder gets of `image` [batch, pixels]: a part."""
        return corrupted(image, self._masking, self._salt, draw)


def build(config: AutoencoderConfig) -> dict[str, nn.Module]:
    """An autoencoder for 28x28 images with fresh weights."""
    return {"autoencoder": Autoencoder(28 * 28, config.widths, config.code)}


def stages(
    config: AutoencoderConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage, end to end."""
    autoencoder = networks["autoencoder"]
    rule = (
        Denoise(config, autoencoder, images)
        if isinstance(config, DenoisingConfig)
        else Reconstruct(config, autoencoder, images)
    )
    return [Stage("autoencoder", rule, config.images // config.batch, config.batch, config.ema_half_life)]
