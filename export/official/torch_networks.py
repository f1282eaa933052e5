"""Generators of the official PyTorch code (StyleGAN2-ADA, StyleGAN3), recognised by what a pickle says of
them.

The class name is ``Generator`` in every version. What is behind it shows in its parts: a network with
``synthesis.input`` is a StyleGAN3 (Karras et al. 2021), one with ``synthesis.b4`` a StyleGAN2 (Karras et al.
2020). What it was made with is read from the attributes, which are resolved, rather than from
``_init_kwargs``, where defaults are missing.
"""

import math
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from export.official import families
from export.official.arrays import Array, Tensor
from export.official.errors import OfficialError, listed, quoted
from export.official.identify import CHANGED, Settings, Shapes, copied, dimension
from export.official.records import Module, digest
from export.official.spec import Network

MAX_MODULES = 1000
MAX_PARTS = 6  # modules within modules

MAPPING = {"num_layers", "embed_features", "layer_features", "activation", "lr_multiplier", "w_avg_beta"}
MADE_WITH = {
    "z_dim",
    "c_dim",
    "w_dim",
    "img_resolution",
    "img_channels",
    "mapping_kwargs",
    "synthesis_kwargs",
}
SYNTHESIS = {
    "stylegan2": {
        *("channel_base", "channel_max", "num_fp16_res", "architecture", "resample_filter", "conv_clamp"),
        *(
            "use_fp16",
            "fp16_channels_last",
            "fused_modconv_default",
            "kernel_size",
            "use_noise",
            "activation",
        ),
    },
    "stylegan3": {
        *("channel_base", "channel_max", "num_layers", "num_critical", "first_cutoff", "first_stopband"),
        *("last_stopband_rel", "margin_size", "output_scale", "num_fp16_res", "conv_kernel", "filter_size"),
        *("lrelu_upsampling", "use_radial_filters", "conv_clamp", "magnitude_ema_beta"),
    },
}


class Parts:
    """A module and all in it, by the names that torch gives them."""

    def __init__(self, root: Module, name: str) -> None:
        self.name = name
        self.modules: dict[str, Module] = {}
        self.tensors: dict[str, Tensor] = {}
        self.shapes: Shapes = {}
        seen: set[int] = set()
        waiting = [("", root)]
        while waiting:
            path, module = waiting.pop()
            if id(module) in seen or len(seen) == MAX_MODULES or path.count(".") >= MAX_PARTS:
                raise OfficialError(f"{name} holds a module twice, or too many: {CHANGED}")
            seen.add(id(module))
            self.modules[path] = module
            for kind, wanted in (("_parameters", Tensor), ("_buffers", Tensor), ("_modules", Module)):
                for key, value in Settings(module.state, name).mapping(kind).values.items():
                    if value is None:
                        continue
                    if not isinstance(key, str) or not re.fullmatch(r"\w{1,64}", key, re.ASCII):
                        raise OfficialError(f"{name} has {quoted(key)} among its {kind}: {CHANGED}")
                    if not isinstance(value, wanted):
                        raise OfficialError(f"{name} has {quoted(key)}, which is none of {kind}: {CHANGED}")
                    inner = f"{path}.{key}" if path else key
                    if inner in self.tensors:
                        raise OfficialError(f"{name} has {quoted(inner)} twice: {CHANGED}")
                    if isinstance(value, Module):
                        waiting.append((inner, value))
                    else:
                        self.tensors[inner] = value
                        self.shapes[inner] = value.shape

    def at(self, path: str, class_name: str) -> Settings:
        """The attributes of a part, which must be of a class of that name."""
        module = self.modules.get(path)
        where = f"{self.name}.{path}" if path else self.name
        if module is None:
            raise OfficialError(f"{self.name} has no part {path!r}: {CHANGED}")
        if module.class_name != class_name:
            raise OfficialError(
                f"{where} is of class {quoted(module.class_name)}, where {class_name} is known: {CHANGED}"
            )
        return Settings(module.state, where)

    def check_parts(self, wanted: set[str]) -> None:
        """Refuse parts that the official network has not; one without tensors can change it too."""
        extra = self.modules.keys() - wanted
        if extra:
            raise OfficialError(f"{self.name} has {listed(extra)}, which the official one has not: {CHANGED}")

    def array(self, name: str) -> np.ndarray:
        """One tensor, not copied."""
        if name not in self.tensors:
            raise OfficialError(f"its generator lacks {name!r}: {CHANGED}")
        return self.tensors[name].array()


