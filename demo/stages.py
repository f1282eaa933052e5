"""What a page without a server lays out beforehand: markup without anything that the browser makes itself.

Two answers that are laid out alike are compared, and what differs is left out: a picture is clear, a word is
missing, until the browser has made its own. So nothing that it cannot make stands beside what it has made. A
panel says the rest by three attributes:

``data-served``    what asks the server: left out altogether
``data-measured``  what the server alone can tell: left out where the browser makes the rest
``data-lasts``     what is right beside any other pictures: stays

The value of the first two may name a message that is said in their place.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from PIL import Image

from demo.kit import answers, paper
from demo.kit.markup import Markup, say, tag

_VOID = {"br", "hr", "img", "input"}
_DECLARATIONS = re.compile(r";(?![^(]*\))")
"""Between two declarations of a style; there are semicolons in a ``data:`` address, too."""
_CLEAR = paper.to_uri(paper.to_png(Image.new("LA", (1, 1))))


@dataclass(frozen=True)
class _Element:
    name: str
    attributes: Mapping[str, str]
    children: list[_Element | str]

    def written(self) -> str:
        inside = "".join(
            html.escape(child, quote=False) if isinstance(child, str) else child.written()
            for child in self.children
        )
        if not self.name:
            return inside
        attributes = "".join(f' {key}="{html.escape(value)}"' for key, value in self.attributes.items())
        return f"<{self.name}{attributes}>" + ("" if self.name in _VOID else f"{inside}</{self.name}>")


class _Reader(HTMLParser):
    """Reads what `demo.kit.markup.tag` writes: every element is closed but for those that are empty."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [_Element("", {}, [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = _Element(tag, {name: value or "" for name, value in attrs}, [])
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def settled(first: str, second: str) -> str:
    """Return what two makings of one answer, a log of envelopes, have in common: not the time they took."""
    lines = zip(first.split("\n"), second.split("\n"), strict=True)
    return "\n".join(_envelope(*pair, made=False) or pair[0] for pair in lines)


def stage(one: str, other: str) -> str | None:
    """Return the envelope of a stage from two answers on it; None where an answer lays nothing out."""
    return _envelope(one, other, made=True)


def common(one: str, other: str, *, made: bool = False) -> Markup:
    """Return the markup that two of the same structure have in common.

    Parameters
    ----------
    made : whether the browser makes the rest, and what is ``data-measured`` would be of other pictures

    """
    return Markup(_shared(_read(one), _read(other), made).written())


def _envelope(one: str, other: str, made: bool) -> str | None:
    mine, its = answers.opened(one), answers.opened(other)
    if "markup" in mine and "markup" in its:
        found: dict[str, Any] = {"markup": common(mine["markup"], its["markup"], made=made)}
    elif "stage" in mine.get("data", {}):
        data = mine["data"]
        found = {"data": {**data, "stage": common(data["stage"], its["data"]["stage"], made=made)}}
    elif "problem" in mine:
        found = {"problem": mine["problem"]}
    else:
        return None
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _read(markup: str) -> _Element:
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    return reader.open[0]


def _shared(mine: _Element, its: _Element, made: bool) -> _Element:
    """Return an element with what two have in common; without children where they do not pair off."""
    ours, theirs = _kept(mine, made), _kept(its, made)
    children: list[_Element | str] = []
    if [_kind(child) for child in ours] == [_kind(child) for child in theirs]:
        for one, other in zip(ours, theirs, strict=True):
            if isinstance(one, str) or isinstance(other, str):
                children.append(one if one == other else "")
            elif made and "data-lasts" in one.attributes:
                children.append(one)
            else:
                children.append(_shared(one, other, made))
    attributes = _attributes(mine.attributes, its.attributes)
    if mine.name == "dd" and "data-say" in its.attributes and "data-say" not in attributes:
        children = ["–"]  # a figure that is not there
    return _Element(mine.name, attributes, children)


def _kind(child: _Element | str) -> str:
    return "" if isinstance(child, str) else child.name


def _kept(element: _Element, made: bool) -> list[_Element | str]:
    """Return the children without what is left out, or with what is said in its place."""
    marks = ("data-served", "data-measured") if made else ("data-served",)
    kept: list[_Element | str] = []
    for child in element.children:
        mark = None if isinstance(child, str) else next((m for m in marks if m in child.attributes), None)
        if isinstance(child, str) or mark is None:
            kept.append(child)
        elif child.attributes[mark]:
            kept += _read(tag("p", say(child.attributes[mark]), class_="note")).children
    return kept


def _attributes(mine: Mapping[str, str], its: Mapping[str, str]) -> dict[str, str]:
    kept = {}
    for name, value in mine.items():
        there = its.get(name)
        left = value if value == there else _blank(name, value, there or "")
        if left is not None:
            kept[name] = left
    return kept


def _blank(name: str, value: str, there: str) -> str | None:
    """Return what is left of an attribute that differs; None where nothing is."""
    match name:
        case "src" | "data-original":
            return _CLEAR
        case "data-film":
            return _clear_film(value)
        case "data-told":
            return json.dumps([[""]] * len(json.loads(value)))
        case "data-of":
            return ""
        case "class":
            return " ".join(word for word in value.split() if word in there.split())
        case "style":
            ours, theirs = _DECLARATIONS.split(value), _DECLARATIONS.split(there)
            return ";".join(each for each in ours if each in theirs)
        case "data-say":
            said, other = json.loads(value), json.loads(there or "{}")
            same = {place: words for place, words in said.items() if other.get(place) == words}
            return json.dumps(same, ensure_ascii=False) if same else None
    return None


def _clear_film(uri: str) -> str:
    """Return a sheet of the same size with nothing on it."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as film:
        return paper.to_uri(paper.to_png(Image.new("LA", film.size)))
