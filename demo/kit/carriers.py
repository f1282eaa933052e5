"""Gradio as a carrier: it moves values between browser and server, and no other file of the kit knows it.

The markup is ours (`demo.kit.markup`) and so is the small runtime that puts it on the page
(``demo/kit/page.js``).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr

from demo.engine import limits
from demo.kit import signs, typeface
from demo.kit.markup import Markup, Message, say, tag
from demo.kit.paper import INK, PAPER
from demo.kit.state import S, State, pack, unpack
from demo.kit.turns import Turns
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

L = TypeVar("L")


def view(markup: Markup, name: str, runs: str = "view", answers: bool = True) -> gr.HTML:
    """Return an output that shows markup; a new value is patched in without a flicker.

    Parameters
    ----------
    runs : another function of the page's scripts that makes markup of the value
    answers : whether every change of the panel's desk is answered here, by way of `answer`

    """
    kind = " data-answers" if answers else ""
    return gr.HTML(
        markup,
        html_template=f'<div class="view {name}"{kind}><div role="status"></div><div></div></div>',
        js_on_load=_start(runs),
        apply_default_css=False,
        elem_classes=[f"holds-{name}"],
    )


def desk(
    markup: Markup,
    state: State,
    name: str,
    private: tuple[str, ...] = (),
    settle: int = 0,
    local: tuple[str, ...] = (),
    rests: bool = False,
) -> gr.HTML:
    """Return the input of a panel: its controls, and its state as the value.

    Parameters
    ----------
    private : names in the state that are kept out of the address
    settle : milliseconds of rest after which a change is sent
    local : names in the state that the browser alone acts upon: a change of them asks nobody
    rests : whether some of its views answer when the hand rests, see `answer`

    """
    return gr.HTML(
        pack(state),
        html_template="${markup}",
        js_on_load=_start("desk"),
        apply_default_css=False,
        elem_classes=["holds-desk"],
        # Radio buttons of one name are one group in a form, and without forms in the whole page.
        markup=tag(
            "form",
            tag(
                "div",
                markup,
                class_="desk",
                data_private=json.dumps(private),
                data_settle=settle,
                data_local=json.dumps(local),
                data_rests=rests,
            ),
            tag("div", class_="refused", role="status"),
        ),
    )


def answer(
    asked: gr.HTML, function: Callable[[str], Any], views: gr.HTML | list[gr.HTML], at_rest: bool = False
) -> None:
    """Let views show, at every change of a desk, what ``function`` makes of its packed state.

    What is costly or below the fold answers ``at_rest`` alone, when the hand has let go of the desk, which
    then ``rests``. The browser numbers its questions, and each answer says which one it is of: ``data-of``
    of its view.
    """

    def tell(text: str) -> Any:
        given, number = function(text), _number(text)
        return [_of(each, number) for each in given] if isinstance(views, list) else _of(given, number)

    moved = asked.release if at_rest else asked.input
    moved(tell, asked, views, trigger_mode="always_last", **listening())


def _number(text: str) -> int | None:
    """Return the number of a question, None where it has none; who asks is another's to check."""
    try:
        number = json.loads(text)["asked"]
    except (ValueError, TypeError, KeyError):
        return None
    return number if type(number) is int else None


def _of(given: str, number: int | None) -> str:
    if number is None:
        return given
    if given.startswith("{"):
        return json.dumps({**json.loads(given), "of": number})
    return f"{given}<!--of {number}-->"


def stream(
    questions: list[Any], function: Callable[[str], Iterator[str]], asked: gr.HTML, shown: gr.HTML
) -> None:
    """Let ``shown`` follow what ``function`` yields of a desk's state; a new question ends the old one.

    Parameters
    ----------
    questions : the events that ask

    """
    turns = Turns()

    def run(text: str, request: gr.Request) -> Iterator[str]:
        with turns.take(request.session_hash or "") as awaited:
            for value in function(text):
                if not awaited():
                    return
                yield value

    gr.on(
        questions,
        run,
        asked,
        shown,
        trigger_mode="multiple",  # asking anew must reach the server while the old answer is being made
        **listening(limits.MOVIES),
    )


