"""StyleGAN2: noise becomes a style, and the style tells every layer how to paint.

    Karras, Laine & Aila 2019, "A style-based generator architecture for generative adversarial networks" [A]
    Karras, Laine, Aittala, Hellsten, Lehtinen & Aila 2020, "Analyzing and improving the image quality of
        StyleGAN" [B]
    Huang, Gokaslan, Kuleshov & Tompkin 2024, "The GAN is dead; long live the GAN! A modern GAN baseline" [C]

A mapping network f turns z into w. A synthesis network g starts from a learned constant of 4x4 and doubles
it; w never enters as an image, only as the *style* of each convolution: how strongly it listens to each of
its input maps. Fresh noise, a number a pixel, decides what w leaves open. At every size a 1x1 convolution
says what is to be added to the picture so far, so that coarse layers paint coarse things.

    x' = sqrt(2) leaky( d * conv(W, s * x) + b + noise ),      s = A w + 1,
    d_o = ( sum_{i,k} (s_i W_oik)^2 )^(-1/2)                   ([B], equations 1 and 3)

The networks are [B]'s (skip generator, residual discriminator, weight demodulation), the loss is not: [B]'s
non-saturating loss fell onto one glyph in this size, with its penalty and without. It is [C]'s instead, in
which D compares a made picture with a real one (Jolicoeur-Martineau 2019), and its slope costs at both:

    L = E softplus(D(G(z)) - D(x)) + gamma/2 E |grad D(x)|^2 + gamma/2 E |grad D(G(z))|^2

which D descends and of whose first term G descends the mirror image, softplus(D(x) - D(G(z))).

Where every picture is laid out alike, as avatars are, each doubling may add a bias of its own to every place
of its maps, as the 4x4 constant has one for each of the smallest: filtered doublings carry shapes, but no
pixel's place, and eyes and glasses are always at the same pixels. Added to a network that knows the shapes,
such maps bring it the eyes; from the first image on they hold the shapes back (see NOTES.md).

Where a label is given, f reads it beside z and D keeps a verdict a class, as in cgan.py; the first value of z
is then spare. Not from the papers: one batch of made pictures serves D and then G; the centre to which a
truncated w is drawn is that of its class; and a shipped D must not judge a picture by its neighbours in the
batch, so at inference the minibatch's standard deviation is its average over training. Left out, as in [C]:
the path-length penalty, a second backward pass through G to even out what few doublings hardly bend.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training import checkpoint
from training.adversarial import CLASSES, Game, GameConfig, Z, slope_penalty
from training.captured import Step, played
from training.config import ConfigError
from training.dcgan import channels_last
from training.randomness import Draw
from training.stage import Stage
from training.stylegan2_networks import (
    MAPPING_RATE,
    SMALLEST,
    Discriminator,
    MappingNetwork,
    SynthesisNetwork,
    noise_sizes,
)

GRAPHS = {"mapping": ("mapping",), "synthesis": ("synthesis",), "discriminator": ("criticise",)}
DISTRIBUTED = True
# What a network may get after it has begun to learn: zeros at first, or of no effect while others are.
ADDED = ("places", "banks", "mix")


@dataclass(frozen=True, kw_only=True)
class StyleConfig(GameConfig):
    """Both networks and how they play."""

    images: int = 600_000
    batch: int = 32
    ema_half_life: int = 10_000
    snapshots: int = 6
    labelled: bool = True  # whether the class is asked for
    widths: tuple[int, ...] = (64, 64, 32, 16)  # maps at 4x4, 8x8, ..., in both networks
    w: int = 128  # values of w
    mapping_layers: int = 2  # more of them leave less of w to z: a share of 0.79 with 2, 0.5 with 8
    mapping_rate: float = MAPPING_RATE  # as a multiple of the others' learning rate, [A], appendix C
    places: bool = False  # whether every place of a doubled map has a bias of its own, as the constant has
    banks: int = 0  # of such biases the style mixes as many into those, where there are places
    mixing: float = 0.0  # share of pictures with two styles, [A], section 3.1
    gamma: float = 0.0625  # of both penalties, on slopes where pixels lie in [0, 1]; at first
    gamma_share: float = 1.0  # of gamma that is left in the end ([C], appendix: a tenth)
    gamma_from: float = 0.7  # part of the run at which gamma begins to fall
    gamma_until: float = 0.8  # part of the run at which it has fallen
    lazy: int = 16  # steps from one penalty to the next, [B], section 3.1
    group: int = 4  # pictures that share a standard deviation, Karras et al. 2018, section 3
    generator_rate: float = 4e-3
    discriminator_rate: float = 4e-3

    @property
    def resolution(self) -> int:
        """Height and width of a picture inside the networks."""
        return SMALLEST << (len(self.widths) - 1)

    @property
    def margin(self) -> int:
        """Black pixels around the images of the data, since the networks can only double."""
        return (self.resolution - self.image_shape[1]) // 2

    def validate(self) -> None:
        """Raise :class:`ConfigError` for values that cannot be trained with."""
        super().validate()
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ConfigError("widths must name at least two sizes, of 1 map or more each.")
        if self.margin < 0 or self.margin > 2:
            raise ConfigError(
                f"{len(self.widths)} widths make pictures of {self.resolution} pixels, the images have"
                f" {self.image_shape[1]}."
            )
        if self.w < 1 or self.mapping_layers < 1:
            raise ConfigError("w and mapping_layers must each be at least 1.")
        if self.mapping_rate < 0:
            raise ConfigError(f"mapping_rate must be 0 or more, not {self.mapping_rate}.")
        if not 0 <= self.mixing <= 1:
            raise ConfigError(f"mixing must lie in [0, 1], not {self.mixing}.")
        if self.gamma < 0 or self.lazy < 1:
            raise ConfigError("gamma must be 0 or more, and lazy at least 1 step.")
        if not 0 <= self.gamma_share <= 1:
            raise ConfigError(f"gamma_share must lie in [0, 1], not {self.gamma_share}.")
        if not 0 <= self.gamma_from < self.gamma_until <= 1:
            raise ConfigError("gamma_from and gamma_until must lie in [0, 1], in this order.")
        if self.banks < 0 or (self.banks and not self.places):
            raise ConfigError(f"banks must be 0 or more, and 0 without places, not {self.banks}.")
        if self.group < 1 or self.batch % self.group:
            raise ConfigError(f"batch must be a multiple of group, not {self.batch} of {self.group}.")


@dataclass(frozen=True, kw_only=True)
class ColourConfig(StyleConfig):
    """The same for colour pictures of 64x64."""

    image_shape = (3, 64, 64)

    dataset: str = "avatars"
    images: int = 250_000
    labelled: bool = False
    widths: tuple[int, ...] = (64, 64, 64, 32, 16)
    gamma: float = 1.0  # at 0.125 D is sure of everything, and every face is a balaclava (see NOTES.md)
    gamma_share: float = 0.1


MODELS: dict[str, dict[str, StyleConfig]] = {
    "stylegan2_digits": {
        "default": StyleConfig(),
        "gpu": StyleConfig(
            images=10_000_000,
            batch=64,
            widths=(128, 128, 128, 64),
            generator_rate=2.5e-3,
            discriminator_rate=2.5e-3,
        ),
    },
    "stylegan2_avatars": {
        "default": ColourConfig(),
        "long": ColourConfig(images=1_200_000),
        "gpu": ColourConfig(
            images=5_000_000,
            batch=64,
            widths=(192, 192, 128, 64, 32),
            generator_rate=2.5e-3,
            discriminator_rate=2.5e-3,
        ),
    },
}


class Pairing(Game):
    """One step of D, now and then one down its penalties, then one of G."""

    def __init__(
        self, config: StyleConfig, mapping: nn.Module, synthesis: nn.Module, discriminator: nn.Module
    ) -> None:
        generator = nn.ModuleList([mapping, synthesis])
        # The first of the two networks of G is the mapping's; its weights are kept in its own small unit.
        paces = {"0.layers.": config.mapping_rate / MAPPING_RATE}
        super().__init__(config, generator, discriminator, betas=(0.0, 0.99), lazy=config.lazy, paces=paces)
        self._config, self._mapping, self._synthesis = config, mapping, synthesis
        self._sizes = noise_sizes(len(config.widths))
        self._dtype = torch.bfloat16 if config.bfloat16 else torch.float32
        self._steps = 0
        # Without and with the penalty. A free label is looked up in constants of the host's: not captured.
        plays: list[Step] = [partial(self._play, due) for due in (False, True)]
        self._plays = plays if config.labelled else [played(play, mapping) for play in plays]

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """One batch of data, one of G's images, each made one paired with a real one of its class."""
        config = self._config
        self._optimizers.schedule(progress)
        penalised = bool(config.gamma) and self._steps % config.lazy == 0
        self._steps += 1
        weight = torch.full((), config.lazy * self.gamma(progress), device=images.device)
        numbers = self._numbers(len(images), draw)
        return self._plays[penalised](images, labels, weight, *numbers)

    def _play(
        self, penalised: bool, images: Tensor, labels: Tensor, weight: Tensor, *numbers: Tensor
    ) -> dict[str, Tensor]:
        """The step on `_numbers` already drawn; `weight` is that of the penalty, if it is due."""
        config, discriminator, optimizers = self._config, self._discriminator, self._optimizers
        data = functional.pad(images.float() / 255, (config.margin,) * 4)
        given = (labels,) if config.labelled else ()
        made = self._make(given, *numbers)

        # D: real above made, pair by pair.
        real_score = discriminator(data, *given, dtype=self._dtype)
        made_score = discriminator(made.detach(), *given, dtype=self._dtype)
        loss_d = functional.softplus(made_score - real_score).mean()
        optimizers.descend("discriminator", loss_d)

        # Its slope, seldom and therefore all the more, in float32: R1 at real images, R2 at made ones.
        penalty = torch.zeros_like(loss_d)
        if penalised:
            penalty = sum(self._slope(image, given) for image in (data, made.detach()))
            optimizers.descend("discriminator", weight * penalty)
            penalty = config.lazy * penalty  # zeros between: the mean over steps is the penalty's

        # G: made above real.
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_score = discriminator(data, *given, dtype=self._dtype)
        made_score = discriminator(made, *given, dtype=self._dtype)
        loss_g = functional.softplus(real_score - made_score).mean()
        optimizers.descend("generator", loss_g)
        discriminator.requires_grad_(True)
        return {
            "discriminator": loss_d.detach(),
            "generator": loss_g.detach(),
            "slope": penalty.detach(),
            "variety": (spread(made.detach()) / spread(data)).detach(),  # falls first when G collapses
        }

    def gamma(self, progress: float) -> float:
        """Weight of the penalties: constant at first, then down half a cosine, [C]'s, to its share.

        A D held back sees shapes before it sees edges, which is what G can follow at first; once G has the
        shapes, a D that sees edges can ask for eyes.
        """
        config = self._config
        done = (progress - config.gamma_from) / (config.gamma_until - config.gamma_from)
        fallen = (1 - math.cos(math.pi * min(max(done, 0.0), 1.0))) / 2
        return config.gamma * (1 - (1 - config.gamma_share) * fallen)

    def _numbers(self, count: int, draw: Draw) -> list[Tensor]:
        """What a step draws: z, with mixing a second z and the layer it begins at, and a noise a layer."""
        config, styles = self._config, 2 * len(self._config.widths)
        if config.mixing:
            z = torch.cat([draw.normal(count, Z), draw.normal(count, Z)])
            change = draw.integers(1, styles, count)
            change = torch.where(draw.uniform(count) < config.mixing, change, styles)
        else:
            z = draw.normal(count, Z)
            change = torch.full_like(z[:, 0], styles, dtype=torch.int64)
        return [z, change, *(draw.normal(count, 1, size, size) for size in self._sizes)]

    def _make(self, given: tuple[Tensor, ...], z: Tensor, change: Tensor, *noises: Tensor) -> Tensor:
        """Images [count, channels, resolution, resolution], some of them of two styles."""
        styles = 2 * len(self._config.widths)
        if len(z) > len(change):
            # Both styles of each picture in one pass: the first up to a random layer, the second from there.
            w, _ = self._mapping(z, *(label.repeat(2) for label in given))
            first = torch.arange(styles, device=z.device) < change[:, None]  # [count, styles]
            one, other = w.chunk(2)
            ws = torch.where(first[:, :, None], one[:, None], other[:, None])
        else:
            w, _ = self._mapping(z, *given)
            ws = w[:, None].expand(-1, styles, -1)
        made: Tensor = self._synthesis(ws, noises, dtype=self._dtype)[0]
        return made

    def _slope(self, image: Tensor, given: tuple[Tensor, ...]) -> Tensor:
        image = image.clone().requires_grad_()
        return slope_penalty(self._discriminator(image, *given), image).mean()

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments, and when the next penalty is due."""
        return {"optimizers": super().state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with Adam's moments."""
        super().load_state_dict(state["optimizers"])
        self._steps = state["steps"]

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """A hundred images of the same z and noise at every snapshot, a column a class where labelled."""
        count, styles = 100, 2 * len(self._config.widths)
        z = draw.normal(count, Z)
        label = (torch.arange(count, device=z.device) % CLASSES,) if self._config.labelled else ()
        w, _ = networks["mapping"].eval()(z, *label)
        noises = [draw.normal(count, 1, size, size) for size in self._sizes]
        images: Tensor = networks["synthesis"].eval()(w[:, None].expand(-1, styles, -1), noises)[0]
        return images


