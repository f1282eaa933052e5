"""What the page looks like: the options that Gradio takes when it is mounted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from demo import fonts, messages
from demo.library import Library

STATIC = Path(__file__).resolve().parent / "static"
_SCRIPTS = (
    "page.js",
    "pen.js",
    "films.js",
    "canvas.js",
    "movie.js",
    "map.js",
    "game.js",
    "latent.js",
    "one_z.js",
    "style_desk.js",
    "style_edit.js",
    "style_you.js",
    "time.js",
    "compare.js",
)
_STYLES = (
    "style.css",
    "movie.css",
    "map.css",
    "verdict.css",
    "game.css",
    "latent.css",
    "one_z.css",
    "style_desk.css",
    "style_edit.css",
    "time.css",
    "compare.css",
)

PAPER, INK = "#faf7f2", "#1c1b1a"
"""The page's ground and its text; dark mode turns them round. ``static/style.css`` has the tones between."""


def launch_options(library: Library) -> dict[str, Any]:
    """Return theme and head as keyword arguments of ``gradio.mount_gradio_app``.

    The head carries every word of the page in every language, those of the library's models included, and
    the page's own scripts; nothing is loaded from elsewhere.
    """
    return {"theme": _theme(), "head": _head(library)}


def _theme() -> gr.themes.Base:
    return gr.themes.Base(font=(fonts.FAMILY, "sans-serif"), font_mono=("ui-monospace", "monospace")).set(
        body_background_fill=PAPER,
        body_background_fill_dark=INK,
        body_text_color=INK,
        body_text_color_dark=PAPER,
    )


def _head(library: Library) -> str:
    words = json.dumps(messages.load(library.catalog), ensure_ascii=False).replace("<", "\\u003c")
    # Gradio's own way for a stylesheet rewrites every rule and drops some; in the head it stays as it is.
    style = "\n".join((STATIC / name).read_text("utf-8") for name in _STYLES)
    scripts = "\n".join(f"<script>{(STATIC / name).read_text('utf-8')}</script>" for name in _SCRIPTS)
    return (
        '<meta name="color-scheme" content="light dark">\n'
        f"{fonts.head()}"
        f"<style>{style}</style>\n"
        f'<script type="application/json" id="lineage-messages">{words}</script>\n{scripts}'
    )