def network(root: Module, name: str, limit: int) -> Network:
    """The generator `root`, called `name` in its file; `limit` bytes of tensors at most.

    Raises :class:`OfficialError` where it is none, or was changed.
    """
    parts = Parts(root, name)
    generator = parts.at("", "Generator")
    found = parts.modules.keys() & {"synthesis.b4", "synthesis.input"}
    if len(found) != 1:
        raise OfficialError(f"{name} is neither a StyleGAN2 nor a StyleGAN3 generator: {CHANGED}")
    family = "stylegan2" if "synthesis.b4" in found else "stylegan3"
    made_with = generator.mapping("_init_kwargs", {})
    made_with.check_known(MADE_WITH | SYNTHESIS[family])
    made_with.mapping("mapping_kwargs", {}).check_known(MAPPING)
    made_with.mapping("synthesis_kwargs", {}).check_known(SYNTHESIS[family])

    num_ws = generator.integer("num_ws")
    for path, class_name, same in (
        ("mapping", "MappingNetwork", ("z_dim", "c_dim", "w_dim", "num_ws")),
        ("synthesis", "SynthesisNetwork", ("w_dim", "img_resolution", "img_channels", "num_ws")),
    ):
        part = parts.at(path, class_name)
        for attribute in same:
            part.one_of(attribute, [generator.integer(attribute, least=0)])
    read = _stylegan2 if family == "stylegan2" else _stylegan3
    variant, settings = read(parts, generator)
    described = Network(
        family=family,
        variant=variant,
        origin="torch",
        z_dim=generator.integer("z_dim"),
        w_dim=generator.integer("w_dim"),
        c_dim=generator.integer("c_dim", least=0),
        resolution=generator.integer("img_resolution", most=families.LARGEST),
        channels=generator.integer("img_channels"),
        num_ws=num_ws,
        settings=_mapping(parts, generator) | settings,
        tensors={},
        source={"class": root.class_name, "module_src_sha256": digest(root.source)},
    )
    wanted = families.check(described, parts.shapes)
    parts.check_parts({path.rpartition(".")[0] for path in wanted} | {"", "mapping", "synthesis"})
    arrays = {key: partial(parts.array, key) for key in wanted}
    return replace(described, tensors=copied(arrays, parts.shapes, limit))


def _multiplier(parts: Parts, path: str, activation: str) -> float:
    """Learning rate multiplier of a fully connected layer with equalised learning rate."""
    layer = parts.at(path, "FullyConnectedLayer")
    layer.one_of("activation", [activation])
    inputs = dimension(parts.shapes, f"{path}.weight", 1, 2)
    multiplier = layer.number("bias_gain")
    # Karras et al. 2018, section 4.1: He's constant at run time, times the layer's learning rate.
    if not math.isclose(layer.number("weight_gain") * math.sqrt(inputs), multiplier, rel_tol=1e-5):
        raise layer.refusal("weight_gain", f"bias_gain / sqrt({inputs})")
    return multiplier


def _check_affine(parts: Parts, path: str) -> None:
    if _multiplier(parts, path, "linear") != 1:
        raise parts.at(path, "FullyConnectedLayer").refusal("bias_gain", "1")


def _mapping(parts: Parts, generator: Settings) -> dict[str, Any]:
    """Settings of the mapping network; StyleGAN3's differs in its depth alone."""
    layers = parts.at("mapping", "MappingNetwork").integer("num_layers", most=64)
    conditional = bool(generator.values["c_dim"])
    if conditional:
        _check_affine(parts, "mapping.embed")
    multipliers = {_multiplier(parts, f"mapping.fc{k}", "lrelu") for k in range(layers)}
    if len(multipliers) != 1:
        raise OfficialError(f"{parts.name}.mapping has layers of different learning rates: {CHANGED}")
    return {
        "mapping_layers": layers,
        "mapping_activation": "lrelu",
        "lrmul": multipliers.pop(),
        "normalize_latents": True,
        "label": "embed" if conditional else "none",
        "truncation_psi": 1.0,
        "truncation_cutoff": None,
    }


def _stylegan2(parts: Parts, generator: Settings) -> tuple[str, dict[str, Any]]:
    """Variant and settings of a StyleGAN2 synthesis network, which are the same in each of its layers."""
    resolution = generator.one_of("img_resolution", families.RESOLUTIONS)
    variant = parts.at("synthesis.b4", "SynthesisBlock").one_of(
        "architecture", families.VARIANTS["stylegan2"]
    )
    first = parts.at("synthesis.b4.conv1", "SynthesisLayer")
    clamp, use_noise = first.clamp("conv_clamp"), first.flag("use_noise")
    kernel = parts.array("synthesis.b4.resample_filter")
    for level in families.levels(resolution):
        block = f"synthesis.b{level}"
        attributes = parts.at(block, "SynthesisBlock")
        attributes.one_of("architecture", [variant])
        attributes.one_of("resolution", [level])
        attributes.one_of("is_last", [level == resolution])
        for name, up in (("conv0", 2), ("conv1", 1)):
            if level == 4 and up == 2:
                continue
            layer = parts.at(f"{block}.{name}", "SynthesisLayer")
            layer.one_of("resolution", [level])
            layer.one_of("up", [up])
            layer.one_of("activation", ["lrelu"])
            layer.one_of("conv_clamp", [clamp])
            layer.one_of("use_noise", [use_noise])
            _check_affine(parts, f"{block}.{name}.affine")
        if variant == "skip" or level == resolution:
            parts.at(f"{block}.torgb", "ToRGBLayer").one_of("conv_clamp", [clamp])
            _check_affine(parts, f"{block}.torgb.affine")
        if variant == "resnet" and level > 4:
            layer = parts.at(f"{block}.skip", "Conv2dLayer")
            layer.one_of("activation", ["linear"])
            layer.one_of("conv_clamp", [None])
            layer.one_of("up", [2])
            layer.one_of("down", [1])
    for name in parts.tensors:
        if name.endswith("resample_filter") and not np.array_equal(parts.array(name), kernel):
            raise OfficialError(f"{parts.name} has layers of different resampling filters: {CHANGED}")
    settings = {
        "activation": "lrelu",
        "resample_filter": _taps(kernel, f"{parts.name}.synthesis"),
        "conv_clamp": clamp,
        "use_noise": use_noise,
    }
    return variant, settings


