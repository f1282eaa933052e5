"""The guided tour: stations that each set one panel's state, say one idea, its equation, and one thing to do.

After the talk that this project grew from: a drawing, the RBM, the DBN, the autoencoder, the GAN, its family,
what collapse looks like in time, StyleGAN. Their words lie in ``demo/kit/tour``; the browser (``tour.js``)
goes from one to the next, and ``?tour=3`` opens the third.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.engine.library import Library
from demo.kit import carriers, messages, signs
from demo.kit.markup import Markup, say, tag
from onnx_models.catalog import Model

WORDS = Path(__file__).resolve().parent / "kit" / "tour"
Panels = Mapping[str, Callable[[Model], bool]]
"""By name: which models have a place in it."""


@dataclass(frozen=True)
class Station:
    """A stop of the tour."""

    name: str
    """Of its words: ``tour.NAME.title``, ``.idea`` and ``.task``."""
    panel: str
    models: tuple[str, ...]
    """Whom it is about: where the panel or one of them is not there, the tour goes without it."""
    state: Mapping[str, Any]
    """What it sets in the panel; the rest stays as the visitor has it."""
    equation: str
    """MathML, what stands in ``<math>``."""


STATIONS = (
    Station(
        "draw",
        "draw",
        ("rbm", "autoencoder", "dbn", "autoencoder_denoising"),
        {"models": "rbm,autoencoder,dbn,autoencoder_denoising", "damage": "salt", "amount": 30},
        # What each card says beneath its picture.
        "<munder><mo>∑</mo><mi>i</mi></munder><msup><mrow><mo>(</mo><msub><mi>x</mi><mi>i</mi></msub>"
        "<mo>−</mo><msub><mover><mi>x</mi><mo>^</mo></mover><mi>i</mi></msub><mo>)</mo></mrow>"
        "<mn>2</mn></msup>",
    ),
    Station(
        "rbm",
        "movie",
        ("rbm",),
        {"model": "rbm", "start": "drawing"},
        # Smolensky 1986, as the talk has it, its sums as products of vectors.
        "<mi>E</mi><mo>=</mo><mo>−</mo><mo>(</mo><msup><mi>h</mi><mo>⊤</mo></msup><mi>W</mi><mi>x</mi>"
        "<mo>+</mo><msup><mi>b</mi><mo>⊤</mo></msup><mi>x</mi><mo>+</mo><msup><mi>c</mi><mo>⊤</mo></msup>"
        "<mi>h</mi><mo>)</mo><mo>,</mo><mspace width='0.8em'/><mi>P</mi><mo>(</mo><mi>x</mi><mo>,</mo>"
        "<mi>h</mi><mo>)</mo><mo>=</mo><mfrac><msup><mi>e</mi><mrow><mo>−</mo><mi>E</mi></mrow></msup>"
        "<mi>Z</mi></mfrac>",
    ),
    Station(
        "dbn",
        "movie",
        ("dbn",),
        {"model": "dbn", "start": "noise", "label": "each"},
        # Hinton, Osindero and Teh 2006: an RBM on top of directed layers.
        "<mi>P</mi><mo>(</mo><mi>x</mi><mo>,</mo><msup><mi>h</mi><mn>1</mn></msup><mo>,</mo><msup>"
        "<mi>h</mi><mn>2</mn></msup><mo>,</mo><msup><mi>h</mi><mn>3</mn></msup><mo>)</mo><mo>=</mo>"
        "<mi>P</mi><mo>(</mo><mi>x</mi><mo>|</mo><msup><mi>h</mi><mn>1</mn></msup><mo>)</mo>"
        "<mspace width='0.1em'/><mi>P</mi><mo>(</mo><msup><mi>h</mi><mn>1</mn></msup><mo>|</mo><msup>"
        "<mi>h</mi><mn>2</mn></msup><mo>)</mo><mspace width='0.1em'/><mi>P</mi><mo>(</mo><msup><mi>h</mi>"
        "<mn>2</mn></msup><mo>,</mo><msup><mi>h</mi><mn>3</mn></msup><mo>)</mo>",
    ),
    Station(
        "autoencoder",
        "map",
        ("autoencoder_2",),
        {"model": "autoencoder_2", "ground": "digits"},
        # Hinton and Salakhutdinov 2006.
        "<munder><mi>min</mi><mrow><mi>f</mi><mo>,</mo><mi>g</mi></mrow></munder><mspace width='0.2em'/>"
        "<munder><mo>∑</mo><mi>x</mi></munder><msup><mrow><mo>‖</mo><mi>x</mi><mo>−</mo><mi>g</mi>"
        "<mo>(</mo><mi>f</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>)</mo><mo>‖</mo></mrow><mn>2</mn></msup>",
    ),
    Station(
        "gan",
        "dream",
        ("gan",),
        {"model": "gan", "seed": 7, "count": 25},
        # Goodfellow et al. 2014, eq. 1.
        "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi>"
        "<mi>D</mi></munder><mspace width='0.2em'/><msub><mi>𝔼</mi><mi>x</mi></msub><mo>[</mo><mi>log</mi>"
        "<mspace width='0.2em'/><mi>D</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>]</mo><mo>+</mo><msub>"
        "<mi>𝔼</mi><mi>z</mi></msub><mo>[</mo><mi>log</mi><mo>(</mo><mn>1</mn><mo>−</mo><mi>D</mi>"
        "<mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo><mo>)</mo><mo>)</mo><mo>]</mo>",
    ),
    Station(
        "family",
        "onez",
        ("cgan", "dcgan", "cdcgan", "acgan"),
        {"dataset": "mnist", "seed": 7, "label": 3},
        # Mirza and Osindero 2014, eq. 2.
        "<munder><mi>min</mi><mi>G</mi></munder><mspace width='0.2em'/><munder><mi>max</mi>"
        "<mi>D</mi></munder><mspace width='0.2em'/><mi>𝔼</mi><mo>[</mo><mi>log</mi><mspace width='0.2em'/>"
        "<mi>D</mi><mo>(</mo><mi>x</mi><mo>|</mo><mi>y</mi><mo>)</mo><mo>]</mo><mo>+</mo><mi>𝔼</mi>"
        "<mo>[</mo><mi>log</mi><mo>(</mo><mn>1</mn><mo>−</mo><mi>D</mi><mo>(</mo><mi>G</mi><mo>(</mo>"
        "<mi>z</mi><mo>|</mo><mi>y</mi><mo>)</mo><mo>)</mo><mo>)</mo><mo>]</mo>",
    ),
    Station(
        "collapse",
        "time",
        ("gan_collapsed", "wgan_gp"),
        {"models": "gan_collapsed,wgan_gp", "seed": 7, "seen": -1},
        # Arjovsky, Chintala and Bottou 2017, eq. 2: the distance that the critic estimates.
        "<mi>W</mi><mo>=</mo><munder><mi>max</mi><mrow><msub><mrow><mo>‖</mo><mi>C</mi><mo>‖</mo></mrow>"
        "<mi>L</mi></msub><mo>≤</mo><mn>1</mn></mrow></munder><mspace width='0.2em'/><msub><mi>𝔼</mi>"
        "<mi>x</mi></msub><mo>[</mo><mi>C</mi><mo>(</mo><mi>x</mi><mo>)</mo><mo>]</mo><mo>−</mo><msub>"
        "<mi>𝔼</mi><mi>z</mi></msub><mo>[</mo><mi>C</mi><mo>(</mo><mi>G</mi><mo>(</mo><mi>z</mi><mo>)</mo>"
        "<mo>)</mo><mo>]</mo>",
    ),
    Station(
        "stylegan",
        "style",
        ("stylegan2_avatars",),
        {"model": "stylegan2_avatars", "part": "truncate", "seed": 7},
        # Karras, Laine and Aila 2019, appendix B.
        "<mi>w</mi><mo>′</mo><mo>=</mo><mover><mi>w</mi><mo>¯</mo></mover><mo>+</mo><mi>ψ</mi>"
        "<mspace width='0.1em'/><mo>(</mo><mi>w</mi><mo>−</mo><mover><mi>w</mi><mo>¯</mo></mover><mo>)</mo>",
    ),
)


def offered(library: Library, panels: Panels) -> list[Station]:
    """Return the stations of what is there, in their order."""
    known = {model.id: model for model in library.catalog.models}
    return [
        station
        for station in STATIONS
        if station.panel in panels
        and all(name in known and panels[station.panel](known[name]) for name in station.models)
    ]


def build(library: Library, stations: list[Station]) -> None:
    """Lay out the strip, closed; what its stations set and say comes after the page's first bytes."""
    if stations:
        carriers.stored(lambda: _told(library, stations), _strip(), "tour", "tour")


