"""What a network of each family consists of: the tensors that its settings ask for, no more and no fewer.

StyleGAN (Karras et al. 2019) and StyleGAN2 (Karras et al. 2020) have two layers a resolution, StyleGAN3
(Karras et al. 2021) a list of layers whose sizes follow from their filters. Widths are read from the
tensors; everything else is held against them.
"""

import math
from typing import Any

from export.official.errors import OfficialError
from export.official.identify import CHANGED, Settings, Shapes, check_shapes, dimension
from export.official.spec import Network

RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
LARGEST = RESOLUTIONS[-1]
VARIANTS = {"stylegan": ("",), "stylegan2": ("skip", "resnet", "orig"), "stylegan3": ("t", "r")}
ORIGINS = {
    "stylegan": ("tensorflow",),
    "stylegan2": ("tensorflow", "torch"),
    "stylegan3": ("torch",),
}


def check(network: Network, found: Shapes) -> Shapes:
    """Shapes of the tensors that `network` must have, of which `found` are there; ``tensors`` is not read.

    Raises :class:`OfficialError` where they are not the same, or the settings are none that a graph can be
    built from.
    """
    sizes = Settings(vars(network), "its generator")
    for name, least in (("z_dim", 1), ("w_dim", 1), ("c_dim", 0), ("channels", 1), ("num_ws", 1)):
        sizes.integer(name, least=least)
    sizes.one_of("family", VARIANTS)
    sizes.one_of("variant", VARIANTS[network.family])
    sizes.one_of("origin", ORIGINS[network.family])
    settings = Settings(network.settings, "its generator")
    settings.one_of("activation", ["lrelu"])
    settings.one_of("mapping_activation", ["lrelu"])
    settings.flag("normalize_latents")
    settings.number("lrmul")
    if settings.values.get("truncation_psi") is not None:
        settings.number("truncation_psi")
    if settings.values.get("truncation_cutoff") is not None:
        settings.integer("truncation_cutoff", least=0)
    if network.family == "stylegan3":
        wanted = _stylegan3(network, settings)
    else:
        sizes.one_of("resolution", RESOLUTIONS)
        sizes.one_of("num_ws", [2 * len(levels(network.resolution))])
        if network.family == "stylegan":
            wanted = _stylegan(network, settings, found)
        elif network.origin == "torch":
            wanted = _stylegan2_torch(network, settings, found)
        else:
            wanted = _stylegan2_tensorflow(network, settings, found)
    wanted |= (_mapping_torch if network.origin == "torch" else _mapping_tensorflow)(network, settings, found)
    check_shapes(found, wanted)
    return wanted


def levels(resolution: int) -> tuple[int, ...]:
    """Resolutions that a network grows through, from 4 on."""
    return RESOLUTIONS[: RESOLUTIONS.index(resolution) + 1]


def filter_taps(settings: Settings, name: str) -> int:
    """Length of a resampling filter, which must sum to one."""
    taps = settings.numbers(name)
    if not math.isclose(sum(taps), 1, rel_tol=1e-5):
        raise settings.refusal(name, "a filter that sums to one")
    return len(taps)


def _mapping_torch(network: Network, settings: Settings, found: Shapes) -> Shapes:
    settings.one_of("label", ["embed" if network.c_dim else "none"])
    wanted: Shapes = {"mapping.w_avg": (network.w_dim,)}
    features = network.z_dim
    if network.c_dim:
        embedded = dimension(found, "mapping.embed.weight", 0, 2)
        wanted["mapping.embed.weight"] = (embedded, network.c_dim)
        wanted["mapping.embed.bias"] = (embedded,)
        features += embedded
    layers = settings.integer("mapping_layers", most=64)
    for k in range(layers):
        name = f"mapping.fc{k}"
        outputs = network.w_dim if k == layers - 1 else dimension(found, f"{name}.weight", 0, 2)
        wanted[f"{name}.weight"] = (outputs, features)
        wanted[f"{name}.bias"] = (outputs,)
        features = outputs
    return wanted


def _mapping_tensorflow(network: Network, settings: Settings, found: Shapes) -> Shapes:
    label = settings.one_of("label", ["concat", "embed"] if network.c_dim else ["none"])
    wanted: Shapes = {"dlatent_avg": (network.w_dim,)}
    features = network.z_dim
    if label == "concat":
        wanted["G_mapping/LabelConcat/weight"] = (network.c_dim, network.z_dim)
        features += network.z_dim
    elif label == "embed":
        embedded = dimension(found, "G_mapping/LabelEmbed/weight", 1, 2)
        wanted["G_mapping/LabelEmbed/weight"] = (network.c_dim, embedded)
        wanted["G_mapping/LabelEmbed/bias"] = (embedded,)
        features += embedded
    layers = settings.integer("mapping_layers", most=64)
    for k in range(layers):
        name = f"G_mapping/Dense{k}"
        outputs = network.w_dim if k == layers - 1 else dimension(found, f"{name}/weight", 1, 2)
        wanted[f"{name}/weight"] = (features, outputs)
        wanted[f"{name}/bias"] = (outputs,)
        features = outputs
    return wanted


