"""Gradio as a carrier: it moves values between browser and server, and no other file of the kit knows it.

The markup is ours (`demo.kit.markup`) and so is the small runtime that puts it on the page
(``demo/kit/page.js``).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import gradio as gr

from demo.kit import controls, signs, typeface
from demo.kit.answers import Answer, File, number, tell
from demo.kit.markup import Markup, Message, say, tag
from demo.kit.paper import INK, PAPER
from demo.kit.state import S, State, pack, unpack
from demo.kit.turns import Turns
from onnx_models.catalog import Model

L = TypeVar("L")
Show = Callable[[Any, Any], Answer | Iterator[Answer]]
"""What makes the answer of a library and a panel's state; it may raise `LineageError`, which is then said."""


def comes_with(box: gr.HTML) -> str:
    """Return the value that a component comes with; an answer is made now, unless it was before."""
    return str(box.first() if hasattr(box, "first") else box.value or "")


def _comes_late(box: gr.HTML, make: Callable[[], Answer | Iterator[Answer]]) -> None:
    """Give a component the answer that it comes with, and leave it unmade: see `comes_with`."""
    box.first = functools.cache(lambda: "\n".join(tell(make)))


class View(NamedTuple):
    """What shows answers, and what makes them."""

    box: gr.HTML
    show: Show


@dataclass(frozen=True)
class Desk:
    """What a visitor sets in a panel, and by whom that is answered."""

    box: gr.HTML
    """Its value is the panel's state."""
    library: Any
    state: State
    views: list[View] = field(default_factory=list)
    """What shows answers in the panel, in their order."""

    def view(
        self,
        show: Show,
        name: str,
        runs: str = "view",
        answers: bool = True,
        first: Callable[[], Answer | Iterator[Answer]] | None = None,
    ) -> View:
        """Lay out an output, which comes with an answer (`comes_with`); a new one is patched in, no flicker.

        Parameters
        ----------
        runs : another function of the page's scripts that shows an answer
        answers : whether every change of the desk is answered here, by way of `answer`
        first : makes what it comes with, where that is another answer than ``show`` makes

        """
        kind = " data-answers" if answers else ""
        box = gr.HTML(
            html_template=f'<div class="view {name}"{kind}><div role="status"></div><div></div></div>',
            js_on_load=_start(runs),
            apply_default_css=False,
            elem_classes=[f"holds-{name}"],
        )
        _comes_late(box, first or (lambda: show(self.library, self.state)))
        self.views.append(View(box, show))
        return self.views[-1]

    def answer(self, *views: View, at_rest: bool = False) -> None:
        """Let views show, at every change, what they make of it.

        What is costly or below the fold answers ``at_rest`` alone, when the hand has let go of the desk,
        which then ``rests``. The browser numbers its questions, and each answer says which one it is of:
        ``data-of`` of its view.
        """

        def told(text: str) -> Any:
            envelopes = [next(self._tell(view.show, text)) for view in views]
            return envelopes if len(views) > 1 else envelopes[0]

        moved = self.box.release if at_rest else self.box.input
        boxes = [view.box for view in views]
        moved(told, self.box, boxes, trigger_mode="always_last", **listening())

    def stream(self, view: View, *questions: Any, limit: int, grows: bool = False) -> None:
        """Let a view follow what its function yields; a new question ends the old one's answer.

        Parameters
        ----------
        questions : the events that ask
        limit : how many are answered at the same time
        grows : whether each value is all answers so far, a line each, of which only the last is sent

        """
        turns = Turns()

        def run(text: str, request: gr.Request) -> Iterator[str]:
            log: list[str] = []
            with turns.take(request.session_hash or "") as awaited:
                for value in self._tell(view.show, text):
                    if not awaited():
                        return
                    log = [*log, value] if grows else [value]
                    yield "\n".join(log)

        gr.on(
            questions,
            run,
            self.box,
            view.box,
            trigger_mode="multiple",  # asking anew must reach the server while the old answer is being made
            **listening(limit),
        )

    def submits(self, view: View, limit: int | None = None) -> None:
        """Let a view show what it makes, one by one, when a button of the panel sends ``submit``."""

        def told(text: str) -> Iterator[str]:
            yield from self._tell(view.show, text)  # a generator itself, which is what Gradio looks for

        self.box.submit(told, self.box, view.box, **listening(limit))

    def keeps(self, parcel: Show, limit: int | None = None) -> None:
        """Lay out what hands the visitor a file at ``submit``; `Progress` before it says how far it is."""
        self.submits(View(nothing("download"), parcel), limit)

    def _tell(self, show: Show, text: str) -> Iterator[str]:
        return tell(lambda: show(self.library, unpack(type(self.state), text)), number(text))


