"""Composes the page: header, timeline, one panel a line, and the API."""

from __future__ import annotations

import gradio as gr

from demo import api, limits
from demo.library import Library
from demo.panels import (
    code_map,
    compare,
    draw,
    dream,
    game,
    header,
    latent,
    movie,
    one_z,
    pieces,
    style,
    time_machine,
    timeline,
)

PANELS = (draw, dream, one_z, movie, code_map, latent, style, time_machine, game, compare)
"""In the order of their tabs. A panel is a module with a `NAME`, `shows(model)` and `build(library)`."""


def build(library: Library) -> gr.Blocks:
    """Lay out the page over an open library; nothing is launched."""
    with gr.Blocks(
        title="Latent Lineage", analytics_enabled=False, delete_cache=limits.CACHE_SECONDS
    ) as page:
        # A panel that no model has a place in gets no tab; where none has, Draw says so.
        models = library.catalog.models
        panels = [panel for panel in PANELS if any(map(panel.shows, models))] or [draw]
        header.build(library)
        # A StyleGAN makes pictures of z like any other, but only one tab is about styles.
        homes = sorted(panels, key=lambda panel: panel is not style)
        timeline.build(library, {panel.NAME: panel.shows for panel in homes})
        header.tabs(panel.NAME for panel in panels)
        for panel in panels:
            with gr.Column(elem_id=f"panel-{panel.NAME}"):
                panel.build(library)
        pieces.heart()
        api.register(library, page)
    return page