def _stylegan(network: Network, settings: Settings, found: Shapes) -> Shapes:
    settings.one_of("fused_scale", ["auto", True, False])
    if settings.values.get("blur_filter") is not None:
        filter_taps(settings, "blur_filter")
    wanted: Shapes = {}
    width = 0
    for k, level in enumerate(levels(network.resolution)):
        block = f"G_synthesis/{level}x{level}"
        before, width = width, dimension(found, f"{block}/{'Conv1' if k else 'Conv'}/weight", 3, 4)
        for j, name in enumerate(("Conv0_up", "Conv1") if k else ("Const", "Conv")):
            path = f"{block}/{name}"
            if name == "Const":
                wanted[f"{path}/const"] = (1, width, level, level)
            else:
                wanted[f"{path}/weight"] = (3, 3, width if j else before, width)
            wanted[f"{path}/bias"] = (width,)
            wanted[f"{path}/Noise/weight"] = (width,)
            wanted[f"{path}/StyleMod/weight"] = (network.w_dim, 2 * width)
            wanted[f"{path}/StyleMod/bias"] = (2 * width,)
            wanted[f"G_synthesis/noise{2 * k + j}"] = (1, 1, level, level)
    wanted["G_synthesis/ToRGB_lod0/weight"] = (1, 1, width, network.channels)
    wanted["G_synthesis/ToRGB_lod0/bias"] = (network.channels,)
    return wanted


def _stylegan2_torch(network: Network, settings: Settings, found: Shapes) -> Shapes:
    settings.clamp("conv_clamp")
    use_noise = settings.flag("use_noise")
    taps = filter_taps(settings, "resample_filter")
    axes = len(found.get("synthesis.b4.resample_filter", ()))
    wanted: Shapes = {}

    def modulated(path: str, inputs: int, outputs: int, size: int) -> None:
        wanted[f"{path}.weight"] = (outputs, inputs, size, size)
        wanted[f"{path}.bias"] = (outputs,)
        wanted[f"{path}.affine.weight"] = (inputs, network.w_dim)
        wanted[f"{path}.affine.bias"] = (inputs,)

    def filtered(path: str) -> None:
        # One axis where it is long, both where it is short.
        wanted[f"{path}.resample_filter"] = (taps,) if axes == 1 else (taps, taps)

    width = 0
    for level in levels(network.resolution):
        block = f"synthesis.b{level}"
        before, width = width, dimension(found, f"{block}.conv1.weight", 0, 4)
        filtered(block)
        if not before:
            wanted[f"{block}.const"] = (width, level, level)
        for name, inputs in (("conv0", before), ("conv1", width)):
            if not inputs:
                continue
            modulated(f"{block}.{name}", inputs, width, 3)
            filtered(f"{block}.{name}")
            if use_noise:
                wanted[f"{block}.{name}.noise_const"] = (level, level)
                wanted[f"{block}.{name}.noise_strength"] = ()
        if network.variant == "skip" or level == network.resolution:
            modulated(f"{block}.torgb", width, network.channels, 1)
        if network.variant == "resnet" and before:
            wanted[f"{block}.skip.weight"] = (width, before, 1, 1)
            filtered(f"{block}.skip")
    return wanted


def _stylegan2_tensorflow(network: Network, settings: Settings, found: Shapes) -> Shapes:
    settings.clamp("conv_clamp")
    use_noise = settings.flag("use_noise")
    filter_taps(settings, "resample_filter")
    wanted: Shapes = {}

    def modulated(path: str, inputs: int, outputs: int, size: int) -> None:
        wanted[f"{path}/weight"] = (size, size, inputs, outputs)
        wanted[f"{path}/bias"] = (outputs,)
        wanted[f"{path}/mod_weight"] = (network.w_dim, inputs)
        wanted[f"{path}/mod_bias"] = (inputs,)

    width = 0
    for k, level in enumerate(levels(network.resolution)):
        block = f"G_synthesis/{level}x{level}"
        before, width = width, dimension(found, f"{block}/{'Conv1' if k else 'Conv'}/weight", 3, 4)
        if not k:
            wanted[f"{block}/Const/const"] = (1, width, level, level)
        for j, (name, inputs) in enumerate(
            [("Conv0_up", before), ("Conv1", width)] if k else [("Conv", width)]
        ):
            modulated(f"{block}/{name}", inputs, width, 3)
            if use_noise:
                wanted[f"{block}/{name}/noise_strength"] = ()
                wanted[f"G_synthesis/noise{max(2 * k - 1, 0) + j}"] = (1, 1, level, level)
        if network.variant == "skip" or level == network.resolution:
            modulated(f"{block}/ToRGB", width, network.channels, 1)
        if network.variant == "resnet" and k:
            wanted[f"{block}/Skip/weight"] = (1, 1, before, width)
    return wanted


