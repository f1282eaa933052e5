"""Composes the page: header, timeline, one panel a line, and the API."""

from __future__ import annotations

import gradio as gr

from demo import api, limits
from demo.library import Library
from demo.panels import code_map, draw, dream, game, header, latent, movie, one_z, time_machine, timeline

PANELS = (draw, dream, one_z, movie, code_map, latent, time_machine, game)
"""In the order of their tabs. A panel is a module with a `NAME`, `shows(model)` and `build(library)`."""


def build(library: Library) -> gr.Blocks:
    """Lay out the page over an open library; nothing is launched."""
    with gr.Blocks(
        title="Latent Lineage", analytics_enabled=False, delete_cache=limits.CACHE_SECONDS
    ) as page:
        # A panel that no model has a place in gets no tab; Draw stays, to say so.
        models = library.catalog.models
        panels = [panel for panel in PANELS if panel is draw or any(map(panel.shows, models))]
        header.build(library)
        timeline.build(library, {panel.NAME: panel.shows for panel in panels})
        header.tabs(panel.NAME for panel in panels)
        for panel in panels:
            with gr.Column(elem_id=f"panel-{panel.NAME}"):
                panel.build(library)
        api.register(library)
    return page
