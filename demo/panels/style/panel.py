"""Style: eight ways to look at a StyleGAN, one at a time.

A picture that shows nobody, truncation, two parents' styles mixed, two ways from seed to seed, what noise
moves, what each size adds; beside this module directions (`demo.panels.style.edit`) and a visitor's own
picture (`demo.panels.style.you`), which is then what the other parts are about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from demo.engine import limits, styles
from demo.engine.library import Library
from demo.engine.styles import Look
from demo.kit import carriers, controls, films, paper, signs, sprites
from demo.kit.answers import File
from demo.kit.markup import Markup, Message, join, say, tag
from demo.kit.state import named
from demo.panels.style import edit, you
from demo.panels.style.state import NAME, PARTS, PRIVATE, State, subject
from onnx_models import seeds
from onnx_models.catalog import Model

Array = NDArray[np.float32]

OTHERS = 9
"""Seeds to go on to, beside the picture that nobody is."""
SWEEP = 21
"""Truncations from -1 to 1, so that the middle one is the centre of all styles."""
SOURCES = (5, 6)
"""Rows and columns of the mixed pictures: so many seeds of each parent."""
STATIONS = 33
"""Of the way between two seeds; every fourth stands in the strip."""
STRIP = 9
NOISES = 50
"""Noises that the standard deviation is measured over."""
NOISE_REACH = 0.01
"""The deepest colour stands for this at least: what is smaller cannot be seen in the picture either."""
PSI_END, PSI_STEP = 1.5, 0.05

SMALL = 128
"""Pixels of a side that pictures in a mosaic or a film have at most."""
FRAMES_A_SECOND = 10
FILE_SIDE = 256
"""Pixels of a side that each picture of a file has about."""

IN_A_ROW = 10
"""Classes that fit a row of buttons: one of more is typed."""

_ADDRESS = "avatar.png"
"""Where the server has a picture alone (`demo.plain`)."""

HEAT = ("#1b1735", "#5b2a6e", "#a83a6a", "#e0604f", "#f6a04d", "#fbe69a")
"""From nothing to most."""


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.has(*styles.ROLES)


def build(library: Library) -> None:
    """Lay the panel out, with a picture of nobody."""
    models = styles.painters(library)
    state = State(model=models[0].id)
    desk = carriers.studio(
        library,
        state,
        NAME,
        models,
        parts=controls.choices("part", PARTS, tuple(say(f"style.{part}") for part in PARTS), state.part),
        controls=_desk(library, models, state),
        show=show_stage,
        parcel=parcel,
        private=PRIVATE,
        local=("wish",),
    )
    you.listen(library, desk)


def show_stage(library: Library, state: State) -> Markup:
    """Return what is looked at."""
    shown: Mapping[str, Callable[[Library, Model, State], Markup]] = {
        "make": _make,
        "truncate": _truncate,
        "mix": _mix,
        "travel": _travel,
        "noise": _noise,
        "inside": _inside,
        "edit": edit.show,
        "you": you.show,
    }
    model = styles.painter(library, state.model)
    stage = named(shown, state.part)(library, model, state)
    photo = " photo" if max(styles.shape(model)) > SMALL else ""
    return signs.stage(model, NAME, stage, f"styled of-{state.part}{photo}")


def parcel(library: Library, state: State) -> File:
    """Return what is shown as a file for the visitor."""
    made: Mapping[str, Callable[[Library, Model, State], Array]] = {
        "make": _one,
        "truncate": _sweep,
        "mix": lambda *asked: _crossed(*asked).sheet,
        "travel": _ways,
        "noise": lambda *asked: _grains(*asked).beside,
        "inside": lambda *asked: _sizes(*asked).beside,
        "edit": edit.beside,
        "you": you.beside,
    }
    model = styles.painter(library, state.model)
    pictures = named(made, state.part)(library, model, state)
    name = f"{model.id}-{state.part}-{'own' if state.picture else f'seed-{state.seed}'}"
    if state.part in ("truncate", "travel"):
        return paper.parcel(name, gif(pictures), "gif")
    columns = sources(model)[1] + 1 if state.part == "mix" else len(pictures)
    return paper.parcel(name, paper.to_png(_file(pictures, columns)), "png")


def gif(shown: Array) -> bytes:
    """Encode films side by side, float32 [films, frames, channels, height, width], there and back."""
    there_and_back = np.concatenate([shown, shown[:, -2:0:-1]], axis=1)
    frames = (_file(moment, len(moment)) for moment in there_and_back.swapaxes(0, 1))
    return paper.to_gif(frames, FRAMES_A_SECOND)


# ----------------------------------------------------------------------------------------------------- make


def _make(library: Library, model: Model, state: State) -> Markup:
    """Show a picture of nobody, and the seeds after it to go on to."""
    count = styles.affordable(model, 1 + OTHERS)
    chosen = styles.onwards(state.seed, count)
    (hero,) = _one(library, model, state)
    ws = styles.styles(library, model, styles.z_of(model, chosen), state.look)
    others = styles.paint(library, model, ws[1:], state.look, SMALL) if count > 1 else ()
    name = say("style.found.alt") if state.picture else say("style.picture", seed=state.seed)
    return tag(
        "div",
        tag(
            "figure",
            tag("div", sprites.picture(hero, name, data_shows="made 0"), class_="frame"),
            tag(
                "figcaption",
                tag("span", say("style.found") if state.picture else _nobody(model), class_="nobody"),
                _address(model, state),
                controls.keep("png"),
            ),
            class_="hero",
        ),
        tag(
            "div",
            *(
                _go_on(image, seed, _made_here(model, f"others {k}"))
                for k, (image, seed) in enumerate(zip(others, chosen[1:], strict=True))
            ),
            class_="others",
            role="group",
            aria_label=say("style.others"),
        ),
        class_="beside",
    )


def _one(library: Library, model: Model, state: State) -> Array:
    return styles.paint(library, model, subject(library, model, state), state.look)


def _nobody(model: Model) -> Message:
    kinds = {"avatars": "avatar", "mnist": "digit"}
    return say(f"style.nobody.{kinds.get(model.dataset['id'], 'picture')}")


def _address(model: Model, state: State) -> Markup | None:
    """Return a link to the picture alone, where an address can say how it was made."""
    if state.picture or state.look.cutoff < styles.rows(model) or state.look.noise_seed != styles.NOISE_SEED:
        return None
    asked: dict[str, object] = {"seed": state.seed, "psi": state.psi, "model": model.id}
    if styles.takes_label(model):
        asked["label"] = state.label
    return tag(
        "a",
        _ADDRESS,
        href=f"{_ADDRESS}?{urlencode(asked)}",
        data_address=_ADDRESS,
        data_served=True,
        target="_blank",
        rel="noopener",
        class_="link",
    )


def _go_on(image: Array, seed: int, shows: str | None) -> Markup:
    return tag(
        "button",
        sprites.picture(image, say("style.seed", seed=seed), data_shows=shows),
        type="button",
        data_set=json.dumps({"seed": seed}),
    )


# ------------------------------------------------------------------------------------------------- truncate


def _truncate(library: Library, model: Model, state: State) -> Markup:
    made = _sweep(library, model, state)
    psi = swept(model)
    middle = len(psi) // 2
    moments = (
        tag(
            "li",
            tag(
                "button",
                sprites.picture(image, _at(value), data_shows=_made_here(model, f"sweep {k}")),
                type="button",
                tabindex="-1",
                data_seek=k,
            ),
            tag("span", say("page.number", value=round(float(value), 1), unit="")),
            class_="centre" if k == middle else None,
        )
        for k, (image, value) in enumerate(zip(made[0], psi, strict=True))
    )
    values = [_at(value) for value in psi]
    screen = films.screens(
        made,
        (say("style.screen.psi"),),
        (None,),
        [values],
        reels=("sweep 0",),
        start=len(psi) - 1,
        frames_a_second=FRAMES_A_SECOND,
    )
    return join(
        tag("div", screen, tag("ol", *moments, class_="moments"), class_="beside"),
        controls.transport(len(psi) - 1, say("style.scrub.psi"), controls.keep("gif")),
        tag(
            "p",
            tag("span", tag("span", say("style.average")), signs.hint("style.average.hint")),
            class_="note",
        ),
    )


def swept(model: Model) -> Array:
    """Return the truncations of a sweep, from -1 to 1 by way of 0: float32 [count]."""
    count = styles.affordable(model, SWEEP, 5)
    return np.linspace(-1.0, 1.0, count - 1 + count % 2, dtype=np.float32)


def _sweep(library: Library, model: Model, state: State) -> Array:
    """Return the film of one seed from its anti-picture to itself: float32 [1, frames, c, h, w]."""
    ws = subject(library, model, state, swept(model))
    return styles.paint(library, model, ws, state.look, SMALL)[None]


# ------------------------------------------------------------------------------------------------------ mix


@dataclass(frozen=True)
class _Crossed:
    """Parents and children."""

    rows: Array
    """float32 [rows, channels, height, width]: those whose styles are kept, but for some."""
    columns: Array
    """float32 [columns, ...]: those who lend some."""
    children: Array
    """float32 [rows, columns, ...]."""
    large: Array
    """float32 [3, ...] in full size: both parents of the chosen child, and itself."""

    @property
    def sheet(self) -> Array:
        """All but the large ones, row by row under an empty corner: float32 [count, ...]."""
        corner = np.full_like(self.columns[:1], 1.0 if self.columns.shape[1] == 3 else 0.0)
        body = np.concatenate([self.rows[:, None], self.children], axis=1)
        return np.concatenate([corner, self.columns, body.reshape(-1, *self.columns.shape[1:])])


def sources(model: Model) -> tuple[int, int]:
    """Return rows and columns of the children: few where a picture costs much."""
    full = (SOURCES[0] + 1) * (SOURCES[1] + 1)
    return SOURCES if styles.affordable(model, full) == full else (2, 2)


def _crossed(library: Library, model: Model, state: State) -> _Crossed:
    rows, columns = sources(model)
    pick = limits.Bound("pick", 0, SOURCES[0] * SOURCES[1] - 1, 0).check(state.pick)
    row, column = min(pick // SOURCES[1], rows - 1), min(pick % SOURCES[1], columns - 1)
    look, taken = state.look, styles.layers(model, state.layers)
    chosen = [*styles.onwards(state.seed, rows), *styles.onwards(state.other, columns)]
    ws = styles.styles(library, model, styles.z_of(model, chosen), look)
    if state.picture:
        ws[:1] = subject(library, model, state)
    children = styles.mixed(ws[:rows, None], ws[None, rows:], taken)
    flat = np.concatenate([ws, children.reshape(-1, *ws.shape[1:])])
    small = styles.paint(library, model, flat, look, SMALL)
    trio = np.stack([ws[row], ws[rows + column], children[row, column]])
    if max(styles.shape(model)) > SMALL:
        large = styles.paint(library, model, trio, look)
    else:
        large = small[[row, rows + column, len(ws) + row * columns + column]]
    return _Crossed(
        small[:rows],
        small[rows : len(ws)],
        small[len(ws) :].reshape(rows, columns, *small.shape[1:]),
        large,
    )


def _mix(library: Library, model: Model, state: State) -> Markup:
    """Show every pairing of two rows of parents, one child large, and which styles are whose."""
    crossed = _crossed(library, model, state)
    rows, columns = crossed.children.shape[:2]
    a, b = styles.onwards(state.seed, rows), styles.onwards(state.other, columns)
    row, column = min(state.pick // SOURCES[1], rows - 1), min(state.pick % SOURCES[1], columns - 1)
    heads = (
        tag(
            "th",
            sprites.picture(
                image,
                say("style.parent", parent="B", seed=seed),
                data_shows=_made_here(model, f"parents {rows + k}"),
            ),
            scope="col",
            class_="chosen" if k == column else None,
        )
        for k, (image, seed) in enumerate(zip(crossed.columns, b, strict=True))
    )
    body = (
        tag(
            "tr",
            tag(
                "th",
                sprites.picture(
                    crossed.rows[k],
                    say("style.parent", parent="A", seed=a[k]),
                    data_shows=_made_here(model, f"parents {k}"),
                ),
                scope="row",
                class_="chosen" if k == row else None,
            ),
            *(
                tag(
                    "td",
                    _child(
                        crossed.children[k, j],
                        k * SOURCES[1] + j,
                        a[k],
                        b[j],
                        (k, j) == (row, column),
                        _made_here(model, f"children {k * columns + j}"),
                    ),
                )
                for j in range(columns)
            ),
        )
        for k in range(rows)
    )
    corner = tag(
        "td", tag("span", "A", class_="a"), tag("span", "B", class_="b"), class_="corner", aria_hidden="true"
    )
    trio = (
        tag(
            "div",
            sprites.picture(
                crossed.large[0],
                say("style.parent", parent="A", seed=a[row]),
                data_shows=_made_here(model, f"parents {row}"),
            ),
            tag("span", "A"),
            class_="parent",
        ),
        tag(
            "div",
            sprites.picture(
                crossed.large[1],
                say("style.parent", parent="B", seed=b[column]),
                data_shows=_made_here(model, f"parents {rows + column}"),
            ),
            tag("span", "B"),
            class_="parent",
        ),
    )
    child = sprites.picture(crossed.large[2], say("style.child", a=a[row], b=b[column]), data_shows="child 0")
    return join(
        _layers(model, state),
        tag(
            "div",
            tag("table", tag("tr", corner, *heads), *body, class_="crossing"),
            tag(
                "figure",
                tag("div", child, class_="frame"),
                tag("figcaption", *trio, tag("div", controls.keep("png"), class_="more")),
                class_="chosen-child",
            ),
            class_="beside",
        ),
    )


def _child(image: Array, pick: int, a: int, b: int, chosen: bool, shows: str | None) -> Markup:
    return tag(
        "button",
        sprites.picture(image, say("style.child", a=a, b=b), data_shows=shows),
        type="button",
        data_set=json.dumps({"pick": pick}),
        aria_pressed="true" if chosen else "false",
    )


def _layers(model: Model, state: State) -> Markup:
    """Return a switch for each style, under the names of the usual ranges."""
    taken = set(styles.layers(model, state.layers))
    sizes = styles.row_sizes(model)
    switches = []
    for row in range(styles.rows(model)):
        name = (
            say("style.layer", number=row + 1)
            if sizes[row] is None
            else say("style.layer.size", number=row + 1, size=sizes[row])
        )
        fresh = row == 0 or sizes[row] != sizes[row - 1]
        switches.append(
            tag(
                "button",
                tag("i"),
                tag(
                    "span",
                    str(sizes[row] or row + 1) if fresh or sizes[row] is None else "",
                    aria_hidden="true",
                ),
                type="button",
                data_layer=row,
                aria_pressed="true" if row in taken else "false",
                aria_label=name,
            )
        )
    ranges = (
        tag(
            "button",
            say(f"style.layers.{name}"),
            type="button",
            class_="link",
            data_set=json.dumps({"layers": name}),
            aria_pressed="true" if state.layers == name else "false",
            disabled=not styles.layer_range(model, name),
        )
        for name in styles.RANGES
    )
    return tag(
        "div",
        tag("p", tag("span", say("style.layers")), signs.hint("style.layers.hint"), class_="label"),
        tag("div", *ranges, class_="ranges"),
        tag("div", *switches, class_="switches", role="group", aria_label=say("style.layers")),
        class_="layers",
    )


# --------------------------------------------------------------------------------------------------- travel


def stations(model: Model) -> Array:
    """Return the fractions of the way at which there are pictures, those of the strip among them: [count]."""
    count = (styles.affordable(model, 2 * STATIONS, 2 * STRIP) // 2 - 1) // (STRIP - 1) * (STRIP - 1) + 1
    return np.linspace(0.0, 1.0, count, dtype=np.float32)


def _ways(library: Library, model: Model, state: State) -> Array:
    """Return two films, through z and through w: float32 [2, frames, c, h, w].

    Of a visitor's own picture only the second: its styles lie where no z leads.
    """
    count = len(stations(model))
    if state.picture:
        z = styles.z_of(model, [seeds.check_seed(state.other)])
        ends = (subject(library, model, state)[0], styles.styles(library, model, z, state.look)[0])
        ways = styles.straight(*ends, count)
    else:
        ways = np.concatenate(styles.ways(library, model, state.seed, state.other, count, state.look))
    made = styles.paint(library, model, ways, state.look, SMALL)
    return made.reshape(-1, count, *made.shape[1:])


def _travel(library: Library, model: Model, state: State) -> Markup:
    made = _ways(library, model, state)
    count = made.shape[1]
    spaces = ("z", "w")[-len(made) :]
    names = [say(f"style.way.{space}") for space in spaces]
    strips = (
        tag(
            "ol",
            *(
                tag(
                    "li",
                    tag(
                        "button",
                        sprites.picture(
                            film[k],
                            say("style.way.alt", part=k / (count - 1)),
                            data_shows=_made_here(model, f"{space} {k}"),
                        ),
                        type="button",
                        tabindex="-1",
                        data_seek=k,
                    ),
                )
                for k in range(0, count, (count - 1) // (STRIP - 1))
            ),
            class_="journey",
        )
        for space, film in zip(spaces, made, strict=True)
    )
    changes = [
        [say("style.change", value=value) for value in _changes(film)] for film in made.astype(np.float64)
    ]
    return join(
        films.screens(
            made,
            names,
            names,
            changes,
            reels=[f"{space} 0" for space in spaces],
            start=count // 2,
            frames_a_second=FRAMES_A_SECOND,
        ),
        controls.transport(count - 1, say("style.scrub.way"), controls.keep("gif")),
        tag("div", *strips, class_="journeys"),
        tag("p", tag("span", tag("span", say("style.way")), signs.hint("style.way.hint")), class_="note"),
    )


def _changes(film: NDArray[np.float64]) -> list[float]:
    """Return how much of the whole way's change each frame brings, 1 being an even share."""
    steps = np.sqrt(np.square(np.diff(film, axis=0)).mean(axis=(1, 2, 3)))
    even = max(float(steps.mean()), 1e-9)
    return [round(float(value) / even, 2) for value in [steps[0], *steps]]