def _stylegan3(network: Network, settings: Settings) -> Shapes:
    settings.number("output_scale")
    start = settings.mapping("input")
    width, size = start.integer("channels"), start.integers("size", 2)
    if not 0 < start.number("bandwidth") < start.number("sampling_rate"):
        raise start.refusal("bandwidth", "a number below the sampling rate")
    wanted: Shapes = {
        "synthesis.input.weight": (width, width),
        "synthesis.input.transform": (3, 3),
        "synthesis.input.freqs": (width, 2),
        "synthesis.input.phases": (width,),
        "synthesis.input.affine.weight": (4, network.w_dim),
        "synthesis.input.affine.bias": (4,),
    }
    layers = settings.values.get("layers")
    if not isinstance(layers, list) or network.num_ws != len(layers) + 1:  # and one for the input
        raise settings.refusal("layers", f"a list of {network.num_ws - 1}")
    for k, values in enumerate(layers):
        if not isinstance(values, dict):
            raise settings.refusal("layers", "a list of dictionaries")
        layer = Settings(values, f"its layer {k}")
        name = layer.text("name")
        if not name.isidentifier() or not name.isascii() or len(name) > 64:
            raise layer.refusal("name", "an identifier")
        wanted |= _layer(network, layer, f"synthesis.{name}", width, size, last=k == len(layers) - 1)
        width, size = layer.integer("out_channels"), layer.integers("out_size", 2)
    if (width, size) != (network.channels, [network.resolution] * 2):
        raise OfficialError(
            f"its layers end with {width} channels of {size} pixels, where the image has {network.channels}"
            f" of {[network.resolution] * 2}: {CHANGED}"
        )
    return wanted


def _layer(
    network: Network, layer: Settings, path: str, inputs: int, size: list[int], *, last: bool
) -> Shapes:
    """Tensors of one layer on maps of `inputs` channels and `size`, once its geometry has been checked."""
    layer.one_of("is_torgb", [last])
    layer.one_of("in_channels", [inputs])
    outputs = layer.integer("out_channels")
    kernel = layer.one_of("conv_kernel", [1] if last or network.variant == "r" else [3])
    layer.clamp("conv_clamp")
    grown, padding = layer.integers("out_size", 2), layer.integers("padding", 4)
    if layer.integers("in_size", 2) != size or not all(1 <= side <= 2 * LARGEST for side in (*size, *grown)):
        raise layer.refusal("in_size", f"what comes before, {size},")
    wanted: Shapes = {
        f"{path}.weight": (outputs, inputs, kernel, kernel),
        f"{path}.bias": (outputs,),
        f"{path}.magnitude_ema": (),
        f"{path}.affine.weight": (inputs, network.w_dim),
        f"{path}.affine.bias": (inputs,),
    }
    factors = {way: layer.integer(f"{way}_factor", most=8) for way in ("up", "down")}
    taps = {way: layer.integer(f"{way}_taps", most=256) for way in ("up", "down")}
    radial = layer.flag("down_radial")
    if radial and network.variant != "r":
        raise layer.refusal("down_radial", "false in configuration t")
    for way in ("up", "down"):
        if taps[way] > 1:
            wanted[f"{path}.{way}_filter"] = (taps[way],) * (2 if way == "down" and radial else 1)
        elif factors[way] != 1:
            raise layer.refusal(f"{way}_taps", "a filter, where there is a factor,")
    # Convolving fully, upsampling, padding and filtering must leave what downsampling needs.
    for axis in (0, 1):
        needed = (grown[axis] - 1) * factors["down"] + 1 + taps["up"] + taps["down"] - 2
        needed -= (size[axis] + kernel - 1) * factors["up"]
        if padding[2 * axis] + padding[2 * axis + 1] != needed:
            raise OfficialError(
                f"{layer.where} has padding {padding}, where {needed} is needed along axis {axis}: {CHANGED}"
            )
    return wanted


def normalised(kernel: list[float], where: Any) -> list[float]:
    """A resampling filter of one axis, summing to one. Raises :class:`OfficialError`."""
    total = sum(kernel)
    if not total:
        raise OfficialError(f"{where} has a resampling filter that sums to nothing: {CHANGED}")
    return [value / total for value in kernel]
