"""Tiny checkpoints in each official layout, written here: random weights, nothing of them zero.

The official code pickles objects of classes that are not here. So a pickler writes, for descriptions of those
objects, the opcodes that pickling the objects would give: :class:`Module` for a torch module,
:class:`Storage`d arrays for its tensors, :class:`Graph` for a network of TensorFlow, :class:`EasyDict`.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

SOURCE = "raise SystemExit('the source of a checkpoint was run')\n"
STORAGES = {
    "f4": "FloatStorage",
    "f2": "HalfStorage",
    "f8": "DoubleStorage",
    "i8": "LongStorage",
    "b1": "BoolStorage",
}


@dataclass
class Name:
    """A global, by its name."""

    module: str
    name: str


@dataclass
class Call:
    """A function called with arguments."""

    function: Name
    arguments: tuple[Any, ...]


@dataclass
class Made:
    """An object of a class, made without calling it, and its state."""

    kind: Name
    state: Any = None
    items: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Persistent:
    """A persistent id."""

    identity: Any


class EasyDict(dict[str, Any]):
    """dnnlib's dictionary."""


class Pickler(pickle._Pickler):  # type: ignore[name-defined]
    """Writes the descriptions above as what they describe."""

    dispatch: ClassVar[dict[type, Any]] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_name(self, obj: Name) -> None:
        if self.proto >= 4:
            self.save(obj.module)
            self.save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())

    def save_call(self, obj: Call) -> None:
        self.save(obj.function)
        self.save(obj.arguments)
        self.write(pickle.REDUCE)
        self.memoize(obj)

    def save_made(self, obj: Made) -> None:
        if self.proto < 2:
            self.save(Name("copy_reg", "_reconstructor"))
            self.save((obj.kind, Name("__builtin__", "object"), None))
            self.write(pickle.REDUCE)
        else:
            self.save(obj.kind)
            self.save(())
            self.write(pickle.NEWOBJ)
        self.memoize(obj)
        if obj.items:
            self._items(obj.items)
        if obj.state is not None:
            self.save(obj.state)
            self.write(pickle.BUILD)

    def save_easy_dict(self, obj: EasyDict) -> None:
        self.save_made(Made(Name("dnnlib.util", "EasyDict"), items=obj))

    def save_ordered(self, obj: OrderedDict[str, Any]) -> None:
        self.save_call(Call(Name("collections", "OrderedDict"), ()))
        if obj:
            self._items(obj)

    def _items(self, items: Mapping[str, Any]) -> None:
        self.write(pickle.MARK)
        for key, value in items.items():
            self.save(key)
            self.save(value)
        self.write(pickle.SETITEMS)

    def save_persistent(self, obj: Persistent) -> None:
        self.save(obj.identity)
        self.write(pickle.BINPERSID)

    def save_array(self, obj: np.ndarray) -> None:
        self.save(Name("numpy.core.multiarray", "_reconstruct"))
        self.save((Name("numpy", "ndarray"), (0,), b"b"))
        self.write(pickle.REDUCE)
        self.memoize(obj)
        self.save((1, obj.shape, kind_of(obj.dtype), False, obj.tobytes()))
        self.write(pickle.BUILD)

    def save_number(self, obj: np.generic) -> None:
        self.save_call(Call(Name("numpy.core.multiarray", "scalar"), (kind_of(obj.dtype), obj.tobytes())))

    dispatch.update(
        {
            Name: save_name,
            Call: save_call,
            Made: save_made,
            EasyDict: save_easy_dict,
            OrderedDict: save_ordered,
            Persistent: save_persistent,
            np.ndarray: save_array,
            np.float32: save_number,
            np.float64: save_number,
        }
    )


@dataclass
class Kind(Call):
    """A numpy dtype and its state."""

    state: Any = None


def _save_kind(self: Pickler, obj: Kind) -> None:
    self.save_call(obj)
    self.save(obj.state)
    self.write(pickle.BUILD)


Pickler.dispatch[Kind] = _save_kind


def kind_of(dtype: np.dtype[Any]) -> Kind:
    """How numpy pickles a dtype."""
    state = (3, "<" if dtype.itemsize > 1 else "|", None, None, None, -1, -1, 0)
    return Kind(Name("numpy", "dtype"), (dtype.str[1:], False, True), state)


