"""Take it away: what a panel shows as a zip that makes it anew, in Python, in Node and in a browser.

In it are the ONNX files that the panel's recipes run, the recipes, what came of them, the interpreters, and
three programs of a few lines (``demo/take``) that cook and say how far they are from what was shown.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from demo import panels, plain
from demo.engine.library import Library
from demo.kit import paper
from demo.kit.markup import problem
from demo.kit.messages import LANGUAGES
from onnx_models import catalog, cookbook, recipes
from onnx_models.catalog import Graph, Model
from onnx_models.errors import LineageError

NAME = "take.zip"
PROGRAMS = Path(__file__).resolve().parent / "take"
LARGEST = 64_000_000
"""Bytes of models in one zip: it is made in memory."""

_READER = ("__init__.py", "catalog.py", "errors.py", "processors.py", "recipes.py", "runtime.py", "seeds.py")
"""Of ``onnx_models``: what cooks in Python."""
_LICENCE = Path(__file__).resolve().parent.parent / "LICENSE"

Used = dict[tuple[str, str, int | None], Graph]
"""The graphs that recipes run, by model, role and snapshot."""


class Door:
    """Answers ``POST /take.zip`` with ``{"panel": NAME, "state": {...}, "language": "fr"}``.

    What is wrong comes back as ``{"detail": sentence, "problem": message}``, status 400; 429 and 503 are
    those of `plain.Pictures`, whose turns it takes.
    """

    def __init__(self, library: Library, turns: plain.Pictures) -> None:
        self._library = library
        self._turns = turns

    async def answer(self, request: Request) -> Response:
        """Make a zip."""
        try:
            asked = json.loads(await request.body())
            panel, language, state = asked["panel"], asked["language"], json.dumps(asked["state"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return JSONResponse({"detail": "panel, state and language are wanted, as JSON."}, 400)
        make = functools.partial(parcel, self._library, panel, state, language)
        made = await self._turns.turn(request, make, _refusal)
        if isinstance(made, Response):
            return made
        headers = {"content-disposition": f'attachment; filename="latent-lineage-{panel}.zip"'}
        return Response(made, media_type="application/zip", headers=headers)


def parcel(library: Library, panel: str, state: str, language: str) -> bytes:
    """Return the zip of a panel at a packed state, its README in a language.

    Raises
    ------
    LineageError
        ``take.large``, or what `demo.panels.recipes` and `recipes.cook` raise

    """
    written = cookbook.plain(panels.recipes(library, panel, state))
    used = _used(library, written)
    size = sum(graph.bytes for graph in used.values())
    if size > LARGEST:
        raise LineageError(
            "take.large",
            f"The files behind this are {size / 1e6:.0f} MB, and a zip may hold {LARGEST / 1e6:.0f}: take "
            "them from the folder of models.",
            size=round(size / 1e6),
            largest=round(LARGEST / 1e6),
        )
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _texts(panel, language):
            archive.writestr(name, text)
        expected = {}
        for name, recipe in written.items():
            cooked = recipes.cook(recipe, library.catalog, library.runtime)
            values: dict[str, NDArray[Any]] = dict(cooked.numbers)
            if "picture" in recipe:
                values[recipe["picture"]] = cooked.pictures
                sheet = paper.grid(cooked.pictures, math.isqrt(len(cooked.pictures) - 1) + 1, paper=True)
                archive.writestr(f"expected/{name}.png", paper.to_png(sheet))
            expected[name] = {what: _expected(library, recipe, what, of) for what, of in values.items()}
        archive.writestr("recipe.json", json.dumps(written))
        archive.writestr("expected.json", json.dumps(expected))
        for model in {model_id: library.catalog.model(model_id) for model_id, *_ in used}.values():
            archive.writestr(f"models/{model.id}/model.json", json.dumps(_card(model, used)))
        for (model_id, _, _), graph in used.items():
            folder = library.catalog.model(model_id).folder
            # Weights hardly get smaller.
            name = f"models/{model_id}/{graph.path.relative_to(folder).as_posix()}"
            archive.write(graph.path, name, zipfile.ZIP_STORED)
    return content.getvalue()


def _used(library: Library, written: Mapping[str, cookbook.Recipe]) -> Used:
    steps = [step for recipe in written.values() for step in recipe["steps"]]
    return {
        (step["model"], step["role"], step.get("snapshot")): _graph(
            library.catalog.model(step["model"]), step
        )
        for step in steps
    }


def _graph(model: Model, step: Mapping[str, Any]) -> Graph:
    if "snapshot" not in step:
        return model.graphs[step["role"]]
    return next(one.graph for one in model.snapshots if one.images_seen == step["snapshot"])


def _card(model: Model, used: Used) -> dict[str, Any]:
    """Return a model's ``model.json`` without what is not in the zip."""
    card: dict[str, Any] = json.loads((model.folder / "model.json").read_text("utf-8"))
    roles = {
        role for model_id, role, _ in used if model_id == model.id
    }  # a snapshot has its role's signature
    moments = {snapshot for model_id, _, snapshot in used if model_id == model.id}
    card["graphs"] = {role: graph for role, graph in card["graphs"].items() if role in roles}
    card["snapshots"] = [one for one in card.get("snapshots", ()) if one["images_seen"] in moments]
    card["files"] = []
    return card


def _expected(library: Library, recipe: cookbook.Recipe, what: str, values: NDArray[Any]) -> dict[str, Any]:
    """Return an array, and how far another runtime's may be away: by the rule of RECIPES.md, section 5."""
    graphs = {step["name"]: _graph(library.catalog.model(step["model"]), step) for step in recipe["steps"]}
    step, _, output = what.partition(".")
    flat = values.astype("<f4").ravel()
    painted = graphs[step].role == "synthesis" and output == "image"
    scale = float(flat.std()) if painted else max(1.0, float(np.abs(flat).max()))
    return {
        "shape": list(values.shape),
        "data": base64.b64encode(flat.tobytes()).decode("ascii"),
        "tolerance": scale * max(graph.tolerance for graph in graphs.values()),
    }


def _texts(panel: str, language: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of every file that is none of a model."""
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    words = (PROGRAMS / f"{spoken}.txt").read_text("utf-8")
    yield "README.txt", words.format(panel=panel)
    yield "LICENSE", _LICENCE.read_text("utf-8")
    for path in sorted(PROGRAMS.iterdir()):
        if path.suffix in (".py", ".mjs", ".html"):
            yield path.name, path.read_text("utf-8")
    reader = Path(catalog.__file__).parent
    yield "recipes.js", (reader / "recipes.js").read_text("utf-8")
    yield "package.json", '{ "type": "module", "private": true }\n'
    for name in _READER:
        yield f"onnx_models/{name}", (reader / name).read_text("utf-8")


def _refusal(error: LineageError) -> Response:
    return JSONResponse({"detail": str(error), "problem": problem(error).packed()}, 400)
