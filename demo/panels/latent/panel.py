"""Latent: every number of z under a finger, a walk, two ways from seed to seed, arithmetic on pictures.

Four ways to play with one generator, one at a time; each is one batch. A film is one sheet of frames that the
browser plays (`demo.kit.films`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, limits
from demo.engine.library import Library
from demo.kit import carriers, controls, films, paper, signs, sprites
from demo.kit.answers import File
from demo.kit.markup import Markup, Message, join, say, tag
from demo.kit.state import named
from demo.panels.latent import scene
from demo.panels.latent.scene import BANK, FRAMES, FURTHEST, REACH, STATIONS, STRIP, TERM, State
from onnx_models.catalog import Model

Array = NDArray[np.float32]

NAME = "latent"
FRAMES_A_SECOND = 24
FILE_SCALE = 5

_PLAYS = ("knobs", "walk", "way", "sum")


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.has("generate")


def build(library: Library) -> None:
    """Lay the panel out, with a picture and the first of its numbers."""
    models = library.generators
    if not models:
        carriers.fixed(tag("p", say("page.none"), class_="problem"), "nothing")
        return
    state = State(model=models[0].id)
    carriers.studio(
        library,
        state,
        NAME,
        models,
        parts=controls.choices("play", _PLAYS, tuple(say(f"latent.{play}") for play in _PLAYS), state.play),
        controls=_desk(models, state),
        show=show_stage,
        parcel=parcel,
    )


def show_stage(library: Library, state: State) -> Markup:
    """Return what is being played with."""
    shown: Mapping[str, Callable[[Library, Model, State], Markup]] = {
        "knobs": _knobs,
        "walk": _walk,
        "way": _way,
        "sum": _sum,
    }
    model = library.model(state.model, "generate")
    stage = named(shown, state.play)(library, model, state)
    return signs.stage(model, NAME, stage, f"latent {state.play}")


def parcel(library: Library, state: State) -> File:
    """Return what is shown as a file for the visitor."""
    model = library.model(state.model, "generate")
    name = f"{model.id}-{state.play}-seed-{state.seed}"
    if state.play in ("walk", "way"):
        rows = scene.frames(library, model, state).pictures
        if state.play == "way":
            rows = np.concatenate([rows, rows[:, -2:0:-1]], axis=1)  # there and back
        return paper.parcel(name, gif(rows), "gif")
    z = scene.addition(library, model, state)[1] if state.play == "sum" else scene.numbers(model, state)[None]
    pictures = inference.generate(library, model.id, z, state.label).images
    return paper.parcel(name, paper.to_png(_beside(pictures)), "png")


def gif(rows: Array) -> bytes:
    """Encode films side by side, float32 [films, frames, channels, height, width], as an endless GIF."""
    frames = map(_beside, rows.swapaxes(0, 1))
    return paper.to_gif(frames, FRAMES_A_SECOND)


# ---------------------------------------------------------------------------------------------------- knobs


def _knobs(library: Library, model: Model, state: State) -> Markup:
    """Show the picture, all numbers at a glance, and one bank of sliders between what they lead to."""
    z = scene.numbers(model, state)
    positions = scene.on_table(model, state)
    batch = np.concatenate([z[None], scene.shortcuts(z, positions)])
    made = inference.generate(library, model.id, batch, state.label).images
    turned = scene.turned(state.z)
    sheet = sprites.Sheet(made[1:], 2 * len(positions))
    overview = (_overview(len(z), k, state.bank) for k in range(-(-len(z) // BANK)))
    faders = (
        _fader(position, float(z[position]), position in turned, sheet, 2 * k)
        for k, position in enumerate(positions)
    )
    return join(
        tag(
            "div",
            tag(
                "div",
                sprites.picture(made[0], say("latent.picture", seed=state.seed), data_shows="made 0"),
                class_="plate",
            ),
            tag(
                "div",
                tag(
                    "h3",
                    say("latent.numbers", first=positions[0] + 1, last=positions[-1] + 1, of=len(z)),
                    signs.hint("latent.numbers.hint"),
                ),
                tag(
                    "div",
                    *overview,
                    class_="overview",
                    role="group",
                    aria_label=say("latent.banks"),
                    data_numbers=json.dumps([round(float(value), 3) for value in z]),
                ),
                tag(
                    "p",
                    tag(
                        "button",
                        say("latent.reset"),
                        type="button",
                        class_="link",
                        data_set=json.dumps({"z": ""}),
                        data_reset=True,
                        disabled=not turned,
                    ),
                    tag("span", say("latent.turned", count=len(turned))) if turned else None,
                    controls.keep("png"),
                    class_="note",
                ),
                class_="glance",
            ),
            class_="top",
        ),
        tag(
            "div",
            *faders,
            class_="faders",
            style=sheet.style,
            data_shows=f"shortcuts 0 {2 * len(positions)} {2 * len(positions)}",
        ),
    )


def _overview(size: int, bank: int, chosen: int) -> Markup:
    """Return the button of one bank: its numbers as bars up and down, which the browser draws."""
    first, last = bank * BANK, min((bank + 1) * BANK, size)
    bars = tag(
        "svg",
        tag("path"),
        tag("path", class_="turned"),
        viewBox=f"0 0 {last - first} 2",
        preserveAspectRatio="none",
        data_bars=f"{first} {last - first}",
        aria_hidden="true",
    )
    return tag(
        "button",
        bars,
        type="button",
        data_set=json.dumps({"bank": bank}),
        aria_pressed="true" if bank == chosen else "false",
        aria_label=say("latent.bank", first=first + 1, last=last),
    )


def _fader(position: int, value: float, turned: bool, sheet: sprites.Sheet, first: int) -> Markup:
    name = say("latent.number", number=position + 1)
    return tag(
        "div",
        _shortcut(position, REACH, sheet, first),
        tag(
            "input",
            type="range",
            min=-FURTHEST,
            max=FURTHEST,
            step=0.05,
            value=f"{value:.2f}",
            data_z=position,
            aria_label=name,
            aria_orientation="vertical",
        ),
        _shortcut(position, -REACH, sheet, first + 1),
        tag(
            "button",
            say("latent.at", value=round(value, 1) + 0.0),  # never -0
            type="button",
            class_="value",
            data_back=position,
            disabled=not turned,
            aria_label=say("latent.back", number=position + 1),
        ),
        class_="fader turned" if turned else "fader",
    )


def _shortcut(position: int, value: float, sheet: sprites.Sheet, index: int) -> Markup:
    """Return a small picture that is one click away; from the keyboard the slider gets there."""
    return tag(
        "button",
        sheet.picture(index, say("latent.shortcut", number=position + 1, value=value)),
        type="button",
        tabindex="-1",
        data_turn=json.dumps([position, value]),
    )


# ---------------------------------------------------------------------------------------------------- films


def _walk(library: Library, model: Model, state: State) -> Markup:
    film = scene.frames(library, model, state)
    return join(
        _cinema(film, (say("latent.walk.alt"),), (None,), "walk"),
        controls.transport(film.pictures.shape[1] - 1, say("latent.walk.scrub"), controls.keep("gif")),
        _strip(film, 0, "walk", FRAMES // 12, "latent.walk.station"),
    )


def _way(library: Library, model: Model, state: State) -> Markup:
    film = scene.frames(library, model, state)
    names = (say("control.way.linear"), say("control.way.spherical"))
    return join(
        _cinema(film, names, names, "way"),
        controls.transport(film.pictures.shape[1] - 1, say("latent.way.scrub"), controls.keep("gif")),
        *(_strip(film, row, "way", (STATIONS - 1) // (STRIP - 1), "figure.station") for row in range(2)),
    )


def _cinema(
    film: scene.Film, alts: Sequence[Message], captions: Sequence[Message | None], kind: str
) -> Markup:
    """Return the screens: a walk goes round and round, a way there and back from where both differ most."""
    count = film.pictures.shape[1]
    walks = kind == "walk"
    return films.screens(
        film.pictures,
        alts,
        captions,
        [[say("latent.length", value=round(float(length), 2)) for length in row] for row in film.lengths],
        reels=[f"{kind} {row * count}" for row in range(len(film.pictures))],
        start=0 if walks else count // 2,
        frames_a_second=FRAMES_A_SECOND,
        plays=walks,
        circles=walks,
        class_="cinema",
        frame="plate",
    )


def _strip(film: scene.Film, row: int, kind: str, step: int, message_id: str) -> Markup:
    count = film.pictures.shape[1]
    stations = (
        tag(
            "li",
            tag(
                "button",
                sprites.picture(
                    film.pictures[row, k],
                    say(message_id, part=k / max(count - 1, 1)),
                    data_shows=f"{kind} {row * count + k}",
                ),
                type="button",
                tabindex="-1",
                data_seek=k,
            ),
        )
        for k in range(0, count, step)
    )
    return tag("ol", *stations, class_="stations", style=f"--stations:{len(range(0, count, step))}")


# ------------------------------------------------------------------------------------------------------ sum


def _sum(library: Library, model: Model, state: State) -> Markup:
    """Show every term of mean(A) - mean(B) + mean(C), and a tray to choose other ones from."""
    chosen, sums = scene.addition(library, model, state)
    size = inference.z_size(model)
    slot = limits.Bound("slot", 0, 3 * TERM - 1, 0).check(state.slot)
    offered = scene.offered(state)
    flat = [seed for term in chosen for seed in term]
    z = np.stack([scene.of_seed(seed, size) for seed in (*flat, *offered)])
    made = inference.generate(library, model.id, np.concatenate([sums, z]), state.label).images
    means, singles, rest = made[:4], made[4 : 4 + 3 * TERM], made[4 + 3 * TERM :]
    terms = []
    for k, letter in enumerate("abc"):
        if k:
            terms.append(tag("span", "−" if letter == "b" else "+", class_="operator", aria_hidden="true"))
        own = range(k * TERM, (k + 1) * TERM)
        few = (_single(singles[place], flat[place], place, place == slot) for place in own)
        terms.append(
            tag(
                "figure",
                tag("div", *few, class_="few"),
                tag(
                    "div",
                    sprites.picture(
                        means[k], say("latent.mean.alt", term=letter.upper()), data_shows=f"means {k}"
                    ),
                    class_="plate",
                ),
                tag("figcaption", say("latent.mean", term=letter.upper())),
                class_="term",
            )
        )
    result = tag(
        "figure",
        tag(
            "div",
            sprites.picture(means[3], say("latent.result.alt"), data_shows="means 3"),
            class_="plate",
        ),
        tag("figcaption", say("latent.result")),
        class_="term result",
    )
    return join(
        tag(
            "div",
            *terms,
            tag("span", "=", class_="operator", aria_hidden="true"),
            result,
            class_="equation-of",
        ),
        tag(
            "p",
            tag("span", say("latent.tray", term="ABC"[slot // TERM]), signs.hint("latent.sum.hint")),
            _set("latent.more", {"tray": offered.start // len(offered) + 1}),
            _set("latent.anew", {"a": "", "b": "", "c": "", "slot": 0, "tray": 0}),
            controls.keep("png"),
            class_="note",
        ),
        tag(
            "div",
            *(
                _offer(image, k, seed, slot)
                for k, (image, seed) in enumerate(zip(rest, offered, strict=True))
            ),
            class_="tray",
            data_terms=json.dumps(chosen),
            data_of=f"{model.id} {state.label}",
        ),
    )


def _single(image: Array, seed: int, place: int, chosen: bool) -> Markup:
    return tag(
        "button",
        sprites.picture(
            image,
            say("latent.single.alt", term="ABC"[place // TERM], seed=seed),
            data_shows=f"singles {place}",
        ),
        type="button",
        data_set=json.dumps({"slot": place}),
        aria_pressed="true" if chosen else "false",
    )


def _offer(image: Array, place: int, seed: int, slot: int) -> Markup:
    """Return a picture of the tray; the browser knows which place is chosen by now, and puts it there."""
    return tag(
        "button",
        sprites.picture(
            image,
            say("latent.offer.alt", seed=seed, term="ABC"[slot // TERM]),
            data_shows=f"tray {place}",
        ),
        type="button",
        data_offer=seed,
    )


# ----------------------------------------------------------------------------------------------------- desk


def _desk(models: tuple[Model, ...], state: State) -> Markup:
    who = controls.choices(
        "model", tuple(model.id for model in models), tuple(map(signs.title, models)), state.model
    )
    labelled = [model.id for model in models if inference.takes_label(model, "generate")]
    asked = (-1, *range(scene.classes(models)))
    labels = controls.choices(
        "label",
        tuple(map(str, asked)),
        tuple(say("control.any") if k < 0 else say("figure.count", value=k) for k in asked),
        str(state.label),
    )
    another = controls.surprise(say("latent.path"), "path")
    return tag(
        "div",
        tag("div", controls.seed_row(NAME, state.seed), data_for="knobs walk way"),
        tag("div", another, data_for="walk"),
        tag("div", controls.seed(NAME, "other", say("control.other"), state.other), data_for="way"),
        tag("fieldset", tag("legend", say("control.who")), who) if len(models) > 1 else None,
        tag("fieldset", tag("legend", say("control.digit")), labels, data_labelled=" ".join(labelled)),
        class_="controls",
        data_tool=NAME,
    )


def _set(message_id: str, wish: Mapping[str, object]) -> Markup:
    return tag("button", say(message_id), type="button", class_="link", data_set=json.dumps(wish))


# -------------------------------------------------------------------------------------------------- pictures


def _beside(pictures: Array) -> NDArray[np.uint8]:
    """Lay pictures, float32 [count, channels, height, width], in one row on paper."""
    return paper.grid(pictures, len(pictures), gap=4, scale=FILE_SCALE, paper=True)
