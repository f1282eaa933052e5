"""What every panel is made of: pictures in ink, figures with their hints, and Gradio components as carriers.

Gradio moves values between browser and server; the markup is ours (`demo.markup`) and so is the small runtime
that puts it on the page (``demo/static/page.js``).
"""

from __future__ import annotations

import base64
import functools
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Protocol, TypeVar

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo import limits
from demo.images import to_bytes
from demo.library import Library
from demo.markup import Markup, Message, join, problem, say, tag
from onnx_models.catalog import Model
from onnx_models.errors import LineageError
from onnx_models.seeds import SEED_LIMIT

Array = NDArray[np.float32]

INK = 0x1C
"""The tone a full pixel has on paper; the stylesheet turns it round in dark mode."""

SLIDER_LIMIT = 1000
"""Seeds within reach of a slider and of a surprise; any other can be typed."""

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_NEUTRAL = "#8a8378"


class State(Protocol):
    """A panel's whole state: a frozen dataclass of plain values with defaults."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=State)


def pack(state: State) -> str:
    """Return a panel's state as JSON."""
    return json.dumps(asdict(state))


def unpack(form: type[S], text: str | None) -> S:
    """Read a state that a browser sent. Names that the panel does not know are left out.

    Raises
    ------
    LineageError
        ``state.unreadable``: not JSON, not an object, or a value of another type than the default's.

    """
    try:
        sent = json.loads(text or "{}")
        if not isinstance(sent, dict):
            raise TypeError("an object is wanted")
        known = {field.name: sent[field.name] for field in fields(form) if field.name in sent}
        for field in fields(form):
            value = known.get(field.name, field.default)
            number = isinstance(field.default, float) and type(value) is int
            if type(value) is not type(field.default) and not number:
                raise TypeError(field.name)
    except (ValueError, TypeError) as fault:
        raise unreadable() from fault
    return form(**known)


def unreadable() -> LineageError:
    """Return what is said of a state that no control of the page could have made."""
    return LineageError(
        "state.unreadable", "The address of this page holds a value that cannot be read; open it anew."
    )


# ---------------------------------------------------------------------------------------------- components


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
) -> gr.HTML:
    """Return the input of a panel: its controls, and its state as the value.

    Parameters
    ----------
    private : names in the state that are kept out of the address
    settle : milliseconds of rest after which a change is sent
    local : names in the state that the browser alone acts upon: a change of them asks nobody

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
            ),
        ),
    )


def answer(asked: gr.HTML, function: Callable[[str], Any], views: gr.HTML | list[gr.HTML]) -> None:
    """Let views show, at every change of a desk, what ``function`` makes of its packed state.

    The browser numbers its questions, and each answer says which one it is of: ``data-of`` of its view.
    """

    def tell(text: str) -> Any:
        given, number = function(text), _number(text)
        return [_of(each, number) for each in given] if isinstance(views, list) else _of(given, number)

    asked.input(tell, asked, views, trigger_mode="always_last", **listening())


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
    library: Library,
    state: S,
    panel: str,
    models: tuple[Model, ...],
    *,
    parts: Markup,
    controls: Markup,
    show: Callable[[Library, S], Markup],
    parcel: Callable[[Library, str], str],
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
            return error(fault)

    lead(panel)
    fixed(parts, "parts")
    asked = desk(controls, state, panel, private, local=local)
    stage = view(show(library, state), "stage")
    lessons(models, panel)
    file = download()
    answer(asked, update, stage)
    asked.submit(functools.partial(parcel, library), asked, file, **listening())
    return asked


def lead(panel: str) -> gr.HTML:
    """Return the one sentence that says what happens in a panel."""
    return fixed(tag("p", say(f"{panel}.lead"), class_="lead"), "lead")


def listening(limit: int = limits.CONCURRENCY) -> dict[str, Any]:
    """Return how a panel's events reach the server: unannounced, not over the API, so many at a time."""
    return {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": limit}


def transport(last: int, scrub: Message, *more: Markup, at: int = 0) -> Markup:
    """Return a play button and a slider from 0 to ``last``, for a script of the page to move."""
    return tag(
        "div",
        tag("button", type="button", class_="play", data_play=True, aria_label=say("movie.play")),
        tag("input", type="range", min=0, max=last, step=1, value=at, data_scrub=True, aria_label=scrub),
        *more,
        class_="transport",
    )


def download() -> gr.HTML:
    """Return an output whose value, ``{"name", "href"}`` as JSON, is saved as a file.

    Before that it may say how far the file is: ``{"done", "steps"}``.
    """
    return gr.HTML(
        "",
        html_template="<div></div>",
        js_on_load=_start("download"),
        apply_default_css=False,
        elem_classes=["holds-nothing"],
    )


def heart() -> None:
    """Lay out what the page asks for nothing through, so that a late answer is not lost: see page.js."""
    pulse = gr.HTML(
        "",
        html_template="<div></div>",
        js_on_load=_start("heart"),
        apply_default_css=False,
        elem_classes=["holds-nothing"],
    )
    pulse.input(lambda: None, None, None, trigger_mode="multiple", **listening())


def parcel(name: str, content: bytes, kind: str) -> str:
    """Return a PNG or GIF as the value of `download`."""
    href = f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
    return json.dumps({"name": f"{name}.{kind}", "href": href})


def _start(kind: str) -> str:
    return f"lineage.start('{kind}', element, {{props, trigger, watch}});"


# ------------------------------------------------------------------------------------------------- pictures


def ink_uri(image: Array) -> str:
    """Encode [1, height, width] as transparent ink, [3 or 4, height, width] as colours; lossless PNG."""
    if len(image) > 1:
        picture = Image.fromarray(np.ascontiguousarray(to_bytes(image).transpose(1, 2, 0)))
    else:
        coverage = to_bytes(image[0])
        picture = Image.fromarray(np.stack([np.full_like(coverage, INK), coverage], axis=-1))
    return _uri(picture)


def _uri(picture: Image.Image, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def picture(image: Array, alt: Message, **attributes: Any) -> Markup:
    """Return an image element, enlarged by whole factors in the stylesheet."""
    channels, height, width = image.shape
    return tag(
        "img",
        class_="picture ink" if channels == 1 else "picture",
        src=ink_uri(image),
        alt=alt,
        width=width,
        height=height,
        style=f"--w:{width};--h:{height}",
        draggable="false",
        **attributes,
    )


def weights_picture(weights: Array, model: Model, alt: Message, columns: int = 25) -> Markup:
    """Return signed weights [count, height, width] in [-1, 1] as one picture, ``columns`` in a row.

    Ink is a positive weight and the model's colour a negative one, in fifteen depths each: a palette makes a
    file a fifth the size of full colours.
    """
    count, height, width = weights.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height + 1, width + 1), np.float32)  # a pixel between neighbours
    sheet[:count, :-1, :-1] = weights
    sheet = (
        sheet.reshape(rows, columns, height + 1, width + 1)
        .transpose(0, 2, 1, 3)
        .reshape(rows * (height + 1), -1)
    )
    depths = np.arange(-15, 16)
    colour = tuple(bytes.fromhex(_colour(model).removeprefix("#")))
    palette = Image.fromarray((np.rint(np.clip(sheet, -1, 1) * 15) + 15).astype(np.uint8), "P")
    palette.putpalette(b"".join(bytes(colour if depth < 0 else (INK,) * 3) for depth in depths))
    opacity = bytes(int(abs(depth) * 17) for depth in depths)
    return tag(
        "img",
        class_="picture ink weights",
        src=_uri(palette, transparency=opacity),
        alt=alt,
        width=sheet.shape[1],
        height=sheet.shape[0],
    )