def fixed(markup: Markup, name: str, runs: str = "fixed") -> gr.HTML:
    """Return markup that never changes, brought to life by the function ``runs`` of page.js."""
    return gr.HTML(
        "",
        html_template="${markup}",
        js_on_load=_start(runs),
        apply_default_css=False,
        elem_classes=[f"holds-{name}"],
        markup=markup,
    )


def drawer(summary: Message, name: str) -> gr.HTML:
    """Return a closed disclosure that sends ``input`` when it is first opened and shows the answer."""
    return gr.HTML(
        "",
        html_template="${markup}",
        js_on_load=_start("drawer"),
        apply_default_css=False,
        elem_classes=["holds-drawer"],
        markup=tag("details", tag("summary", summary), tag("div", class_=f"view {name}"), class_="drawer"),
    )


def studio(
    library: L,
    state: S,
    panel: str,
    models: tuple[Model, ...],
    *,
    parts: Markup,
    controls: Markup,
    show: Callable[[L, S], Markup],
    parcel: Callable[[L, str], str],
    private: tuple[str, ...] = (),
    local: tuple[str, ...] = (),
) -> gr.HTML:
    """Lay out a panel that shows one of several parts at a time, and does what is done there.

    Parameters
    ----------
    parts : the choice between them
    controls : of the desk
    show : makes the stage of a state; it may raise `LineageError`
    parcel : makes a file of a packed state, as `download` takes it
    private, local : as `desk` takes them

    Returns
    -------
    The desk

    """

    def update(text: str) -> Markup:
        try:
            return show(library, unpack(type(state), text))
        except LineageError as fault:
            return signs.error(fault)

    lead(panel)
    fixed(parts, "parts")
    asked = desk(controls, state, panel, private, local=local)
    stage = view(show(library, state), "stage")
    lessons(models, panel)
    file = download()
    answer(asked, update, stage)
    asked.submit(functools.partial(parcel, library), asked, file, **listening())
    return asked


def lessons(models: tuple[Model, ...], panel: str) -> gr.HTML:
    """Lay out the closed lessons of a panel's models."""
    return fixed(signs.lessons(models, panel), "lessons", "lessons")


def lead(panel: str) -> gr.HTML:
    """Return the one sentence that says what happens in a panel."""
    return fixed(tag("p", say(f"{panel}.lead"), class_="lead"), "lead")


def listening(limit: int = limits.CONCURRENCY) -> dict[str, Any]:
    """Return how a panel's events reach the server: unannounced, not over the API, so many at a time."""
    return {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": limit}


def download() -> gr.HTML:
    """Return an output whose value, ``{"name", "href"}`` as JSON, is saved as a file.

    Before that it may say how far the file is: ``{"done", "steps"}``.
    """
    return nothing("download")


def heart() -> None:
    """Lay out what the page asks for nothing through, so that a late answer is not lost: see page.js."""
    pulse = nothing("heart")
    pulse.input(lambda: None, None, None, trigger_mode="multiple", **listening())


def _start(kind: str) -> str:
    return f"lineage.start('{kind}', element, {{props, trigger, watch}});"


def nothing(runs: str) -> gr.HTML:
    """Return what carries values to or from the function ``runs`` of the page's scripts, and shows none."""
    return gr.HTML(
        "",
        html_template="<div></div>",
        js_on_load=_start(runs),
        apply_default_css=False,
        elem_classes=["holds-nothing"],
    )


def theme() -> gr.themes.Base:
    """Return Gradio's own look in the page's tones and typeface."""
    return gr.themes.Base(font=(typeface.FAMILY, "sans-serif"), font_mono=("ui-monospace", "monospace")).set(
        body_background_fill=PAPER,
        body_background_fill_dark=INK,
        body_text_color=INK,
        body_text_color_dark=PAPER,
    )
