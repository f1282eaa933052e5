"""Composes the page: header, timeline, one panel a line, and the API."""

from __future__ import annotations

import gradio as gr

from demo import api, header, panels, sparing, timeline, tour
from demo.engine import limits
from demo.engine.library import Library
from demo.kit import carriers

PANELS = panels.load()
"""In the order of their tabs."""


def build(library: Library, served: bool = True) -> gr.Blocks:
    """Lay out the page over an open library; nothing is launched.

    Parameters
    ----------
    served : whether it will have a server

    """
    with (
        sparing.no_application(),
        api.Page(title="Latent Lineage", analytics_enabled=False, delete_cache=limits.CACHE_SECONDS) as page,
    ):
        # A panel that no model has a place in gets no tab; where none has, the first says so.
        models = library.catalog.models
        shown = [panel for panel in PANELS if any(map(panel.shows, models))] or [PANELS[0]]
        stations = tour.offered(library, {panel.NAME: panel.shows for panel in shown})
        header.build(library, *([tour.link()] if stations else []), served=served)
        # A StyleGAN makes pictures of z like any other, but only one tab is about styles.
        homes = sorted(shown, key=lambda panel: panel.NAME != "style")
        timeline.build(library, {panel.NAME: panel.shows for panel in homes})
        header.tabs(panel.NAME for panel in shown)
        tour.build(library, stations)
        for panel in shown:
            with gr.Column(elem_id=f"panel-{panel.NAME}"):
                panel.build(library)
        carriers.heart()
        api.register(library)
    return page