def dumps(value: object, protocol: int = 4) -> bytes:
    """A pickle of descriptions and plain values."""
    file = io.BytesIO()
    Pickler(file, protocol).dump(value)
    return file.getvalue()


# torch


def legacy_storage(array: np.ndarray, **changed: Any) -> bytes:
    """What torch.save writes of a storage in its old format; `changed` for files that lie."""
    declared = {
        "kind": STORAGES[array.dtype.str[1:]],
        "key": "94857",
        "place": "cpu",
        "count": array.size,
    } | changed
    identity = (
        "storage",
        Name("torch", declared["kind"]),
        declared["key"],
        declared["place"],
        declared["count"],
        None,
    )
    system = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    return b"".join(
        [
            pickle.dumps(0x1950A86A20F9469CFC6C, 2),
            pickle.dumps(1001, 2),
            pickle.dumps(changed.get("system", system), 2),
            dumps(changed.get("root", Persistent(identity)), 2),
            pickle.dumps(changed.get("keys", [declared["key"]]), 2),
            struct.pack("<q", changed.get("stored", array.size)),
            array.tobytes(),
        ]
    )


def tensor(array: np.ndarray, storage: object = None, **changed: Any) -> Call:
    """A tensor, contiguous and with a storage of its own; `changed` for others."""
    stride = (
        tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides) if array.ndim else ()
    )
    view = {"offset": 0, "shape": array.shape, "stride": stride} | changed
    if storage is None:
        storage = Call(Name("torch.storage", "_load_from_bytes"), (legacy_storage(array),))
    arguments = (storage, view["offset"], view["shape"], view["stride"], False, OrderedDict())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def parameter(array: np.ndarray) -> Call:
    """A tensor that was trained."""
    return Call(Name("torch._utils", "_rebuild_parameter"), (tensor(array), False, OrderedDict()))


@dataclass
class Module:
    """A torch module of the official code: attributes, and what torch keeps of every module."""

    class_name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, np.ndarray | None] = field(default_factory=dict)
    buffers: dict[str, np.ndarray | None] = field(default_factory=dict)
    modules: dict[str, Module] = field(default_factory=dict)
    made_with: dict[str, Any] = field(default_factory=dict)
    version: int = 6

    def described(self, write: Callable[[np.ndarray], Any] = tensor) -> Call:
        """As the official code pickles it."""
        state = {
            "training": False,
            "_parameters": OrderedDict(
                (
                    name,
                    None
                    if array is None
                    else Call(
                        Name("torch._utils", "_rebuild_parameter"), (write(array), False, OrderedDict())
                    ),
                )
                for name, array in self.parameters.items()
            ),
            "_buffers": OrderedDict(
                (name, None if array is None else write(array)) for name, array in self.buffers.items()
            ),
            "_non_persistent_buffers_set": set(),
            **{name: OrderedDict() for name in HOOKS},
            "_is_full_backward_hook": None,
            "_modules": OrderedDict((name, module.described(write)) for name, module in self.modules.items()),
            **self.attributes,
            "_init_args": (),
            "_init_kwargs": EasyDict(self.made_with),
        }
        meta = {
            "type": "class",
            "version": self.version,
            "module_src": SOURCE,
            "class_name": self.class_name,
            "state": state,
        }
        return Call(Name("torch_utils.persistence", "_reconstruct_persistent_obj"), (meta,))

    def tensors(self, prefix: str = "") -> dict[str, np.ndarray]:
        """What torch calls the state_dict."""
        found = {prefix + k: v for k, v in {**self.parameters, **self.buffers}.items() if v is not None}
        for name, module in self.modules.items():
            found |= module.tensors(f"{prefix}{name}.")
        return found

    def at(self, path: str) -> Module:
        """A part by its dotted path."""
        name, _, rest = path.partition(".")
        return self.modules[name].at(rest) if rest else self.modules[name]


HOOKS = (
    "_backward_hooks",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
)


