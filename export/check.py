"""Everything that must hold for the files that ship, checked without PyTorch: `python -m export check`."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from export import cards, directions, manifest, test_vectors
from export.inputs import BINARY
from export.manifest import FILE_LIMIT, SNAPSHOT_LIMIT, TOTAL_LIMIT
from export.onnx_file import signature
from export.tolerance import TOLERANCE, difference
from onnx_models import recipe_vectors

OPSETS = range(18, 21)
IR_LIMIT = 10
RANDOM = re.compile(r"Random|Bernoulli|Multinomial")
WITHOUT_BATCH = ("parameters", "train_step")
# An absolute path of two parts or more, as Unix and Windows write it, at the start of a word.
LOCAL_PATH = re.compile(r"(?:^|[\s\"'(=])(?:/[\w.@+-]+/[\w.@+-]|[A-Za-z]:[\\/][\w.@+-])")

Report = Callable[[str], None]


def check(directory: Path, report: Report = lambda line: None) -> list[str]:
    """Return what is wrong below `directory`, a sentence each; `report` gets a line for each sound graph."""
    faults: list[str] = []
    documents: dict[Path, manifest.Document] = {}
    kinds = (("*/model.json", "model"), ("datasets/*/dataset.json", "dataset"), ("*/metrics.json", "metrics"))
    for pattern, kind in kinds:
        for path in sorted(directory.glob(pattern)):
            document, wrong = _read(path, kind)
            faults += [f"{path.relative_to(directory)}: {fault}" for fault in wrong]
            if not wrong and kind != "metrics":
                documents[path] = document
    if not any(path.name == "model.json" for path in documents) and not faults:
        faults.append("There is no <id>/model.json here.")
    unreadable = bool(faults)

    shipped = [
        graph["sha256"] for document in documents.values() for graph in document.get("graphs", {}).values()
    ]
    for path, document in documents.items():
        faults += [f"{document['id']}: {fault}" for fault in _folder(path, document)]
        faults += [
            f"{document['id']}: {fault}" for fault in directions.faults(path.parent, document, shipped)
        ]
        faults += [f"{document['id']}: {fault}" for fault in _generator(path, document, documents)]
        for role, graph in document.get("graphs", {}).items():
            wrong = list(_graph(path.parent, role, graph))
            faults += [f"{document['id']}: {role}: {fault}" for fault in wrong]
            if not wrong:
                report(f"ok {document['id']}/{graph['file']} {graph['bytes'] / 1e6:.2f} MB")
        for snapshot in _stored_apart(document):
            wrong = list(_snapshot(path.parent, document, snapshot))
            faults += [f"{document['id']}: {snapshot['file']}: {fault}" for fault in wrong]
            if not wrong:
                report(f"ok {document['id']}/{snapshot['file']} {snapshot['bytes'] / 1e6:.2f} MB")

    if not unreadable:  # the joined texts cannot be made of documents that cannot be read
        for path, text in cards.expected(directory).items():
            if not path.is_file() or path.read_text("utf-8") != text:
                name = path.relative_to(directory)
                faults.append(f"{name} is out of date: run `python -m export cards`.")
        faults += [
            f"manifest.json: {fault}"
            for fault in manifest.schema_faults(manifest.collect(directory), "manifest")
        ]
        faults += recipe_vectors.faults(directory)
    converted = {path.parent for path, document in documents.items() if "source" in document}
    total = sum(
        path.stat().st_size
        for path in directory.rglob("*")
        if path.is_file() and converted.isdisjoint(path.parents)
    )
    if total > TOTAL_LIMIT:
        faults.append(
            f"All files together are {total / 1e6:.1f} MB; the budget is {TOTAL_LIMIT / 1e6:.0f} MB."
        )
    return faults


def _read(path: Path, kind: str) -> tuple[manifest.Document, list[str]]:
    try:
        document = manifest.read(path)
    except (OSError, ValueError) as error:
        return {}, [f"it cannot be read: {error}"]
    faults = list(manifest.schema_faults(document, kind))
    if not faults and document.get("id", path.parent.name) != path.parent.name:
        faults.append(f"its id is {document['id']!r}, its folder {path.parent.name!r}.")
    faults += [f"it holds the local path {text!r}." for text in _texts(document) if LOCAL_PATH.search(text)]
    return document, faults


def _folder(path: Path, document: manifest.Document) -> Iterator[str]:
    """Sizes and hashes of all listed files, and files that nobody lists."""
    folder = path.parent
    for entry in manifest.listed(document):
        file = folder / entry["file"]
        if not file.is_file():
            yield f"{entry['file']} is missing."
            continue
        content = file.read_bytes()
        if len(content) >= FILE_LIMIT and "source" not in document:  # what is converted does not ship
            yield f"{entry['file']} has {len(content):,} bytes; a file stays under {FILE_LIMIT:,}."
        if len(content) != entry["bytes"]:
            yield f"{entry['file']} has {len(content):,} bytes, {entry['bytes']:,} are listed."
        found = manifest.sha256(content)
        if found != entry["sha256"]:
            yield f"{entry['file']} has the sha256 {found[:12]}…, {entry['sha256'][:12]}… is listed."
    snapshots = sum(snapshot["bytes"] for snapshot in _stored_apart(document))
    if snapshots > SNAPSHOT_LIMIT:
        yield f"its snapshots are {snapshots / 1e6:.1f} MB; the budget is {SNAPSHOT_LIMIT / 1e6:.0f} MB."
    allowed = manifest.owned(document) | {"metrics.json"}
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        name = file.relative_to(folder).as_posix()
        if name not in allowed:
            yield f"nobody lists {name}."


def _generator(
    path: Path, document: manifest.Document, documents: Mapping[Path, manifest.Document]
) -> Iterator[str]:
    """Whether an encoder's `refine` paints as the generator does whose styles it speaks."""
    name = document.get("generator")
    if name is None:
        return
    fellows = [(where.parent, other) for where, other in documents.items() if other["id"] == name]
    if not fellows or "synthesis" not in fellows[0][1].get("graphs", {}):
        yield f"its generator {name} does not ship."
        return
    ((folder, other),) = fellows
    if "refine" in document["graphs"]:
        mine, its = (
            path.parent / document["graphs"]["refine"]["file"],
            folder / other["graphs"]["synthesis"]["file"],
        )
        if mine.is_file() and its.is_file() and not _same(_weights(mine), _weights(its)):
            yield f"its weights are those of another {name} than ships: train it anew, for this one."


