"""Time to convert, size and speed of official networks in their usual configurations, with random weights.

    python -m tests.official_speed [CONFIGURATION ...] [--batches 1 4] [--repeats 3]

Speed is processor time of one thread, the best of some runs, beside a plain PyTorch implementation: weights
modulated for each picture and one grouped convolution, filters as zeros inserted and a convolution of each
channel. Both paint the same picture; how far apart they are, relative to its deviation, is printed too.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import onnxruntime
import torch
from torch import Tensor
from torch.nn import functional

from export.official import convert
from export.official.spec import Network
from tests import official_tiny as tiny

T = TypeVar("T")

W = 512


def widths(resolution: int, base: int) -> list[int]:
    """Channels by size from 4x4 on: base / size, 512 at most."""
    return [min(512, base // 2**k) for k in range(2, resolution.bit_length())]


def stylegan3(variant: str, resolution: int, base: int, most: int) -> Network:
    """The layers of Karras et al. 2021, section 3.2 and figure 4c; filters are as long, their taps random."""
    layers, critical, margin, low, stop = 14, 2, 10, 2.0, 2**2.1
    steps = np.minimum(np.arange(layers + 1) / (layers - critical), 1)
    cutoffs = low * (resolution / 2 / low) ** steps
    stops = stop * (resolution / 2 * 2**0.3 / stop) ** steps
    rates = np.exp2(np.ceil(np.log2(np.minimum(2 * stops, resolution)))).astype(int)
    sizes = rates + 2 * margin
    sizes[-2:] = resolution
    channels = np.rint(np.minimum(base / 2 / cutoffs, most)).astype(int)
    channels[-1] = 3

    small = tiny.stylegan3(variant)  # for its mapping and settings
    draw = np.random.default_rng(0)
    tensors = {name: tensor for name, tensor in small.tensors.items() if not name.startswith("synthesis")}
    width = int(channels[0])

    def random(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape, dtype=np.float32)

    tensors |= {
        "synthesis.input.weight": random(width, width),
        "synthesis.input.affine.weight": 0.1 * random(4, W),
        "synthesis.input.affine.bias": np.array([1, 0, 0, 0], np.float32),
        "synthesis.input.transform": np.eye(3, dtype=np.float32),
        "synthesis.input.freqs": random(width, 2),
        "synthesis.input.phases": random(width),
    }
    described = []
    for k in range(layers + 1):
        last, edge = k == layers, k >= layers - critical
        before, rate = int(sizes[max(k - 1, 0)]), int(rates[max(k - 1, 0)])
        after, out, inputs = int(sizes[k]), int(channels[k]), int(channels[max(k - 1, 0)])
        middle = max(rate, int(rates[k])) * (1 if last else 2)
        up, down = middle // rate, middle // int(rates[k])
        kernel = 3 if variant == "t" and not last else 1
        taps = (1, 1) if last else (6 * up, 6 * down)
        path = f"synthesis.L{k}"
        tensors |= {
            f"{path}.weight": random(out, inputs, kernel, kernel),
            f"{path}.bias": random(out),
            f"{path}.affine.weight": random(inputs, W),
            f"{path}.affine.bias": np.ones(inputs, np.float32),
            f"{path}.magnitude_ema": np.ones((), np.float32),
        }
        if not last:
            line = [np.hanning(count + 2)[1:-1].astype(np.float32) for count in taps]
            line = [values / values.sum() for values in line]
            tensors[f"{path}.up_filter"] = line[0]
            radial = variant == "r" and not edge
            tensors[f"{path}.down_filter"] = np.outer(line[1], line[1]) if radial else line[1]
        total = (after - 1) * down + 1 - (before + kernel - 1) * up + sum(taps) - 2
        padding = [(total + up) // 2, total - (total + up) // 2] * 2
        described.append(
            {"name": f"L{k}", "conv_clamp": 256, "up_factor": up, "down_factor": down, "padding": padding}
        )
    start = {"size": [int(sizes[0])] * 2, "sampling_rate": float(rates[0]), "bandwidth": float(cutoffs[0])}
    settings = {**small.settings, "input": start, "layers": described, "output_scale": 0.25}
    return dataclasses.replace(
        small, resolution=resolution, num_ws=layers + 2, settings=settings, tensors=tensors
    )


CONFIGURATIONS: dict[str, Callable[[], Network]] = {
    "stylegan-256": lambda: tiny.stylegan(widths(256, 16384)),
    "stylegan-1024": lambda: tiny.stylegan(widths(1024, 16384)),
    "stylegan2-ada-256": lambda: tiny.stylegan2(widths=widths(256, 16384), clamp=256.0, layers=8),
    "stylegan2-f-256": lambda: tiny.stylegan2(widths=widths(256, 32768), layers=8),
    "stylegan2-f-1024": lambda: tiny.stylegan2(widths=widths(1024, 32768), layers=8),
    "stylegan3-t-256": lambda: stylegan3("t", 256, 16384, 512),
    "stylegan3-r-256": lambda: stylegan3("r", 256, 32768, 1024),
    "stylegan3-t-1024": lambda: stylegan3("t", 1024, 32768, 512),
    "stylegan3-r-1024": lambda: stylegan3("r", 1024, 65536, 1024),
}


# --------------------------------------------------------------------------------------------- plain PyTorch


def resampled(x: Tensor, taps: Tensor, up: int, down: int, pads: Sequence[int], gain: float) -> Tensor:
    """Zeros inserted, pads or crops, a filter of each channel (one axis of taps serves both), every other."""
    batch, channels, height, width = x.shape
    if up > 1:
        x = functional.pad(x.reshape(batch, channels, height, 1, width, 1), [0, up - 1, 0, 0, 0, up - 1])
        x = x.reshape(batch, channels, height * up, width * up)
    x = functional.pad(x, list(pads))
    kernel = (taps * gain ** (taps.ndim / 2)).flip(list(range(taps.ndim)))
    if taps.ndim == 2:
        x = functional.conv2d(x, kernel.expand(channels, 1, *taps.shape), groups=channels)
    else:
        x = functional.conv2d(x, kernel.expand(channels, 1, 1, -1), groups=channels)
        x = functional.conv2d(x, kernel[:, None].expand(channels, 1, -1, 1), groups=channels)
    return x[:, :, ::down, ::down].contiguous()


def modulated(
    x: Tensor, weight: Tensor, style: Tensor, pad: int, demodulate: bool, up: bool = False
) -> Tensor:
    """Every picture its own weights, all in one grouped convolution."""
    batch = len(x)
    own = weight[None] * style[:, None, :, None, None]
    if demodulate:
        own = own * (own.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, -1, *x.shape[2:])
    if up:
        own = own.transpose(1, 2).reshape(-1, weight.shape[0], *weight.shape[2:])
        x = functional.conv_transpose2d(x, own, stride=2, groups=batch)
    else:
        x = functional.conv2d(x, own.reshape(-1, *weight.shape[1:]), padding=pad, groups=batch)
    return x.reshape(batch, -1, *x.shape[2:])


class Plain:
    """Synthesis networks of PyTorch's checkpoints, and StyleGAN's: ws -> [batch, 3, size, size]."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.t = {name: torch.from_numpy(np.array(value)) for name, value in network.tensors.items()}

    def __call__(self, ws: Tensor) -> Tensor:
        with torch.no_grad():
            return getattr(self, self.network.family)(ws)

    def style(self, name: str, w: Tensor) -> Tensor:
        weight = self.t[f"{name}.affine.weight"]
        return functional.linear(w, weight / weight.shape[1] ** 0.5, self.t[f"{name}.affine.bias"])

    def stylegan2(self, ws: Tensor) -> Tensor:
        t, k = self.t, 0
        x = t["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
        image: Tensor | None = None
        for size in (2**n for n in range(2, self.network.resolution.bit_length())):
            for part in ("conv0", "conv1"):
                name = f"synthesis.b{size}.{part}"
                if f"{name}.weight" not in t:
                    continue
                first = part == "conv0"
                x = modulated(x, t[f"{name}.weight"], self.style(name, ws[:, k]), 1, True, first)
                if first:
                    x = resampled(x, t[f"{name}.resample_filter"], 1, 1, [1, 1, 1, 1], 4)
                x = x + t[f"{name}.noise_const"] * t[f"{name}.noise_strength"]
                x = functional.leaky_relu(x + t[f"{name}.bias"].view(1, -1, 1, 1), 0.2) * 2**0.5
                x = x.clamp(-256, 256)
                k += 1
            name = f"synthesis.b{size}.torgb"
            weight = t[f"{name}.weight"]
            y = modulated(x, weight / weight.shape[1] ** 0.5, self.style(name, ws[:, k]), 0, False)
            y = (y + t[f"{name}.bias"].view(1, -1, 1, 1)).clamp(-256, 256)
            if image is not None:
                taps = (
                    t["synthesis.b4.resample_filter"]
                    if size == 4
                    else t[f"synthesis.b{size}.resample_filter"]
                )
                y = y + resampled(image, taps, 2, 1, [2, 1, 2, 1], 4)
            image = y
        assert image is not None
        return image

    def stylegan3(self, ws: Tensor) -> Tensor:
        t, settings = self.t, self.network.settings
        start, name = settings["input"], "synthesis.input"
        affine = self.style(name, ws[:, 0])
        affine = affine / affine[:, :2].norm(dim=1, keepdim=True)
        c, s, right, down = affine.unbind(1)
        turn = torch.stack([torch.stack([c, -s], 1), torch.stack([s, c], 1)], 1)
        waves = t[f"{name}.freqs"] @ turn
        shift = t[f"{name}.phases"] - (waves @ torch.stack([right, down], 1)[:, :, None]).squeeze(2)
        size, rate, band = start["size"][0], start["sampling_rate"], start["bandwidth"]
        along = (torch.arange(size) + 0.5 - size / 2) / rate
        plane = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).reshape(-1, 2)
        fade = (1 - (waves.norm(dim=2) - band) / (rate / 2 - band)).clamp(0, 1)
        x = torch.sin(2 * np.pi * (plane @ waves.transpose(1, 2) + shift[:, None])) * fade[:, None]
        x = x @ (t[f"{name}.weight"] / len(t[f"{name}.weight"]) ** 0.5).t()
        x = x.transpose(1, 2).reshape(len(ws), -1, size, size)
        one = torch.ones(1)
        for k, layer in enumerate(settings["layers"]):
            name, last = f"synthesis.{layer['name']}", k == len(settings["layers"]) - 1
            weight, style = t[f"{name}.weight"], self.style(name, ws[:, k + 1])
            if last:
                style = style / weight.shape[1] ** 0.5
            else:
                weight = weight * weight.square().mean([1, 2, 3], keepdim=True).rsqrt()
                style = style * style.square().mean(1, keepdim=True).rsqrt()
            x = modulated(x, weight, style, weight.shape[2] - 1, not last)
            x += t[f"{name}.bias"].view(1, -1, 1, 1)
            up = layer["up_factor"]
            x = resampled(x, t.get(f"{name}.up_filter", one), up, 1, layer["padding"], up**2)
            # In place: the largest maps of four pictures of 1024x1024 fill gigabytes.
            x = x if last else functional.leaky_relu_(x, 0.2).mul_(2**0.5)
            x = x.clamp_(-256, 256)
            taps = t.get(f"{name}.down_filter", one)
            x = resampled(x, taps, 1, layer["down_factor"], [0, 0, 0, 0], 1)
        return x * settings["output_scale"]

    def stylegan(self, ws: Tensor) -> Tensor:
        t, k = self.t, 0
        x = t["G_synthesis/4x4/Const/const"].expand(len(ws), -1, -1, -1)
        blur = torch.tensor([0.25, 0.5, 0.25])
        for size in (2**n for n in range(2, self.network.resolution.bit_length())):
            for part in ("Const", "Conv") if size == 4 else ("Conv0_up", "Conv1"):
                name = f"G_synthesis/{size}x{size}/{part}"
                if part != "Const":
                    weight = t[f"{name}/weight"]
                    weight = (weight * (2 / np.prod(weight.shape[:3])) ** 0.5).permute(3, 2, 0, 1)
                if part == "Conv0_up" and size >= 128:
                    wide = functional.pad(weight.transpose(0, 1), [1, 1, 1, 1])
                    wide = wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]
                    x = functional.conv_transpose2d(x, wide, stride=2, padding=1)
                elif part != "Const":
                    if part == "Conv0_up":
                        x = functional.interpolate(x, scale_factor=2)
                    x = functional.conv2d(x, weight, padding=1)
                if part == "Conv0_up":
                    x = resampled(x, torch.outer(blur, blur), 1, 1, [1, 1, 1, 1], 1)
                x = x + t[f"{name}/Noise/weight"].view(1, -1, 1, 1) * t[f"G_synthesis/noise{k}"]
                x = functional.leaky_relu(x + t[f"{name}/bias"].view(1, -1, 1, 1), 0.2)
                x = functional.instance_norm(x, eps=1e-8)
                weight = t[f"{name}/StyleMod/weight"]
                style = ws[:, k] @ (weight / len(weight) ** 0.5) + t[f"{name}/StyleMod/bias"]
                scale, offset = style.view(len(ws), 2, -1, 1, 1).unbind(1)
                x = x * (scale + 1) + offset
                k += 1
        weight = t["G_synthesis/ToRGB_lod0/weight"]
        weight = (weight / weight.shape[2] ** 0.5).permute(3, 2, 0, 1)
        return functional.conv2d(x, weight, t["G_synthesis/ToRGB_lod0/bias"])


