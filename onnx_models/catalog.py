"""What ships, as frozen data: `load(directory)` reads every ``<id>/model.json`` it finds.

A model that cannot be read becomes a `Problem` and the others load all the same. No graph is opened here;
see `onnx_models.runtime` for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from onnx_models.errors import LineageError

DIRECTORY = Path(__file__).resolve().parent
"""Where the shipped models lie."""

Text = Mapping[str, str]
"""The same words by language: {"en": ..., "fr": ...}."""


@dataclass(frozen=True)
class Group:
    """A question that a stretch of an output answers, one number for each of its answers."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Tensor:
    """One input or output of a graph."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """A string names a dynamic axis; ``batch`` leads every one but those of `parameters` and `train_step`."""
    range: str
    meaning: str
    groups: tuple[Group, ...] = ()
    """What lies side by side in the last axis, in order; empty where the whole axis answers one question."""


@dataclass(frozen=True)
class Graph:
    """One ``.onnx`` file and what may go in and come out."""

    role: str
    path: Path
    sha256: str
    bytes: int
    opset: int
    tolerance: float
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def input(self, name: str) -> Tensor:
        """Return the input called ``name``; KeyError where there is none."""
        return _by_name(self.inputs, name)

    def output(self, name: str) -> Tensor:
        """Return the output called ``name``; KeyError where there is none."""
        return _by_name(self.outputs, name)


@dataclass(frozen=True)
class Snapshot:
    """The same graph at an earlier point of its training."""

    images_seen: int
    graph: Graph


@dataclass(frozen=True)
class File:
    """A file that is no graph: a loss curve, example digits, a neighbour index."""

    role: str
    path: Path
    sha256: str
    licence: str
    made_by: str


@dataclass(frozen=True)
class Metric:
    """A figure measured on the files that ship; dropped when one of those files has changed since."""

    name: str
    value: float
    error: float | None
    unit: str
    protocol: str
    paper_value: float | None
    source: str
    measured_on: tuple[str, ...]
    """sha256 of every graph the figure rests on, a judge's included."""


@dataclass(frozen=True)
class Reported:
    """What a paper reports for such a network, and where."""

    metric: str
    """Name of the figure it stands beside."""
    units: int | None
    """Size of the code or of the hidden layer it was reported for; None: any."""
    value: float
    source: str


SEEDS = ("numpy.RandomState",)
KINDS = ("model", "baseline", "judge", "exhibit", "encoder")


@dataclass(frozen=True)
class Model:
    """One network of the lineage: what it is called, what it teaches, which graphs it ships."""

    id: str
    folder: Path
    kind: str
    """``model``, ``baseline`` (a yardstick), ``judge`` (measures others), ``exhibit`` or ``encoder`` (finds
    styles for its `generator`)."""
    title: Text
    year: int
    family: str
    paper: Mapping[str, str]
    lesson: Text
    equation: str
    """MathML."""
    colour: str
    """The era's colour, ``#rrggbb``."""
    dataset: Mapping[str, str]
    licence: str
    image: Mapping[str, int]
    """``channels``, ``height``, ``width``."""
    training: Mapping[str, Any]
    graphs: Mapping[str, Graph]
    snapshots: tuple[Snapshot, ...] = ()
    files: tuple[File, ...] = ()
    metrics: tuple[Metric, ...] = ()
    reported: tuple[Reported, ...] = ()
    generator: str | None = None
    """Of an encoder: id of the model whose ws it speaks."""
    seeds: str | None = None
    """How a seed becomes z where SEEDS.md does not say it; one of `SEEDS`."""
    source: Mapping[str, Any] | None = None
    """Of a converted network: the checkpoint it was, and its makers' truncation."""

    def has(self, *roles: str) -> bool:
        """Whether the model ships a graph for each of ``roles``."""
        return all(role in self.graphs for role in roles)

    @property
    def questions(self) -> tuple[Group, ...]:
        """What a judge of attributes is asked, each about every picture; none where it names one class."""
        return self.graphs["classify"].output("class_logits").groups if self.has("classify") else ()

    def file(self, role: str) -> File | None:
        """Return the first file of that role, if any."""
        return next((file for file in self.files if file.role == role), None)

    def metric(self, name: str) -> Metric | None:
        """Return the figure of that name, if it was measured on the files that ship now."""
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True)
class Dataset:
    """Real pictures that several models share on the page: examples, pictures to search."""

    id: str
    name: str
    licence: str
    source: str
    classes: Mapping[str, tuple[str, ...]]
    """Names by language, in the order of their labels."""
    files: tuple[File, ...]

    def file(self, role: str) -> File | None:
        """Return the first file of that role, if any."""
        return next((file for file in self.files if file.role == role), None)


