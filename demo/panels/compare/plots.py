"""Plots by hand: SVG whose places are percentages, so that it fills any width and its text keeps its size.

Every mark says its figure, protocol and seed when it is pointed at or reached by Tab (``data-tells``, see
``kit/page.js``); the names beside the marks are moved apart by ``panel.js``, which alone knows
how wide the window is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from demo.kit.markup import Child, Markup, Message, say, tag

RADIUS = 6
_REACH = 14  # of a finger, pixels
_RING = RADIUS + 2  # stays in sight around a dot at the same place
_STEPS = (1.0, 2.0, 5.0)
_LOGARITHMIC = ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
"""Steps within a power of ten, fine to coarse."""


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers laid along one side of a plot."""

    low: float
    high: float
    logarithmic: bool = False
    at: tuple[float, ...] = ()
    """What is written along it, where that is not round numbers."""

    @classmethod
    def over(cls, values: Iterable[float], *, logarithmic: bool = False, margin: float = 0.08) -> Scale:
        """Return the scale that holds all values, with some room at both ends; 0 to 1 where there are none.

        Values that a logarithmic scale has no place for are left out.
        """
        kept = [value for value in values if math.isfinite(value) and not (logarithmic and value <= 0)]
        if not kept:
            return cls(1.0, 10.0, True) if logarithmic else cls(0.0, 1.0)
        low, high = min(kept), max(kept)
        if logarithmic:
            room = margin * (math.log(high / low) or math.log(4))
            return cls(low * math.exp(-room), high * math.exp(room), True)
        room = margin * (high - low or abs(high) or 1.0)
        return cls(low - room, high + room)

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one; what is beyond lies there."""
        if self.logarithmic:
            value, low, high = (math.log(max(v, 1e-300)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def holds(self, value: float) -> bool:
        """Whether a value lies on the scale itself."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 7) -> list[float]:
        """Return what to write along the scale: round numbers, at most so many, or those it was given."""
        if self.at:
            return list(self.at)
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for steps in _LOGARITHMIC:
                found = [step * 10.0**power for power in powers for step in steps]
                found = [value for value in found if self.holds(value)]
                if len(found) <= most:
                    return found
            return found[:: -(-len(found) // most)]
        rough = (self.high - self.low) / most
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * one for one in (*_STEPS, 10.0) if size * one >= rough)
        first = math.ceil(self.low / step)
        return [round(k * step, 10) for k in range(first, math.floor(self.high / step) + 1)]


@dataclass(frozen=True)
class Mark:
    """One figure in a plot of two."""

    id: str
    x: float
    y: float
    label: Message
    tells: Message
    era: str = ""
    """A style that gives it its colour."""
    form: str = "ours"
    """``ours``: a dot; ``paper``: a ring; ``waiting``: a dot whose x is not known yet."""


@dataclass(frozen=True)
class Line:
    """A thread through points of a plot."""

    points: Sequence[tuple[float, float]]
    era: str = ""
    form: str = "course"
    """``course``: a family or a training; ``tie``: between a figure and the paper's."""


@dataclass(frozen=True)
class Rule:
    """A level across the plot that others are held against."""

    y: float
    label: Message
    tells: Message | None = None


def scatter(
    x: Scale,
    y: Scale,
    marks: Sequence[Mark],
    *,
    alt: Message,
    titles: tuple[Message, Message],
    lines: Sequence[Line] = (),
    rules: Sequence[Rule] = (),
) -> Markup:
    """Return a plot of marks over two scales, y upwards; ``titles`` name x and y."""
    return tag(
        "div",
        tag("span", titles[1], class_="of-y"),
        tag(
            "svg",
            *(_grid(_percent(x.place(tick)), "0%", _number(tick), upright=True) for tick in x.ticks()),
            *(_grid("0%", _percent(1 - y.place(tick)), _number(tick), upright=False) for tick in y.ticks()),
            *(_rule(rule, y) for rule in rules),
            *(segment for line in lines for segment in _segments(line, x, y)),
            *(_mark(mark, x, y) for mark in marks),
            role="group",
            aria_label=alt,
            class_="scatter",
        ),
        tag("span", titles[0], class_="of-x"),
        class_="compare-plot",
    )


@dataclass(frozen=True)
class Row:
    """One figure on a line of its own."""

    name: Markup
    note: Child
    value: Message
    figure: float
    tells: Message
    era: str = ""
    error: float | None = None
    paper: float | None = None
    quiet: bool = False
    """A yardstick: no network of the lineage."""


def rows(scale: Scale, drawn: Sequence[Row], alt: Message, title: Message) -> Markup:
    """Return figures under each other along one scale: bar, standard error, the paper's ring."""
    return tag(
        "div",
        tag("ol", *(_row(scale, row) for row in drawn), aria_label=alt),
        tag(
            "div",
            tag(
                "svg",
                *(
                    _grid(_percent(scale.place(tick)), "0%", _number(tick), upright=True)
                    for tick in scale.ticks(5)
                ),
                aria_hidden="true",
            ),
            tag("span", title, class_="of-x"),
            class_="axis",
        ),
        class_="compare-rows",
    )


def _row(scale: Scale, row: Row) -> Markup:
    here = _percent(scale.place(row.figure))
    ends = [_percent(scale.place(row.figure + way * (row.error or 0.0))) for way in (-1, 1)]
    return tag(
        "li",
        tag(
            "span",
            row.name,
            tag("span", row.note, class_="how") if row.note is not None else None,
            class_="who",
        ),
        tag(
            "svg",
            tag("line", class_="bar", x1="0%", x2=here, y1="50%", y2="50%"),
            tag("circle", class_="ring", cx=_percent(scale.place(row.paper)), cy="50%", r=_RING)
            if row.paper is not None
            else None,
            tag("line", class_="whisker", x1=ends[0], x2=ends[1], y1="50%", y2="50%") if row.error else None,
            tag("circle", class_="dot", cx=here, cy="50%", r=RADIUS - 1),
            tag("rect", class_="reach", x="0", y="0", width="100%", height="100%"),
            role="img",
            aria_label=row.tells,
            tabindex="0",
            data_tells=True,
        ),
        tag("b", row.value),
        class_="quiet" if row.quiet else None,
        style=row.era or None,
    )


def _grid(x: str, y: str, number: Message, *, upright: bool) -> Markup:
    if upright:
        line = tag("line", class_="grid", x1=x, x2=x, y1="0%", y2="100%")
        text = tag("text", number, x=x, y="100%", dy="18", text_anchor="middle")
    else:
        line = tag("line", class_="grid", x1="0%", x2="100%", y1=y, y2=y)
        text = tag("text", number, x="0%", y=y, dx="-8", dy="4", text_anchor="end")
    return Markup(line + text)


def _rule(rule: Rule, y: Scale) -> Markup:
    at = _percent(1 - y.place(rule.y))
    return tag(
        "g",
        tag("line", class_="level", x1="0%", x2="100%", y1=at, y2=at),
        tag("text", rule.label, x="0%", y=at, dx="4", dy="-6", text_anchor="start", class_="of-level"),
        role="img" if rule.tells else None,
        tabindex="0" if rule.tells else None,
        aria_label=rule.tells,
        data_tells=rule.tells is not None,
    )


def _segments(line: Line, x: Scale, y: Scale) -> Iterable[Markup]:
    places = [(_percent(x.place(a)), _percent(1 - y.place(b))) for a, b in line.points]
    for (x1, y1), (x2, y2) in itertools.pairwise(places):
        yield tag("line", class_=line.form, x1=x1, y1=y1, x2=x2, y2=y2, style=line.era or None)


def _mark(mark: Mark, x: Scale, y: Scale) -> Markup:
    cx, cy = _percent(x.place(mark.x)), _percent(1 - y.place(mark.y))
    # What is far off the others is shown at the edge, and its shape says that it lies beyond.
    beyond = not (x.holds(mark.x) and y.holds(mark.y))
    return tag(
        "g",
        tag(
            "svg",  # its origin is the mark: what is inside is placed in pixels
            tag("line", class_="leader"),
            tag("circle", class_="reach", r=_REACH),
            tag("circle", class_="ring", r=_RING)
            if mark.form == "paper"
            else tag("circle", class_="dot", r=RADIUS),
            tag("text", mark.label, class_="name", text_anchor="middle"),
            x=cx,
            y=cy,
        ),
        class_=f"mark {mark.form}{' beyond' if beyond else ''}",
        style=mark.era or None,
        role="img",
        tabindex="0",
        aria_label=mark.tells,
        data_tells=True,
        data_mark=mark.id,
    )


def _number(value: float) -> Message:
    if value >= 1_000:  # images seen
        return say("compare.tick.mega" if value >= 1_000_000 else "compare.tick.kilo", value=_short(value))
    return say("compare.tick", value=value)


def _short(value: float) -> float:
    return value / (1_000_000 if value >= 1_000_000 else 1_000)


def _percent(place: float) -> str:
    return f"{100 * place:.2f}%"