class Random:
    """Weights: normal, of the scale they have in the official networks, and no zero among them."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.Generator(np.random.Philox(seed))

    def __call__(self, *shape: int, mean: float = 0.0, scale: float = 1.0) -> np.ndarray:
        return np.asarray(mean + scale * self.generator.standard_normal(shape), np.float32)


def _linear(
    draw: Random,
    inputs: int,
    outputs: int,
    *,
    lrmul: float = 1.0,
    activation: str = "linear",
    mean: float = 0.0,
) -> Module:
    return Module(
        "FullyConnectedLayer",
        {
            "in_features": inputs,
            "out_features": outputs,
            "activation": activation,
            "weight_gain": np.float64(lrmul / np.sqrt(inputs)),
            "bias_gain": lrmul,
        },
        {
            "weight": draw(outputs, inputs, scale=1 / lrmul),
            "bias": draw(outputs, mean=mean, scale=0.2 / lrmul if lrmul != 1 else 0.2),
        },
    )


def _torch_mapping(draw: Random, z_dim: int, c_dim: int, w_dim: int, num_ws: int, layers: int) -> Module:
    modules = {"embed": _linear(draw, c_dim, w_dim)} if c_dim else {}
    features = z_dim + (w_dim if c_dim else 0)
    for k in range(layers):
        modules[f"fc{k}"] = _linear(draw, features, w_dim, lrmul=0.01, activation="lrelu")
        features = w_dim
    attributes = {"z_dim": z_dim, "c_dim": c_dim, "w_dim": w_dim, "num_ws": num_ws, "num_layers": layers}
    return Module(
        "MappingNetwork", attributes | {"w_avg_beta": 0.995}, {}, {"w_avg": draw(w_dim, scale=0.3)}, modules
    )


def stylegan2_torch(
    architecture: str = "skip",
    *,
    resolution: int = 16,
    c_dim: int = 0,
    z_dim: int = 8,
    w_dim: int = 8,
    widths: Mapping[int, int] | None = None,
    channels: int = 3,
    layers: int = 2,
    conv_clamp: float | None = 256,
    seed: int = 0,
) -> Module:
    """A generator of StyleGAN2-ADA's PyTorch code."""
    draw = Random(seed)
    widths = {4: 8, 8: 6, 16: 5} if widths is None else widths
    taps = np.array([1, 3, 3, 1], np.float32) / 8
    kernel = np.outer(taps, taps)
    num_ws = 2 * int(np.log2(resolution)) - 2

    def convolution(inputs: int, outputs: int, size: int, up: int) -> Module:
        return Module(
            "SynthesisLayer",
            {
                "resolution": size,
                "up": up,
                "use_noise": True,
                "activation": "lrelu",
                "conv_clamp": conv_clamp,
                "padding": 1,
                "act_gain": np.sqrt(2),
            },
            {
                "weight": draw(outputs, inputs, 3, 3),
                "noise_strength": draw(mean=0.5, scale=0.1),
                "bias": draw(outputs, scale=0.2),
            },
            {"resample_filter": kernel, "noise_const": draw(size, size)},
            {"affine": _linear(draw, w_dim, inputs, mean=1.0)},
        )

    blocks: dict[str, Module] = {}
    before = 0
    for size in (2**k for k in range(2, int(np.log2(resolution)) + 1)):
        width = widths[size]
        modules = {"conv0": convolution(before, width, size, 2)} if before else {}
        modules["conv1"] = convolution(width, width, size, 1)
        if architecture == "skip" or size == resolution:
            modules["torgb"] = Module(
                "ToRGBLayer",
                {"conv_clamp": conv_clamp, "weight_gain": np.float64(1 / np.sqrt(width))},
                {"weight": draw(channels, width, 1, 1), "bias": draw(channels, scale=0.2)},
                {},
                {"affine": _linear(draw, w_dim, width, mean=1.0)},
            )
        if architecture == "resnet" and before:
            modules["skip"] = Module(
                "Conv2dLayer",
                {
                    "activation": "linear",
                    "up": 2,
                    "down": 1,
                    "conv_clamp": None,
                    "padding": 0,
                    "weight_gain": np.float64(1 / np.sqrt(before)),
                    "act_gain": 1,
                },
                {"weight": draw(width, before, 1, 1), "bias": None},
                {"resample_filter": kernel},
            )
        blocks[f"b{size}"] = Module(
            "SynthesisBlock",
            {
                "in_channels": before,
                "w_dim": w_dim,
                "resolution": size,
                "img_channels": channels,
                "is_last": size == resolution,
                "architecture": architecture,
                "use_fp16": False,
                "channels_last": False,
                "num_conv": 2 if before else 1,
                "num_torgb": int("torgb" in modules),
            },
            {} if before else {"const": draw(width, size, size)},
            {"resample_filter": kernel},
            modules,
        )
        before = width
    synthesis = Module(
        "SynthesisNetwork",
        {
            "w_dim": w_dim,
            "img_resolution": resolution,
            "img_resolution_log2": int(np.log2(resolution)),
            "img_channels": channels,
            "block_resolutions": [int(name[1:]) for name in blocks],
            "num_ws": num_ws,
        },
        modules=blocks,
    )
    return Module(
        "Generator",
        {
            "z_dim": z_dim,
            "c_dim": c_dim,
            "w_dim": w_dim,
            "img_resolution": resolution,
            "img_channels": channels,
            "num_ws": num_ws,
        },
        modules={
            "synthesis": synthesis,
            "mapping": _torch_mapping(draw, z_dim, c_dim, w_dim, num_ws, layers),
        },
        made_with={
            "z_dim": z_dim,
            "w_dim": w_dim,
            "c_dim": c_dim,
            "img_resolution": resolution,
            "img_channels": channels,
            "mapping_kwargs": EasyDict(num_layers=layers),
            "synthesis_kwargs": EasyDict(
                channel_base=64, channel_max=8, num_fp16_res=0, conv_clamp=conv_clamp
            ),
        },
    )


