"""Compare: our numbers beside the papers', as a table and as plots, none of them known to this file.

All of it is drawn from what `metrics.json` holds when the page is built; opening the panel runs no network. A
figure that was not measured on the files that ship is missing, and the panel says whose. Only the speed is
measured here, on this machine, when somebody presses the button.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from demo.engine import inference
from demo.engine.library import Library
from demo.kit import carriers, controls, signs
from demo.kit.markup import Child, Markup, Message, join, say, tag
from demo.panels.compare import measures, plots
from demo.panels.compare.measures import Finding
from demo.panels.compare.plots import Line, Mark, Row, Rule, Scale
from onnx_models.catalog import Model

NAME = "compare"
TABLE, CODES, LIKELIHOOD, PARZEN, FRECHET, SPEED, COVER = PLOTS = (
    "table", "codes", "likelihood", "parzen", "frechet", "speed", "cover",
)  # fmt: skip

ERROR, RATIO = "reconstruction_squared_error", "frechet_ratio_to_real"
PRECISION, RECALL = "precision_k3", "recall_k3"
WINDOW = "parzen_log_likelihood"
LOG_PROBABILITIES = {
    "ais_test_log_probability": 1,
    "raise_test_log_probability": 1,
    "variational_bound_test_log_probability": 1,
    "negative_log_likelihood_5000": -1,
}
"""Estimates of one quantity, with the sign that makes it a log-probability."""
OF_SAMPLES = (
    RATIO, PRECISION, RECALL, "diversity_ratio", "label_agreement", "classification_accuracy_score",
    "nearest_neighbour_ratio",
)  # fmt: skip
"""What is said of every generator, in this order."""

TIMED_RUNS, TIMED_SECONDS = 15, 0.5
"""How often one picture is made, and for how long at most, to take the median time."""


@dataclass(frozen=True)
class State:
    """What is looked at; the browser alone acts upon it."""

    plot: str = TABLE
    dataset: str = ""
    """Of the plots that hold generators against each other: whose pictures they make."""


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return bool(model.metrics)


def build(library: Library) -> None:
    """Lay the panel out: every plot is in the page, and one of them is looked at."""
    groups = generators(library)
    state = State(dataset=next(iter(groups), ""))
    carriers.lead(NAME)
    desk = carriers.desk(library, _desk(groups, state), state, NAME, local=("plot", "dataset"))
    desk.view(lambda *_: show(library), "panes", answers=False)
    speed = desk.view(timed, "speed", answers=False, first=lambda: show_speed(library, {}))
    desk.submits(speed, limit=1)  # two at once would slow each other down


def show(library: Library) -> Markup:
    """Return everything but the speed: the tables and the plots of what was measured."""
    groups = generators(library)
    return join(
        _pane(TABLE, _table(library), *(_matrix(models) for models in groups.values()), _silent(library)),
        _pane(CODES, _codes(library)),
        _pane(LIKELIHOOD, _likelihood(library)),
        *(_pane(PARZEN, _parzen(library, models), dataset=name) for name, models in groups.items()),
        *(_pane(FRECHET, _frechet(library, models), dataset=name) for name, models in groups.items()),
        *(_pane(COVER, _cover(models), dataset=name) for name, models in groups.items()),
        *(() if groups else map(_pane, (PARZEN, FRECHET, COVER), (_empty(),) * 3)),
    )


def show_speed(library: Library, times: Mapping[str, float]) -> Markup:
    """Return distance against milliseconds for a picture, of the generators that were timed so far."""
    groups = generators(library)
    panes = [_pane(SPEED, _speed(models, times), dataset=name) for name, models in groups.items()]
    return join(*(panes or [_pane(SPEED, _empty())]))


def generators(library: Library) -> dict[str, list[Model]]:
    """Return who makes pictures of z, oldest first, by data set; the largest family comes first."""
    groups: dict[str, list[Model]] = {}
    for model in library.catalog.having("generate", kinds=("model", "exhibit")):
        groups.setdefault(model.dataset["id"], []).append(model)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def milliseconds(library: Library, model: Model) -> float:
    """Return the median time that a network takes for one picture, inside onnxruntime."""
    inference.sample(library, model.id, seed=0, count=1)  # the first run of a session plans its memory
    times: list[float] = []
    end = time.perf_counter() + TIMED_SECONDS
    while not times or (len(times) < TIMED_RUNS and time.perf_counter() < end):
        times.append(inference.sample(library, model.id, seed=len(times), count=1).milliseconds)
    return statistics.median(times)


def timed(library: Library, state: State) -> Iterator[Markup]:
    """Time the generators one by one; each value shows those that are done."""
    times: dict[str, float] = {}
    for model in generators(library).get(state.dataset, []):
        if measures.found(model, RATIO) is not None:
            times[model.id] = milliseconds(library, model)
            yield show_speed(library, times)


# ----------------------------------------------------------------------------------------------------- desk


def _desk(groups: Mapping[str, Sequence[Model]], state: State) -> Markup:
    parts = controls.choices("plot", PLOTS, tuple(say(f"compare.plot.{plot}") for plot in PLOTS), state.plot)
    names = tuple(say("compare.dataset", name=models[0].dataset["name"]) for models in groups.values())
    whose = controls.choices("dataset", tuple(groups), names, state.dataset)
    return tag(
        "div",
        parts,
        tag("div", whose, data_whose=True, hidden=True) if len(groups) > 1 else None,
        data_tool=NAME,
        class_="controls",
    )


def _pane(plot: str, *content: Child, dataset: str | None = None) -> Markup:
    """Return a plot with its one sentence; before the browser chooses, only the table is to be seen."""
    return tag(
        "section",
        tag("p", say(f"compare.says.{plot}"), class_="says"),
        *content,
        class_="compare",
        hidden=plot != TABLE,
        data_pane=plot,
        data_dataset=dataset,
    )


def _empty() -> Markup:
    return tag("p", say("compare.empty"), class_="empty")


def _missing(models: Iterable[Model], has: Callable[[Model], bool]) -> Markup | None:
    """Say whose figures were not measured on the files that ship."""
    names = [tag("li", signs.title(model)) for model in models if not has(model)]
    if not names:
        return None
    return tag("div", tag("span", say("compare.missing")), tag("ul", *names), class_="missing")


# --------------------------------------------------------------------------------------------------- tables


def _table(library: Library) -> Markup:
    found = list(measures.with_papers(library.catalog.models))
    if not found:
        return _empty()
    heads = tuple(say(f"compare.head.{head}") for head in ("network", "ours", "paper", "verdict"))
    body: list[Markup] = []
    for place, one in enumerate(found):
        if not place or found[place - 1].measure != one.measure:
            words = measures.name(one.measure.name)
            body.append(tag("tr", tag("th", words, colspan=len(heads), scope="rowgroup"), class_="kind"))
        body.append(_row(one))
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads))),
        tag("tbody", *body),
        class_="beside",
    )


def _row(one: Finding) -> Markup:
    gain = measures.difference(abs(one.gain), one.measure)
    verdict = one.verdict
    assert one.metric.paper_value is not None
    return tag(
        "tr",
        tag("th", _who(one.model), scope="row"),
        tag("td", _figure(one), class_="ours", data_label=say("compare.head.ours")),
        tag(
            "td",
            tag("span", measures.written(one.metric.paper_value, one.measure)),
            tag("span", one.metric.source, class_="source"),
            class_="papers",
            data_label=say("compare.head.paper"),
        ),
        tag("td", say(f"compare.verdict.{verdict}", gain=gain) if verdict else None, class_="verdict-of"),
        class_=verdict,
        style=signs.era(one.model),
        data_row=f"{one.model.id} {one.metric.name}",
    )


def _matrix(models: Sequence[Model]) -> Markup | None:
    """Return what is known of the samples of every generator of a data set, a column for each measure."""
    columns = [name for name in OF_SAMPLES if any(model.metric(name) for model in models)]
    if not columns:
        return None
    heads = (
        tag("th", tag("span", say(f"compare.column.{name}")), signs.hint(f"compare.hint.{name}"), scope="col")
        for name in columns
    )
    rows = (
        tag(
            "tr",
            tag("th", _who(model), scope="row"),
            *(_cell(model, name) for name in columns),
            style=signs.era(model),
        )
        for model in models
        if model.metrics
    )
    return tag(
        "table",
        tag("caption", say("compare.samples", name=models[0].dataset["name"])),
        tag("thead", tag("tr", tag("th", say("compare.head.network"), scope="col"), *heads)),
        tag("tbody", *rows),
        class_="matrix",
    )


def _cell(model: Model, name: str) -> Markup:
    one = measures.found(model, name)
    words = say(f"compare.column.{name}")
    return tag(
        "td", _figure(one, plain=True) if one else "–", data_label=words, class_=None if one else "none"
    )


def _figure(one: Finding, plain: bool = False) -> Markup:
    """Return a figure that tells its protocol."""
    words = _brief(one) if plain else one.value
    return tag("span", words, tabindex="0", role="note", aria_description=one.tells, data_tells=True)


def _brief(one: Finding) -> Message:
    """Return the figure alone, in three significant digits."""
    return say(f"compare.brief.{one.measure.form}", value=measures.scaled(one.metric.value, one.measure))


def _who(model: Model) -> Markup:
    """Return year and name; the name leads to the paper."""
    quiet = model.kind == "baseline"
    return tag(
        "span",
        tag("span", say("card.baseline") if quiet else str(model.year), class_="when"),
        tag("a", signs.title(model), href=signs.web(model.paper.get("url", "")), rel="noopener"),
        class_="of-whom",
    )


def _silent(library: Library) -> Markup | None:
    """Say which networks of the lineage have no figure at all."""
    return _missing(library.timeline, shows)


# -------------------------------------------------------------------------------------------- reconstructions


def _codes(library: Library) -> Markup:
    able = library.reconstructors + library.catalog.having("reconstruct", kinds=("exhibit",))
    found = [one for model in able if (one := measures.found(model, ERROR)) is not None]
    if not found:
        return _empty()
    at = {one.model.id: float(_code_size(one.model)) for one in found}
    papers = [one for one in found if one.metric.paper_value is not None]
    lines = [
        Line(
            [(at[one.model.id], one.metric.value), (at[one.model.id], one.metric.paper_value or 0.0)],
            form="tie",
        )
        for one in papers
    ]
    for family in _families(found):
        points = sorted((at[one.model.id], one.metric.value) for one in family)
        lines.append(Line(points, signs.era(family[-1].model)))
    marks = [_ring(one, at[one.model.id]) for one in papers]
    marks += [
        Mark(one.model.id, at[one.model.id], one.metric.value, signs.title(one.model), one.tells,
             signs.era(one.model))
        for one in found
    ]  # fmt: skip
    y = [mark.y for mark in marks]
    return join(
        plots.scatter(
            replace(Scale.over(at.values(), logarithmic=True), at=tuple(sorted(set(at.values())))),
            Scale.over(y, logarithmic=True),
            marks,
            alt=say("compare.alt.codes", count=len(found)),
            titles=(say("compare.axis.code"), say("compare.axis.error")),
            lines=lines,
        ),
        _key([(one.model, one.value) for one in _oldest_first(found)], papers=bool(papers)),
        _missing(able, lambda model: model.metric(ERROR) is not None),
    )


def _code_size(model: Model) -> int:
    shape = model.graphs["reconstruct"].output("code").shape
    return max(size for size in shape if isinstance(size, int))


def _families(found: Iterable[Finding]) -> list[list[Finding]]:
    """Return who differs in the size of the code alone: one family after one paper, baselines apart."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        if one.model.kind != "baseline":
            groups.setdefault((one.model.family, one.model.paper.get("url", "")), []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _ring(one: Finding, x: float) -> Mark:
    """Return the paper's figure as a mark at the place of ours."""
    assert one.metric.paper_value is not None
    tells = say(
        "compare.tells.theirs",
        model=signs.title(one.model),
        measure=measures.name(one.metric.name),
        value=measures.written(one.metric.paper_value, one.measure),
        source=one.metric.source,
    )
    label, theirs = say("compare.paper.of"), one.metric.paper_value
    return Mark(f"{one.model.id}-paper", x, theirs, label, tells, signs.era(one.model), "paper")


# ------------------------------------------------------------------------------------------------ likelihoods


def _likelihood(library: Library) -> Markup:
    found = [
        (one, sign)
        for model in library.catalog.models
        for name, sign in LOG_PROBABILITIES.items()
        if (one := measures.found(model, name)) is not None
    ]
    rows = [
        Row(
            _who(one.model),
            say(f"compare.estimator.{one.metric.name}"),
            _signed(one, sign),
            sign * one.metric.value,
            one.tells,
            signs.era(one.model),
            one.metric.error,
            None if one.metric.paper_value is None else sign * one.metric.paper_value,
        )
        for one, sign in found
    ]
    return _rows(rows, "likelihood")


def _signed(one: Finding, sign: int) -> Message:
    return say("compare.form.number", value=sign * one.metric.value)


def _parzen(library: Library, models: Sequence[Model]) -> Markup:
    rows = [
        Row(
            _who(one.model),
            None,
            measures.written(one.metric.value, one.measure),
            one.metric.value,
            one.tells,
            signs.era(one.model),
            one.metric.error,
            one.metric.paper_value,
        )
        for one in _measured(models, WINDOW)
    ]
    rows += [
        Row(
            tag("span", tag("span", measures.name(one.metric.name)), class_="of-whom"),
            None,
            measures.written(one.metric.value, one.measure),
            one.metric.value,
            one.tells,
            error=one.metric.error,
            quiet=True,
        )
        for one in _yardsticks(library, models, WINDOW)
    ]
    return join(_rows(rows, "parzen"), _missing(models, lambda model: model.metric(WINDOW) is not None))


def _yardsticks(library: Library, models: Sequence[Model], name: str) -> list[Finding]:
    """Return what the same measure says of what is no network; the judge of the data set keeps it."""
    return [
        measures.finding(judge, metric)
        for judge in library.catalog.having("classify", kinds=("judge",))
        if judge.dataset["id"] == models[0].dataset["id"]
        for metric in judge.metrics
        if metric.name.startswith(f"{name}_of_")
    ]


def _rows(drawn: Sequence[Row], plot: str) -> Markup:
    if not drawn:
        return _empty()
    ends = [row.figure + way * (row.error or 0.0) for row in drawn for way in (-1, 1)]
    scale = Scale.over([*ends, *(row.paper for row in drawn if row.paper is not None)])
    alt = say(f"compare.alt.{plot}", count=len(drawn))
    return join(
        plots.rows(scale, drawn, alt, say(f"compare.axis.{plot}")),
        tag("p", say("compare.legend.rows"), class_="compare-legend"),
    )


# ---------------------------------------------------------------------------------------------------- samples


def _frechet(library: Library, models: Sequence[Model]) -> Markup:
    """Return distance over training: where each network ended, and the way there if that was measured."""
    found = _measured(models, RATIO)
    if not found:
        return join(_empty(), _missing(models, lambda model: False))
    marks, lines = [], []
    for one in found:
        seen = float(one.model.training["images_seen"])
        way = _on_the_way(one.model)
        lines.append(Line([*way, (seen, one.metric.value)], signs.era(one.model)))
        marks.append(_mark(one, seen))
    points = [point for line in lines for point in line.points]
    levels = [Rule(1.0, say("compare.level.real"))]
    levels += [
        Rule(one.metric.value, measures.name(one.metric.name), one.tells)
        for one in _yardsticks(library, models, RATIO)
    ]
    return join(
        plots.scatter(
            Scale.over((x for x, _ in points), logarithmic=True),
            Scale.over([*(y for _, y in points), *(level.y for level in levels)], logarithmic=True),
            marks,
            alt=say("compare.alt.frechet", count=len(found)),
            titles=(say("compare.axis.seen"), say("compare.axis.ratio")),
            lines=lines,
            rules=levels,
        ),
        _key([(one.model, _brief(one)) for one in found]),
        _missing(models, lambda model: model.metric(RATIO) is not None),
    )


def _on_the_way(model: Model) -> list[tuple[float, float]]:
    """Return (training images seen, distance) of the snapshots that were measured, in order."""
    return [
        (float(snapshot.images_seen), metric.value)
        for snapshot in model.snapshots
        if snapshot.images_seen
        for metric in model.metrics
        if metric.name == f"{RATIO}_after_{snapshot.images_seen}"
        and snapshot.graph.sha256 in metric.measured_on
    ]


def _speed(models: Sequence[Model], times: Mapping[str, float]) -> Markup:
    found = _measured(models, RATIO)
    if not found:
        return join(_empty(), _missing(models, lambda model: False))
    known = [one for one in found if one.model.id in times]
    x = (
        Scale.over((times[one.model.id] for one in known), logarithmic=True)
        if known
        else Scale(0.08, 10, True)
    )
    marks = [
        _mark(one, times.get(one.model.id, 1.1 * x.low), "ours" if one in known else "waiting")
        for one in found
    ]
    spans = [
        (
            one.model,
            say("compare.speed.of", ms=times[one.model.id]) if one in known else say("compare.speed.not"),
        )
        for one in found
    ]
    return join(
        tag(
            "p",
            tag("button", say("compare.measure.now"), type="button", class_="primary", data_send="submit"),
            class_="press",
            data_served="compare.speed.served",
        ),
        plots.scatter(
            x,
            Scale.over((one.metric.value for one in found), logarithmic=True),
            marks,
            alt=say("compare.alt.speed", count=len(known)),
            titles=(say("compare.axis.ms"), say("compare.axis.ratio")),
        ),
        _key(spans),
        _missing(models, lambda model: model.metric(RATIO) is not None),
    )


def _cover(models: Sequence[Model]) -> Markup:
    found = [one for one in _measured(models, PRECISION) if one.model.metric(RECALL) is not None]
    if not found:
        return join(_empty(), _missing(models, lambda model: False))
    recalls = {one.model.id: measures.found(one.model, RECALL) for one in found}
    at = {name: 100 * recall.metric.value for name, recall in recalls.items() if recall is not None}
    # What is shown for what is wrong with it would squeeze all others into a corner.
    usual = [one for one in found if one.model.kind == "model"] or found
    marks = []
    for one in found:
        recall = recalls[one.model.id]
        assert recall is not None
        tells = say("compare.tells.both", first=one.tells, second=recall.tells)
        marks.append(
            Mark(one.model.id, at[one.model.id], 100 * one.metric.value, signs.title(one.model), tells,
                 signs.era(one.model))
        )  # fmt: skip
    pairs = [
        (one.model, say("compare.pair", precision=100 * one.metric.value, recall=at[one.model.id]))
        for one in found
    ]
    return join(
        plots.scatter(
            Scale.over([at[one.model.id] for one in usual], margin=0.2),
            Scale.over([100 * one.metric.value for one in usual], margin=0.2),
            marks,
            alt=say("compare.alt.cover", count=len(found)),
            titles=(say("compare.axis.recall"), say("compare.axis.precision")),
        ),
        _key(pairs),
        _missing(models, lambda model: model.metric(PRECISION) is not None),
    )


def _measured(models: Iterable[Model], name: str) -> list[Finding]:
    return [one for model in models if (one := measures.found(model, name)) is not None]


def _mark(one: Finding, x: float, form: str = "ours") -> Mark:
    title = signs.title(one.model)
    return Mark(one.model.id, x, one.metric.value, title, one.tells, signs.era(one.model), form)


def _oldest_first(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (one.model.kind == "baseline", one.model.year))


def _key(entries: Sequence[tuple[Model, Message]], papers: bool = False) -> Markup:
    """Return who is in a plot, oldest first, with the figure: what no label has room to say."""
    listed = (
        tag("li", _who(model), tag("b", value), style=signs.era(model), data_key=model.id)
        for model, value in entries
    )
    return join(tag("ol", *listed, class_="compare-key"), _legend() if papers else None)


def _legend() -> Markup:
    return tag("p", say("compare.legend"), class_="compare-legend")
