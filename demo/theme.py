"""What the page looks like: the options that Gradio takes when it is mounted."""

from __future__ import annotations

from typing import Any

from demo.library import Library


def launch_options(library: Library) -> dict[str, Any]:
    """Return theme, css, js, head and i18n as keyword arguments of ``gradio.mount_gradio_app``."""
    return {}
