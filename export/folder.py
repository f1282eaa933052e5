"""A model's folder: everything is made and proved in memory; `export.manifest.write` puts it on disk."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from export import manifest, parity, test_vectors
from export.entry import Entry
from export.graphs import Graph
from export.manifest import Files
from export.onnx_file import opset
from export.to_onnx import stored, traced, with_weights
from export.tolerance import TOLERANCE
from onnx_models.catalog import Tensor
from training.checkpoint import Run, RunError, load_weights
from training.families import FAMILIES, name_of

T = TypeVar("T")

CURVE = "loss_curve.json"


def build(
    entry: Entry, run: Run, done: Callable[[], object] = lambda: None
) -> tuple[manifest.Document, Files]:
    """Make the model.json and the other files of a model, parity proved for each graph and each snapshot.

    `done` is called as each file is finished. Raises :class:`export.parity.ParityError`.
    """
    files: Files = {}
    graphs: manifest.Document = {}
    contents: dict[str, bytes] = {}
    eight = b""  # the graph whose weights each generation replaces
    for graph in entry.graphs(networks(entry, run.config, run.weights)):
        trace = traced(graph)
        content = contents[graph.role] = stored(trace, graph)
        if graph.role == entry.snapshot_role:
            eight = stored(trace, dataclasses.replace(graph, storage="int8"))
        parity.prove(entry.id, graph, content)
        file = f"{graph.role}.onnx"
        graphs[graph.role] = {**_described(file, content), **_signature(graph, content)}
        files[file] = content
        files |= test_vectors.serialise(graph.role, *parity.reference(graph, test_vectors.BATCH, seed=0))
        done()

    snapshots = []
    for role, seen, content in _snapshots(entry, run, contents, eight):
        # The last generation is the shipped one: no need to store it twice.
        file = f"snapshots/{seen:010d}.onnx" if content != contents[role] else f"{role}.onnx"
        snapshots.append({"images_seen": seen, "role": role, **_described(file, content)})
        files[file] = content
        done()

    others = []
    curve = loss_curve(run.log)
    if curve:
        files[CURVE] = curve
        made_by = f"python -m export {entry.id}"
        others.append(_file("loss_curve", CURVE, curve, entry.licence, made_by))
    return _document(entry, run, graphs, snapshots, others), files


def keep_past(directory: Path, document: manifest.Document, files: Files) -> None:
    """Add the snapshots and losses in `directory` that a run went on from, if it went on from that model.

    Otherwise a run with `--init-from` would show none of its weights' youth. `document` and `files` are those
    that `build` made; they are changed in place.
    """
    own, snapshots = document["training"]["command"], document["snapshots"]
    try:
        past = manifest.read(directory / "model.json")
        earlier, command = past["snapshots"], past["training"]["command"]
        began = min(snapshot["images_seen"] for snapshot in snapshots)
        # The same run exported once more has the same past.
        if not began or not (own == command or own.startswith(f"{command} && ")):
            return
        # Not the generation that was the shipped graph: where this run did not begin with it, its file is the
        # one that this run's graph replaces.
        earlier = [
            snapshot
            for snapshot in earlier
            if snapshot["images_seen"] < began and snapshot["file"].startswith("snapshots/")
        ]
        contents = {snapshot["file"]: (directory / snapshot["file"]).read_bytes() for snapshot in earlier}
        curve = json.loads((directory / CURVE).read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        return
    if any(manifest.sha256(contents[snapshot["file"]]) != snapshot["sha256"] for snapshot in earlier):
        return
    files |= contents
    both = [*earlier, *snapshots]
    # A network may have grown since; the shipped graph is no file of a snapshot's.
    apart = [snapshot["bytes"] for snapshot in both if snapshot["file"].startswith("snapshots/")]
    kept = sparse(both, 1 + manifest.SNAPSHOT_LIMIT // max(apart, default=1))
    for dropped in (snapshot for snapshot in both if snapshot not in kept):
        if dropped["file"].startswith("snapshots/"):
            files.pop(dropped["file"], None)
    document["snapshots"] = kept
    if CURVE in files:
        files[CURVE] = _joined(curve, json.loads(files[CURVE]))
        for file in document["files"]:
            if file["file"] == CURVE:
                file |= _described(CURVE, files[CURVE])


def _joined(before: dict[str, Any], after: dict[str, Any]) -> bytes:
    """Two loss curves as one; where one of them has no value of a loss, there is none."""
    count = sum(seen < min(after["images_seen"]) for seen in before["images_seen"])
    losses = {
        name: before["losses"].get(name, [None] * count)[:count]
        + after["losses"].get(name, [None] * len(after["images_seen"]))
        for name in [*after["losses"], *(name for name in before["losses"] if name not in after["losses"])]
    }
    curve = {"images_seen": before["images_seen"][:count] + after["images_seen"], "losses": losses}
    return json.dumps(curve, separators=(",", ":")).encode()


def networks(entry: Entry, config: dict[str, Any], weights: dict[str, Any]) -> dict[str, nn.Module]:
    """The family's networks with the given weights, ready for inference.

    Raises :class:`training.checkpoint.RunError` where a run was made by another version of the family's file.
    """
    family = FAMILIES[entry.id]
    config_type = type(next(iter(family.MODELS[entry.id].values())))
    try:
        built: dict[str, nn.Module] = family.build(config_type(**config))
        for name, network in built.items():
            network.load_state_dict(weights[name])
            network.eval().requires_grad_(False)
    except (TypeError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        file = f"training/{name_of(family)}.py"
        raise RunError(f"The run of {entry.id} does not fit {file}: {reason}") from error
    return built


def thinned(snapshots: Sequence[T], size: int) -> list[T]:
    """As many of `snapshots` as fit the budget at `size` bytes each, the first and the last among them.

    They are evenly spaced on a log scale, and so is what is left. The last one is the shipped graph, which
    is stored anyway.
    """
    count = min(len(snapshots), 1 + manifest.SNAPSHOT_LIMIT // size)
    return [snapshots[round(k * (len(snapshots) - 1) / max(count - 1, 1))] for k in range(count)]


def sparse(snapshots: Sequence[manifest.Document], count: int) -> list[manifest.Document]:
    """`count` of the snapshots of several runs, or all that there are; the first and the last among them.

    Each run begins with many: those go first whose neighbours are closest, by images seen on a log scale.
    """
    kept = [*snapshots]
    while len(kept) > max(count, 2):
        ages = [math.log1p(snapshot["images_seen"]) for snapshot in kept]
        del kept[min(range(1, len(kept) - 1), key=lambda k: ages[k + 1] - ages[k - 1])]
    return kept


def _snapshots(
    entry: Entry, run: Run, contents: dict[str, bytes], eight: bytes
) -> Iterator[tuple[str, int, bytes]]:
    """Role, images seen and file of a graph's generations, parity proved; in 8 bits, since they are many.

    The shipped generation, where it is among them, comes as the shipped file.
    """
    for path in thinned(run.snapshots, len(eight)) if eight else ():
        document = load_weights(path)
        graph = _graph(entry, run.config, document["weights"])
        ((_, network),) = graph.module.named_children()
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
        **({"generator": entry.generator} if entry.generator else {}),
        "kind": entry.kind,
        "title": dict(entry.title),
        "year": entry.year,
        "family": name_of(FAMILIES[entry.id]),
        "paper": dict(entry.paper),
        **({"reported": [dataclasses.asdict(one) for one in entry.reported]} if entry.reported else {}),
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
