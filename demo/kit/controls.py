"""What a visitor sets: choices, seeds, sliders, and the buttons of a player."""

from __future__ import annotations

from typing import Any

from demo.kit.markup import Markup, Message, say, tag
from onnx_models.seeds import SEED_LIMIT

SLIDER_LIMIT = 1000
"""Seeds within reach of a slider and of a surprise; any other can be typed."""


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
    another = surprise(say("control.surprise"), class_="primary")
    return tag("div", seed(panel, "seed", say("control.seed"), value), another, class_="seed-row")


def surprise(
    label: Message, name: str = "seed", class_: str = "link", below: int = SLIDER_LIMIT, **attributes: Any
) -> Markup:
    """Return the button that picks another seed, from 0 and below a limit, for a name in the state."""
    return tag(
        "button",
        label,
        type="button",
        class_=class_,
        data_surprise=name,
        data_below=below,
        **attributes,
    )


def keep(form: str) -> Markup:
    """Return the button that asks for what is shown as a file, ``png`` or ``gif``: see `Desk.keeps`."""
    return tag(
        "button",
        say(f"control.keep.{form}"),
        type="button",
        class_="link",
        data_send="submit",
        data_served=True,
    )


def link() -> Markup:
    """Return the button that copies an address with all of a panel's state: see ``link.js``."""
    return tag("button", say("link.copy"), type="button", class_="link", data_link=True)


def take() -> Markup:
    """Return the button that takes what a panel shows away: see ``take.js``."""
    return tag("button", say("take.away"), type="button", class_="link", data_take=True, data_served=True)


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


def transport(last: int, scrub: Message, *more: Markup, at: int = 0) -> Markup:
    """Return a play button and a slider from 0 to ``last``, for a script of the page to move."""
    return tag(
        "div",
        tag("button", type="button", class_="play", data_play=True, aria_label=say("player.play")),
        tag("input", type="range", min=0, max=last, step=1, value=at, data_scrub=True, aria_label=scrub),
        *more,
        class_="transport",
    )
