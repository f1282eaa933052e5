"""What the page looks like and says: its styles, scripts and words, each panel's among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from demo import panels
from demo.kit import messages
from onnx_models.catalog import Catalog

KIT = Path(__file__).resolve().parent / "kit"
_SCRIPTS = (
    "page.js", "pen.js", "player.js", "films.js", "link.js", "take.js", "cook.js", "verdict.js",
    "tour/tour.js",
)  # fmt: skip
_STYLES = ("tokens.css", "controls.css", "gradio.css", "verdict.css", "tour/tour.css")


def words(catalog: Catalog) -> dict[str, dict[str, str]]:
    """Return ``{language: {id: text}}``: of the kit, of every panel, and of what the catalogue brings."""
    return messages.load(catalog, (KIT / "words", *panels.folders()))


def files(suffix: str) -> list[Path]:
    """Return the scripts (``js``) or the styles (``css``): the kit's, then each panel's."""
    found = [KIT / name for name in (_SCRIPTS if suffix == "js" else _STYLES)]
    for folder in panels.folders():
        found += sorted(folder.glob(f"*.{suffix}"), key=lambda path: (path.stem != "panel", path.name))
    return found


def style() -> str:
    """Return every rule of the page's own look."""
    return "\n".join(path.read_text("utf-8") for path in files("css"))


def script(words: Mapping[str, Mapping[str, str]], kitchen: str) -> str:
    """Return the page's own scripts, every word of the page in every language, where its kitchen is."""
    packed = json.dumps(words, ensure_ascii=False)
    known = f"const lineageWords = {packed}, lineageKitchen = {json.dumps(kitchen)};"
    return "\n".join((known, *(path.read_text("utf-8") for path in files("js"))))
