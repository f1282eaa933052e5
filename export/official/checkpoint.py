"""Read an official StyleGAN checkpoint: a file in, one generator out, and nothing in the file is run.

``settings`` of the :class:`~export.official.spec.Network` that is read, all of them values of JSON:

======================  ==========  =======================================================================
name                    family      value
======================  ==========  =======================================================================
``mapping_layers``      all         layers of the mapping network
``mapping_activation``  all         ``lrelu``
``lrmul``               all         the mapping network's learning rate multiplier
``normalize_latents``   all         whether z is normalised
``label``               all         ``none``; ``concat``: a matrix's row joins z before it is normalised;
                                    ``embed``: a layer's output, normalised, joins the normalised z
``truncation_psi``      all         the makers' default, 1 for none
``truncation_cutoff``   all         rows of ws that it acts on, from the first; None for all
``activation``          all         ``lrelu``
``blur_filter``         stylegan    taps of one axis, of sum 1; None for no blur
``fused_scale``         stylegan    ``auto`` (transposed convolutions from 128 pixels on), true or false
``resample_filter``     stylegan2   taps of one axis, of sum 1
``use_noise``           stylegan2   whether the layers have noise
``conv_clamp``          stylegan2   largest magnitude behind an activation, or None; stylegan3 has one a layer
``output_scale``        stylegan3   factor of the image
``input``               stylegan3   ``channels``, ``size`` [width, height], ``sampling_rate``, ``bandwidth``
``layers``              stylegan3   for each: ``name``, ``is_torgb``, ``is_critically_sampled``,
                                    ``in_channels``, ``out_channels``, ``in_size`` and ``out_size``
                                    [width, height], ``conv_kernel``, ``conv_clamp``, ``up_factor``,
                                    ``up_taps``, ``down_factor``, ``down_taps`` (1 tap: no filter),
                                    ``down_radial``, ``padding`` [left, right, top, bottom] (below 0: crop)
======================  ==========  =======================================================================
"""

import hashlib
import mmap
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from export.official import arrays, records, safetensors, tf_networks, torch_networks
from export.official.errors import OfficialError, listed, quoted
from export.official.opcodes import Budget, Reader, check_depth, malformed
from export.official.spec import Network

MAX_FILE = 4 << 30  # bytes; the largest official checkpoint has 0.4 of one GB
CHUNK = 1 << 22
TENSORFLOW = ("G", "D", "Gs")

Progress = Callable[[int], object]
"""Called with the bytes done since the last call; the size of the file in all."""


def read(path: Path, network: str | None = None, progress: Progress | None = None) -> Network:
    """The generator called `network` in the checkpoint `path`.

    Parameters
    ----------
    path : Path
        A pickle of the official code, of PyTorch or TensorFlow, or a file of
        :func:`export.official.safetensors.write`.
    network : str, optional
        ``G_ema`` and ``Gs`` are the moving averages, which is what people use and the default; ``G`` is the
        network at its last step.
    progress : callable, optional
        Called with bytes as they are done, `path`'s size in all.

    Raises
    ------
    OfficialError
        With the file's name and one sentence: what it is not, or what was changed in it.

    """
    try:
        information = path.stat()
        if not stat.S_ISREG(information.st_mode):
            raise OfficialError("it is no file: name the checkpoint itself.")
        if not 0 < information.st_size <= MAX_FILE:
            raise OfficialError(
                f"it has {information.st_size:,} bytes, where a checkpoint has 1 to {MAX_FILE:,}: download it"
                " again."
            )
        if path.suffix == safetensors.SUFFIX:
            found = safetensors.read(path)
            asked = network or found.source["network"]
            if asked != found.source["network"]:
                raise OfficialError(
                    f"it has {found.source['network']} and no {asked}: leave the network's name out."
                )
            if progress is not None:
                progress(information.st_size)
            return found
        with path.open("rb") as file:
            # Mapped rather than read: what is refused early is never loaded. It is unmapped with the last
            # record that refers to it; the network has tensors of its own.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        found = _read(data, network)
        return replace(found, source={"file": path.name, "sha256": _sha256(data, progress), **found.source})
    except OfficialError as error:
        raise OfficialError(f"{path.name}: {error}") from None
    except OSError as error:
        raise OfficialError(
            f"{path.name}: it cannot be read ({error.strerror}): check name and rights."
        ) from None


def _read(data: memoryview, network: str | None) -> Network:
    """The generator in the bytes of a checkpoint, of either layout."""
    budget = Budget()
    if arrays.is_torch_file(data):
        root = arrays.read_torch_file(data, {**records.ALLOWED, **arrays.STORAGE_TYPES}, budget)
    else:
        reader = Reader(data, 0, records.ALLOWED, budget)
        root = reader.read()
        if reader.position != len(data):
            malformed("it goes on after its end")
    check_depth(root)
    # Half precision doubles in float32; more than that is no plain file.
    limit = 2 * len(data) + CHUNK
    if isinstance(root, dict):
        modules = {key: value for key, value in root.items() if isinstance(value, records.Module)}
        name = "G_ema" if network is None else network
        if name not in modules:
            raise OfficialError(
                f"it has no network {quoted(name)}, only {_these(modules)}: name one with --network."
            )
        return _named(torch_networks.network(modules[name], name, limit), name)
    if isinstance(root, tuple) and len(root) == len(TENSORFLOW):
        name = "Gs" if network is None else network
        if name not in TENSORFLOW:
            raise OfficialError(
                f"it has no network {quoted(name)}, only {_these(TENSORFLOW)}: name one with --network."
            )
        return _named(tf_networks.network(root[TENSORFLOW.index(name)], name, limit), name)
    raise OfficialError(
        "it holds neither the networks by name, as PyTorch's code saves them, nor G, D and Gs, as"
        " TensorFlow's does: name a whole checkpoint of the official code."
    )


def _these(names: Any) -> str:
    return listed(names) if names else "other things"


def _named(network: Network, name: str) -> Network:
    return replace(network, source={"network": name, **network.source})


def _sha256(data: memoryview, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(data), CHUNK):
        part = data[start : start + CHUNK]
        digest.update(part)
        if progress is not None:
            progress(len(part))
    return digest.hexdigest()