def stylegan3(
    variant: str = "t", *, c_dim: int = 0, z_dim: int = 8, w_dim: int = 8, channels: int = 3, seed: int = 0
) -> Module:
    """A generator of StyleGAN3's code, of 16 x 16 pixels.

    Layers go up, keep and cross to critical sampling, with an upsampling of 2 and of 4, crops and pads.
    """
    draw = Random(seed)
    radial = variant == "r"
    kernel = 1 if radial else 3
    # in and out: size and sampling rate; the rate between them; channels out; critically sampled
    plan = [
        ("L0_16_6", 16, 8, 16, 8, 16, 6, False),
        ("L1_24_5", 16, 8, 24, 16, 32, 5, False),
        ("L2_24_4", 24, 16, 24, 16, 32, 4, True),
        ("L3_16_3", 24, 16, 16, 16, 16, channels, True),
    ]
    modules: dict[str, Module] = {}
    width = 6
    modules["input"] = Module(
        "SynthesisInput",
        {
            "w_dim": w_dim,
            "channels": width,
            "size": np.array([16, 16]),
            "sampling_rate": 8,
            "bandwidth": np.float64(2.0),
        },
        {"weight": draw(width, width)},
        {
            "transform": np.array([[0.96, -0.28, 0.1], [0.28, 0.96, -0.2], [0, 0, 1]], np.float32),
            "freqs": draw(width, 2),
            "phases": draw(width, scale=0.3),
        },
        {"affine": _linear(draw, w_dim, 4)},
    )
    modules["input"].modules["affine"].parameters["bias"] = np.array([1, 0.1, 0.2, 0.1], np.float32)
    for k, (name, size, rate, out_size, out_rate, between, outputs, critical) in enumerate(plan):
        last = k == len(plan) - 1
        factors = {"up": between // rate, "down": between // out_rate}
        taps = {way: 6 * factor if factor > 1 and not last else 1 for way, factor in factors.items()}
        reach = 1 if last else kernel
        total = (
            (out_size - 1) * factors["down"] + 1 - (size + reach - 1) * factors["up"] + sum(taps.values()) - 2
        )
        low = (total + factors["up"]) // 2
        line = {way: np.hanning(n + 2)[1:-1] for way, n in taps.items()}
        filters: dict[str, np.ndarray | None] = {
            f"{way}_filter": None if len(taps) == 1 else (taps / taps.sum()).astype(np.float32)
            for way, taps in line.items()
        }
        if radial and not critical and filters["down_filter"] is not None:
            along = np.arange(taps["down"]) - (taps["down"] - 1) / 2
            distance = np.hypot.outer(along, along)
            square = np.cos(np.pi * np.minimum(distance / taps["down"], 0.49)) ** 2
            filters["down_filter"] = (square / square.sum()).astype(np.float32)
        modules[name] = Module(
            "SynthesisLayer",
            {
                "w_dim": w_dim,
                "is_torgb": last,
                "is_critically_sampled": critical,
                "use_fp16": False,
                "in_channels": width,
                "out_channels": outputs,
                "in_size": np.array([size, size]),
                "out_size": np.array([out_size, out_size]),
                "in_sampling_rate": rate,
                "out_sampling_rate": out_rate,
                "tmp_sampling_rate": between,
                "in_cutoff": np.float64(rate / 4),
                "out_cutoff": np.float64(out_rate / 4),
                "in_half_width": np.float64(rate / 4),
                "out_half_width": np.float64(out_rate / 4),
                "conv_kernel": reach,
                "conv_clamp": 256,
                "magnitude_ema_beta": 0.999,
                "up_factor": factors["up"],
                "up_taps": taps["up"],
                "down_factor": factors["down"],
                "down_taps": taps["down"],
                "down_radial": radial and not critical,
                "padding": [low, total - low] * 2,
            },
            {"weight": draw(outputs, width, reach, reach), "bias": draw(outputs, scale=0.2)},
            {"magnitude_ema": np.asarray(np.float32(0.7 + 0.1 * k)), **filters},
            {"affine": _linear(draw, w_dim, width, mean=1.0)},
        )
        width = outputs
    num_ws = len(plan) + 1
    synthesis = Module(
        "SynthesisNetwork",
        {
            "w_dim": w_dim,
            "num_ws": num_ws,
            "img_resolution": 16,
            "img_channels": channels,
            "num_layers": len(plan) - 1,
            "num_critical": 2,
            "margin_size": 4,
            "output_scale": 0.25,
            "num_fp16_res": 0,
            "layer_names": [name for name, *_ in plan],
        },
        modules=modules,
    )
    attributes = {
        "z_dim": z_dim,
        "c_dim": c_dim,
        "w_dim": w_dim,
        "img_resolution": 16,
        "img_channels": channels,
    }
    made_with = attributes | {
        "mapping_kwargs": EasyDict(num_layers=2),
        "channel_base": 64,
        "channel_max": 6,
        "magnitude_ema_beta": 0.999,
    }
    if radial:
        made_with |= {"conv_kernel": 1, "use_radial_filters": True}
    return Module(
        "Generator",
        attributes | {"num_ws": num_ws},
        modules={"synthesis": synthesis, "mapping": _torch_mapping(draw, z_dim, c_dim, w_dim, num_ws, 2)},
        made_with=made_with,
    )


def torch_checkpoint(
    generator: Module, protocol: int = 4, write: Callable[[np.ndarray], Any] = tensor
) -> bytes:
    """A whole checkpoint: G_ema is `generator`, and the others are only there."""
    other = Module("Discriminator", {"c_dim": 0}, {"weight": np.ones((2, 2), np.float32)})
    return dumps(
        {
            "training_set_kwargs": EasyDict(class_name="training.dataset.ImageFolderDataset", resolution=16),
            "G": other.described(write),
            "D": other.described(write),
            "G_ema": generator.described(write),
            "augment_pipe": None,
        },
        protocol,
    )


# TensorFlow


@dataclass
class Graph:
    """A network of dnnlib.tflib."""

    name: str
    function: str
    variables: dict[str, np.ndarray]
    made_with: dict[str, Any] = field(default_factory=dict)
    components: dict[str, Graph] = field(default_factory=dict)
    version: int = 4

    def described(self) -> Made:
        """As the official code pickles it; TensorFlow gives single numbers as such."""
        state = {
            "version": self.version,
            "name": self.name,
            "static_kwargs": dict(self.made_with),
            "components": {name: graph.described() for name, graph in self.components.items()},
            "build_module_src": SOURCE,
            "build_func_name": self.function,
            "variables": [
                (name, array if array.ndim else np.float32(array)) for name, array in self.variables.items()
            ],
        }
        return Made(Name("dnnlib.tflib.network", "Network"), state)

    def tensors(self) -> dict[str, np.ndarray]:
        """The variables of the whole by the names a reader gives them."""
        found = dict(self.variables)
        for graph in self.components.values():
            found |= {f"{graph.name}/{name}": array for name, array in graph.variables.items()}
        return found


def _tensorflow_mapping(draw: Random, made_with: dict[str, Any], label: str, version: int) -> Graph:
    z_dim, w_dim, c_dim = (made_with.get(name, 0) for name in ("latent_size", "dlatent_size", "label_size"))
    variables: dict[str, np.ndarray] = {}
    features = z_dim
    if c_dim and label == "concat":
        variables["LabelConcat/weight"] = draw(c_dim, z_dim)
        features += z_dim
    elif c_dim:
        variables["LabelEmbed/weight"] = draw(c_dim, z_dim)
        variables["LabelEmbed/bias"] = draw(z_dim, scale=0.2)
        features += z_dim
    for k in range(made_with["mapping_layers"]):
        variables[f"Dense{k}/weight"] = draw(features, w_dim, scale=100)
        variables[f"Dense{k}/bias"] = draw(w_dim, scale=20)
        features = w_dim
    num_ws = 2 * int(np.log2(made_with["resolution"])) - 2
    return Graph(
        "G_mapping", "G_mapping", variables, {**made_with, "dlatent_broadcast": num_ws}, version=version
    )


def stylegan(
    *,
    resolution: int = 16,
    c_dim: int = 0,
    widths: Mapping[int, int] | None = None,
    lod: float = 0.0,
    seed: int = 0,
) -> Graph:
    """A generator of StyleGAN's code."""
    draw = Random(seed)
    widths = {4: 8, 8: 6, 16: 5} if widths is None else widths
    made_with = {
        "num_channels": 3,
        "resolution": resolution,
        "label_size": c_dim,
        "latent_size": 8,
        "dlatent_size": 8,
        "mapping_layers": 2,
        "mapping_fmaps": 8,
        "fmap_max": 8,
        "blur_filter": [1, 2, 1],
        "truncation_psi": 0.7,
        "truncation_cutoff": 3,
    }
    variables = {"lod": np.asarray(np.float32(lod))}
    top = int(np.log2(resolution))
    before = 0
    for k, size in enumerate(2**k for k in range(2, top + 1)):
        width = widths[size]
        for j, name in enumerate(("Conv0_up", "Conv1") if k else ("Const", "Conv")):
            path = f"{size}x{size}/{name}"
            if name == "Const":
                variables[f"{path}/const"] = draw(1, width, size, size)
            else:
                variables[f"{path}/weight"] = draw(3, 3, width if j else before, width)
            variables[f"{path}/Noise/weight"] = draw(width, mean=0.4, scale=0.1)
            variables[f"{path}/bias"] = draw(width, scale=0.2)
            variables[f"{path}/StyleMod/weight"] = draw(8, 2 * width)
            variables[f"{path}/StyleMod/bias"] = draw(2 * width, scale=0.2)
            variables[f"noise{2 * k + j}"] = draw(1, 1, size, size)
        variables[f"ToRGB_lod{top - 2 - k}/weight"] = draw(1, 1, width, 3)
        variables[f"ToRGB_lod{top - 2 - k}/bias"] = draw(3, scale=0.2)
        before = width
    synthesis = Graph("G_synthesis", "G_synthesis", variables, made_with, version=3)
    mapping = _tensorflow_mapping(draw, made_with, "concat", 3)
    components = {"synthesis": synthesis, "mapping": mapping}
    return Graph("Gs", "G_style", {"dlatent_avg": draw(8, scale=0.3)}, made_with, components, version=3)


def stylegan2_tensorflow(
    architecture: str = "skip",
    *,
    ada: bool = False,
    resolution: int = 16,
    c_dim: int = 0,
    widths: Mapping[int, int] | None = None,
    conv_clamp: float | None = None,
    seed: int = 0,
) -> Graph:
    """A generator of StyleGAN2's TensorFlow code, or of StyleGAN2-ADA's."""
    draw = Random(seed)
    widths = {4: 8, 8: 6, 16: 5} if widths is None else widths
    made_with: dict[str, Any] = {
        "num_channels": 3,
        "resolution": resolution,
        "label_size": c_dim,
        "latent_size": 8,
        "dlatent_size": 8,
        "mapping_layers": 2,
        "mapping_fmaps": 8,
        "fmap_max": 8,
        "architecture": architecture,
    }
    if conv_clamp is not None:
        made_with["conv_clamp"] = conv_clamp
    variables: dict[str, np.ndarray] = {}

    def modulated(path: str, inputs: int, outputs: int, kernel: int) -> None:
        variables[f"{path}/weight"] = draw(kernel, kernel, inputs, outputs)
        variables[f"{path}/mod_weight"] = draw(8, inputs)
        variables[f"{path}/mod_bias"] = draw(inputs, scale=0.2)
        if kernel == 3:
            variables[f"{path}/noise_strength"] = draw(mean=0.5, scale=0.1)
        variables[f"{path}/bias"] = draw(outputs, scale=0.2)

    before = 0
    for k, size in enumerate(2**k for k in range(2, int(np.log2(resolution)) + 1)):
        width = widths[size]
        if not k:
            variables["4x4/Const/const"] = draw(1, width, 4, 4)
        for name, inputs in [("Conv0_up", before), ("Conv1", width)] if k else [("Conv", width)]:
            modulated(f"{size}x{size}/{name}", inputs, width, 3)
            variables[f"noise{sum(name.startswith('noise') for name in variables)}"] = draw(1, 1, size, size)
        if architecture == "resnet" and k:
            variables[f"{size}x{size}/Skip/weight"] = draw(1, 1, before, width)
        if architecture == "skip" or size == resolution:
            modulated(f"{size}x{size}/ToRGB", width, 3, 1)
        before = width
    function = "G_synthesis" if ada else "G_synthesis_stylegan2"
    version = 5 if ada else 4
    synthesis = Graph("G_synthesis", function, variables, made_with, version=version)
    mapping = _tensorflow_mapping(draw, made_with, "embed" if ada else "concat", version)
    components = {"synthesis": synthesis, "mapping": mapping}
    return Graph("Gs", "G_main", {"dlatent_avg": draw(8, scale=0.3)}, made_with, components, version=version)


def tensorflow_checkpoint(generator: Graph, protocol: int = 4) -> bytes:
    """A whole checkpoint: Gs is `generator`, and the others are only there."""
    other = Graph("D", "D_stylegan2", {"weight": np.ones((2, 2), np.float32)})
    return dumps((other.described(), other.described(), generator.described()), protocol)


NETWORKS: dict[str, Callable[[], Module | Graph]] = {
    "stylegan": stylegan,
    "stylegan-labels": lambda: stylegan(c_dim=3),
    "stylegan2-tf-skip": stylegan2_tensorflow,
    "stylegan2-tf-resnet": lambda: stylegan2_tensorflow("resnet"),
    "stylegan2-tf-orig": lambda: stylegan2_tensorflow("orig"),
    "stylegan2-tf-labels": lambda: stylegan2_tensorflow(c_dim=3),
    "ada-tf-labels": lambda: stylegan2_tensorflow("orig", ada=True, c_dim=3, conv_clamp=256),
    "ada-tf": lambda: stylegan2_tensorflow("resnet", ada=True),
    "stylegan2-skip": stylegan2_torch,
    "stylegan2-resnet": lambda: stylegan2_torch("resnet"),
    "stylegan2-orig": lambda: stylegan2_torch("orig", conv_clamp=None),
    "stylegan2-labels": lambda: stylegan2_torch(c_dim=3),
    "stylegan3-t": stylegan3,
    "stylegan3-r": lambda: stylegan3("r"),
    "stylegan3-labels": lambda: stylegan3(c_dim=3),
}
"""The smallest network of every family and variant."""


def checkpoint(generator: Module | Graph, protocol: int = 4) -> bytes:
    """A whole checkpoint of either layout."""
    if isinstance(generator, Module):
        return torch_checkpoint(generator, protocol)
    return tensorflow_checkpoint(generator, protocol)
