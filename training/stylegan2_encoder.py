"""Put yourself in: an encoder that finds the styles of a picture, for a StyleGAN that has finished learning.

    Richardson, Alaluf, Patashnik, Nitzan, Azar, Shapiro & Cohen-Or 2021, "Encoding in style: a StyleGAN
        encoder for image-to-image translation" [A]
    Abdal, Qin & Wonka 2019, "Image2StyleGAN: how to embed images into the StyleGAN latent space?" [B]

The synthesis network g is frozen; the encoder E gives each of its layers a style of its own, so that a
picture that no single w makes may still be painted ([B] calls that space W+). E learns from both kinds:

    made ones,  x = g(ws), whose styles are known:     |E(x) - ws|^2 / s^2
    real ones,  whose styles nobody knows:             pull |E(x) - c|^2 / s^2
    all of them, rebuilt by the frozen network:        |g(E(x)) - x|^2 + |F(g(E(x))) - F(x)|^2

c is the centre of all w and s their standard deviation, so that a style's error has no unit; the pull keeps a
real picture's styles where g knows what to paint ([A], equation 3). F are the features of a judge, where [A]
has those of a network that knows faces. That judge then has a hand in what it later judges: whoever measures
rebuilt pictures by its answers should say so.

E is StyleGAN2's residual discriminator with styles for a verdict, and starts by giving everybody the centre.
What it finds is a beginning: the graph `refine`, a step of [B]'s optimisation, goes on from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training import checkpoint, classifier, stylegan2
from training.adversarial import Z
from training.classifier import AttributesConfig
from training.config import Config, ConfigError
from training.dcgan import channels_last
from training.grids import above_one_another
from training.randomness import Draw
from training.recipes import Descent
from training.stage import Stage
from training.stylegan2 import ColourConfig
from training.stylegan2_layers import GAIN, SLOPE, Convolution, Linear
from training.stylegan2_networks import SMALLEST, MappingNetwork, ResidualBlock, SynthesisNetwork, noise_sizes

GRAPHS = {"encoder": ("encode",), "synthesis": ("refine",)}
DISTRIBUTED = False

SHOWN = 50  # pictures of the sample grid
MEASURED = 4096  # w that the standard deviation is taken of


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """The encoder, the networks it is for, and how it learns."""

    image_shape = (3, 64, 64)

    dataset: str = "avatars"
    images: int = 80_000
    batch: int = 16  # real ones a step, beside as many made ones
    ema_half_life: int = 5_000
    snapshots: int = 2
    generator: str = "onnx_models/stylegan2_avatars"  # a run's folder, or a shipped model's; relative
    judge: str = "onnx_models/classifier_avatars"  # the same, of the classifier whose features count
    judge_channels: int = AttributesConfig.channels
    widths: tuple[int, ...] = ColourConfig.widths  # the generator's; the encoder has as many maps
    w: int = ColourConfig.w
    mapping_layers: int = ColourConfig.mapping_layers
    places: bool = True  # as the generator that ships has them
    banks: int = 16  # the same
    mixing: float = 0.5  # share of made pictures with two styles
    hidden: int = 256  # values that all styles are read from
    style: float = 1.0  # weights of the parts of the loss
    pixels: float = 10.0
    features: float = 1.0
    pull: float = 0.02
    learning_rate: float = 2e-3  # Adam's, at its height
    bfloat16: bool = True  # convolutions of 8x8 and more in bfloat16, styles and losses in float32

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        resolution = SMALLEST << (len(self.widths) - 1)
        if len(self.widths) < 2 or resolution != self.image_shape[1]:
            raise ConfigError(
                f"{len(self.widths)} widths make pictures of {resolution} pixels, the images have"
                f" {self.image_shape[1]}."
            )
        if min(self.style, self.pixels, self.features, self.pull) < 0:
            raise ConfigError("style, pixels, features and pull must each be 0 or more.")
        for name in ("generator", "judge"):
            if Path(getattr(self, name)).is_absolute():
                # It becomes part of the run's command, which is published.
                raise ConfigError(f"{name} takes a path relative to where the command runs.")
        if not 0 <= self.mixing <= 1:
            raise ConfigError(f"mixing must lie in [0, 1], not {self.mixing}.")


MODELS: dict[str, dict[str, EncoderConfig]] = {
    "stylegan2_avatars_encoder": {
        "default": EncoderConfig(),
        "gpu": EncoderConfig(images=3_000_000, batch=64, widths=(160, 160, 160, 96, 48)),
    },
}


class Encoder(nn.Module):
    """image -> ws, a style for each layer."""

    centre: Tensor  # of all w
    deviation: Tensor  # of w about it, one number for all its values

    def __init__(self, widths: Sequence[int], w: int, channels: int, hidden: int) -> None:
        super().__init__()
        down = [*reversed(widths)]
        last = down[-1]
        self.from_rgb = Convolution(channels, down[0], 1, GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(down))
        self.hidden = Linear(last * SMALLEST**2, hidden)
        self.offsets = Linear(hidden, 2 * len(widths) * w)
        nn.init.zeros_(self.offsets.weight)
        self.register_buffer("centre", torch.zeros(w))
        self.register_buffer("deviation", torch.ones(()))

    def forward(self, image: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """[batch, channels, resolution, resolution] in [0, 1] -> [batch, styles, w]."""
        x = functional.leaky_relu(self.from_rgb((2 * image - 1).to(dtype)), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = functional.leaky_relu(GAIN * self.hidden(x.flatten(1)), SLOPE)
        offsets = self.offsets(x).unflatten(1, (-1, len(self.centre)))
        return self.centre + self.deviation * offsets


class Inversion(Descent):
    """E descends the errors of styles, pixels and features; everything else stands still."""

    def __init__(
        self,
        config: EncoderConfig,
        encoder: Encoder,
        synthesis: nn.Module,
        mapping: nn.Module,
        judge: nn.Module,
        shown: Tensor,  # uint8 [n, channels, height, width], of the sample grid
    ) -> None:
        super().__init__(encoder, config.learning_rate, warm_up=0.02)
        self._config, self._encoder, self._synthesis = config, encoder, synthesis
        self._mapping, self._judge, self._shown = mapping, judge, shown
        self._sizes = noise_sizes(len(config.widths))
        self._dtype = torch.bfloat16 if config.bfloat16 else torch.float32

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One step of Adam on a batch of real pictures and as many made ones."""
        config, count = self._config, len(images)
        with torch.no_grad():
            ws = self._styles(count, draw)
            noises = [draw.normal(count, 1, size, size) for size in self._sizes]
            made = self._paint(ws, noises).clamp(0, 1)
            real = images.float() / 255
            picture = torch.cat([made, real])
            _, features = self._judge(picture)

        self._encoder.train()
        found = self._encoder(picture, dtype=self._dtype)
        rebuilt = self._paint(found, [torch.cat([noise, noise]) for noise in noises])
        _, seen = self._judge(rebuilt)

        centre, deviation = self._encoder.centre, self._encoder.deviation
        style = ((found[:count] - ws) / deviation).square().mean()
        away = ((found[count:] - centre) / deviation).square().mean()
        apart = (rebuilt - picture).square().flatten(1).mean(1)  # [made and real]
        # Over what the features are, so that the weight does not depend on the judge.
        unlike = (seen - features).square().mean() / features.square().mean().clamp(min=1e-8)
        loss = (
            config.style * style
            + config.pixels * apart.mean()
            + config.features * unlike
            + config.pull * away
        )
        self.descend(loss, progress)
        return {
            "style": style.detach(),
            "pixels_made": apart[:count].mean().detach(),
            "pixels_real": apart[count:].mean().detach(),
            "features": unlike.detach(),
            "away": away.detach(),
        }

    def _styles(self, count: int, draw: Draw) -> Tensor:
        """Ws [count, styles, w], some of them of two w, as the generator learned to paint them."""
        styles = 2 * len(self._config.widths)
        one, other = self._mapping(draw.normal(2 * count, Z))[0].chunk(2)
        change = draw.integers(1, styles, count)
        change = torch.where(draw.uniform(count) < self._config.mixing, change, styles)
        first = torch.arange(styles, device=one.device) < change[:, None]
        return torch.where(first[:, :, None], one[:, None], other[:, None])

    def _paint(self, ws: Tensor, noises: Sequence[Tensor]) -> Tensor:
        picture: Tensor = self._synthesis(ws, noises, dtype=self._dtype)[0]
        return picture

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Rows of ten real pictures, each above the row of what is rebuilt from their styles."""
        images = self._shown.float() / 255
        noises = [draw.normal(len(images), 1, size, size) for size in self._sizes]
        rebuilt = networks["synthesis"].eval()(networks["encoder"].eval()(images), noises)[0]
        return above_one_another(images, rebuilt.clamp(0, 1))


def build(config: EncoderConfig) -> dict[str, nn.Module]:
    """The encoder, and the frozen network it is for; its weights come from the generator's, see `stages`."""
    channels = config.image_shape[0]
    synthesis = SynthesisNetwork(config.w, config.widths, channels, config.places, config.banks)
    synthesis.requires_grad_(False)
    networks: dict[str, nn.Module] = {
        "encoder": Encoder(config.widths, config.w, channels, config.hidden),
        "synthesis": synthesis,
    }
    return channels_last(networks)


