"""StyleGAN2's networks: the mapping of z to w, the synthesis of a picture from w, the discriminator.

    Karras, Laine & Aila 2019, "A style-based generator architecture for generative adversarial networks" [A]
    Karras, Laine, Aittala, Hellsten, Lehtinen & Aila 2020, "Analyzing and improving the image quality of
        StyleGAN" [B]

See stylegan2.py for the lesson, and how they learn.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.adversarial import CLASSES, Z, chosen_label, one_hot, score_of
from training.stylegan2_layers import GAIN, SLOPE, TINY, Convolution, Layer, Linear, ToRGB, doubled

SMALLEST = 4  # height and width of the learned constant and of D's last maps
MAPPING_RATE = 0.01  # of f, as a multiple of the others' learning rate, unless a run says otherwise
EMBEDDING = 32  # values that stand for a label beside the 99 of z
CENTRE_DECAY = 0.998  # a step, of the running mean of w


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
        # Slower than the others: small changes of f move every picture ([A], appendix C).
        self.layers = nn.ModuleList(Linear(a, b, rate=MAPPING_RATE) for a, b in pairwise(widths))
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

    def __init__(
        self, w: int, widths: Sequence[int], channels: int, places: bool = False, banks: int = 0
    ) -> None:
        super().__init__()
        self.resolutions = tuple(SMALLEST << k for k in range(len(widths)))
        self.constant = nn.Parameter(torch.randn(1, widths[0], SMALLEST, SMALLEST))
        biased = self.resolutions[1:] if places else (0,) * (len(widths) - 1)
        self.up = nn.ModuleList(
            Layer(w, a, b, double=True, size=size, banks=banks)
            for (a, b), size in zip(pairwise(widths), biased, strict=True)
        )
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