@dataclass(frozen=True)
class Problem:
    """A directory that should hold a model and does not; the sentence says why."""

    id: str
    error: LineageError


@dataclass(frozen=True)
class Catalog:
    """All models in the order of their years, the data sets they share, and what could not be read."""

    models: tuple[Model, ...]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def model(self, model_id: str) -> Model:
        """Return the model called ``model_id`` or raise `LineageError` ``model.unknown``."""
        for model in self.models:
            if model.id == model_id:
                return model
        known = ", ".join(model.id for model in self.models) or "none"
        raise LineageError(
            "model.unknown",
            f"There is no model called {model_id!r}; the ones here are: {known}.",
            model=str(model_id)[:80],
            known=known,
        )

    def judge(self, dataset_id: str, image: Mapping[str, int]) -> Model | None:
        """Return who names the classes of such pictures in every figure: of several judges the first by id.

        ``image`` holds their ``channels``, ``height`` and ``width``.
        """
        fitting = (
            judge
            for judge in self.having("classify", kinds=("judge",))
            if judge.dataset["id"] == dataset_id and judge.image == image
        )
        return min(fitting, key=lambda judge: judge.id, default=None)

    def encoder(self, model_id: str) -> Model | None:
        """Return who finds the ws of a picture for the generator called ``model_id``, if anyone does."""
        able = self.having("encode", "refine", kinds=("encoder",))
        return next((model for model in able if model.generator == model_id), None)

    def having(self, *roles: str, kinds: tuple[str, ...] = ("model",)) -> tuple[Model, ...]:
        """Return the models of those kinds that ship a graph for each of ``roles``, oldest first."""
        return tuple(model for model in self.models if model.kind in kinds and model.has(*roles))


