"""What stands beside the pictures: cards, figures with their hints, lessons, what went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from demo.kit.markup import Markup, Message, join, problem, say, tag
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NEUTRAL = "#8a8378"


def hint(message_id: str, tabbed: bool = True, **values: Any) -> Markup:
    """Return a "?" that says in one sentence what a number means; the Tab key may pass over repeated ones."""
    return tag(
        "button",
        "?",
        type="button",
        class_="hint",
        aria_label=say(message_id, **values),
        tabindex=None if tabbed else "-1",
    )


def figure(name: str, value: Message | None) -> Markup:
    """Return one named number; a dash where a model has none, so that the others keep their place."""
    return tag(
        "div",
        tag("dt", tag("span", say(f"figure.{name}")), hint(f"figure.{name}.hint")),
        tag("dd", value if value else "–"),
        class_="figure",
        data_figure=name,
    )


def error(fault: LineageError) -> Markup:
    """Return an error where it happened."""
    return tag("p", problem(fault), class_="problem")


def title(model: Model) -> Message:
    """Return a model's name in the visitor's language."""
    return say(f"model.{model.id}.title")


def class_name(dataset: str, label: int) -> Message:
    """Return the name of a class of a data set in the visitor's language; its number where it has none."""
    return Message(f"dataset.{dataset}.class.{label}", fallback=str(label))


def era(model: Model) -> str:
    """Return the style that gives an element its model's colour; anything but ``#rrggbb`` is not let in."""
    return f"--era:{colour(model)}"


def colour(model: Model) -> str:
    """Return a model's colour, a neutral one where its own is no colour."""
    return model.colour if _COLOUR.fullmatch(model.colour) else _NEUTRAL


def frames(count: int, narrow: int) -> str:
    """Return the style of a film strip: frames in one row, and in each row of a narrow window."""
    return f"--frames:{count};--narrow:{narrow}"


def card(model: Model, *content: Markup) -> Markup:
    """Return a model's card: the same size and the same places for all of them."""
    quiet = model.kind in ("baseline", "judge")
    return tag(
        "article",
        tag(
            "header",
            tag("span", say(f"card.{model.kind}") if quiet else str(model.year), class_="year"),
            tag("h3", title(model)),
        ),
        *content,
        class_="card quiet" if quiet else "card",
        style=era(model),
        data_card=model.id,
    )


def stage(model: Model, panel: str, content: Markup, kind: str) -> Markup:
    """Return what is played with of one model, with the way to its lesson at its foot."""
    foot = tag("p", lesson_button(model, panel), class_="foot")
    return tag("div", content, foot, class_=kind, style=era(model), data_card=model.id)


def lesson_button(model: Model, panel: str, text: Message | None = None) -> Markup:
    """Return what opens a model's lesson, under a text of its own where one is given."""
    return tag(
        "button",
        text or say("card.lesson"),
        type="button",
        class_="link",
        data_lesson=model.id,
        aria_expanded="false",
        aria_controls=f"lesson-{panel}-{model.id}",
    )


def lessons(models: tuple[Model, ...], panel: str) -> Markup:
    """Return the closed lessons of a panel's models: three sentences, an equation, the paper."""
    return tag("div", *(_lesson(model, panel) for model in models), class_="lessons")


def _lesson(model: Model, panel: str) -> Markup:
    paper: Mapping[str, str] = model.paper
    source = join(
        tag("span", paper.get("authors", "")),
        tag("cite", tag("a", paper.get("title", ""), href=web(paper.get("url", "")), rel="noopener")),
    )
    return tag(
        "section",
        tag("h4", title(model), tag("span", str(model.year), class_="year")),
        tag("p", say(f"model.{model.id}.lesson")),
        tag("div", class_="equation", html=say(f"model.{model.id}.equation")),
        tag("p", source, class_="source"),
        class_="lesson",
        id=f"lesson-{panel}-{model.id}",
        style=era(model),
        data_lesson_of=model.id,
        hidden=True,
    )


def web(url: str) -> str | None:
    """Return an address that a link may lead to; none where it is no page of the web."""
    return url if url.startswith(("https://", "http://")) else None