def best(run: Callable[[], T], repeats: int) -> tuple[T, float]:
    """What a run returns, and the least seconds of processor time of all."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        result = run()
        found.append(time.process_time() - start)
    return result, min(found)


def main() -> None:
    """Print a line for each configuration."""
    parser = argparse.ArgumentParser(prog="python -m tests.official_speed", description=__doc__)
    parser.add_argument(
        "configuration", nargs="*", default=list(CONFIGURATIONS), help=", ".join(CONFIGURATIONS)
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4], help="default: 1 4")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, one at least (default: 3)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tiny.W = W
    for name in arguments.configuration:
        network = CONFIGURATIONS[name]()
        start = time.process_time()
        _, files = convert.convert(network, name)
        seconds = time.process_time() - start
        megabytes = sum(len(content) for file, content in files.items() if file.endswith(".onnx")) / 1e6
        print(f"{name}: converted in {seconds:.1f} s, {megabytes:.1f} MB", flush=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            files["synthesis.onnx"], options, providers=["CPUExecutionProvider"]
        )
        plain = Plain(network)
        for batch in arguments.batches:
            shape = (batch, network.num_ws, network.w_dim)
            ws = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
            (image,), ours = best(partial(session.run, ["image"], {"ws": ws}), arguments.repeats)
            painted, theirs = best(partial(plain, torch.from_numpy(ws)), arguments.repeats)
            expected = (painted.numpy() / 2 + 0.5).clip(0, 1)
            apart = np.abs(image - expected).max() / expected.std()
            print(
                f"  batch {batch}: {ours:.2f} s, PyTorch {theirs:.2f} s: {theirs / ours:.1f} times; "
                f"{apart:.1e} apart",
                flush=True,
            )


if __name__ == "__main__":
    main()