def _taps(kernel: np.ndarray, where: str) -> list[float]:
    """The taps of one axis of a resampling filter stored as one or two axes."""
    line = kernel.astype(np.float64)
    if not np.isfinite(line).all():
        raise OfficialError(f"{where} has a resampling filter that is not finite: {CHANGED}")
    if kernel.ndim == 2 and kernel.shape[0] == kernel.shape[1] and 0 < kernel.size <= 64 * 64:
        line = line.sum(axis=0)
        if np.allclose(np.outer(line, line), kernel * line.sum(), rtol=1e-5, atol=1e-8):
            return families.normalised(line.tolist(), where)
    elif kernel.ndim == 1 and 0 < kernel.size <= 64:
        return families.normalised(line.tolist(), where)
    raise OfficialError(f"{where} has a resampling filter that is not the same along both axes: {CHANGED}")


def _stylegan3(parts: Parts, generator: Settings) -> tuple[str, dict[str, Any]]:
    """Variant and settings of a StyleGAN3 synthesis network."""
    synthesis = parts.at("synthesis", "SynthesisNetwork")
    names = synthesis.values.get("layer_names")
    if (
        not isinstance(names, list)
        or not 2 <= len(names) <= 64
        or not all(isinstance(name, str) for name in names)
    ):
        raise synthesis.refusal("layer_names", "a list of 2 to 64 names")
    if len(set(names)) != len(names):
        raise synthesis.refusal("layer_names", "a list of different names")
    _check_affine(parts, "synthesis.input.affine")
    start = parts.at("synthesis.input", "SynthesisInput")
    layers = [_layer(parts, name) for name in names]
    kernels = {layer["conv_kernel"] for layer in layers[:-1]}
    radial = {layer["down_radial"] for layer in layers[:-1] if not layer["is_critically_sampled"]}
    if kernels == {3} and radial <= {False}:
        variant = "t"
    elif kernels == {1} and radial <= {True}:
        variant = "r"
    else:
        raise OfficialError(
            f"{parts.name} is neither of configuration t (3x3, separable filters) nor r (1x1, radial ones):"
            f" {CHANGED}"
        )
    settings = {
        "activation": "lrelu",
        "input": {
            "channels": start.integer("channels"),
            "size": _sides(start, "size"),
            "sampling_rate": start.number("sampling_rate"),
            "bandwidth": start.number("bandwidth"),
        },
        "layers": layers,
        "output_scale": synthesis.number("output_scale"),
    }
    return variant, settings


def _layer(parts: Parts, name: str) -> dict[str, Any]:
    """Settings of one StyleGAN3 layer; whether they fit together is for :mod:`export.official.families`."""
    path = f"synthesis.{name}"
    layer = parts.at(path, "SynthesisLayer")
    _check_affine(parts, f"{path}.affine")
    magnitude = parts.array(f"{path}.magnitude_ema")
    if magnitude.shape or not magnitude > 0:
        raise OfficialError(f"{layer.where} has a magnitude_ema that is not positive: {CHANGED}")
    # Without a filter there is nothing to filter: one tap.
    up, down = (parts.shapes.get(f"{path}.{way}_filter", (1,)) for way in ("up", "down"))
    return {
        "name": name,
        "is_torgb": layer.flag("is_torgb"),
        "is_critically_sampled": layer.flag("is_critically_sampled"),
        "in_channels": layer.integer("in_channels"),
        "out_channels": layer.integer("out_channels"),
        "in_size": _sides(layer, "in_size"),
        "out_size": _sides(layer, "out_size"),
        "conv_kernel": layer.integer("conv_kernel", most=3),
        "conv_clamp": layer.clamp("conv_clamp"),
        "up_factor": layer.integer("up_factor"),
        "up_taps": up[0] if up else 0,
        "down_factor": layer.integer("down_factor"),
        "down_taps": down[0] if down else 0,
        "down_radial": len(down) == 2,
        "padding": layer.integers("padding", 4),
    }


def _sides(settings: Settings, name: str) -> list[int]:
    """Width and height, stored as an array."""
    stored = settings.values.get(name)
    if isinstance(stored, Array) and stored.shape == (2,) and stored.array().dtype.kind in "iu":
        width, height = map(int, stored.array())
        return [width, height]
    raise OfficialError(f"{settings.where} has no {name} of two whole numbers: {CHANGED}")
