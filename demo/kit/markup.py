"""HTML as nested calls: everything escaped, every word a message id.

The server writes markup without words. What is to be read is a `Message`: an id of the words
(``<language>.json``) with its values, kept in the element's ``data-say`` attribute. The browser fills it in,
so the language can change without asking the server, and one answer serves every language.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from onnx_models.errors import LineageError

_VOID = frozenset({"br", "hr", "img", "input"})


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


@dataclass(frozen=True)
class Message:
    """A sentence by its id; ``values`` fill its ``{name}`` places and may be messages themselves."""

    id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    fallback: str = ""
    """What is shown where no language knows the id."""

    def packed(self) -> list[Any]:
        """Return ``[id, values, fallback]`` for the browser, the empty tail left off."""
        values = {
            name: value.packed() if isinstance(value, Message) else value
            for name, value in self.values.items()
        }
        parts: list[Any] = [self.id, values, self.fallback]
        while not parts[-1]:
            parts.pop()
        return parts


Child = Markup | Message | str | int | None


def say(message_id: str, /, **values: Any) -> Message:
    """Return the message of that id with its values."""
    return Message(message_id, values)


def problem(error: LineageError) -> Message:
    """Return an error as a message: translated by its code, in its own English words elsewhere."""
    return Message(f"error.{error.code}", error.values, str(error))


def tag(name: str, /, *children: Child, **attributes: Any) -> Markup:
    """Return an element.

    An attribute's trailing underscore is dropped and the others become hyphens (``class_``, ``aria_label``).
    ``None`` and ``False`` leave the attribute out, ``True`` writes its bare name, and a `Message` is said by
    the browser.
    """
    said: dict[str, list[Any]] = {}
    if len(children) == 1 and isinstance(children[0], Message):
        said["text"] = children[0].packed()
        children = ()
    written = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if isinstance(value, Message):
            said[key] = value.packed()
        elif value is True:
            written.append(f" {key}")
        elif value is not None and value is not False:
            written.append(f' {key}="{html.escape(str(value))}"')
    if said:
        written.append(f' data-say="{html.escape(json.dumps(said, ensure_ascii=False, default=str))}"')
    opening = f"<{name}{''.join(written)}>"
    if name in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Return the children side by side, escaped unless they are markup."""
    return Markup("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, Message):
        return tag("span", child)
    return html.escape(str(child))
