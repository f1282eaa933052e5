"""How tests ask a panel: as its desk does, with a state that may be what no control would make."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


def cut(markup: str) -> list[NDArray[np.uint8]]:
    """The pictures that are cut from sheets, in the order of the page: each uint8 [height, width, bands]."""
    found = []
    for sheet, style in re.findall(r"--sheet-of:url\(([^)]*)\)|style=\"(--w:[^\"]*--column:\d+)\"", markup):
        if sheet:
            around = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet.partition(",")[2]))))
        else:
            width, height, row, column = map(int, re.findall(r":(\d+)", style))
            top, left = row * (height + 2) + 1, column * (width + 2) + 1
            found.append(around[top : top + height, left : left + width])
    return found
