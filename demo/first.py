"""What is painted before any script has run, or without: the page's head, and its first sight in HTML.

The sight is what `demo.app` lays out, the header, the timeline and the first panel with its answers, in the
places that Gradio will give them. Its controls do nothing yet; the page takes its place when it has started.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from string import Template
from typing import Any

import gradio as gr

from demo import theme
from demo.engine.library import Library
from demo.files import File
from demo.kit import answers, carriers, typeface
from demo.kit.markup import Markup, join, say, tag
from demo.kit.messages import LANGUAGES
from demo.kitchen.service import Service

Words = Mapping[str, Mapping[str, str]]

_SAID = re.compile(r"<(\w+)([^<>]*?) data-say=\"([^\"]*)\"([^<>]*)>")
_TWICE = re.compile(r" (?:id|for|aria-controls|data-(?:original|rows|set))=\"[^\"]*\"| role=\"tab\"")
"""What would be there twice while the page starts, or is for scripts."""
_CONTROLS = re.compile(r"<(button|input|select)\b")
_SIGHT = ("masthead", "timeline", "tabs")

_PLAIN = Template("""
#$name { width: 100%; font-family: "IBM Plex Sans", sans-serif; }
#$name, #$name :is(.main, .wrap, .contain, .contain > .column) { display: flex; flex-direction: column; }
#$name :is(.main, .wrap, .contain) { width: 100%; }
#$name :is(.column, .block) { min-width: 0; margin: 0; }
#$name .column { font-size: 14px; line-height: 1.5; }
#$name .html-container { line-height: 1.4; }
:where(#$name *) { box-sizing: border-box; border: 0 solid; }
:where(#$name *)::before, :where(#$name *)::after { box-sizing: border-box; border: 0 solid; }
:where(#$name) :where(button, input, select) { background: none; }
:where(#$name) :where(img, svg, canvas) { display: block; vertical-align: middle; }
.$name :is(button, input, select) { margin: 0; padding: 0; }
.$name img { max-width: 100%; }
:where(#$name) :where(a) { color: inherit; text-decoration: inherit; }
""")
"""What Gradio's stylesheets, which come later, give to all pages."""
_ASIDE = """
#first .prompt { display: none; }
#first ~ gradio-app { position: absolute; inset: 0 0 auto; height: 0; overflow: hidden; visibility: hidden; }
"""
"""How Gradio's own page waits until it has started."""
_DARK = """<script>
{ const asked = new URLSearchParams(location.search).get("__theme");
  const dark = asked ? asked === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.getElementById("first").classList.toggle("dark", dark); }
</script>"""


class First:
    """The head of a page, and its first sight in each language, made for the first who asks in it."""

    def __init__(self, library: Library, page: gr.Blocks) -> None:
        words = theme.words(library.catalog)
        self.kitchen = Service(library.catalog)
        self.script = File("lineage", "js", "text/javascript", theme.script(words, self.kitchen.folder))
        # Gradio's own way for a stylesheet rewrites every rule and drops some; in the head it stays as it is.
        self.head = (
            '<meta name="color-scheme" content="light dark">\n'
            f"{typeface.head()}"
            f"<style>{plain_style('first')}{_ASIDE}</style>\n"
            f'<style id="lineage-style">{theme.style()}</style>\n'
            f'<script defer src="./{self.script.name}"></script>\n'
        )
        laid = laid_out(page)
        self._sight = functools.cache(lambda language: sight(laid, words, language))

    def body(self, accepted: str, query: str) -> str:
        """Return the first sight in the language of an address, or of a browser (``accept-language``)."""
        return self._sight(language(query, accepted))


def plain_style(name: str) -> str:
    """Return what Gradio's stylesheets give to all pages, for an element of that id and class."""
    return _PLAIN.substitute(name=name)


def language(query: str, accepted: str) -> str:
    """Return the language that the page's scripts will choose."""
    asked = re.search(r"(?:^|&)lang=(\w\w)", query)
    wishes = [part.split(";q=") for part in accepted.replace(" ", "").split(",")]
    wishes.sort(key=lambda wish: -_weight(wish))
    names = [asked[1] if asked else "", *(wish[0] for wish in wishes)]
    known = (name[:2].lower() for name in names)
    return next((name for name in known if name in LANGUAGES), LANGUAGES[0])


def _weight(wish: list[str]) -> float:
    try:
        return float(wish[1]) if len(wish) > 1 else 1.0
    except ValueError:
        return 0.0


def laid_out(page: gr.Blocks) -> tuple[Markup, Markup]:
    """Return what the first sight of a page shows, no word in it yet: its top, and its first panel."""
    shown = [block for block in page.blocks.values() if isinstance(block, gr.HTML)]
    columns = [block for block in page.blocks.values() if isinstance(block, gr.Column)]
    top = [block for block in shown if any(f"holds-{name}" in block.elem_classes for name in _SIGHT)]
    first = [block for block in shown if columns and block.parent is columns[0]]
    link = tag("a", "gradio_api/info", href="./gradio_api/info")
    without = tag("noscript", tag("p", say("first.noscript"), " ", link, class_="problem astray"))
    return join(without, _holders(top)), _holders(first)


def sight(laid: Iterable[Markup], words: Words, language: str) -> str:
    """Return the first sight of a page, every word in it."""
    said = [spoken(each, words, language) for each in laid]
    example = re.search(r' data-original="([^"]+)"', said[1])
    ground = f' style="background: url({example[1]}) 0 / 100%; image-rendering: pixelated"' if example else ""
    top_of_page, panel = (_CONTROLS.sub(r"<\1 disabled", _TWICE.sub("", each)) for each in said)
    panel = panel.replace("<canvas", f"<canvas{ground}", 1)
    top_of_page = top_of_page.replace('aria-selected="false"', 'aria-selected="true"', 1)
    bare = f'<div class="column">{top_of_page}<div class="column" id="panel-first">{panel}</div></div>'
    return (
        f'<div id="first" class="gradio-container first" lang="{language}" aria-busy="true">'
        f'<div class="main app"><div class="wrap"><main class="contain">{bare}</main></div></div></div>'
        f"{_DARK}"
    )


def _holders(blocks: Iterable[gr.HTML]) -> Markup:
    return join(*(holder(block, carriers.comes_with(block)) for block in blocks))


def holder(block: gr.HTML, value: str, **attributes: Any) -> Markup:
    """Return a component as Gradio lays it out, showing a value; ``attributes`` are of its inmost element."""
    held = " ".join(block.elem_classes)
    content = getattr(block, "props", {}).get("markup")
    if content is None:
        answer = answers.opened(value)
        first = answer.get("markup") or answer.get("problem", "")
        content = block.html_template.replace("<div></div></div>", f"<div>{first}</div></div>")
    inner = tag("div", Markup(content), class_=held, **attributes)
    return tag("div", tag("div", inner, class_="html-container"), class_=f"block {held}")


# ---------------------------------------------------------------------------------------------------- words


def spoken(markup: str, words: Words, language: str, kept: bool = False) -> str:
    """Return markup with its messages said, as the page's scripts would say them.

    Parameters
    ----------
    kept : whether they stay with their elements, to be said anew

    """

    def fill(found: re.Match[str]) -> str:
        name, before, packed, after = found.groups()
        said = {place: phrase(message, words, language) for place, message in _messages(packed)}
        text = said.pop("html", None) or html.escape(said.pop("text", ""), quote=False)
        given = "".join(f' {place}="{html.escape(sentence)}"' for place, sentence in said.items())
        again = f' data-say="{packed}"' if kept else ""
        return f"<{name}{before}{given}{again}{after}>{text}"

    return _SAID.sub(fill, markup)


def _messages(packed: str) -> list[tuple[str, list[Any]]]:
    return list(json.loads(html.unescape(packed)).items())


def phrase(message: list[Any], words: Words, language: str) -> str:
    """Return a packed message in a language: see ``say`` of ``page.js``."""
    name, values, fallback = (*message, *[{}, message[0]][len(message) - 1 :])[:3]
    text = words[language].get(name) or words[LANGUAGES[0]].get(name) or fallback or name

    def put(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        value = values[place[1]]
        if isinstance(value, list):
            return phrase(value, words, language)
        if place[2] and isinstance(value, int | float):
            return number(value, place[2], language)
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)

    return re.sub(r"\{(\w+)(?::([%0234.+]))?\}", put, text)


def number(value: float, form: str, language: str) -> str:
    """Return a number as a language writes it, in one of the forms of ``page.js``."""
    exact = Decimal(str(value))
    if form == "%":
        exact *= 100
    digits = int(form) if form in "234" else 0
    places = max(0, digits - 1 - (exact.adjusted() if exact else 0)) if digits else int(form in ".+")
    step = (
        Decimal(1).scaleb(exact.adjusted() - digits + 1) if digits and exact else Decimal(1).scaleb(-places)
    )
    rounded = exact.quantize(step, ROUND_HALF_UP)
    text = f"{rounded:{'+' if form == '+' and rounded else ''},.{places}f}"
    if form == "4" and "." in text:
        text = text.rstrip("0").rstrip(".")
    text = text.replace("-", "\u2212")
    if language == "fr":
        text = text.replace(",", "\u202f").replace(".", ",")
    if form == "%":
        return text + ("\u00a0%" if language == "fr" else "%")
    return text