def link() -> Markup:
    """Return the way in."""
    return tag("a", say("tour.open"), href="?tour=1", class_="link", data_tour_open=True)


def _told(library: Library, stations: list[Station]) -> dict[str, Any]:
    """Return ``{"words": {language: {id: text}}, "stations": [...]}``."""
    told = [
        {
            "name": station.name,
            "panel": station.panel,
            "state": station.state,
            "equation": _equation(station.equation),
            "colour": signs.colour(library.catalog.model(station.models[0])),
        }
        for station in stations
    ]
    names = {station.name for station in stations}
    words = {
        language: {name: text for name, text in known.items() if name.split(".")[1] in names}
        for language, known in messages.own((WORDS,)).items()
    }
    return {"words": words, "stations": told}


def _equation(inside: str) -> str:
    """Return an equation as the page takes it.

    Its brackets stay as high as a letter: beside a minimum they would grow to the height of what stands under
    that.
    """
    even = re.sub(r"<mo>([()\[\]|])</mo>", r'<mo stretchy="false">\1</mo>', inside)
    return messages.safe_mathml(f'<math display="block"><mrow>{even}</mrow></math>')


def _strip() -> Markup:
    """Return the strip without a station in it."""
    return tag(
        "aside",
        tag(
            "header",
            tag("p", data_tour="place", class_="place"),
            tag("h2", data_tour="title"),
            tag("button", type="button", data_fold=True, aria_label=say("tour.fold"), aria_expanded="true"),
            tag("button", "‹", type="button", data_step=-1, aria_label=say("tour.back")),
            tag("button", "›", type="button", data_step=1, aria_label=say("tour.next")),
            tag("button", "×", type="button", data_leave=True, aria_label=say("tour.leave")),
        ),
        tag("p", data_tour="refused", class_="problem", role="status", hidden=True),
        tag(
            "div",
            tag("p", data_tour="idea", class_="idea"),
            tag("div", data_tour="equation", class_="equation"),
            tag("p", tag("b", say("tour.try")), " ", tag("span", data_tour="task"), class_="task"),
            aria_live="polite",
            class_="station",
        ),
        class_="tour",
        tabindex="-1",
        hidden=True,
        aria_label=say("tour.name"),
    )
