"""Generators of the official TensorFlow code (StyleGAN, StyleGAN2, StyleGAN2-ADA), by what a pickle says of
them.

A network is the name of the function that built it, its keyword arguments, its variables and its components.
Keyword arguments are those that were passed; where one is missing, the default is the official code's.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from export.official import families
from export.official.arrays import Array
from export.official.errors import OfficialError, listed, quoted
from export.official.identify import CHANGED, Settings, Shapes, copied
from export.official.records import Graph, digest
from export.official.spec import Network

VERSIONS = (3, 4, 5)
MAX_VARIABLES = 2000

MADE_WITH = {
    *(
        "truncation_psi",
        "truncation_cutoff",
        "truncation_psi_val",
        "truncation_cutoff_val",
        "dlatent_avg_beta",
    ),
    *("w_avg_beta", "style_mixing_prob", "mapping_func", "synthesis_func", "is_training", "is_validation"),
    *(
        "return_dlatents",
        "is_template_graph",
        "latent_size",
        "label_size",
        "dlatent_size",
        "dlatent_broadcast",
    ),
    *(
        "mapping_layers",
        "mapping_fmaps",
        "mapping_lrmul",
        "mapping_nonlinearity",
        "normalize_latents",
        "dtype",
    ),
    *("num_channels", "resolution", "fmap_base", "fmap_decay", "fmap_min", "fmap_max", "use_noise"),
    *("randomize_noise", "nonlinearity", "force_clean_graph"),
}
STYLEGAN = {
    *("use_wscale", "use_styles", "const_input_layer", "use_pixel_norm", "use_instance_norm", "fused_scale"),
    *("blur_filter", "structure"),
}
STYLEGAN2 = {"architecture", "resample_kernel", "fused_modconv"}
ADA = STYLEGAN2 | {"label_fmaps", "fmap_const", "num_fp16_res", "conv_clamp"}

# By the functions that built the whole, the mapping and the synthesis network: the family, the keyword
# arguments it may have been made with, and how a label enters.
BUILT_BY = {
    ("G_style", "G_mapping", "G_synthesis"): ("stylegan", STYLEGAN, "concat"),
    ("G_main", "G_mapping", "G_synthesis_stylegan2"): ("stylegan2", STYLEGAN2, "concat"),
    ("G_main", "G_mapping", "G_synthesis"): ("stylegan2", ADA, "embed"),
}


def network(root: Graph, name: str, limit: int) -> Network:
    """The generator `root`, called `name` in its file; `limit` bytes of tensors at most.

    Raises :class:`OfficialError` where it is none, or was changed.
    """
    top = _state(root, name)
    components = top.mapping("components")
    if components.values.keys() != {"mapping", "synthesis"}:
        raise OfficialError(f"{name} is not made of a mapping and a synthesis network: {CHANGED}")
    mapping, synthesis = (_state(components.values[key], f"{name}.{key}") for key in ("mapping", "synthesis"))
    built = tuple(state.text("build_func_name") for state in (top, mapping, synthesis))
    if built not in BUILT_BY:
        raise OfficialError(
            f"{name} was built by {listed(built)}, where G_mapping with G_style and G_synthesis, or with"
            f" G_main and G_synthesis_stylegan2 or G_synthesis, is known: {CHANGED}"
        )
    family, made_with, label = BUILT_BY[built]

    passed: dict[Any, Any] = {}
    for state in (top, mapping, synthesis):
        arguments = state.mapping("static_kwargs")
        arguments.check_known(MADE_WITH | made_with)
        passed |= arguments.values
        if state is not top and state.mapping("components", {}).values:
            raise OfficialError(f"{state.where} is made of other networks: {CHANGED}")
    settings = Settings(passed, name)
    settings.one_of("dtype", ["float32"], "float32")
    settings.one_of("use_wscale", [True], True)

    stored: dict[str, Array | float] = {}
    for prefix, state in (("", top), ("G_mapping/", mapping), ("G_synthesis/", synthesis)):
        stored |= {prefix + key: value for key, value in _variables(state).items()}
    resolution = settings.one_of("resolution", families.RESOLUTIONS, 1024)
    if family == "stylegan":
        _drop_growing(stored, len(families.levels(resolution)), name)
    shapes: Shapes = {key: value.shape if isinstance(value, Array) else () for key, value in stored.items()}
    num_ws = 2 * len(families.levels(resolution))
    if passed.get("dlatent_broadcast") is not None:
        settings.one_of("dlatent_broadcast", [num_ws])

    c_dim = settings.integer("label_size", 0, least=0)
    variant, read = (_stylegan if family == "stylegan" else _stylegan2)(settings)
    described = Network(
        family=family,
        variant=variant,
        origin="tensorflow",
        z_dim=settings.integer("latent_size", 512),
        w_dim=settings.integer("dlatent_size", 512),
        c_dim=c_dim,
        resolution=resolution,
        channels=settings.integer("num_channels", 3),
        num_ws=num_ws,
        settings={
            "mapping_layers": settings.integer("mapping_layers", 8, most=64),
            "mapping_activation": settings.one_of("mapping_nonlinearity", ["lrelu"], "lrelu"),
            "lrmul": settings.number("mapping_lrmul", 0.01),
            "normalize_latents": settings.flag("normalize_latents", True),
            "label": label if c_dim else "none",
            **read,
        },
        tensors={},
        source={
            "class": " + ".join(built),
            "module_src_sha256": digest(synthesis.text("build_module_src")),
        },
    )
    wanted = families.check(described, shapes)
    arrays = {key: partial(_value, stored[key]) for key in wanted}
    return replace(described, tensors=copied(arrays, shapes, limit))


def _state(graph: Any, name: str) -> Settings:
    if not isinstance(graph, Graph) or graph.state is None:
        raise OfficialError(f"{name} is no network: {CHANGED}")
    state = Settings(graph.state, name)
    state.one_of("version", VERSIONS)
    return state


def _variables(state: Settings) -> dict[str, Array | float]:
    """The variables of one network by name; a single number is stored as such."""
    variables = state.values.get("variables")
    if not isinstance(variables, list) or len(variables) > MAX_VARIABLES:
        raise state.refusal("variables", f"a list of at most {MAX_VARIABLES}")
    found: dict[str, Array | float] = {}
    for pair in variables:
        match pair:
            case (str() as name, (Array() | float()) as value) if len(name) <= 128 and name not in found:
                found[name] = value
            case _:
                raise OfficialError(f"{state.where} has variables that are none: {CHANGED}")
    return found


def _value(stored: Array | float) -> np.ndarray:
    return stored.array() if isinstance(stored, Array) else np.array(stored, np.float64)


def _drop_growing(stored: dict[str, Array | float], sizes: int, name: str) -> None:
    """Take away what growing left: how far it got, which must be to the end, and the outputs it passed."""
    lod = _value(stored.pop("G_synthesis/lod", 0.0))
    if lod.shape or lod != 0:
        raise OfficialError(
            f"{name} is at lod {quoted(float(lod.flat[0]) if lod.size else None)}, in the middle of growing:"
            " take a snapshot with lod 0."
        )
    for k in range(1, sizes):
        for part in ("weight", "bias"):
            stored.pop(f"G_synthesis/ToRGB_lod{k}/{part}", None)


def _truncation(settings: Settings, psi: float, cutoff: int | None) -> dict[str, Any]:
    """What the makers truncate by unless told otherwise; None of psi is no truncation."""
    psi_given = settings.values.get("truncation_psi", psi)
    cutoff_given = settings.values.get("truncation_cutoff", cutoff)
    return {
        "truncation_psi": 1.0 if psi_given is None else settings.number("truncation_psi", psi),
        "truncation_cutoff": None
        if cutoff_given is None
        else settings.integer("truncation_cutoff", cutoff, least=0, most=64),
    }


def _stylegan(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Variant and settings of a StyleGAN synthesis network."""
    for name in ("use_styles", "const_input_layer", "use_instance_norm", "use_noise"):
        settings.one_of(name, [True], True)
    settings.one_of("use_pixel_norm", [False], False)
    read = {
        "activation": settings.one_of("nonlinearity", ["lrelu"], "lrelu"),
        "blur_filter": _filter(settings, "blur_filter", (1, 2, 1)),
        "fused_scale": settings.one_of("fused_scale", ["auto", True, False], "auto"),
        **_truncation(settings, 0.7, 8),
    }
    return "", read


def _stylegan2(settings: Settings) -> tuple[str, dict[str, Any]]:
    """Variant and settings of a StyleGAN2 synthesis network."""
    read = {
        "activation": settings.one_of("nonlinearity", ["lrelu"], "lrelu"),
        "resample_filter": _filter(settings, "resample_kernel", (1, 3, 3, 1)) or [1.0],
        "conv_clamp": settings.clamp("conv_clamp"),
        "use_noise": settings.flag("use_noise", True),
        **_truncation(settings, 0.5, None),
    }
    return settings.one_of("architecture", families.VARIANTS["stylegan2"], "skip"), read


def _filter(settings: Settings, name: str, default: tuple[float, ...]) -> list[float] | None:
    """Taps of one axis, summing to one; None where there is no filter."""
    if settings.values.get(name, default) is None:
        return None
    return families.normalised(settings.numbers(name, default), settings.where)
