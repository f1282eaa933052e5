"""All words of the page by language and id: the kit's, each panel's, and what the models bring."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from onnx_models import directions
from onnx_models.catalog import Catalog, Model, Text
from onnx_models.errors import LineageError

LANGUAGES = ("en", "fr")

_MATHML = "http://www.w3.org/1998/Math/MathML"
# fmt: off
_ELEMENTS = frozenset((
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup",
    "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom",
    "mmultiscripts", "mprescripts", "semantics",
))
_ATTRIBUTES = frozenset((
    "display", "displaystyle", "mathvariant", "stretchy", "fence", "separator", "form", "lspace", "rspace",
    "minsize", "maxsize", "movablelimits", "accent", "accentunder", "linethickness", "columnalign", "width",
    "height", "depth",
))
# fmt: on


def own(folders: Iterable[Path]) -> dict[str, dict[str, str]]:
    """Return ``{language: {id: text}}``: the page's own words, of ``<language>.json`` in each folder."""
    words: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for folder in folders:
        for language, known in words.items():
            known.update(json.loads((folder / f"{language}.json").read_text("utf-8")))
    return words


def load(catalog: Catalog, folders: Iterable[Path]) -> dict[str, dict[str, str]]:
    """Return ``{language: {id: text}}``: the page's own words, and what models and data sets are called."""
    words = own(folders)
    for model in catalog.models:
        for language in LANGUAGES:
            for part, texts in (("title", model.title), ("lesson", model.lesson)):
                if language in texts:
                    words[language][f"model.{model.id}.{part}"] = texts[language]
        words["en"][f"model.{model.id}.equation"] = safe_mathml(model.equation)
        for name, texts in _names(model):
            for language in LANGUAGES:
                if language in texts:
                    words[language][name] = texts[language]
    for dataset in catalog.datasets.values():
        for language in LANGUAGES:
            for label, name in enumerate(dataset.classes.get(language, ())):
                words[language][f"dataset.{dataset.id}.class.{label}"] = name
    return words


def _names(model: Model) -> Iterator[tuple[str, Text]]:
    """Yield what a model's directions and the attributes that they change are called."""
    try:
        for direction in directions.load(model):
            yield f"model.{model.id}.direction.{direction.id}", direction.name
        for attribute, name in directions.attributes(model).items():
            yield f"model.{model.id}.attribute.{attribute}", name
    except LineageError:
        return  # the panel that needs them says why


def safe_mathml(source: str) -> str:
    """Return an equation with nothing in it but presentation MathML; empty where it cannot be read.

    A model's directory may come from anywhere, and what it brings is put into the page as markup.
    """
    try:
        root = ElementTree.fromstring(re.sub(r"&nbsp;", " ", source))
        return _rebuild(root)
    except (ElementTree.ParseError, ValueError):
        return ""


def _rebuild(element: ElementTree.Element) -> str:
    name = element.tag.removeprefix(f"{{{_MATHML}}}")
    if name not in _ELEMENTS:
        raise ValueError(name)
    kept = {key: value for key, value in element.attrib.items() if key in _ATTRIBUTES}
    copy = ElementTree.Element(name, kept)
    opening = ElementTree.tostring(copy, encoding="unicode", short_empty_elements=False).removesuffix(
        f"</{name}>"
    )
    inside = _escape(element.text) + "".join(_rebuild(child) + _escape(child.tail) for child in element)
    return f"{opening}{inside}</{name}>"


def _escape(text: str | None) -> str:
    return (text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
