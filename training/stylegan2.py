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
which D compares a made picture with a real one rather than judging it alone (Jolicoeur-Martineau 2019), with
a penalty on its slope at both:

    L = E softplus(D(G(z)) - D(x)) + gamma/2 E |grad D(x)|^2 + gamma/2 E |grad D(G(z))|^2

which D descends and of whose first term G descends the mirror image, softplus(D(x) - D(G(z))).

Where a label is given, f reads it beside z and D keeps a verdict a class, as in cgan.py; the first value of z
is then spare. Not from the papers: one batch of made pictures serves D and then G; the centre to which a
truncated w is drawn is that of its class; and a shipped D must not judge a picture by its neighbours in the
batch, so at inference the minibatch's standard deviation is its average over training. Left out, as [C] and
the 32x32 configuration of Karras et al. 2020, "Training generative adversarial networks with limited data",
do: the path-length penalty, which would take a second backward pass through G to even out what few doublings
hardly bend.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial import (
    CLASSES,
    GameConfig,
    Optimizers,
    Z,
    chosen_label,
    one_hot,
    score_of,
    slope_penalty,
)
from training.captured import Step, played
from training.config import ConfigError
from training.dcgan import channels_last
from training.loop import Draw, Stage

GRAPHS = {"mapping": ("mapping",), "synthesis": ("synthesis",), "discriminator": ("criticise",)}
DISTRIBUTED = True

SMALLEST = 4  # height and width of the learned constant and of D's last maps
SLOPE = 0.2  # of the leaky rectifiers
GAIN = math.sqrt(2)  # what a rectifier takes from the size of its input ([A], appendix; He et al. 2015)
TINY = 1e-8
EMBEDDING = 32  # values that stand for a label beside the 99 of z
CENTRE_DECAY = 0.998  # a step, of the running mean of w


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
        if not 0 <= self.mixing <= 1:
            raise ConfigError(f"mixing must lie in [0, 1], not {self.mixing}.")
        if self.gamma < 0 or self.lazy < 1:
            raise ConfigError("gamma must be 0 or more, and lazy at least 1 step.")
        if not 0 <= self.gamma_share <= 1:
            raise ConfigError(f"gamma_share must lie in [0, 1], not {self.gamma_share}.")
        if not 0 <= self.gamma_from < self.gamma_until <= 1:
            raise ConfigError("gamma_from and gamma_until must lie in [0, 1], in this order.")
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


# --- resampling: twice or half the size without seeing the grid ([B], after Zhang 2019) ---------------------
#
# Nearest neighbours and plain strides leave a grid in the picture. Each doubling and halving is therefore
# filtered by [1, 3, 3, 1] in both directions. A depthwise 4x4 convolution is as fast on a CPU as two of 4x1
# and 1x4, and much faster than the filter multiplied into the weights of the convolution before (6x6).

_FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0]).outer(torch.tensor([1.0, 3.0, 3.0, 1.0])) / 64


def _filters(x: Tensor, gain: float) -> Tensor:
    """The filter, its values summing to `gain`, once a map of x: [maps, 1, 4, 4]."""
    return (gain * _FILTER).to(x).expand(x.shape[1], 1, 4, 4)


def smoothed(x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
    """[batch, maps, h, w] -> [batch, maps, h + 2 padding - 3, w + 2 padding - 3]; padding 0 to 3."""
    if x.is_cuda:
        # [1, 3, 3, 1] is [1, 1] three times over, and means of 2x2 are what a GPU is fast at.
        for k in range(3):
            x = functional.avg_pool2d(x, 2, stride=1, padding=int(k < padding))
        return x if gain == 1.0 else gain * x
    return functional.conv2d(x, _filters(x, gain), padding=padding, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """[batch, maps, h, w] -> [batch, maps, 2 h, 2 w]: zeros between the pixels, then the filter."""
    if x.is_cuda:
        x = functional.interpolate(x, scale_factor=2.0)  # by nearest neighbours: the first [1, 1]
        return functional.avg_pool2d(functional.avg_pool2d(x, 2, stride=1, padding=1), 2, stride=1)
    return functional.conv_transpose2d(x, _filters(x, 4.0), stride=2, padding=1, groups=x.shape[1])


def halved(x: Tensor) -> Tensor:
    """[batch, maps, h, w] -> [batch, maps, h / 2, w / 2]: the filter, then every second pixel."""
    # Not by a stride: the gradient of a strided depthwise convolution in bfloat16 takes seven times as long.
    return smoothed(x, padding=1)[:, :, ::2, ::2]


# --- layers with an equalised learning rate -----------------------------------------------------------------
#
# Weights are stored as N(0, 1) and multiplied at run time by what keeps the size of the activations (Karras
# et al. 2018, section 4.1). Adam's steps do not know the size of a weight: so all layers learn equally fast.
# Gains of rectifiers and residual sums are multiplied into the weights as well, where they cost nothing.


class Linear(nn.Module):
    """y = (rate W / sqrt(fan_in)) x + rate b, in the dtype of the weights whatever that of x."""

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        bias: float | None = 0.0,  # what it starts from; None: there is none
        rate: float = 1.0,  # the layer's learning rate, as a multiple of the others'
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) / rate)
        self.bias = None if bias is None else nn.Parameter(torch.full((fan_out,), bias / rate))
        self._scale, self._rate = rate / math.sqrt(fan_in), rate

    def forward(self, x: Tensor) -> Tensor:
        """[batch, fan_in] -> [batch, fan_out]."""
        bias = None if self.bias is None else self.bias * self._rate
        return functional.linear(x.to(self.weight.dtype), self.weight * self._scale, bias)


