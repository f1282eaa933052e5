"""How tests ask a panel: as its desk does, with a state that may be what no control would make."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from demo.kit import answers
from demo.kit.markup import Markup
from demo.kit.state import unpack


def told(show: Any, library: object, state: Any, **changes: object) -> list[dict[str, Any]]:
    """What ``show`` answers to a state, each envelope opened."""
    text = json.dumps(asdict(state) | changes)
    return list(map(answers.opened, answers.tell(lambda: show(library, unpack(type(state), text)))))


def seen(show: Any, library: object, state: Any, **changes: object) -> Markup:
    """What a view shows of the one answer, be it what went wrong."""
    (answer,) = told(show, library, state, **changes)
    return Markup(answer.get("markup") or answer["problem"])