def desk(
    library: object,
    markup: Markup,
    state: State,
    name: str,
    private: tuple[str, ...] = (),
    settle: int = 0,
    local: tuple[str, ...] = (),
    rests: bool = False,
) -> Desk:
    """Return the input of a panel: its controls, and its state as the value.

    Parameters
    ----------
    private : names in the state that are kept out of the address
    settle : milliseconds of rest after which a change is sent
    local : names in the state that the browser alone acts upon: a change of them asks nobody
    rests : whether some of its views answer when the hand rests, see `Desk.answer`

    """
    box = gr.HTML(
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
    box.desk = Desk(box, library, state)  # for who lays the page out without Gradio
    return box.desk


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


def stored(make: Callable[[], Answer], markup: Markup, name: str, runs: str) -> gr.HTML:
    """Return markup with what the function ``runs`` of the page's scripts reads beside it, once."""
    box = fixed(markup, name, runs)
    _comes_late(box, make)
    return box


def drawer(summary: Message, name: str, make: Callable[[], Answer]) -> gr.HTML:
    """Return a closed disclosure that asks for its content when it is first opened."""
    content = tag("div", class_=f"view {name}")
    box = fixed(tag("details", tag("summary", summary), content, class_="drawer"), "drawer", "drawer")
    box.input(lambda: next(tell(make)), None, box, **listening())
    box.make = make  # as `desk` does
    return box


def studio(
    library: L,
    state: S,
    panel: str,
    models: tuple[Model, ...],
    *,
    parts: Markup,
    controls: Markup,
    show: Callable[[L, S], Markup],
    parcel: Callable[[L, S], File],
    private: tuple[str, ...] = (),
    local: tuple[str, ...] = (),
) -> Desk:
    """Lay out a panel that shows one of several parts at a time, and does what is done there.

    Parameters
    ----------
    parts : the choice between them
    controls : of the desk
    show : makes the stage of a state; it may raise `LineageError`
    parcel : makes a file of it
    private, local : as `desk` takes them

    """
    lead(panel, takes=True)
    fixed(parts, "parts")
    asked = desk(library, controls, state, panel, private, local=local)
    stage = asked.view(show, "stage")
    lessons(models, panel)
    asked.answer(stage)
    asked.keeps(parcel)
    return asked


def lessons(models: tuple[Model, ...], panel: str) -> gr.HTML:
    """Lay out the closed lessons of a panel's models."""
    return fixed(signs.lessons(models, panel), "lessons", "lessons")


def lead(panel: str, takes: bool = False) -> gr.HTML:
    """Return the one sentence that says what happens in a panel, and what a visitor may take along.

    Parameters
    ----------
    takes : whether there is a zip of what is shown, which wants recipes

    """
    along = tag("div", controls.take() if takes else None, controls.link(), class_="along")
    return fixed(tag("div", tag("p", say(f"{panel}.lead")), along, class_="lead"), "lead")


def listening(limit: int | None = None) -> dict[str, Any]:
    """Return how a panel's events reach the server: unannounced, not over the API, so many at a time."""
    return {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": limit or "default"}


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