class Convolution(nn.Module):
    """A convolution of D's, which keeps the size or halves it, in the dtype of its input."""

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        size: int,  # of the kernel, 1 or 3
        gain: float = 1.0,  # size of what comes out, where a unit comes in
        halve: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, size, size))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self._gain, self._scale = gain, gain / math.sqrt(fan_in * size**2)
        self._size, self._halve = size, halve

    def forward(self, x: Tensor) -> Tensor:
        """[batch, fan_in, h, w] -> [batch, fan_out, h, w], or half of both."""
        weight = (self.weight * self._scale).to(x.dtype)
        bias = None if self.bias is None else (self.bias * self._gain).to(x.dtype)
        if not self._halve:
            return functional.conv2d(x, weight, bias, padding=self._size // 2)
        if self._size == 1:
            return functional.conv2d(halved(x), weight, bias)
        return functional.conv2d(smoothed(x, padding=2), weight, bias, stride=2)


class StyledConvolution(nn.Module):
    """conv(W, s * x) with the style s of w, and the factor that demodulates it ([B], section 2.2).

    The papers' form multiplies W by s and so has a kernel a picture. Multiplying the maps by s before one
    shared convolution and by d after it is the same sum in another order, faster, and a batch of any size.
    """

    def __init__(
        self,
        w: int,
        fan_in: int,
        fan_out: int,
        size: int,  # of the kernel, 1 or 3
        double: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in, size, size))
        self.style = Linear(w, fan_in, bias=1.0)
        self._scale, self._size, self._double = 1 / math.sqrt(fan_in * size**2), size, double

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, fan_in, h, h], [batch, w] -> [batch, fan_out, h, h] or doubled, and d, to scale it by."""
        weight = self.weight * self._scale
        style = self.style(w)  # [batch, fan_in]
        power = style.square() @ weight.square().sum((2, 3)).t()  # [batch, fan_out]
        x = x * style[:, :, None, None].to(x.dtype)
        if self._double:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2)
            x = smoothed(x, padding=1, gain=4.0)  # 4: three of four pixels were zeros
        else:
            x = functional.conv2d(x, weight.to(x.dtype), padding=self._size // 2)
        return x, torch.rsqrt(power + TINY)[:, :, None, None]


class Layer(nn.Module):
    """A styled convolution, noise, bias and rectifier."""

    def __init__(self, w: int, fan_in: int, fan_out: int, double: bool = False) -> None:
        super().__init__()
        self.convolution = StyledConvolution(w, fan_in, fan_out, 3, double)
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.strength = nn.Parameter(torch.zeros(()))  # of the noise, learned, one for all maps

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """[batch, fan_in, h, h], [batch, w], [batch, 1, size, size] -> [batch, fan_out, size, size]."""
        x, demodulate = self.convolution(x, w)
        # sqrt(2) leaky(y) = leaky(sqrt(2) y): the gain costs nothing where it meets small tensors.
        offset = (GAIN * self.strength * noise).to(x.dtype)
        bias = (GAIN * self.bias)[:, None, None].to(x.dtype)
        x = torch.addcmul(offset, x, (GAIN * demodulate).to(x.dtype)) + bias
        return functional.leaky_relu(x, SLOPE)


class ToRGB(nn.Module):
    """What a size adds to the picture: a styled 1x1 convolution, neither demodulated nor rectified."""

    def __init__(self, w: int, fan_in: int, channels: int) -> None:
        super().__init__()
        self.convolution = StyledConvolution(w, fan_in, channels, 1)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[batch, fan_in, h, h], [batch, w] -> [batch, channels, h, h] in float32."""
        x, _ = self.convolution(x, w)
        # Networks like [-1, 1], half of which is what a pixel in [0, 1] is moved by.
        return (x.to(self.bias.dtype) + self.bias[:, None, None]) / 2