def spread(images: Tensor) -> Tensor:
    """Standard deviation over a batch [batch, channels, h, w], averaged over every fourth row and column."""
    return images[..., 1::4, 1::4].std(0).mean()


def build(config: StyleConfig) -> dict[str, nn.Module]:
    """Mapping, synthesis and discriminator with fresh weights."""
    channels = config.image_shape[0]
    networks: dict[str, nn.Module] = {
        "mapping": MappingNetwork(config.w, config.mapping_layers, config.labelled),
        "synthesis": SynthesisNetwork(config.w, config.widths, channels, config.places, config.banks),
        "discriminator": Discriminator(config.widths, channels, config.labelled, config.group),
    }
    return channels_last(networks)


def shipped(model: str, directory: Path) -> tuple[StyleConfig, dict[str, nn.Module]]:
    """The mapping and the synthesis network of one of `MODELS`, from its ONNX files in `directory`.

    What the files hold beyond the default configuration is found in them. Raises
    :class:`training.checkpoint.RunError` where they are not there, or are another network's.
    """
    stored = checkpoint.initialisers(directory, GRAPHS["synthesis"])
    places = any(name.endswith(".places") for name in stored)
    banks = max((len(values) for name, values in stored.items() if name.endswith(".banks")), default=0)
    config = replace(MODELS[model]["default"], places=places, banks=banks)
    networks = build(config)
    del networks["discriminator"]
    checkpoint.load_initialisers(networks, directory, GRAPHS)
    return config, {name: network.eval().requires_grad_(False) for name, network in networks.items()}


def stages(
    config: StyleConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Pairing(config, networks["mapping"], networks["synthesis"], networks["discriminator"])
    return [Stage("stylegan2", rule, config.images // config.batch, config.batch, config.ema_half_life)]
