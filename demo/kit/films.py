"""Films: one sheet of frames that the browser plays on screens side by side (``kit/films.js``)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from demo.kit import sprites
from demo.kit.markup import Markup, Message, tag

Array = NDArray[np.float32]


def screens(
    films: Array,
    alts: Sequence[Message],
    captions: Sequence[Message | None],
    told: Sequence[Sequence[Message]],
    *,
    reels: Sequence[str] = (),
    start: int,
    frames_a_second: int,
    plays: bool = True,
    circles: bool = False,
    class_: str = "films",
    frame: str = "frame",
) -> Markup:
    """Return a screen for each film, and all frames as one sheet: a row a film, a column a moment.

    A panel that shows them has `controls.transport` too, and starts ``lineage.projector`` in its script. An
    element with ``data-seek`` leads to a moment.

    Parameters
    ----------
    films : float32 [films, frames, channels, height, width]
    told : what is said of each frame of each film
    reels : where a browser that cooks finds each film: a recipe's name, and the first of its pictures
    start : the frame that is shown first
    plays : whether a film that has just come is played, where motion is welcome
    circles : whether the first frame follows the last; else a film goes there and back

    """
    _, count, channels, height, width = films.shape
    shown = (
        tag(
            "figure",
            tag(
                "div",
                tag(
                    "canvas",
                    class_="picture ink" if channels == 1 else "picture",
                    width=width,
                    height=height,
                    style=f"--w:{width};--h:{height}",
                    role="img",
                    aria_label=alt,
                    data_screen=row,
                    data_reel=reels[row] if reels else None,
                ),
                class_=frame,
            ),
            tag(
                "figcaption",
                caption,
                tag("span", "–", data_told=json.dumps([message.packed() for message in told[row]])),
            ),
        )
        for row, (alt, caption) in enumerate(zip(alts, captions, strict=True))
    )
    return tag(
        "div",
        *shown,
        class_=class_,
        data_film=sprites.pictures_uri(films),
        data_frames=count,
        data_start=start,
        data_rate=frames_a_second,
        data_plays="true" if plays else "false",
        data_circles="true" if circles else "false",
    )
