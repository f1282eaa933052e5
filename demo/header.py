"""The header: what this is, in which language, and on what it really runs. Then the tabs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnxruntime

from demo.engine import examples, inference
from demo.engine.library import Library
from demo.kit import carriers, signs
from demo.kit.markup import Markup, say, tag
from demo.kit.messages import LANGUAGES
from onnx_models.errors import LineageError

_NAMES = {"CPUExecutionProvider": "CPU", "CUDAExecutionProvider": "CUDA"}
_TIMED_RUNS = 5


def build(library: Library, *ways: Markup, served: bool = True) -> None:
    """Lay the header out. The sessions are made by then, so the provider is the one that runs.

    Parameters
    ----------
    ways : links that stand before the languages
    served : whether the page has a server

    """
    languages = (
        tag(
            "a",
            language.upper(),
            href=f"?lang={language}",
            lang=language,
            hreflang=language,
            data_lang=language,
        )
        for language in LANGUAGES
    )
    carriers.fixed(
        tag(
            "header",
            tag("h1", "Latent Lineage", tag("span", say("header.line"), class_="line")),
            *ways,
            tag("nav", *languages, class_="languages", aria_label=say("header.languages")),
            tag("p", *(_server(library) if served else _browser()), class_="runtime"),
            class_="masthead",
        ),
        "masthead",
        "header",
    )


def _server(library: Library) -> Iterator[Markup]:
    """Yield on what the networks run here, and who cooks."""
    provider = library.runtime.provider
    yield tag(
        "span",
        say(
            "header.runtime",
            provider=_NAMES.get(provider, provider),
            version=onnxruntime.__version__,
        ),
    )
    milliseconds = _typical_milliseconds(library)
    if milliseconds is not None:
        yield tag("span", say("header.time", ms=milliseconds))
    yield _cook(
        tag("button", say("kitchen.auto"), type="button", class_="link", data_cook=True),
        signs.hint("header.runtime.hint", threads=library.runtime.threads),
    )


def _browser() -> Iterator[Markup]:
    yield _cook(tag("span", say("kitchen.only"), data_cook=True), signs.hint("static.hint"))


def _cook(who: Markup, hint: Markup) -> Markup:
    """Return who cooks, with its hint: they stay on one line, however long the words."""
    return tag("span", who, hint, class_="cook")


def tabs(names: Iterable[str]) -> None:
    """Lay out the row of tabs, one a panel."""
    buttons = (
        tag(
            "button",
            say(f"tab.{name}"),
            type="button",
            role="tab",
            id=f"tab-{name}",
            data_tab=name,
            aria_selected="false",
            aria_controls=f"panel-{name}",
        )
        for name in names
    )
    carriers.fixed(
        tag("div", *buttons, role="tablist", class_="tabs", aria_label=say("tab.label")), "tabs", "navigation"
    )


def _typical_milliseconds(library: Library) -> float | None:
    """Return the median time of one model for one picture, sessions warm; None where nothing rebuilds."""
    try:
        digits = library.examples(examples.DATASET)
    except LineageError:
        return None
    picture = digits.images[0].astype("float32") / 255
    times = [
        answer.milliseconds
        for _ in range(_TIMED_RUNS)
        for answer in inference.reconstruct(library, picture).answers
        if answer.error is None
    ]
    return sorted(times)[len(times) // 2] if times else None
