"""The JSON beside the weights: read, validated, joined into one manifest. No torch here."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from export import test_vectors

Document = dict[str, Any]
Files = dict[str, bytes]
"""Contents by name, relative to the folder."""

SCHEMA = Path(__file__).resolve().parents[1] / "onnx_models" / "manifest.schema.json"
MANIFEST = "manifest.json"
FILE_LIMIT = 10_000_000  # bytes, of a weight file
TOTAL_LIMIT = 200_000_000  # bytes, of the whole directory
SNAPSHOT_LIMIT = 12_000_000  # bytes, of a model's snapshots


class DocumentError(Exception):
    """A JSON file that is not what the schema asks for; the message names the file and the fault."""


def sha256(content: bytes) -> str:
    """Hex digest."""
    return hashlib.sha256(content).hexdigest()


def dumps(document: Mapping[str, Any]) -> str:
    """The one way JSON is written here: two spaces, no escapes, one line feed at the end."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> Document:
    """The JSON object in `path`."""
    document: Document = json.loads(path.read_text("utf-8"))
    return document


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = read(SCHEMA)
    return jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"})


def schema_faults(document: Any, kind: str) -> Iterator[str]:
    """Say what is wrong with a document; `kind` is model, metrics, dataset or manifest."""
    for error in sorted(_validator(kind).iter_errors(document), key=lambda error: error.json_path):
        yield f"{error.json_path}: {error.message[:300]}"


def listed(document: Document) -> Iterator[Mapping[str, Any]]:
    """Every file that a model.json or dataset.json gives a sha256 for: mappings with file, sha256, bytes."""
    yield from document.get("graphs", {}).values()
    yield from document.get("snapshots", ())
    yield from document.get("files", ())


def owned(document: Document) -> set[str]:
    """Names, relative to the folder, of the files that belong to a model.json or dataset.json, its card too.

    Export deletes nothing else; ``metrics.json`` is evaluation's.
    """
    names = {file["file"] for file in listed(document)} | {"README.md"}
    names.add("model.json" if "graphs" in document else "dataset.json")
    for role, graph in document.get("graphs", {}).items():
        names.update(test_vectors.names(role, len(graph["inputs"]), len(graph["outputs"])))
    return names


def write(folder: Path, document: Document, files: Files, name: str) -> None:
    """Write `files` and the document called `name` (model.json or dataset.json), each atomically.

    Deletes what the document that was there before lists and this one does not; nothing else.
    """
    path = folder / name
    outdated = owned(read(path)) if path.is_file() else set()
    # Files first, the document that vouches for them last.
    for file, content in {**files, name: dumps(document).encode()}.items():
        target = folder / file
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.partial")
        partial.write_bytes(content)
        os.replace(partial, target)
    for file in sorted(outdated - owned(document)):
        target = folder / file
        target.unlink(missing_ok=True)
        for parent in target.parents:
            if parent == folder or not parent.is_dir() or any(parent.iterdir()):
                break
            parent.rmdir()


def collect(directory: Path) -> Document:
    """Join every model.json, metrics.json and dataset.json below `directory`.

    Figures that rest on a file that no longer ships are left out, as the reader leaves them out.

    Raises :class:`DocumentError`.
    """
    models = [_valid(path, "model") for path in sorted(directory.glob("*/model.json"))]
    models.sort(key=lambda model: (model["year"], model["id"]))
    shipped = {graph["sha256"] for model in models for graph in model["graphs"].values()}
    for model in models:
        path = directory / model["id"] / "metrics.json"
        figures = _valid(path, "metrics")["metrics"] if path.is_file() else []
        model["metrics"] = [figure for figure in figures if shipped.issuperset(figure["measured_on"])]
    datasets = [_valid(path, "dataset") for path in sorted(directory.glob("datasets/*/dataset.json"))]
    return {"models": models, "datasets": datasets}


def _valid(path: Path, kind: str) -> Document:
    try:
        document = read(path)
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path} cannot be read: {error}") from error
    for fault in schema_faults(document, kind):
        raise DocumentError(f"{path}: {fault}")
    return document
