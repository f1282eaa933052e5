"""What the page looks like: the options that Gradio takes when it is mounted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo import panels
from demo.engine.library import Library
from demo.kit import carriers, messages, typeface
from onnx_models.catalog import Catalog

KIT = Path(__file__).resolve().parent / "kit"
_SCRIPTS = ("page.js", "pen.js", "player.js", "films.js")
_STYLES = ("tokens.css", "controls.css", "gradio.css", "verdict.css")


def launch_options(library: Library) -> dict[str, Any]:
    """Return theme and head as keyword arguments of ``gradio.mount_gradio_app``.

    The head carries every word of the page in every language, those of the library's models included, and
    the page's own scripts; nothing is loaded from elsewhere.
    """
    return {"theme": carriers.theme(), "head": _head(library)}


def words(catalog: Catalog) -> dict[str, dict[str, str]]:
    """Return ``{language: {id: text}}``: of the kit, of every panel, and of what the catalogue brings."""
    return messages.load(catalog, (KIT / "words", *panels.folders()))


def files(suffix: str) -> list[Path]:
    """Return the scripts (``js``) or the styles (``css``): the kit's, then each panel's."""
    found = [KIT / name for name in (_SCRIPTS if suffix == "js" else _STYLES)]
    for folder in panels.folders():
        found += sorted(folder.glob(f"*.{suffix}"), key=lambda path: (path.stem != "panel", path.name))
    return found


def _head(library: Library) -> str:
    packed = json.dumps(words(library.catalog), ensure_ascii=False).replace("<", "\\u003c")
    # Gradio's own way for a stylesheet rewrites every rule and drops some; in the head it stays as it is.
    style = "\n".join(path.read_text("utf-8") for path in files("css"))
    scripts = "\n".join(f"<script>{path.read_text('utf-8')}</script>" for path in files("js"))
    return (
        '<meta name="color-scheme" content="light dark">\n'
        f"{typeface.head()}"
        f"<style>{style}</style>\n"
        f'<script type="application/json" id="lineage-messages">{packed}</script>\n{scripts}'
    )
