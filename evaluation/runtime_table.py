"""What the runtimes did, as the document `docs/runtimes.md`."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from evaluation.runtime_programs import BATCHES, Report, Row
from onnx_models.catalog import Model


def speed(rows: Sequence[Row], reference: Mapping[tuple[str, str], Row], batch: str) -> float | None:
    """How many times as fast as the reference those graphs run together; None where nothing was measured."""
    mine, its = 0.0, 0.0
    for row in rows:
        other = reference.get((row.model, row.graph))
        if row.milliseconds and other is not None and other.milliseconds:
            mine += row.milliseconds[batch]
            its += other.milliseconds[batch]
    return its / mine if mine > 0 else None


def text(reports: Sequence[Report], models: Sequence[Model], picture: str | None = None) -> str:
    """Return the document, of the reference's report and the others' in the order of the columns.

    Parameters
    ----------
    reports : the reference first
    models : the rows
    picture : file name of the picture beside the document, if there is one

    """
    reference = {(row.model, row.graph): row for row in reports[0].rows}
    present = [report for report in reports if not report.missing]
    graphs = sum(len(with_inputs(model)) for model in models)
    lines = [
        "# The files in every runtime",
        "",
        "Made by `python -m evaluation runtimes`, which starts the programs in `examples/`; do not edit.",
        f"One run on {_machine()}, one thread each.",
        "",
        "- **Graphs**: how many of them come out within the tolerance of their `model.json`.",
        "- **Difference**: the largest from the test vectors, which are PyTorch's answers; relative to the",
        "  largest magnitude where that is above 1, or to the standard deviation of a StyleGAN's picture.",
        "  Most of it all rows share: weights are stored in 16 bits, the vectors are of those before.",
        "- **Speed**: how many times as fast as onnxruntime in Python, at batch 1 / batch 64.",
        "",
        "| runtime | version | graphs | difference | of its tolerance | speed |",
        "|---|---|---|---|---|---|",
    ]
    for report in present:
        good = [row for row in report.rows if row.works]
        ran = [row for row in report.rows if row.difference is not None]
        share = max(((row.difference or 0.0) / row.tolerance for row in ran), default=None)
        columns = (
            report.program.title,
            report.version,
            f"{len(good)} of {graphs}",
            _number(max((row.difference or 0.0 for row in ran), default=None)),
            "–" if share is None else f"{share:.0%}",
            _speeds([_overall(report, models, reference, batch) for batch in BATCHES]),
        )
        lines.append(f"| {' | '.join(columns)} |")
    if picture:
        lines += ["", f"![The same seed in every runtime]({picture})"]
    lines += [
        "",
        "## By model",
        "",
        "Graphs that work, largest difference, speed at batch 1 / batch 64.",
        "",
        f"| model | {' | '.join(report.program.title for report in present)} |",
        f"|---{'|---' * len(present)}|",
    ]
    for model in models:
        cells = [_cell(report, model, reference) for report in present]
        lines.append(f"| {model.id} | {' | '.join(cells)} |")
    lines += ["", "## What does not work", "", *(_faults(present, models) or ["Nothing that was tried."])]
    absent = [report for report in reports if report.missing]
    if absent:
        lines += ["", "## Not tried in this run", ""]
        lines += [f"- {report.program.title}: {_escaped(report.missing)}" for report in absent]
    return "\n".join(lines) + "\n"


def with_inputs(model: Model) -> list[str]:
    """Roles of the graphs that have something to be asked."""
    return [role for role, graph in model.graphs.items() if graph.inputs]


def _overall(
    report: Report, models: Sequence[Model], reference: Mapping[tuple[str, str], Row], batch: str
) -> float | None:
    """The geometric mean over models, so that a large network does not speak for all."""
    each = (speed([row for row in report.rows if row.model == m.id], reference, batch) for m in models)
    known = [math.log(value) for value in each if value]
    return math.exp(sum(known) / len(known)) if known else None


def _cell(report: Report, model: Model, reference: Mapping[tuple[str, str], Row]) -> str:
    rows = [row for row in report.rows if row.model == model.id]
    if not rows:
        return "–"
    good = sum(row.works for row in rows)
    total = len(with_inputs(model))
    worst = max((row.difference for row in rows if row.difference is not None), default=None)
    count = f"{good} of {total}" if good == total else f"**{good} of {total}**"
    speeds = _speeds([speed(rows, reference, batch) for batch in BATCHES])
    return f"{count}, {_number(worst)}, {speeds}"


def _faults(present: Sequence[Report], models: Sequence[Model]) -> list[str]:
    lines = []
    for report in present:
        where = f"{report.program.title} {report.version}"
        for row in report.rows:
            if not row.works:
                reason = row.error or f"{_number(row.difference)} apart, {row.tolerance:.0e} is allowed."
                lines.append(f"- {where}, {row.model}/{row.graph}: {_escaped(reason)}")
        had = {(row.model, row.graph) for row in report.rows}
        left = [f"{m.id}/{role}" for m in models for role in with_inputs(m) if (m.id, role) not in had]
        if report.broken:
            lines.append(f"- {where}: {_escaped(report.broken)}")
        if left:
            lines.append(f"- {where} gave no answer for {', '.join(left)}.")
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}" if value else "0"


def _speeds(values: Sequence[float | None]) -> str:
    return " / ".join("–" if value is None else f"{value:.2g}" for value in values)


def _escaped(sentence: str) -> str:
    """A program's words as Markdown text on one line."""
    flat = " ".join(sentence.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def _machine() -> str:
    """The processor's name where the system tells it, else its kind."""
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8")
        names = [
            line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")
        ]
    except OSError:
        names = []
    return " ".join((names or [platform.processor() or platform.machine()])[0].split())