def stages(
    config: EncoderConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage, for the generator and with the judge that the configuration names.

    Raises :class:`training.checkpoint.RunError` where one of them is not there or has another size.
    """
    encoder, device = cast(Encoder, networks["encoder"]), images.device
    mapping = MappingNetwork(config.w, config.mapping_layers, labelled=False).to(device)
    found = {"mapping": mapping, "synthesis": networks["synthesis"]}
    load_finished(found, Path(config.generator), stylegan2.GRAPHS)
    judge = classifier.build(AttributesConfig(channels=config.judge_channels))["classifier"].to(device)
    load_finished({"classifier": judge}, Path(config.judge), classifier.GRAPHS)
    for network in (mapping, judge):
        network.eval().requires_grad_(False)
    with torch.no_grad():
        w, centre = mapping(Draw([0], device).normal(MEASURED, Z))
        encoder.centre.copy_(centre[0])
        encoder.deviation.copy_((w - centre).square().mean().sqrt())
    rule = Inversion(config, encoder, networks["synthesis"], mapping, judge, images[:SHOWN])
    return [Stage("encoder", rule, config.images // config.batch, config.batch, config.ema_half_life)]


def load_finished(
    networks: Mapping[str, nn.Module], folder: Path, graphs: Mapping[str, Sequence[str]]
) -> None:
    """Fill `networks` from a finished run, or else from a shipped model's ONNX files, whichever `folder` is.

    Raises :class:`training.checkpoint.RunError` where it is neither, or its networks have another size.
    """
    if not (folder / checkpoint.FINAL).is_file():
        checkpoint.load_initialisers(networks, folder, graphs)
        return
    weights = checkpoint.load_run(folder).weights
    try:
        for name, network in networks.items():
            network.load_state_dict(weights[name])
    except (KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise checkpoint.RunError(
            f"The networks of {folder} do not fit this configuration: {reason}"
        ) from error