# ---------------------------------------------------------------------------------------------------- noise


@dataclass(frozen=True)
class _Grains:
    pictures: Array
    """float32 [3, channels, height, width]: with the noise, with another, without."""
    heat: Array
    """float32 [3, height, width]: the standard deviation in colours."""
    deepest: float
    """The deviation that the deepest colour stands for."""
    noises: int

    @property
    def beside(self) -> Array:
        """All four, ink on white paper: float32 [4, 3, height, width]."""
        grey = self.pictures.shape[1] == 1
        seen = np.repeat(1 - self.pictures, 3, axis=1) if grey else self.pictures
        return np.concatenate([seen, self.heat[None]])


def _grains(library: Library, model: Model, state: State) -> _Grains:
    if not styles.noise_sizes(model):
        raise styles.without(model, "noise")
    seed, another = styles.onwards(state.noise_seed, 2)
    ws = subject(library, model, state)
    looks = (Look(state.psi, state.cutoff, state.label, kind) for kind in (seed, another, None))
    pictures = np.concatenate([styles.paint(library, model, ws, look) for look in looks])
    count = styles.affordable(model, NOISES, 8)
    deviation = styles.deviation(library, model, ws, seed, count)
    deepest = max(float(deviation.max()), NOISE_REACH)
    return _Grains(pictures, heat_picture(deviation / deepest), deepest, count)


