"""Composes the page: header, timeline, one panel a line, and the API."""

from __future__ import annotations

import gradio as gr

from demo import api, limits
from demo.library import Library


def build(library: Library) -> gr.Blocks:
    """Lay out the page over an open library; nothing is launched."""
    with gr.Blocks(
        title="Latent Lineage", analytics_enabled=False, delete_cache=limits.CACHE_SECONDS
    ) as page:
        gr.Markdown("# Latent Lineage")
        api.register(library)
    return page
