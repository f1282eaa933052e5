"""What goes into the graphs and comes out of them, as CONTRACT and the page know a StyleGAN's."""

from export.inputs import NORMAL, REAL, UNIT_INTERVAL
from export.official.spec import Network
from onnx_models.catalog import Tensor

Signature = tuple[tuple[Tensor, ...], tuple[Tensor, ...]]
"""Inputs and outputs."""

NOISES = ("const", "input", "none")
"""The file's own noise, noise that is asked for, or none."""


def mapping(network: Network) -> Signature:
    """z [, label], psi -> ws."""
    z = _batched("z", NORMAL, "what the picture is made of", network.z_dim)
    label = Tensor(
        "label",
        "int64",
        ("batch",),
        f"{{-1, ..., {network.c_dim - 1}}}",
        "the class that is asked for; -1 for none",
    )
    psi = _batched(
        "psi",
        UNIT_INTERVAL,
        "truncation, layer by layer from the coarsest: 1 leaves the style as it is, 0 replaces it by the "
        "centre of all styles; beyond 1 exaggerates",
        network.num_ws,
    )
    return (z, *((label,) if network.c_dim else ()), psi), (_ws(network),)


def synthesis(network: Network, noise_sizes: tuple[int, ...] = (), parts: tuple[int, ...] = ()) -> Signature:
    """ws, noise_K -> image, rgb_R, for noise images and parts of these sizes."""
    noises = (
        _batched(f"noise_{k}", NORMAL, f"added to the maps of convolution {k}; zeros: none", 1, size, size)
        for k, size in enumerate(noise_sizes)
    )
    size = network.resolution
    image = _batched("image", UNIT_INTERVAL, "the picture", network.channels, size, size)
    meaning = "what the layers of {0}x{0} add; doubled to full size, all parts and 0.5 sum to the image"
    rgb = (
        _batched(f"rgb_{part}", REAL, meaning.format(part), network.channels, part, part) for part in parts
    )
    return (_ws(network), *noises), (image, *rgb)


def _ws(network: Network) -> Tensor:
    return _batched("ws", REAL, "a style for each layer, coarse to fine", network.num_ws, network.w_dim)


def _batched(name: str, range: str, meaning: str, *shape: int) -> Tensor:
    return Tensor(name, "float32", ("batch", *shape), range, meaning)
