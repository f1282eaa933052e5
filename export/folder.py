"""A model's folder: everything is made and proved in memory, then written, then what is outdated goes."""

import dataclasses
import importlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from export import manifest, parity, test_vectors
from export.entry import Entry
from export.graphs import Graph
from export.onnx_file import opset
from export.to_onnx import to_onnx, with_weights
from export.tolerance import TOLERANCE
from onnx_models.catalog import Tensor
from training.checkpoint import Run, RunError, load_weights

Files = dict[str, bytes]


def build(
    entry: Entry, run: Run, done: Callable[[], object] = lambda: None
) -> tuple[manifest.Document, Files]:
    """Make the model.json and the other files of a model, parity proved for each graph and each snapshot.

    `done` is called as each file is finished. Raises :class:`export.parity.ParityError`.
    """
    files: Files = {}
    graphs: manifest.Document = {}
    contents: dict[str, bytes] = {}
    for graph in entry.graphs(networks(entry, run.config, run.weights)):
        content = contents[graph.role] = to_onnx(graph)
        parity.prove(entry.id, graph, content)
        file = f"{graph.role}.onnx"
        graphs[graph.role] = {**_described(file, content), **_signature(graph, content)}
        files[file] = content
        files |= test_vectors.serialise(graph.role, *parity.reference(graph, test_vectors.BATCH, seed=0))
        done()

    snapshots = []
    for role, seen, content in _snapshots(entry, run, contents):
        # The last generation is the shipped one: no need to store it twice.
        file = f"snapshots/{seen:010d}.onnx" if content != contents[role] else f"{role}.onnx"
        snapshots.append({"images_seen": seen, "role": role, **_described(file, content)})
        files[file] = content
        done()

    others = []
    curve = loss_curve(run.log)
    if curve:
        files["loss_curve.json"] = curve
        made_by = f"python -m export {entry.id}"
        others.append(_file("loss_curve", "loss_curve.json", curve, entry.licence, made_by))
    return _document(entry, run, graphs, snapshots, others), files


def write(folder: Path, document: manifest.Document, files: Files, name: str) -> None:
    """Write `files` and the document called `name` (model.json or dataset.json), each atomically.

    Deletes what the document that was there before lists and this one does not; nothing else.
    """
    path = folder / name
    outdated = manifest.owned(manifest.read(path)) if path.is_file() else set()
    # Files first, the document that vouches for them last.
    for file, content in {**files, name: manifest.dumps(document).encode()}.items():
        target = folder / file
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.partial")
        partial.write_bytes(content)
        os.replace(partial, target)
    for file in sorted(outdated - manifest.owned(document)):
        target = folder / file
        target.unlink(missing_ok=True)
        for parent in target.parents:
            if parent == folder or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def networks(entry: Entry, config: dict[str, Any], weights: dict[str, Any]) -> dict[str, nn.Module]:
    """The family's networks with the given weights, ready for inference.

    Raises :class:`training.checkpoint.RunError` where a run was made by another version of the family's file.
    """
    family = importlib.import_module(f"training.{entry.family}")
    config_type = type(next(iter(family.MODELS[entry.id].values())))
    try:
        built: dict[str, nn.Module] = family.build(config_type(**config))
        for name, network in built.items():
            network.load_state_dict(weights[name])
            network.eval().requires_grad_(False)
    except (TypeError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(f"The run of {entry.id} does not fit training/{entry.family}.py: {reason}") from error
    return built


def thinned(snapshots: Sequence[Path], size: int) -> list[Path]:
    """As many of `snapshots` as fit the budget at `size` bytes each, the first and the last among them.

    They are evenly spaced on a log scale, and so is what is left. The last one is the shipped graph, which
    is stored anyway.
    """
    count = min(len(snapshots), 1 + manifest.SNAPSHOT_LIMIT // size)
    return [snapshots[round(k * (len(snapshots) - 1) / max(count - 1, 1))] for k in range(count)]


def _snapshots(entry: Entry, run: Run, contents: dict[str, bytes]) -> Iterator[tuple[str, int, bytes]]:
    """Role, images seen and file of a graph's generations, parity proved; in 8 bits, since they are many.

    The shipped generation, where it is among them, comes as the shipped file.
    """
    if entry.snapshot_role is None or not run.snapshots:
        return
    eight = b""  # the graph whose weights each generation replaces
    paths = list(run.snapshots)
    while paths:
        document = load_weights(paths.pop(0))
        graph = _graph(entry, run.config, document["weights"])
        ((_, network),) = graph.module.named_children()
        if not eight:
            eight = to_onnx(dataclasses.replace(graph, storage="int8"))
            paths = thinned(run.snapshots, len(eight))[1:]
        content = with_weights(contents[graph.role], network)
        if content != contents[graph.role]:
            graph = dataclasses.replace(graph, storage="int8")
            content = with_weights(eight, network)
        parity.prove(entry.id, graph, content)
        yield graph.role, document["images_seen"], content


def loss_curve(log: Path) -> bytes:
    """The log as compact JSON, {"images_seen": [], "losses": {name: []}}; empty for fewer than two lines."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.is_file() else []
    if len(lines) < 2:
        return b""
    apart = ("images_seen", "seconds", "stage", "images_per_second")
    names = [name for name in lines[-1] if name not in apart]
    losses = {
        name: [float(f"{line[name]:.4g}") if name in line else None for line in lines] for name in names
    }
    curve = {"images_seen": [line["images_seen"] for line in lines], "losses": losses}
    return json.dumps(curve, separators=(",", ":")).encode()


def _graph(entry: Entry, config: dict[str, Any], weights: dict[str, Any]) -> Graph:
    (graph,) = (g for g in entry.graphs(networks(entry, config, weights)) if g.role == entry.snapshot_role)
    return graph


def _described(file: str, content: bytes) -> manifest.Document:
    return {"file": file, "sha256": manifest.sha256(content), "bytes": len(content)}


def _file(role: str, file: str, content: bytes, licence: str, made_by: str) -> manifest.Document:
    return {"role": role, **_described(file, content), "licence": licence, "made_by": made_by}


def _signature(graph: Graph, content: bytes) -> manifest.Document:
    return {
        "opset": opset(content),
        "tolerance": TOLERANCE[graph.storage],
        "inputs": [_tensor(tensor) for tensor in graph.inputs],
        "outputs": [_tensor(tensor) for tensor in graph.outputs],
    }


def _tensor(tensor: Tensor) -> manifest.Document:
    """As model.json has it: groups only where there are some."""
    document = dataclasses.asdict(tensor)
    if not tensor.groups:
        del document["groups"]
    return document


def _document(
    entry: Entry,
    run: Run,
    graphs: manifest.Document,
    snapshots: list[manifest.Document],
    files: list[manifest.Document],
) -> manifest.Document:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "title": dict(entry.title),
        "year": entry.year,
        "family": entry.family,
        "paper": dict(entry.paper),
        "lesson": dict(entry.lesson),
        "equation": entry.equation,
        "colour": entry.colour,
        "dataset": dict(entry.dataset),
        "licence": entry.licence,
        "image": dict(entry.image),
        "graphs": graphs,
        "snapshots": sorted(snapshots, key=lambda snapshot: snapshot["images_seen"]),
        "files": files,
        "training": {
            "command": run.command,
            "seconds": round(run.seconds, 1),
            "device": run.device,
            "seed": run.seed,
            "images_seen": run.images_seen,
        },
    }
