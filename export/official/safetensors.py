"""A network as one file that can be shared without a pickle: its tensors, and its settings as JSON.

The layout is safetensors': a JSON header, then plain numbers. What :class:`~export.official.spec.Network`
says beside its tensors is one JSON text in the header's metadata, under ``network``.
"""

import json
import re
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
from safetensors.numpy import save_file

from export.official import families
from export.official.errors import OfficialError
from export.official.identify import CHANGED, Settings, copied
from export.official.spec import Network

SUFFIX = ".safetensors"
FORMAT = "latent-lineage official network 1"
MAX_TEXT = 1 << 20  # characters of settings; those of the largest network are about ten thousand
SOURCE = {"file", "sha256", "network", "class", "module_src_sha256"}


def write(network: Network, path: Path) -> None:
    """Write `network` to `path`, whose folder must exist. Raises :class:`OSError`."""
    described = asdict(replace(network, tensors={}))
    del described["tensors"]
    metadata = {"format": FORMAT, "network": json.dumps(described)}
    partial_path = path.with_name(f"{path.name}.partial")
    save_file(dict(network.tensors), partial_path, metadata)
    partial_path.replace(path)


def read(path: Path) -> Network:
    """The network in `path`. Raises :class:`OfficialError` where it is not what :func:`write` writes."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or len(metadata.get("network", "")) > MAX_TEXT:
                raise OfficialError(
                    "it was not written by this program: convert the official checkpoint itself."
                )
            network = _described(json.loads(metadata["network"]))
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            wanted = families.check(network, shapes)
            arrays = {name: partial(file.get_tensor, name) for name in wanted}
            return replace(network, tensors=copied(arrays, shapes, 2 * path.stat().st_size))
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        raise OfficialError("it is damaged or no safetensors file: convert the checkpoint again.") from None


def _described(document: Any) -> Network:
    """A network without its tensors, from JSON; what it says is for :func:`families.check` to judge."""
    if not isinstance(document, dict):
        raise OfficialError(f"it describes no network: {CHANGED}")
    read = Settings(document, "its description")
    source = read.mapping("source").values
    plain = re.compile(r"[\w .+()-]{1,200}", re.ASCII)  # it is printed on the card
    if source.keys() != SOURCE or not all(
        isinstance(text, str) and plain.fullmatch(text) for text in source.values()
    ):
        raise read.refusal("source", "a plain text for each of " + ", ".join(sorted(SOURCE)))
    return Network(
        family=read.text("family"),
        variant=read.text("variant"),
        origin=read.text("origin"),
        z_dim=read.integer("z_dim"),
        w_dim=read.integer("w_dim"),
        c_dim=read.integer("c_dim", least=0),
        resolution=read.integer("resolution", most=families.LARGEST),
        channels=read.integer("channels"),
        num_ws=read.integer("num_ws"),
        settings=read.mapping("settings").values,
        tensors={},
        source=source,
    )
