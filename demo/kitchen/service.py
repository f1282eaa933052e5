"""What a visitor's browser fetches to cook by itself: the engine, the interpreter, cards, directions, graphs.

Everything lies under addresses that change with the content, ``kitchen/DIGEST/NAME`` and
``kitchen/models/SHA256.onnx``, so that browsers keep it, and any server of files can hand it out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from demo.files import KEPT
from demo.kitchen import engine
from onnx_models import cookbook, directions, recipes
from onnx_models.catalog import Catalog, Graph, Model
from onnx_models.errors import LineageError

HERE = Path(__file__).resolve().parent
ROOM = "kitchen"
MODELS = "models"
SCRIPTS = ("worker.js", "rival.js", "cookbook.js", "chains.js", "drawing.js")
"""Of this folder."""
_MEDIA = {".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json"}


class Service:
    """The files of one catalogue's kitchen."""

    def __init__(self, catalog: Catalog) -> None:
        self.files = {
            **{name: (HERE / name).read_bytes() for name in SCRIPTS},
            "recipes.js": Path(recipes.__file__).with_suffix(".js").read_bytes(),
            "cards.json": _packed(cards(catalog)),
            "directions.json": _packed(
                {model.id: pushes(model) for model in catalog.models if model.file(directions.ROLE)}
            ),
            **{name: (engine.DIRECTORY / name).read_bytes() for name in engine.FILES},
        }
        digest = hashlib.sha256()
        for name, content in self.files.items():
            digest.update(f"{name} {len(content)} ".encode() + content)
        self.folder = f"{ROOM}/{digest.hexdigest()[:16]}"
        """Where they lie, from the page's own address."""
        self.graphs = {f"{graph.sha256}.onnx": graph.path for graph in graphs(catalog)}
        """What lies in `ROOM`/`MODELS`, by name."""

    def routes(self) -> list[Route]:
        """Return what answers a GET of each file."""

        async def graph(request: Request) -> Response:
            path = self.graphs.get(request.path_params["name"])
            if path is None or not path.is_file():
                return Response(status_code=404)
            return FileResponse(path, media_type="application/octet-stream", headers={"cache-control": KEPT})

        files = [Route(f"/{self.folder}/{name}", _answer(name, text)) for name, text in self.files.items()]
        return [*files, Route(f"/{ROOM}/{MODELS}/{{name}}", graph)]


def cards(catalog: Catalog) -> dict[str, Any]:
    """Return what the interpreter has to know of every model, by id."""
    return {
        model.id: {
            "image": dict(model.image),
            "dataset": model.dataset["id"],
            "seeds": model.seeds,
            "generator": model.generator,
            "directions": model.file(directions.ROLE) is not None,
            "graphs": {role: {**_file(graph), **_tensors(graph)} for role, graph in model.graphs.items()},
            "snapshots": {each.images_seen: _file(each.graph) for each in model.snapshots},
        }
        for model in catalog.models
    }


def pushes(model: Model) -> dict[str, Any]:
    """Return what moves a model's styles along each direction, by id; nothing where none can be read."""
    try:
        found = directions.load(model)
    except LineageError:
        return {}  # the panel that offers them says why
    return {
        one.id: {
            "vector": cookbook.plain(one.vector.astype(np.float32)),
            "layers": one.layers,
            "deviation": one.deviation,
        }
        for one in found
    }


def graphs(catalog: Catalog) -> Iterator[Graph]:
    """Yield every graph that a recipe can run."""
    for model in catalog.models:
        yield from model.graphs.values()
        yield from (snapshot.graph for snapshot in model.snapshots)


def _packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _file(graph: Graph) -> dict[str, Any]:
    return {"sha256": graph.sha256, "bytes": graph.bytes, "tolerance": graph.tolerance}


def _tensors(graph: Graph) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": t.name, "dtype": t.dtype, "shape": t.shape, "range": t.range} for t in graph.inputs
        ],
        "outputs": [{"name": t.name, "dtype": t.dtype, "shape": t.shape} for t in graph.outputs],
    }


def _answer(name: str, content: bytes) -> Callable[[Request], Awaitable[Response]]:
    media = _MEDIA.get(Path(name).suffix, "application/octet-stream")

    async def answer(_: Request) -> Response:
        return Response(content, media_type=media, headers={"cache-control": KEPT})

    return answer
