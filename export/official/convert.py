"""A network that was read to the folder that the page, the check and other runtimes know."""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto

from export import manifest, test_vectors
from export.official import mapping, safetensors, signature, stylegan, stylegan2, stylegan3, words
from export.official.errors import OfficialError
from export.official.spec import Network
from export.onnx_file import OPSET, store_smaller
from export.tolerance import TOLERANCE
from onnx_models import seeds

Arrays = dict[str, NDArray[Any]]

SYNTHESIS: Mapping[str, Callable[[Network, str], ModelProto]] = {
    "stylegan": stylegan.build,
    "stylegan2": stylegan2.build,
    "stylegan3": stylegan3.build,
}
PAIRS_UP_TO = 256
"""Pixels of a side up to which the test vectors hold two pictures, to show the batch's axis; one beyond."""


def identifier(file: str, network: str | None = None) -> str:
    """The name of the folder, from the name of the checkpoint, and of the network where one is named."""
    stem = re.sub(r"\.(pkl|pickle|safetensors)$", "", file, flags=re.IGNORECASE)
    name = "-".join(filter(None, (stem, network)))
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_") or "network"


def convert(
    network: Network,
    model_id: str,
    *,
    noise: str = "const",
    half: bool = False,
    shared: bool = False,
    done: Callable[[str], object] = lambda step: None,
) -> tuple[manifest.Document, manifest.Files]:
    """Make model.json and the other files of a network, all but its card.

    Parameters
    ----------
    network
        As read.
    model_id : str
        The name of the folder.
    noise : {"const", "input", "none"}
        The file's own noise, inputs ``noise_K`` for it, or none.
    half : bool
        Store large weights in half precision; they are widened when a runtime loads the graph.
    shared : bool
        Add ``weights.safetensors``: the network without a pickle, its settings as JSON in the header.
    done
        Called with the name of each step as it ends.

    Raises
    ------
    OfficialError
        The network cannot be built, or what it paints is not finite.

    """
    files: manifest.Files = {}
    models = {"mapping": mapping.build(network)}
    done("mapping")
    models["synthesis"] = SYNTHESIS[network.family](network, noise)
    done("synthesis")
    sizes = _sizes(models["synthesis"])
    signatures = {
        "mapping": signature.mapping(network),
        "synthesis": signature.synthesis(network, *sizes),
    }
    exact = None
    if half:  # before the smaller ones are stored: no more than one is kept
        full = {role: model.SerializeToString() for role, model in models.items()}
        exact = _vectors(network, full, sizes[0])["synthesis"][1]["image"]
        del full
    contents = {role: _stored(models.pop(role), half) for role in list(models)}
    done("storage")
    vectors = _vectors(network, contents, sizes[0])
    extra: dict[str, Any] = {}
    if exact is not None:
        extra["rounding"] = float(np.abs(vectors["synthesis"][1]["image"] - exact).max())
    done("test vectors")

    graphs: manifest.Document = {}
    for role, content in contents.items():
        inputs, outputs = signatures[role]
        graphs[role] = {
            **_described(f"{role}.onnx", content),
            "opset": OPSET,
            "tolerance": TOLERANCE["float32"],  # of the same rounded weights: the vectors are this file's own
            "inputs": [_tensor(tensor) for tensor in inputs],
            "outputs": [_tensor(tensor) for tensor in outputs],
        }
        files[f"{role}.onnx"] = content
        files |= test_vectors.serialise(role, *vectors[role])
    options = [f"--noise {noise}", *["--fp16-storage"] * half, *["--safetensors"] * shared]
    made_by = f"python -m export official {network.source['file']} --out DIR {' '.join(options)}"
    listed = []
    if shared:
        file, content = "weights.safetensors", _shared(network)
        about = {"role": "weights", "licence": words.LICENCE, "made_by": made_by}
        listed.append(about | _described(file, content))
        files[file] = content
    return _document(network, model_id, noise, half, graphs, listed, made_by, extra), files


