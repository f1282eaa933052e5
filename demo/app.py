"""Composes the page: header, timeline, one panel a line, and the API."""

from __future__ import annotations

import gradio as gr

from demo import api, limits
from demo.library import Library
from demo.panels import draw, dream, header, timeline

PANELS = (draw, dream)
"""In the order of their tabs. A panel is a module with a `NAME`, `shows(model)` and `build(library)`."""


def build(library: Library) -> gr.Blocks:
    """Lay out the page over an open library; nothing is launched."""
    with gr.Blocks(
        title="Latent Lineage", analytics_enabled=False, delete_cache=limits.CACHE_SECONDS
    ) as page:
        header.build(library)
        timeline.build(library, {panel.NAME: panel.shows for panel in PANELS})
        header.tabs(panel.NAME for panel in PANELS)
        for panel in PANELS:
            with gr.Column(elem_id=f"panel-{panel.NAME}"):
                panel.build(library)
        api.register(library)
    return page
