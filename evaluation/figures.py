"""A figure beside the paper's: made, printed, and kept in `metrics.json` with what it was measured on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from onnx_models.catalog import Graph, Metric, Model


def figure(
    model: Model,
    name: str,
    value: float,
    *,
    unit: str,
    protocol: str,
    source: str,
    measured_on: Sequence[Graph],
    error: float | None = None,
    units: int | None = None,
) -> Metric:
    """Make a figure, the paper's beside it if its `model.json` has one, of a network of this size.

    ``source`` is whose protocol it is where no paper's figure stands beside it; ``units`` the size of the
    code or hidden layer, by which networks of one family differ.
    """
    for reported in model.reported:
        if reported.metric == name and reported.units in (None, units):
            paper_value, source = reported.value, reported.source
            break
    else:
        paper_value = None
    files = tuple(graph.sha256 for graph in measured_on)
    return Metric(name, float(value), error, unit, protocol, paper_value, source, files)


def write(model: Model, figures: Sequence[Metric]) -> Path:
    """Write the figures into the model's `metrics.json`, beside those there that are still fresh.

    Returns the file. It is replaced in one step, so that nobody reads half of it.
    """
    measured = {figure.name for figure in figures}
    kept = [figure for figure in model.metrics if figure.name not in measured]
    path = model.folder / "metrics.json"
    unfinished = path.with_suffix(".json.part")
    content = {"metrics": [asdict(figure) for figure in sorted([*kept, *figures], key=lambda f: f.name)]}
    unfinished.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    os.replace(unfinished, path)
    return path


def text(figures: Sequence[Metric]) -> str:
    """Two lines a figure: name, value, unit and the paper's; then the protocol."""
    lines = []
    for figure in figures:
        error = "" if figure.error is None else f" ± {figure.error:.2g}"
        paper = "" if figure.paper_value is None else f"   paper {figure.paper_value:g} ({figure.source})"
        lines.append(f"  {figure.name:32} {_digits(figure.value)}{error} {figure.unit}{paper}")
        lines.append(f"      {figure.protocol}")
    return "\n".join(lines)


def _digits(value: float) -> str:
    """Four significant digits, two of them behind the point at least for what is not tiny."""
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"