def _sizes(model: ModelProto) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes of the noise images a synthesis graph takes, and of the parts it tells."""

    def sizes(tensors: Iterable[ValueInfoProto], prefix: str) -> tuple[int, ...]:
        named = (tensor for tensor in tensors if tensor.name.startswith(prefix))
        return tuple(tensor.type.tensor_type.shape.dim[2].dim_value for tensor in named)

    return sizes(model.graph.input, "noise_"), sizes(model.graph.output, "rgb_")


def _stored(model: ModelProto, half: bool = False) -> bytes:
    if half:
        store_smaller(model, "float16")
    content = model.SerializeToString(deterministic=True)
    onnx.checker.check_model(content, full_check=True)
    return content


def _vectors(
    network: Network, contents: Mapping[str, bytes], noises: tuple[int, ...]
) -> dict[str, tuple[Arrays, Arrays]]:
    """Inputs and outputs by role, as onnxruntime gives them: the makers' seeds from 0 on, and truncation."""
    count = 2 if network.resolution <= PAIRS_UP_TO else 1
    psi = np.ones((count, network.num_ws), np.float32)
    psi[:, : network.settings["truncation_cutoff"]] = _psi(network)
    given: Arrays = {
        "z": np.concatenate([seeds.makers_normals(seed, network.z_dim) for seed in range(count)])
    }
    if network.c_dim:
        given["label"] = np.arange(count, dtype=np.int64) - 1
    given["psi"] = psi
    styles = given, _run(contents["mapping"], given)
    given = {"ws": styles[1]["ws"]}
    for k, size in enumerate(noises):
        grain = seeds.normals(0, count, size * size, seeds.Stream.NOISE, layer=k)
        given[f"noise_{k}"] = grain.reshape(count, 1, size, size)
    return {"mapping": styles, "synthesis": (given, _run(contents["synthesis"], given))}


def _psi(network: Network) -> float:
    """The makers' truncation; 1 where they have none."""
    psi = network.settings["truncation_psi"]
    return 1.0 if psi is None else float(psi)


def _run(content: bytes, given: Arrays) -> Arrays:
    options = onnxruntime.SessionOptions()
    # Weights laid out anew for speed would be a second copy of them, for two pictures.
    options.add_session_config_entry("session.disable_prepacking", "1")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, given), strict=True))
    if not all(np.isfinite(values).all() for values in found.values()):
        raise OfficialError("what it paints is not finite: its weights are damaged.")
    return found


def _shared(network: Network) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{safetensors.SUFFIX}"
        safetensors.write(network, path)
        return path.read_bytes()


def _described(file: str, content: bytes) -> manifest.Document:
    return {"file": file, "sha256": manifest.sha256(content), "bytes": len(content)}


def _tensor(tensor: Any) -> manifest.Document:
    document = asdict(tensor)
    del document["groups"]
    return document


def _document(
    network: Network,
    model_id: str,
    noise: str,
    half: bool,
    graphs: manifest.Document,
    files: list[manifest.Document],
    made_by: str,
    extra: Mapping[str, Any],
) -> manifest.Document:
    family, source = words.FAMILIES[network.family], network.source
    return {
        "id": model_id,
        "kind": "model",
        "title": {"en": f"{family['title']}: {model_id}", "fr": f"{family['title']} : {model_id}"},
        "year": family["year"],
        "family": network.family,
        "paper": dict(family["paper"]),
        "lesson": dict(family["lesson"]),
        "equation": family["equation"],
        "colour": words.COLOUR,
        "dataset": dict(words.DATASET),
        "licence": words.LICENCE,
        "image": {
            "channels": network.channels,
            "height": network.resolution,
            "width": network.resolution,
        },
        "seeds": "numpy.RandomState",
        "source": {
            "file": source["file"],
            "sha256": source["sha256"],
            "network": source["network"],
            "class": source["class"],
            "module_src_sha256": source["module_src_sha256"],
            "origin": network.origin,
            "architecture": " ".join(filter(None, (network.family, network.variant))),
            "noise": noise,
            "storage": "float16" if half else "float32",
            **extra,
            "truncation": {
                "psi": _psi(network),
                "cutoff": network.settings["truncation_cutoff"],
            },
        },
        "graphs": graphs,
        "snapshots": [],
        "files": files,
        "training": {
            "command": made_by,
            "seconds": 0,
            "device": "its makers'",
            "seed": 0,
            "images_seen": 0,
        },
    }
