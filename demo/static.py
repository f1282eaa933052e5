"""``python -m demo.static OUT``: write the page as a folder of files that any static host serves.

The page lays itself out, as it does for a server, and its first answers are written down. What a visitor
asks for then is made by their own browser (`demo.kitchen`), on stages that are laid out beforehand
(`demo.stages`); ``kit/static.js`` carries values in Gradio's place. No Python runs there.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from demo import app, first, front, panels, stages, theme
from demo.arguments import add_directories
from demo.engine.library import Library
from demo.files import File
from demo.kit import carriers, typeface
from demo.kit.answers import tell
from demo.kit.carriers import Desk, View
from demo.kit.markup import Markup, say, tag
from demo.kit.messages import LANGUAGES
from demo.kit.paper import INK, PAPER
from demo.kit.state import Stage, State
from demo.kitchen import engine
from demo.kitchen.service import MODELS, ROOM, Service
from onnx_models.errors import LineageError

Files = Mapping[str, bytes | Path]
"""What is written, by the name that it has in the folder."""

LIMIT_BYTES = 10_000_000
"""Each file has fewer: static hosts and git take more in storage of another kind, if at all."""
WRITTEN = ".lineage-static"
"""In the folder: the names of all files that this program wrote there, one a line."""

_ROOT = Path(__file__).resolve().parent.parent
_NAME = "alone"
"""Id and class of the element that the whole page is in."""
_LONG = 1_000
"""Characters of a value that is fetched when it is needed."""
_STARTS = re.compile(r"lineage\.start\('(\w+)'")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_GROUND = f"body {{ margin: 0; background: {PAPER}; }} .dark body {{ background: {INK}; }}"
_DARK = """<script>
{ const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = new URLSearchParams(location.search).get("__theme");
  const { classList } = document.documentElement;
  const look = () => classList.toggle("dark", asked ? asked === "dark" : dark.matches);
  dark.addEventListener("change", look);
  look(); }
</script>
"""
_SPACE = f"""---
title: {front.TITLE}
emoji: 🖋️
colorFrom: yellow
colorTo: gray
sdk: static
license: apache-2.0
short_description: From RBM to StyleGAN, playable side by side
---

# {front.TITLE}

{front.SENTENCE} A copy of the page without its server: every picture is made in the visitor's own browser.
"""
"""The README that a static Space wants."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder and say what is in it; exit code 2 and one sentence where that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        check_empty(options.out)
        files = build(chosen(options.directories, options.models))
        check_sizes(files)
        write(files, options.out)
    except LineageError as error:
        print(error, file=sys.stderr)
        return 2
    print(describe(files, options.out))
    return 0


def chosen(directories: Iterable[Path] = (), models: Sequence[str] = ()) -> Library:
    """Open the models of those ids, all where none is named, and who judges their pictures.

    Raises
    ------
    LineageError
        ``models.directory``, ``model.unknown``

    """
    library = Library.open(directories, "cpu")
    if not models:
        return library
    catalog = library.catalog
    named = [catalog.model(model_id) for model_id in models]
    datasets = {model.dataset["id"] for model in named}
    kept = tuple(
        model
        for model in catalog.models
        if model.id in models or (model.kind == "judge" and model.dataset["id"] in datasets)
    )
    return replace(library, catalog=replace(catalog, models=kept, problems=()))


# ------------------------------------------------------------------------------------------------ the files


def build(library: Library) -> Files:
    """Return the files of the page of a library, the same for the same models."""
    page = _Page(library)
    kitchen = Service(library.catalog)
    words = theme.words(library.catalog)
    parts = _json("parts", page.held())
    asked = page.asked()
    scripts = (
        f"const lineageStages = {_packed(asked.known)};",
        theme.script(words, kitchen.folder),
        (theme.KIT / "static.js").read_text("utf-8"),
    )
    script = File("lineage", "js", "text/javascript", "\n".join(scripts))
    return {
        "index.html": _document(page.body(words, parts.name), script.name).encode(),
        "icon.svg": front.ICON,
        **{file.name: file.plain for file in (script, parts, *asked.files)},
        **{f"{kitchen.folder}/{name}": content for name, content in kitchen.files.items()},
        # Of a file that is broken the page says so.
        **{f"{ROOM}/{MODELS}/{name}": path for name, path in kitchen.graphs.items() if path.is_file()},
        "LICENSE": _ROOT / "LICENSE",
        "licences/onnxruntime-web": engine.DIRECTORY / "LICENSE",
        "licences/ibm-plex-sans": typeface.DIRECTORY / typeface.LICENCE,
        "README.md": _SPACE.encode(),
        ".nojekyll": b"",  # GitHub Pages serves the files as they are
    }