def heat_picture(values: Array) -> Array:
    """Return values [height, width] in [0, 1] in the colours of `HEAT`: float32 [3, height, width]."""
    stops = np.array([tuple(bytes.fromhex(stop[1:])) for stop in HEAT], np.float64) / 255
    at = np.linspace(0.0, 1.0, len(stops))
    return np.stack([np.interp(values, at, stops[:, k]) for k in range(3)]).astype(np.float32)


def _noise(library: Library, model: Model, state: State) -> Markup:
    grains = _grains(library, model, state)
    seed, another = styles.onwards(state.noise_seed, 2)
    names = (
        say("style.noise.seed", seed=seed),
        say("style.noise.seed", seed=another),
        say("style.noise.none"),
    )
    plates = [
        tag(
            "figure",
            tag("div", sprites.picture(image, name, data_shows=f"{kind} 0"), class_="frame"),
            tag("figcaption", name),
        )
        for image, name, kind in zip(grains.pictures, names, ("noise", "another", "none"), strict=True)
    ]
    colours = ", ".join(HEAT)
    heat = tag(
        "figure",
        tag(
            "div",
            sprites.picture(grains.heat, say("style.noise.map", count=grains.noises)),
            class_="frame",
        ),
        tag(
            "figcaption",
            tag("span", say("style.noise.moves"), signs.hint("style.noise.hint")),
            tag(
                "span",
                tag("span", "0"),
                tag("i", style=f"background: linear-gradient(to right, {colours})"),
                tag("span", say("figure.probability", value=round(grains.deepest, 3))),
                class_="scale",
            ),
        ),
        data_measured=True,
    )
    return join(
        tag("div", *plates, heat, class_="plates"),
        tag("p", tag("span", say("style.noise.note")), controls.keep("png"), class_="note"),
    )