def _weights(path: Path) -> dict[str, NDArray[Any]]:
    """Parameters by name: initialisers whose names have a dot, which no constant of a graph's has."""
    stored = onnx.load(path).graph.initializer
    return {i.name: onnx.numpy_helper.to_array(i) for i in stored if "." in i.name}


def _same(some: Mapping[str, NDArray[Any]], others: Mapping[str, NDArray[Any]]) -> bool:
    """Whether they are the same weights: a scale of integers read and written once more is off by a bit."""
    return some.keys() == others.keys() and all(
        value.dtype == others[name].dtype
        and value.shape == others[name].shape
        and np.allclose(value, others[name], rtol=1e-6, atol=0)
        for name, value in some.items()
    )


def _stored_apart(document: manifest.Document) -> list[Mapping[str, Any]]:
    """The snapshots that are files of their own: the last one may be the shipped graph."""
    shipped = {graph["file"] for graph in document.get("graphs", {}).values()}
    return [snapshot for snapshot in document.get("snapshots", ()) if snapshot["file"] not in shipped]


def _graph(folder: Path, role: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Form, signature and test vectors of one graph."""
    model, wrong = _load(folder / entry["file"], entry)
    yield from wrong
    if model is None:
        return
    if entry["tolerance"] not in TOLERANCE.values():
        yield f"its tolerance {entry['tolerance']} is none of the table's."
    if role not in WITHOUT_BATCH:
        for tensor in (*entry["inputs"], *entry["outputs"]):
            if tensor["shape"][:1] != ["batch"]:
                yield f"{tensor['name']} has no leading batch axis."
    if not wrong:
        yield from _vectors(folder, role, entry, model)


def _snapshot(folder: Path, document: manifest.Document, entry: Mapping[str, Any]) -> Iterator[str]:
    """Form and signature of an earlier generation: those of the graph of its role."""
    final = document["graphs"].get(entry["role"])
    if final is None:
        yield f"the model has no graph {entry['role']}."
        return
    _, wrong = _load(folder / entry["file"], final)
    yield from wrong


def _load(path: Path, entry: Mapping[str, Any]) -> tuple[ModelProto | None, list[str]]:
    """The model and what is wrong with its form, or None where there is none."""
    try:
        content = path.read_bytes()
        onnx.checker.check_model(content, full_check=True)
        model = onnx.load_model_from_string(content)
    except FileNotFoundError:
        return None, []  # said already
    except Exception as error:  # onnx raises its own, protobuf's and ValueErrors, without a common base
        return None, [f"it is not a valid ONNX file: {' '.join(str(error).split())[:200]}"]
    return model, list(_form(model, entry))


def _form(model: ModelProto, entry: Mapping[str, Any]) -> Iterator[str]:
    opsets = {used.domain: used.version for used in model.opset_import}
    if set(opsets) - {"", "ai.onnx"} or model.functions:
        yield f"it asks for operators beyond ONNX's own: {', '.join(sorted(opsets))}."
    version = opsets.get("", opsets.get("ai.onnx"))
    if version not in OPSETS or version != entry["opset"]:
        yield f"its opset is {version}, {entry['opset']} is listed, {OPSETS[0]} to {OPSETS[-1]} are allowed."
    if model.ir_version > IR_LIMIT:
        yield f"its ir_version is {model.ir_version}, at most {IR_LIMIT} is allowed."
    for node in _nodes(model.graph):
        if RANDOM.search(node.op_type):
            yield f"it holds the random operator {node.op_type}; randomness must be an input."
        if node.domain not in ("", "ai.onnx"):
            yield f"it holds the custom operator {node.domain}.{node.op_type}."
    if any(tensor.data_location for tensor in model.graph.initializer):
        yield "its weights lie in another file."
    for text in _texts(model):
        if LOCAL_PATH.search(text) or re.search(r"\.py\b", text):
            yield f"it holds the local path {text[:80]!r}."
    for end, found in (("inputs", model.graph.input), ("outputs", model.graph.output)):
        listed = [(tensor["name"], tensor["dtype"], tuple(tensor["shape"])) for tensor in entry[end]]
        if signature(found) != listed:
            yield f"its {end} are {signature(found)}, {listed} are listed."


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Every node, those of subgraphs included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _nodes(attribute.g)
            for inner in attribute.graphs:
                yield from _nodes(inner)


def _texts(value: Any) -> Iterator[str]:
    """Every text inside a protobuf message or a JSON value; bytes, which are numbers here, are left out."""
    if isinstance(value, str):
        yield value
    elif hasattr(value, "ListFields"):  # a protobuf message
        for field, content in value.ListFields():
            if field.name != "raw_data":
                yield from _texts(content)
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif hasattr(value, "__len__"):  # protobuf's own lists are not Sequences, nor do they say they iterate
        for item in value:
            yield from _texts(item)


def _vectors(folder: Path, role: str, entry: Mapping[str, Any], model: ModelProto) -> Iterator[str]:
    """Whether the graph, run by onnxruntime, gives what its test vectors promise."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    if not entry["inputs"]:
        outputs = session.run(None, {})
        if not all(np.isfinite(output).all() for output in outputs):
            yield "it returns NaN or infinity."
        return
    files = test_vectors.names(role, len(entry["inputs"]), len(entry["outputs"]))
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        yield f"{missing[0]} is missing."
        return
    try:
        vectors = test_vectors.read(folder, files)
        given = {tensor["name"]: vectors[tensor["name"]] for tensor in entry["inputs"]}
        expected = {tensor["name"]: vectors[tensor["name"]] for tensor in entry["outputs"]}
    except Exception as error:  # protobuf's DecodeError and onnx's own have no common base
        yield f"its test vectors cannot be read: {error}"
        return
    found = dict(zip(expected, session.run(list(expected), given), strict=True))
    for tensor in entry["outputs"]:
        name = tensor["name"]
        distance = difference(found[name], expected[name], role=role, name=name)
        if tensor["range"] != BINARY and distance > entry["tolerance"]:
            allowed = f"the tolerance is {entry['tolerance']:.0e}"
            yield f"{name} is {distance:.2e} away from its test vector, {allowed}."
