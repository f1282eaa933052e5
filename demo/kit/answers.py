"""What the page is answered: one small envelope, closed here and opened by ``receive`` of ``page.js``.

It is a line of JSON with at most one of ``markup``, what a view shows; ``problem``, markup that says what
went wrong; ``progress``, how far what takes long is; ``file``, what the visitor keeps; and ``data``, what a
panel's own script reads. ``asked`` is the number that the browser gave the question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from demo.kit import signs
from demo.kit.markup import Markup
from onnx_models.errors import LineageError


@dataclass(frozen=True)
class Progress:
    """How far an answer is that takes long."""

    done: int
    steps: int


@dataclass(frozen=True)
class File:
    """What a visitor keeps."""

    name: str
    href: str


Answer = Markup | Progress | File | Mapping[str, Any] | None
"""What a panel's function returns; a mapping is data."""


def tell(make: Callable[[], Answer | Iterator[Answer]], asked: int | None = None) -> Iterator[str]:
    """Yield the envelope of an answer, or of each of several; a `LineageError` ends them with a problem."""
    try:
        made = make()
        for answer in made if isinstance(made, Iterator) else (made,):
            yield _closed(_content(answer), asked)
    except LineageError as fault:
        yield _closed({"problem": signs.error(fault)}, asked)


def opened(text: str) -> dict[str, Any]:
    """Return what is in a value's envelope, the first where it is a log of several; nothing where none is."""
    return json.loads(text.partition("\n")[0] or "{}")


def number(text: str) -> int | None:
    """Return the number of a question, None where it has none; who asks is another's to check."""
    try:
        asked = json.loads(text)["asked"]
    except (ValueError, TypeError, KeyError):
        return None
    return asked if type(asked) is int else None


def _content(answer: Answer) -> dict[str, Any]:
    match answer:
        case None:
            return {}
        case Markup():
            return {"markup": answer}
        case Progress():
            return {"progress": asdict(answer)}
        case File():
            return {"file": asdict(answer)}
    return {"data": answer}


def _closed(content: dict[str, Any], asked: int | None) -> str:
    if asked is not None:
        content = {**content, "asked": asked}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
