"""A panel's state: what a visitor set, as JSON between browser and server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Protocol, TypeVar

from onnx_models.errors import LineageError


class State(Protocol):
    """A panel's whole state: a frozen dataclass of plain values with defaults."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


S = TypeVar("S", bound=State)
T = TypeVar("T")


@dataclass(frozen=True)
class Stage:
    """What is laid out alike for all states that have ``pins`` in common: see `demo.stages`."""

    pins: Mapping[str, Any]
    one: State
    other: State
    """Another such state, which shows other pictures."""
    show: Callable[[Any, Any], Any] | None = None
    """What lays it out, if not what answers a visitor."""


def alike(state: S, pins: Mapping[str, Any], **elsewhere: Any) -> Stage:
    """Return the stage of a state with those ``pins``, on which ``elsewhere`` shows other pictures."""
    one: Any = replace(state, **pins)
    return Stage(pins, one, replace(one, **elsewhere))


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


def named(among: Mapping[str, T], name: str) -> T:
    """Return what goes by a name that a control gives.

    Raises
    ------
    LineageError
        ``state.unreadable``: nothing goes by that name

    """
    if name not in among:
        raise unreadable()
    return among[name]


def unreadable() -> LineageError:
    """Return what is said of a state that no control of the page could have made."""
    return LineageError(
        "state.unreadable", "The address of this page holds a value that cannot be read; open it anew."
    )


def sent_picture(text: str) -> str:
    """Return a picture that a browser sent, a ``data:`` URI or nothing, once it is known to be one.

    Anything else would be a path, and a visitor has no business with the server's files.

    Raises
    ------
    LineageError
        ``state.unreadable``

    """
    if text and not text.startswith("data:"):
        raise unreadable()
    return text
