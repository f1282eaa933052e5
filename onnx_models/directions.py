"""Directions in a StyleGAN's styles, as ``directions.json`` ships them, and the sum that applies them.

    ws' = ws + sum_i  strength_i deviation_i vector_i   on the rows that direction i is meant for

Attribute directions are normals of hyperplanes (Shen et al. 2020, "Interpreting the latent space of GANs for
semantic face editing") or learned walks (Jahanian et al. 2020, "On the 'steerability' of generative
adversarial networks"), factors the eigenvectors of A^T A, A the weights that turn w into styles (Shen & Zhou
2021, "Closed-form factorization of latent semantics in GANs"). ``python -m export directions`` finds all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models.catalog import Model, Text
from onnx_models.runtime import read_file

ROLE = "directions"
"""Of the file in ``model.json``."""
FARTHEST = 30
"""Standard deviations of w along its vector that a style is ever moved by. Normals of hyperplanes and factors
lead out of all faces long before; a learned walk may go where w hardly varies, and is many of them long.
"""


@dataclass(frozen=True)
class Direction:
    """One slider."""

    id: str
    name: Text
    method: str
    """``separator``, ``walk`` or ``factor``."""
    attribute: str | None
    """The judge's question that a separator or a walk is about."""
    values: tuple[str, ...]
    """The answers to it that the direction leads to; of a factor none."""
    vector: NDArray[np.float64]
    """[w], of length 1."""
    layers: tuple[int, ...]
    """The rows of ws that it is added to."""
    deviation: float
    """Standard deviation of w along the vector: the unit of a strength."""
    strength: float
    """How many of them do what `name` says; a slider goes from minus this to this."""
    balanced_accuracy: float | None
    """Of a separator's hyperplane on styles it was not fitted to; 0.5 is chance."""
    before: float | None
    """Share of seeds that have one of `values` as they are."""
    success: float | None
    """Share of seeds that have one of them after a move by `strength`."""
    changes: Mapping[str, float]
    """Share of seeds whose answer to each other question is another one after that move."""


def load(model: Model) -> tuple[Direction, ...]:
    """Return the directions that ship with a model; none where they were found in other files than now ship.

    Raises
    ------
    LineageError
        ``file.missing`` or ``file.sha256``.

    """
    return tuple(_direction(entry) for entry in _document(model).get("directions", ()))


def attributes(model: Model) -> Mapping[str, Text]:
    """Return what each attribute is called that `Direction.changes` counts, by its name in there.

    Raises as `load` does.
    """
    found: Mapping[str, Text] = _document(model).get("attributes", {})
    return found


def _document(model: Model) -> Mapping[str, Any]:
    """Return what the file holds; nothing where there is none, or it is of other graphs than now ship."""
    file = model.file(ROLE)
    document = {} if file is None else json.loads(read_file(file))
    if not document or not is_of(document, {role: graph.sha256 for role, graph in model.graphs.items()}):
        return {}
    found: Mapping[str, Any] = document
    return found


def is_of(document: Mapping[str, Any], sha256: Mapping[str, str]) -> bool:
    """Whether a ``directions.json`` was made with the graphs of these hashes by role."""
    return all(document["graphs"][role] == sha256.get(role) for role in ("mapping", "synthesis"))


def moved(ws: NDArray[np.float32], moves: Iterable[tuple[Direction, float]]) -> NDArray[np.float32]:
    """Move styles along directions.

    Parameters
    ----------
    ws : float32 [batch, num_ws, w]
    moves : pairs of a direction and its strength, in standard deviations; 0 leaves ws as it is

    Returns
    -------
    float32 [batch, num_ws, w]

    """
    found = ws.astype(np.float64)
    for direction, strength in moves:
        found[:, direction.layers] += strength * direction.deviation * direction.vector
    return found.astype(np.float32)


def _direction(entry: Mapping[str, Any]) -> Direction:
    return Direction(
        id=entry["id"],
        name=entry["name"],
        method=entry["method"],
        attribute=entry["attribute"],
        values=tuple(entry["values"]),
        vector=np.asarray(entry["vector"], np.float64),
        layers=tuple(entry["layers"]),
        deviation=float(entry["deviation"]),
        strength=float(entry["strength"]),
        balanced_accuracy=entry["balanced_accuracy"],
        before=entry["before"],
        success=entry["success"],
        changes=entry["changes"],
    )