# --------------------------------------------------------------------------------------------------- inside


@dataclass(frozen=True)
class _Sizes:
    added: tuple[Array, ...]
    """float32 [channels, size, size] each: about 0.5, contrast stretched."""
    reach: tuple[float, ...]
    """How far each moves a pixel at most."""
    so_far: tuple[Array, ...]

    @property
    def beside(self) -> Array:
        """The picture as it grows, all in the last one's size: float32 [sizes, channels, side, side]."""
        side = self.so_far[-1].shape[-1]
        grown = [
            image.repeat(side // image.shape[-1], 1).repeat(side // image.shape[-1], 2)
            for image in self.so_far
        ]
        return np.clip(np.stack(grown), 0, 1)


def _sizes(library: Library, model: Model, state: State) -> _Sizes:
    ws = subject(library, model, state)
    added = styles.parts(library, model, ws, state.look)
    reach = tuple(float(np.abs(part).max()) for part in added)
    stretched = (0.5 + 0.5 * part / max(most, 1e-9) for part, most in zip(added, reach, strict=True))
    small = tuple(styles.shrunk(part, SMALL).astype(np.float32) for part in stretched)
    so_far = tuple(styles.shrunk(total, SMALL).astype(np.float32) for total in styles.sums(added))
    return _Sizes(small, reach, so_far)


def _inside(library: Library, model: Model, state: State) -> Markup:
    sizes = _sizes(library, model, state)
    whole = styles.part_sizes(model)[-1]
    steps = (
        tag(
            "li",
            tag("h4", say("style.size", size=size)),
            tag("div", sprites.picture(added, say("style.added.alt", size=size)), class_="frame"),
            tag("span", say("style.reach", value=most), class_="label"),
            tag(
                "div",
                sprites.picture(
                    so_far,
                    say("style.so_far.alt", size=size),
                    data_shows=_made_here(model, "inside 0") if size == whole else None,
                ),
                class_="frame",
            ),
            data_size=size,
        )
        for size, added, most, so_far in zip(
            styles.part_sizes(model), sizes.added, sizes.reach, sizes.so_far, strict=True
        )
    )
    names = tag(
        "p", tag("span"), tag("span", say("style.added")), tag("span", say("style.so_far")), class_="names"
    )
    return join(
        tag("div", names, tag("ol", *steps, class_="sizes"), class_="growth"),
        tag(
            "p",
            tag("span", tag("span", say("style.sum")), signs.hint("style.added.hint")),
            controls.keep("png"),
            class_="note",
        ),
    )


# --------------------------------------------------------------------------------------------------- pieces


def _made_here(model: Model, place: str) -> str | None:
    """Return where a browser that cooks finds a small picture; it shrinks none."""
    return place if max(styles.shape(model)) <= SMALL else None


def _at(psi: np.float32) -> Message:
    return say("style.psi", value=round(float(psi), 1))


def _file(pictures: Array, columns: int) -> NDArray[np.uint8]:
    """Lay pictures, float32 [count, channels, height, width], out row by row on white, enlarged."""
    side = FILE_SIDE if len(pictures) <= columns else FILE_SIDE // 2
    return paper.grid(pictures, columns, scale=max(1, side // pictures.shape[2]), paper=True)


# ----------------------------------------------------------------------------------------------------- desk


def _desk(library: Library, models: tuple[Model, ...], state: State) -> Markup:
    who = controls.choices(
        "model", tuple(model.id for model in models), tuple(map(signs.title, models)), state.model
    )
    asked = (-1, *range(min(max(map(styles.classes, models)), IN_A_ROW)))
    labels = controls.choices(
        "label",
        tuple(map(str, asked)),
        tuple(say("control.any") if k < 0 else say("figure.count", value=k) for k in asked),
        str(state.label),
    )
    any_label = tag(  # of networks with more classes than fit a row
        "div",
        tag("label", say("style.label.number"), for_="style-label"),
        tag(
            "input",
            type="number",
            name="label",
            id="style-label",
            min=-1,
            max=max(map(styles.classes, models)) - 1,
            step=1,
            value=state.label,
        ),
        class_="seed",
    )
    facts = {
        model.id: {
            "rows": styles.rows(model),
            "labelled": styles.takes_label(model),
            "classes": styles.classes(model),
            "noisy": bool(styles.noise_sizes(model)),
            "open": bool(styles.part_sizes(model)),
            "movable": edit.movable(library, model),
            "found": library.catalog.encoder(model.id) is not None,
        }
        for model in models
    }
    cutoff = tag(
        "div",
        tag("label", say("style.cutoff"), for_="style-cutoff"),
        tag(
            "input",
            type="range",
            name="cutoff",
            id="style-cutoff",
            min=0,
            max=styles.rows(models[0]),
            step=1,
            value=styles.rows(models[0]),
        ),
        tag("output", data_cutoff=True),
        class_="slider",
    )
    psi = controls.slider(NAME, "psi", say("style.psi.label"), 0, PSI_END, PSI_STEP, state.psi)
    noise = controls.choices(
        "noise", ("on", "off"), (say("style.noise.on"), say("style.noise.off")), state.noise
    )
    grain = tag(
        "div",
        tag("label", say("style.noise.which"), for_="style-noise_seed"),
        controls.seed_field(NAME, "noise_seed", state.noise_seed),
        class_="seed",
    )
    return tag(
        "div",
        you.chip(),
        controls.seed_row(NAME, state.seed),
        tag("div", controls.seed(NAME, "other", say("style.other"), state.other), data_for="mix travel"),
        tag("div", psi, data_for="make mix travel noise inside edit"),
        tag("div", cutoff, data_for="make truncate mix travel noise inside edit"),
        tag("fieldset", tag("legend", say("style.label")), labels, any_label, data_needs="labelled"),
        tag(
            "fieldset",
            tag("legend", say("style.noise")),
            tag("div", noise, data_for="make truncate mix travel inside edit"),
            grain,
            data_needs="noisy",
        ),
        tag("fieldset", tag("legend", say("control.who")), who) if len(models) > 1 else None,
        class_="controls",
        data_tool=NAME,
        data_models=json.dumps(facts),
    )