def _json(stem: str, value: Any) -> File:
    return File(stem, "json", "application/json", _packed(value))


def _packed(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass
class _Asked:
    """What the page may ask for, by place and by state."""

    panels: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The ``views`` of each, by place, and its ``stages``: ``[pins, file]`` each, or no file."""
    drawers: dict[str, str] = field(default_factory=dict)
    """The file of what a disclosure closes."""
    files: list[File] = field(default_factory=list)

    @property
    def known(self) -> dict[str, Any]:
        """What the page is told."""
        return {"panels": self.panels, "drawers": self.drawers}

    def keep(self, content: Any) -> str:
        """Keep it as a file; return the name."""
        self.files.append(_json("stages/stage", content))
        return self.files[-1].name


class _Page:
    """The page as it lays itself out, without what it asks a server, and without the times it took.

    Components are known by their place among all of them.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        built = [app.build(library, served=False) for _ in range(2)]
        self._columns = [block for block in built[0].blocks.values() if isinstance(block, gr.Column)]
        self._blocks, again = ([*filter(_ours, page.blocks.values())] for page in built)
        self._values = [self._settle(*pair) for pair in zip(self._blocks, again, strict=True)]

    @staticmethod
    def _settle(block: gr.HTML, again: gr.HTML) -> str:
        markup = getattr(block, "props", {}).get("markup")
        if markup is not None:
            block.props["markup"] = stages.common(markup, again.props["markup"])
        value = carriers.comes_with(block)
        return (
            value
            if hasattr(block, "desk") or not value
            else stages.settled(value, carriers.comes_with(again))
        )

    def _is_held(self, place: int) -> bool:
        return len(self._values[place]) > _LONG and not hasattr(self._blocks[place], "desk")

    def held(self) -> dict[str, str]:
        """Return the long values, by place: the page fetches them when it has been painted."""
        return {str(k): value for k, value in enumerate(self._values) if self._is_held(k)}

    def body(self, words: first.Words, parts: str) -> Markup:
        """Return what is laid out: the first panel with its answers, the others without them yet."""
        top = [
            self._component(k, parts) for k, block in enumerate(self._blocks) if self._column(block) is None
        ]
        columns = []
        for order, column in enumerate(self._columns):
            inside = (
                self._component(k, parts, shown=order == 0)
                for k, block in enumerate(self._blocks)
                if self._column(block) is column
            )
            columns.append(tag("div", *inside, class_="column", id=column.elem_id, hidden=order > 0))
        line = tag("p", say("static.line"), class_="note")
        without = tag("noscript", tag("p", say("static.noscript"), class_="problem astray"))
        main = tag("main", tag("div", without, *top, *columns, line, class_="column"), class_="contain")
        nested = tag("div", tag("div", main, class_="wrap"), class_="main app")
        whole = tag("div", nested, id=_NAME, class_=f"gradio-container {_NAME}")
        return Markup(first.spoken(whole, words, LANGUAGES[0], kept=True))

    def _component(self, place: int, parts: str, shown: bool = True) -> Markup:
        block, value = self._blocks[place], self._values[place]
        kind = _STARTS.search(block.js_on_load)
        assert kind is not None
        return first.holder(
            block,
            value if shown and not hasattr(block, "desk") else "",
            data_starts=kind[1],
            data_place=place,
            data_value=f"held:{parts}#{place}" if self._is_held(place) else value,
        )

    def _column(self, block: gr.HTML) -> gr.Column | None:
        return next((column for column in self._columns if block.parent is column), None)

    # -------------------------------------------------------------------------------------------- stages

    def asked(self) -> _Asked:
        """Lay out what the page may ask for."""
        asked = _Asked()
        for place, block in enumerate(self._blocks):
            if hasattr(block, "make"):
                asked.drawers[str(place)] = asked.keep(next(tell(block.make)))
            if hasattr(block, "desk"):
                desk: Desk = block.desk
                name = str(block.parent.elem_id).removeprefix("panel-")
                laid = (
                    (stage.pins, self._laid(desk, stage))
                    for stage in panels.stages(self._library, name, desk.state)
                )
                asked.panels[name] = {
                    "views": [self._place(view) for view in desk.views],
                    "stages": [(pins, asked.keep(found) if found else None) for pins, found in laid],
                }
        return asked

    def _place(self, view: View) -> str:
        return str(next(k for k, block in enumerate(self._blocks) if block is view.box))

    def _laid(self, desk: Desk, stage: Stage) -> dict[str, str]:
        """Return the envelopes of a stage by the places of what shows them."""
        found = {}
        for view in desk.views:
            one = self._told(view, stage, stage.one)
            other = one if stage.other == stage.one else self._told(view, stage, stage.other)
            envelope = stages.stage(one, other)
            if envelope is not None:
                found[self._place(view)] = envelope
        return found

    def _told(self, view: View, stage: Stage, state: State) -> str:
        show = stage.show or view.show
        return next(tell(lambda: show(self._library, state)))


def _ours(block: object) -> bool:
    return isinstance(block, gr.HTML) and _STARTS.search(block.js_on_load or "") is not None


def _document(body: Markup, script: str) -> str:
    """Return the page's HTML. Its scripts are those named here, by their digests, and no others."""
    head = f"{_DARK}{typeface.head()}"
    policy = (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {_digests(head)}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
        "worker-src 'self'; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="{LANGUAGES[0]}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="description" content="{html.escape(front.SENTENCE)}">
<title>{front.TITLE}</title>
<link rel="icon" type="image/svg+xml" href="icon.svg">
{head}<style>{first.plain_style(_NAME)}{_GROUND}</style>
<style id="lineage-style">{theme.style()}</style>
<script defer src="{script}"></script>
</head>
<body>
{body}
</body>
</html>
"""


def _digests(head: str) -> str:
    found = (hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(head))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found)


# ---------------------------------------------------------------------------------------------- the folder


def check_empty(out: Path) -> None:
    """Raise `LineageError` ``static.folder`` where ``out`` holds anything but an earlier copy of the page."""
    if out.is_dir() and (not any(out.iterdir()) or (out / WRITTEN).is_file()):
        return
    if out.exists():
        raise LineageError(
            "static.folder",
            f"{out} is not empty, and not an earlier copy of the page: name a new folder.",
            folder=str(out),
        )


def check_sizes(files: Files) -> None:
    """Raise `LineageError` ``static.size`` where a file has `LIMIT_BYTES` or more."""
    sizes = _sizes(files)
    largest = max(sizes, key=sizes.__getitem__)
    if sizes[largest] >= LIMIT_BYTES:
        raise LineageError(
            "static.size",
            f"{largest} has {sizes[largest] / 1e6:.1f} MB, and a static host wants files under "
            f"{LIMIT_BYTES // 10**6} MB: leave its model out with --models.",
            file=largest,
        )


def write(files: Files, out: Path) -> None:
    """Put the files into ``out`` in the place of those that were written there before; others stay.

    Raises
    ------
    LineageError
        ``static.folder``: as `check_empty`

    """
    check_empty(out)
    marker = out / WRITTEN
    for name in marker.read_text("utf-8").splitlines() if marker.is_file() else ():
        (out / name).unlink(missing_ok=True)
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read_bytes() if isinstance(content, Path) else content)
    marker.write_text("".join(f"{name}\n" for name in files), "utf-8")


def describe(files: Files, out: Path) -> str:
    """Return how many files there are, how large they are, and the largest; 1 MB is a million bytes."""
    sizes = _sizes(files)
    largest = max(sizes, key=sizes.__getitem__)
    return (
        f"{out}: {len(files)} files, {sum(sizes.values()) / 1e6:.1f} MB; "
        f"the largest is {largest}, {sizes[largest] / 1e6:.1f} MB.\n"
        f"Look at it: python -m http.server -d {out}"
    )


def _sizes(files: Files) -> dict[str, int]:
    return {
        name: content.stat().st_size if isinstance(content, Path) else len(content)
        for name, content in files.items()
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.static",
        description="Write the page as a folder of files, with every picture made in the visitor's browser.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder; a new one, or an earlier copy")
    parser.add_argument(
        "--models",
        type=lambda text: [name for name in text.split(",") if name],
        default=[],
        metavar="ID,ID,...",
        help="the networks that come along, and who judges them (default: all)",
    )
    add_directories(parser, "--directories")
    return parser


if __name__ == "__main__":
    sys.exit(main())