# -------------------------------------------------------------------------------------------------- figures


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
    return f"--era:{_colour(model)}"


def _colour(model: Model) -> str:
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


def lessons(models: tuple[Model, ...], panel: str) -> gr.HTML:
    """Return the closed lessons of a panel's models: three sentences, an equation, the paper."""
    return fixed(
        tag("div", *(_lesson(model, panel) for model in models), class_="lessons"), "lessons", "lessons"
    )


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


def choices(name: str, values: tuple[str, ...], labels: tuple[Message, ...], chosen: str) -> Markup:
    """Return radio buttons as one row of words."""
    return tag(
        "div",
        *(
            tag(
                "label",
                tag("input", type="radio", name=name, value=value, checked=value == chosen),
                tag("span", label),
            )
            for value, label in zip(values, labels, strict=True)
        ),
        class_="choices",
        role="radiogroup",
    )


def seed(panel: str, name: str, label: Message, value: int) -> Markup:
    """Return a seed's control: a slider for the near ones, a field for any."""
    return tag(
        "div",
        tag("label", label, for_=f"{panel}-{name}"),
        seed_field(panel, name, value),
        tag(
            "input",
            type="range",
            name=name,
            min=0,
            max=SLIDER_LIMIT - 1,
            step=1,
            value=value,
            aria_label=label,
        ),
        class_="seed",
    )


def seed_field(panel: str, name: str, value: int) -> Markup:
    """Return the field for any seed, which its label names by ``panel-name``."""
    return tag(
        "input",
        type="number",
        name=name,
        id=f"{panel}-{name}",
        min=0,
        max=SEED_LIMIT - 1,
        step=1,
        value=value,
        inputmode="numeric",
    )


def seed_row(panel: str, value: int) -> Markup:
    """Make the seed of a panel, with the button that picks another."""
    surprise = tag(
        "button",
        say("dream.surprise"),
        type="button",
        class_="primary",
        data_surprise="seed",
        data_below=SLIDER_LIMIT,
    )
    return tag("div", seed(panel, "seed", say("dream.seed"), value), surprise, class_="seed-row")


def slider(
    panel: str, name: str, label: Message, low: float, high: float, step: float, value: float, unit: str = ""
) -> Markup:
    """Return a named range with its label and its value."""
    control = f"{panel}-{name}"
    return tag(
        "div",
        tag("label", label, for_=control),
        tag("input", type="range", name=name, id=control, min=low, max=high, step=step, value=value),
        tag("output", say("page.number", value=value, unit=unit), for_=name, data_unit=unit),
        class_="slider",
    )