def load(*directories: Path | str) -> Catalog:
    """Read the models of one or more directories (default: the shipped ones).

    Each directory holds ``<id>/model.json`` folders and, optionally, ``datasets/<id>/dataset.json``. A model
    in a later directory replaces one of the same id in an earlier one.

    Raises
    ------
    LineageError
        ``models.directory``: a directory does not exist.

    """
    models: dict[str, Model] = {}
    datasets: dict[str, Dataset] = {}
    problems: list[Problem] = []
    for directory in map(Path, directories or (DIRECTORY,)):
        if not directory.is_dir():
            raise LineageError(
                "models.directory",
                f"There is no directory {directory}: name one that holds <id>/model.json folders.",
                directory=str(directory),
            )
        for path in sorted(directory.glob("*/model.json")):
            model_id = path.parent.name
            try:
                models[model_id] = _model(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
                problems.append(Problem(model_id, _unreadable(model_id, path, fault)))
        for path in sorted(directory.glob("datasets/*/dataset.json")):
            try:
                datasets[path.parent.name] = _dataset(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
                problems.append(Problem(path.parent.name, _unreadable(path.parent.name, path, fault)))
    # A figure may rest on a judge's file too, so it can be dated only once every model is known.
    shipped = {graph.sha256 for model in models.values() for graph in model.graphs.values()}
    shipped |= {snapshot.graph.sha256 for model in models.values() for snapshot in model.snapshots}
    for model_id, model in models.items():
        path = model.folder / "metrics.json"
        try:
            models[model_id] = replace(model, metrics=_metrics(path, shipped))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
            problems.append(Problem(model_id, _unreadable(model_id, path, fault)))
    ordered = sorted(models.values(), key=lambda model: (model.year, model.title["en"]))
    return Catalog(tuple(ordered), datasets, tuple(problems))


def _by_name(tensors: tuple[Tensor, ...], name: str) -> Tensor:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    raise KeyError(name)


def _unreadable(model_id: str, path: Path, fault: Exception) -> LineageError:
    what = f"the key {fault} is missing" if isinstance(fault, KeyError) else str(fault)
    return LineageError(
        "model.unreadable",
        f"{model_id}: {path.name} cannot be read ({what}); export the model again.",
        model=model_id,
        file=path.name,
        reason=what,
    )


def _model(path: Path) -> Model:
    entry = json.loads(path.read_text("utf-8"))
    folder = path.parent
    graphs = {role: _graph(role, graph, folder) for role, graph in entry["graphs"].items()}
    snapshots = tuple(
        Snapshot(snapshot["images_seen"], _snapshot_graph(snapshot, graphs, folder))
        for snapshot in entry.get("snapshots", ())
    )
    if entry["id"] != folder.name:
        raise ValueError(f"its id is {entry['id']!r} but its folder is {folder.name!r}")
    if entry["kind"] not in KINDS:
        raise ValueError(f"its kind is {entry['kind']!r}, not one of {', '.join(KINDS)}")
    if entry.get("seeds") not in (None, *SEEDS):
        raise ValueError(f"its seeds are {entry['seeds']!r}, not one of {', '.join(SEEDS)}")
    return Model(
        id=entry["id"],
        folder=folder,
        kind=entry["kind"],
        title=_text(entry, "title"),
        year=int(entry["year"]),
        family=entry["family"],
        paper=entry["paper"],
        lesson=_text(entry, "lesson"),
        equation=entry["equation"],
        colour=entry["colour"],
        dataset=entry["dataset"],
        licence=entry["licence"],
        image=entry["image"],
        training=entry["training"],
        graphs=graphs,
        snapshots=tuple(sorted(snapshots, key=lambda snapshot: snapshot.images_seen)),
        files=tuple(_file(file, folder) for file in entry.get("files", ())),
        reported=tuple(Reported(**reported) for reported in entry.get("reported", ())),
        generator=entry.get("generator"),
        seeds=entry.get("seeds"),
        source=entry.get("source"),
    )


def _text(entry: Mapping[str, Any], key: str) -> Text:
    """Words by language; English is what the others fall back to."""
    words = entry[key]
    if not isinstance(words, dict) or not isinstance(words.get("en"), str):
        raise KeyError(f"{key}.en")
    return words


def _graph(role: str, entry: Mapping[str, Any], folder: Path) -> Graph:
    return Graph(
        role=role,
        path=_inside(folder, entry["file"]),
        sha256=entry["sha256"],
        bytes=int(entry["bytes"]),
        opset=int(entry["opset"]),
        tolerance=float(entry["tolerance"]),
        inputs=tuple(_tensor(tensor) for tensor in entry["inputs"]),
        outputs=tuple(_tensor(tensor) for tensor in entry["outputs"]),
    )


def _snapshot_graph(entry: Mapping[str, Any], graphs: Mapping[str, Graph], folder: Path) -> Graph:
    """A snapshot has the signature of the model's own graph of that role."""
    final = graphs[entry["role"]]
    path = _inside(folder, entry["file"])
    return Graph(
        final.role, path, entry["sha256"], int(entry["bytes"]), final.opset, final.tolerance, final.inputs,
        final.outputs,
    )  # fmt: skip


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    groups = tuple(Group(group["name"], tuple(group["values"])) for group in entry.get("groups", ()))
    return Tensor(
        entry["name"], entry["dtype"], tuple(entry["shape"]), entry["range"], entry["meaning"], groups
    )


def _file(entry: Mapping[str, Any], folder: Path) -> File:
    path = _inside(folder, entry["file"])
    return File(entry["role"], path, entry["sha256"], entry["licence"], entry["made_by"])


def _dataset(path: Path) -> Dataset:
    entry = json.loads(path.read_text("utf-8"))
    files = tuple(_file(file, path.parent) for file in entry["files"])
    classes = {language: tuple(names) for language, names in entry["classes"].items()}
    return Dataset(entry["id"], entry["name"], entry["licence"], entry["source"], classes, files)


def _metrics(path: Path, shipped: set[str]) -> tuple[Metric, ...]:
    """The figures of ``metrics.json`` whose every ``measured_on`` sha256 is a graph that ships now."""
    if not path.is_file():
        return ()
    figures = json.loads(path.read_text("utf-8"))["metrics"]
    return tuple(
        Metric(
            name=figure["name"],
            value=float(figure["value"]),
            error=figure.get("error"),
            unit=figure["unit"],
            protocol=figure["protocol"],
            paper_value=figure.get("paper_value"),
            source=figure["source"],
            measured_on=tuple(figure["measured_on"]),
        )
        for figure in figures
        if figure["measured_on"] and shipped.issuperset(figure["measured_on"])
    )


def _inside(folder: Path, name: str) -> Path:
    """A file name from a manifest, refused when it would leave its folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} lies outside its folder")
    return path
