"""StyleGAN2's layers: convolutions that listen to a style, and resampling that leaves no grid.

    Karras, Laine, Aittala, Hellsten, Lehtinen & Aila 2020, "Analyzing and improving the image quality of
        StyleGAN" [B]

See stylegan2.py for the lesson that they are part of.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2  # of the leaky rectifiers
GAIN = math.sqrt(
    2
)  # what a rectifier takes from the size of its input (Karras et al. 2019, appendix; He et al. 2015)
TINY = 1e-8


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
        x = x * style[..., None, None].to(x.dtype)
        if self._double:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1).to(x.dtype), stride=2)
            x = smoothed(x, padding=1, gain=4.0)  # 4: three of four pixels were zeros
        else:
            x = functional.conv2d(x, weight.to(x.dtype), padding=self._size // 2)
        return x, torch.rsqrt(power + TINY)[..., None, None]


class Layer(nn.Module):
    """A styled convolution, noise, bias and rectifier; beside a bias a map there may be one a place.

    That one is the same in every picture, and the style may mix others into it, `banks` of them: what is
    always drawn at the same place, an eye or a mouth, need not be put there by convolutions, which do not
    know where they are.
    """

    def __init__(
        self,
        w: int,
        fan_in: int,
        fan_out: int,
        double: bool = False,
        size: int = 0,  # height and width of the maps that come out, if each place has a bias of its own
        banks: int = 0,  # such biases that the style mixes into that one
    ) -> None:
        super().__init__()
        self.convolution = StyledConvolution(w, fan_in, fan_out, 3, double)
        self.places = nn.Parameter(torch.zeros(1, fan_out, size, size)) if size else None
        self.banks = nn.Parameter(torch.zeros(banks, fan_out, size, size)) if size and banks else None
        self.mix = Linear(w, banks) if size and banks else None
        self.bias = nn.Parameter(torch.zeros(fan_out))
        self.strength = nn.Parameter(torch.zeros(()))  # of the noise, learned, one for all maps

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        """[batch, fan_in, h, h], [batch, w], [batch, 1, size, size] -> [batch, fan_out, size, size]."""
        x, demodulate = self.convolution(x, w)
        # sqrt(2) leaky(y) = leaky(sqrt(2) y): the gain costs nothing where it meets small tensors.
        offset = (GAIN * self.strength * noise).to(x.dtype)
        if self.places is not None:
            offset = offset + (GAIN * self.places).to(x.dtype)
        if self.banks is not None and self.mix is not None:
            share = (GAIN / math.sqrt(len(self.banks))) * self.mix(w)  # [batch, banks]
            offset = offset + (share @ self.banks.flatten(1)).unflatten(1, self.banks.shape[1:]).to(x.dtype)
        bias = (GAIN * self.bias)[..., None, None].to(x.dtype)
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