# --- the networks -------------------------------------------------------------------------------------------


def unit_length(x: Tensor) -> Tensor:
    """Each row divided by the root of its mean square. [batch, n]."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + TINY)


class MappingNetwork(nn.Module):
    """z, and a label where there are some, -> w; knows where the middle of all w lies."""

    def __init__(self, w: int, layers: int, labelled: bool) -> None:
        super().__init__()
        self._labelled = labelled
        # Fewer values for the label than for z: with as many, w says little but the label.
        self.embedding = Linear(CLASSES, EMBEDDING) if labelled else None
        widths = [Z - 1 + EMBEDDING if labelled else Z, *[w] * layers]
        # A hundredth of the learning rate: small changes of f move every picture ([A], appendix C).
        self.layers = nn.ModuleList(Linear(a, b, rate=0.01) for a, b in pairwise(widths))
        self.centre: Tensor  # the running mean of w, a row a class
        self.register_buffer("centre", torch.zeros(CLASSES if labelled else 1, w))

    def forward(self, z: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """[batch, 100], int64 [batch] in -1..9 where labelled -> w and its centre, [batch, w] each."""
        if self.embedding is None or label is None:
            x, row = unit_length(z), torch.zeros_like(z[:, 0], dtype=torch.int64)
        else:
            row = chosen_label(label, z[:, 0])
            x = torch.cat([unit_length(z[:, 1:]), unit_length(self.embedding(one_hot(row)))], 1)
        for layer in self.layers:
            x = functional.leaky_relu(GAIN * layer(x), SLOPE)
        if self.training:
            self._follow(x.detach(), row)
        return x, self.centre.index_select(0, row)

    @torch.no_grad()
    def _follow(self, w: Tensor, row: Tensor) -> None:
        """Move the centre of each class towards those of its w."""
        member = (row[:, None] == torch.arange(len(self.centre), device=row.device)).float()  # [batch, rows]
        count = member.sum(0)[:, None]
        mean = member.t() @ w / count.clamp(min=1)
        self.centre.lerp_(torch.where(count > 0, mean, self.centre), 1 - CENTRE_DECAY)


def truncated(w: Tensor, centre: Tensor, psi: Tensor) -> Tensor:
    """w drawn to its centre, in each layer by its own psi: 1 leaves it, 0 gives the centre ([A], appendix B).

    w and centre [batch, w], psi [batch, layers] -> [batch, layers, w].
    """
    return centre[:, None] + psi[:, :, None] * (w - centre)[:, None]


class SynthesisNetwork(nn.Module):
    """Styles and noise -> a picture, with what every size adds to it."""

    def __init__(self, w: int, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.resolutions = tuple(SMALLEST << k for k in range(len(widths)))
        self.constant = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        self.up = nn.ModuleList(Layer(w, a, b, double=True) for a, b in pairwise(widths))
        self.stay = nn.ModuleList(Layer(w, width, width) for width in widths)
        self.rgb = nn.ModuleList(ToRGB(w, width, channels) for width in widths)

    @property
    def styles(self) -> int:
        """Rows of ws: one a convolution, and one for the last picture layer ([B], figure 7)."""
        return 2 * len(self.resolutions)

    @property
    def noise_sizes(self) -> tuple[int, ...]:
        """Height and width of each noise."""
        return noise_sizes(len(self.resolutions))

    def forward(
        self, ws: Tensor, noises: Sequence[Tensor], dtype: torch.dtype = torch.float32
    ) -> tuple[Tensor, list[Tensor]]:
        """Ws [batch, styles, w], noise K [batch, 1, size K, size K] -> picture and its parts by size.

        The picture [batch, channels, resolution, resolution] lies about [0, 1], unclipped. Part R [batch,
        channels, R, R] is what the layers of size R add; the parts, doubled to full size, and 1/2 sum to the
        picture. `dtype` is what the convolutions above 4x4 compute in.
        """
        x = self.constant.expand(ws.shape[0], -1, -1, -1)
        x = self.stay[0](x, ws[:, 0], noises[0])
        part = self.rgb[0](x, ws[:, 1])
        picture, parts = part, [part]
        x = x.to(dtype)
        for k, up in enumerate(self.up, start=1):
            first = 2 * k - 1  # of three styles, the last of which the next size shares
            x = up(x, ws[:, first], noises[first])
            x = self.stay[k](x, ws[:, first + 1], noises[first + 1])
            part = self.rgb[k](x, ws[:, first + 2])
            picture = doubled(picture) + part
            parts.append(part)
        return picture + 0.5, parts


def noise_sizes(sizes: int) -> tuple[int, ...]:
    """Height and width of the noise of each layer of a network of so many sizes: 4, 8, 8, 16, 16, ..."""
    return tuple(SMALLEST << ((k + 1) // 2) for k in range(2 * sizes - 1))


class ResidualBlock(nn.Module):
    """Two convolutions, the second halving, beside a shortcut; of unit size ([B], section 4.1)."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.first = Convolution(fan_in, fan_in, 3, GAIN)
        self.second = Convolution(fan_in, fan_out, 3, GAIN * math.sqrt(0.5), halve=True)
        self.shortcut = Convolution(fan_in, fan_out, 1, math.sqrt(0.5), halve=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, fan_in, h, w] -> [batch, fan_out, h / 2, w / 2]."""
        y = functional.leaky_relu(self.first(x), SLOPE)
        return functional.leaky_relu(self.second(y), SLOPE) + self.shortcut(x)


def minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """How much the pictures of a group differ: one number a group (Karras et al. 2018, section 3).

    x [batch, maps, h, w], batch a multiple of `group`; picture i is in the group of i + batch / group. The
    standard deviation over the group of each value, averaged over maps and places -> [batch].
    """
    members = x.unflatten(0, (group, -1))  # [group, groups, maps, h, w]
    deviation = (members.var(0, correction=0) + TINY).sqrt().flatten(1).mean(1)  # [groups]
    return deviation.repeat(group)


class Discriminator(nn.Module):
    """image -> score; only differences between scores of real and made images mean something."""

    def __init__(
        self,
        widths: Sequence[int],  # maps at 4x4, 8x8, ...
        channels: int,
        labelled: bool,
        group: int,  # pictures of a minibatch that share a standard deviation
    ) -> None:
        super().__init__()
        self._group = group
        down = [*reversed(widths)]
        last = down[-1]
        self.from_rgb = Convolution(channels, down[0], 1, GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(down))
        self.final = Convolution(last + 1, last, 3, GAIN)
        self.hidden = Linear(last * SMALLEST**2, last)
        # A bias would be on both sides of every comparison.
        self.score = Linear(last, CLASSES if labelled else 1, bias=None)
        self.deviation: Tensor  # that of a typical minibatch
        self.register_buffer("deviation", torch.ones(()))

    def forward(
        self, image: Tensor, label: Tensor | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """[batch, channels, h, h] in [0, 1], int64 [batch] in -1..9 where labelled -> score [batch].

        h is the generator's resolution. `dtype` is what the convolutions above 4x4 compute in.
        """
        x = functional.leaky_relu(self.from_rgb((2 * image - 1).to(dtype)), SLOPE)
        for block in self.blocks:
            x = block(x)
        x = x.to(self.final.weight.dtype)
        deviation = self._deviation(x)[:, None, None, None].expand(-1, 1, SMALLEST, SMALLEST)
        x = functional.leaky_relu(self.final(torch.cat([x, deviation], 1)), SLOPE)
        x = functional.leaky_relu(GAIN * self.hidden(x.flatten(1)), SLOPE)
        scores = self.score(x)
        return scores.squeeze(1) if label is None else score_of(scores, label)

    def _deviation(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.deviation.expand(x.shape[0])
        deviation = minibatch_deviation(x, self._group)
        with torch.no_grad():
            self.deviation.lerp_(deviation.detach().mean(), 0.01)
        return deviation


# --- the game -----------------------------------------------------------------------------------------------


class Pairing:
    """One step of D, now and then one down its penalties, then one of G."""

    def __init__(
        self, config: StyleConfig, mapping: nn.Module, synthesis: nn.Module, discriminator: nn.Module
    ) -> None:
        self._config = config
        self._mapping, self._synthesis, self._discriminator = mapping, synthesis, discriminator
        self._optimizers = Optimizers(
            config, nn.ModuleList([mapping, synthesis]), discriminator, betas=(0.0, 0.99), lazy=config.lazy
        )
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
        return {"optimizers": self._optimizers.state_dict(), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with Adam's moments."""
        self._optimizers.load_state_dict(state["optimizers"])
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
        "synthesis": SynthesisNetwork(config.w, config.widths, channels),
        "discriminator": Discriminator(config.widths, channels, config.labelled, config.group),
    }
    return channels_last(networks)


def stages(
    config: StyleConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One stage of play."""
    rule = Pairing(config, networks["mapping"], networks["synthesis"], networks["discriminator"])
    return [Stage("stylegan2", rule, config.images // config.batch, config.batch, config.ema_half_life)]
