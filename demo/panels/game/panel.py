"""Game: real or made? The visitor and a discriminator judge the same ten pictures.

The state holds the answers, and nothing of the truth reaches the browser before its round is answered. What a
browser needs to play a game by itself (``panel.js``) is `show_book`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from demo.engine import contest, inference, limits
from demo.engine.contest import ROUNDS, Contest
from demo.engine.library import Library
from demo.kit import carriers, controls, paper, signs, sprites
from demo.kit.markup import Markup, Message, say, tag
from demo.kit.state import unreadable
from onnx_models.catalog import Model
from onnx_models.errors import LineageError
from onnx_models.seeds import SEED_LIMIT

Array = NDArray[np.float32]

NAME = "game"
MADE, REAL = "m", "r"
"""The letters of an answer."""

_TONES = {MADE: (217, 115, 13), REAL: (31, 111, 214)}
"""Of the map, readable on paper and on ink; ``panel.css`` has those of words and bars."""
_STRONGEST = 0.85
"""Opacity where the change is largest."""


@dataclass(frozen=True)
class State:
    """Where a game stands."""

    model: str = ""
    """Who makes the pictures."""
    judge: str = ""
    """Who plays against the visitor; nothing means the maker's own rival."""
    seed: int = 1
    answers: str = ""
    """The visitor's, a letter a round."""
    turn: int = 0
    """The round that is looked at: a question where it has no answer yet, the end after the last one."""


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.has("discriminate") or model.has("criticise")


def build(library: Library) -> None:
    """Lay the panel out, the first picture of a game included."""
    makers = contest.forgers(library)
    if not makers:
        carriers.fixed(tag("p", say("game.none"), class_="problem"), "nothing")
        return
    state = State(model=makers[0].id)
    carriers.lead(NAME)
    desk = carriers.desk(library, _desk(makers, state), state, NAME, rests=True)
    stage = desk.view(show_game, "stage")
    book = desk.view(show_book, "book", runs="book", answers=False)
    carriers.lessons(tuple(filter(shows, library.catalog.models)), NAME)
    desk.answer(stage)
    desk.answer(book, at_rest=True)


def show_game(library: Library, state: State) -> Markup:
    """Return the round that is looked at, or the end of the game."""
    _check(state)
    game = contest.play(library, state.model, state.judge, state.seed)
    if state.turn == ROUNDS:
        return _end(game, state, contest.judges(library, game.forger))
    if state.turn < len(state.answers):
        stage = _reveal(game, state, _moved(library, game, state.turn))
    else:
        stage = _question(game, state)
    return tag(
        "div",
        tag(
            "header",
            tag("h3", say("game.round", number=state.turn + 1, of=ROUNDS)),
            _standing(game, state, contest.judges(library, game.forger)),
            class_="standing",
        ),
        stage,
        tag("ol", *(_slot(game, state, k) for k in range(ROUNDS)), class_="slots"),
        class_="game",
        style=signs.era(game.judge),
        data_card=game.judge.id,
    )


def show_book(library: Library, state: State) -> Markup | None:
    """Return the pictures of a game, and its pages with nothing on them: not the truth, nor a score.

    There is one page of each kind: a question and what comes of it, a round in the row beneath before and
    after it is answered, a round at the end.
    """
    try:
        game = contest.play(library, state.model, state.judge, state.seed)
    except LineageError:
        return None  # the stage says it
    blank = replace(
        game,
        images=np.zeros_like(game.images),
        made=np.zeros_like(game.made),
        scores=np.full_like(game.scores, game.scale.middle),
    )
    before, after = replace(state, answers="", turn=ROUNDS), replace(state, answers=MADE, turn=ROUNDS)
    nothing = _heat(blank, 0, np.zeros_like(game.images[0, 0]))
    return tag(
        "div",
        tag(
            "header",
            tag("h3"),
            _standing(blank, before, contest.judges(library, game.forger)),
            class_="standing",
        ),
        tag(
            "div",
            _question(blank, replace(before, turn=0)),
            _reveal(blank, replace(after, turn=0), nothing),
            class_="duels",
        ),
        tag("ol", _slot(blank, before, 0), _slot(blank, after, 0), class_="slots"),
        tag("ol", _exhibit(blank, after, 0), class_="exhibits"),
        _again(),
        class_="game",
        style=signs.era(game.judge),
        data_card=game.judge.id,
        data_of=json.dumps([state.model, state.judge, state.seed]),
        data_pictures=json.dumps([sprites.ink_uri(image) for image in game.images]),
        data_scale=json.dumps([game.scale.middle, game.scale.width]),
    )


def heat(change: Array) -> str:
    """Encode a map, float32 [height, width], as colours: blue spoke for real, orange for made.

    Opacity follows the size of the change, as a part of the largest in this picture.
    """
    depth = change / max(float(np.abs(change).max()), 1e-12)
    tones = np.where(depth[..., None] > 0, _TONES[REAL], _TONES[MADE]).astype(np.uint8)
    opacity = np.rint(255 * _STRONGEST * np.abs(depth)).astype(np.uint8)
    return paper.to_data_uri(np.concatenate([tones, opacity[..., None]], axis=2))


def _check(state: State) -> None:
    limits.Bound("rounds", 0, ROUNDS, 0).check(len(state.answers))
    if set(state.answers) - {MADE, REAL}:
        raise unreadable()
    limits.Bound("turn", 0, len(state.answers), 0).check(state.turn)


# ---------------------------------------------------------------------------------------------------- stage


def _question(game: Contest, state: State) -> Markup:
    answers = tag(
        "div",
        _answer(state, MADE, "ArrowLeft"),
        _answer(state, REAL, "ArrowRight"),
        class_="replies",
        role="group",
        aria_label=say("game.ask"),
    )
    hidden = tag("div", tag("span", "?", class_="back", aria_hidden="true"), class_="plate closed")
    return tag(
        "div",
        _plate(game, state.turn, say("game.picture", number=state.turn + 1)),
        tag("div", tag("p", say("game.ask"), class_="call"), answers, class_="said"),
        hidden,
        tag(
            "div",
            tag("p", say("game.waits"), class_="call"),
            tag("p", signs.title(game.judge), class_="note"),
            class_="said",
        ),
        class_="duel",
    )


def _answer(state: State, letter: str, key: str) -> Markup:
    wish = {"answers": state.answers + letter, "turn": state.turn}
    arrow = tag("kbd", "←" if letter == MADE else "→", aria_hidden="true")
    word = tag("span", say(f"game.{letter}"))
    return tag(
        "button",
        *((arrow, word) if letter == MADE else (word, arrow)),
        type="button",
        class_=f"answer {letter}",
        data_set=json.dumps(wish),
        data_key=key,
    )


def _moved(library: Library, game: Contest, k: int) -> Markup:
    """Return the map of what moved the judge, or why there is none."""
    try:
        return _heat(game, k, inference.occlude(library, game.judge.id, game.images[k]).change)
    except LineageError as fault:
        return tag("div", signs.error(fault), class_="plate closed")


def _reveal(game: Contest, state: State, moved: Markup) -> Markup:
    k = state.turn
    made, score = bool(game.made[k]), game.scores[k]
    truth = MADE if made else REAL
    mine, its = _right(game, state)[k], bool(game.judge_is_right()[k])
    onward = tag(
        "button",
        say("game.next" if k + 1 < ROUNDS else "game.end"),
        type="button",
        class_="primary onward",
        data_set=json.dumps({"turn": k + 1}),
        data_key="Enter",
    )
    return tag(
        "div",
        _plate(game, k, say("game.picture.truth", number=k + 1, truth=say(f"game.{truth}"))),
        tag(
            "div",
            tag(
                "p",
                tag("strong", say(f"game.was.{truth}"), class_=truth),
                tag("span", say("game.you.right" if mine else "game.you.wrong")),
                class_="call",
                role="status",
            ),
            onward,
            class_="said",
        ),
        moved,
        tag(
            "div",
            tag(
                "p",
                tag("span", _verdict(game, float(score))),
                tag("span", say("game.it.right" if its else "game.it.wrong")),
                class_="call",
            ),
            _bar(game, k),
            tag("p", _legend(game), signs.lesson_button(game.judge, NAME), class_="note"),
            class_="said",
        ),
        class_="duel",
    )


def _plate(game: Contest, k: int, alt: Message) -> Markup:
    return tag("div", sprites.picture(game.images[k], alt), class_="plate")


def _heat(game: Contest, k: int, change: Array) -> Markup:
    """Lay the map under the ink, so that both can be read; the picture itself stands beside it."""
    channels, height, width = game.images[k].shape
    picture = sprites.picture(game.images[k], say("game.map.alt", judge=signs.title(game.judge)))
    colours = tag(
        "img",
        class_="picture heat",
        src=heat(change),
        alt=say("game.map.under"),
        width=width,
        height=height,
        style=f"--w:{width};--h:{height}",
        draggable="false",
    )
    return tag("div", colours, picture, class_="plate moved" if channels == 1 else "plate moved colours")


def _legend(game: Contest) -> Markup:
    unit = "critic" if game.judge.has("criticise") else "odds"
    return tag(
        "span",
        tag("span", say("game.map.m"), class_="key-tone m"),
        tag("span", say("game.map.r"), class_="key-tone r"),
        signs.hint(f"game.map.hint.{unit}"),
    )


def _verdict(game: Contest, score: float) -> Message:
    letter = REAL if game.scale.says_real(np.array(score, np.float32)) else MADE
    if game.judge.has("criticise"):
        return say(f"game.critic.{letter}", score=score)
    return say(f"game.judge.{letter}", score=score)


def _bar(game: Contest, k: int) -> Markup:
    """Draw a judge's score on its way from made to real; the tick is where it changes its mind."""
    return tag(
        "div",
        tag("span", say("game.m"), class_="m"),
        _track(game, k, role="img", aria_label=_verdict(game, float(game.scores[k]))),
        tag("span", say("game.r"), class_="r"),
        class_="bar",
    )


def _track(game: Contest, k: int, **attributes: str | Message) -> Markup:
    return tag(
        "span",
        tag("span", class_="tick"),
        tag("span", class_="mark"),
        class_="track",
        style=f"--place:{float(game.scale.place(game.scores[k])):.4f}",
        **attributes,
    )


def _standing(game: Contest, state: State, judges: tuple[Model, ...]) -> Markup:
    """Return the running score of both, over the rounds that are answered, and the choice of the rival."""
    done = len(state.answers)
    mine, its = sum(_right(game, state)), int(game.judge_is_right()[:done].sum())
    # The first fits by itself whoever makes the pictures, so that a maker can be changed without a thought.
    values = ("", *(model.id for model in judges[1:]))
    rival: Markup | Message = say("game.critic" if game.judge.has("criticise") else "game.discriminator")
    if len(judges) > 1:
        options = (
            tag(
                "option",
                signs.title(model),
                value=value,
                selected=model is game.judge,
                data_served=model is not game.judge,
            )
            for model, value in zip(judges, values, strict=True)
        )
        rival = tag("select", *options, name="judge", aria_label=say("game.rival"))
    return tag(
        "div",
        tag("span", say("game.you"), tag("b", str(mine)), class_="side"),
        tag("span", tag("b", str(its)), rival, class_="side select"),
        class_="score-line",
        role="group",
        aria_label=say("game.standing", you=mine, it=its, of=done),
    )


def _right(game: Contest, state: State) -> list[bool]:
    return [
        (letter == MADE) == bool(made)
        for letter, made in zip(state.answers, game.made[: len(state.answers)], strict=True)
    ]


def _slot(game: Contest, state: State, k: int) -> Markup:
    """Return one round in the row beneath: its number, then its picture and who was right."""
    now = "now" if k == state.turn else ""
    if k >= len(state.answers):
        return tag("li", tag("span", str(k + 1), class_="number"), class_=f"slot {now}")
    return tag(
        "li",
        tag(
            "button",
            sprites.picture(game.images[k], _summary(game, state, k)),
            _marks(game, state, k),
            type="button",
            data_set=json.dumps({"turn": k}),
        ),
        class_=f"slot {now} {MADE if game.made[k] else REAL}",
    )


def _marks(game: Contest, state: State, k: int) -> Markup:
    mine, its = _right(game, state)[k], bool(game.judge_is_right()[k])
    return tag(
        "span",
        tag("span", say("game.mark.you"), tag("i", "✓" if mine else "✗")),
        tag("span", "D", tag("i", "✓" if its else "✗")),
        class_="marks",
        aria_hidden="true",
    )


def _summary(game: Contest, state: State, k: int) -> Message:
    def word(right: bool) -> Message:
        return say("game.right" if right else "game.wrong")

    return say(
        "game.summary",
        number=k + 1,
        truth=say(f"game.{MADE if game.made[k] else REAL}"),
        you=word(_right(game, state)[k]),
        it=word(bool(game.judge_is_right()[k])),
    )


# ------------------------------------------------------------------------------------------------------ end


def _end(game: Contest, state: State, judges: tuple[Model, ...]) -> Markup:
    mine, its = sum(_right(game, state)), int(game.judge_is_right().sum())
    verdict = "won" if mine > its else "lost" if mine < its else "drawn"
    return tag(
        "div",
        tag(
            "header",
            tag("h3", say(f"game.{verdict}"), role="status"),
            _standing(game, state, judges),
            class_="standing",
        ),
        tag("ol", *(_exhibit(game, state, k) for k in range(ROUNDS)), class_="exhibits"),
        _again(),
        class_="game over",
        style=signs.era(game.judge),
        data_card=game.judge.id,
    )


def _again() -> Markup:
    return controls.surprise(say("game.again"), class_="primary onward", data_key="Enter")


def _exhibit(game: Contest, state: State, k: int) -> Markup:
    truth = MADE if game.made[k] else REAL
    return tag(
        "li",
        tag(
            "button",
            sprites.picture(game.images[k], _summary(game, state, k)),
            tag("span", say(f"game.{truth}"), class_=f"truth {truth}"),
            _track(game, k),
            _marks(game, state, k),
            type="button",
            data_set=json.dumps({"turn": k}),
        ),
        class_=truth,
    )


# ----------------------------------------------------------------------------------------------------- desk


def _desk(makers: tuple[Model, ...], state: State) -> Markup:
    control = f"{NAME}-seed"
    return tag(
        "div",
        tag(
            "div",
            tag("label", say("game.seed"), signs.hint("game.seed.hint"), for_=control),
            tag(
                "input",
                type="number",
                name="seed",
                id=control,
                min=0,
                max=SEED_LIMIT - 1,
                step=1,
                value=state.seed,
                inputmode="numeric",
            ),
            class_="seed",
        ),
        controls.surprise(say("game.new")),
        _select("model", say("game.maker"), makers, state.model) if len(makers) > 1 else None,
        class_="controls",
        data_tool="game",
    )


def _select(name: str, label: Message, models: tuple[Model, ...], chosen: str) -> Markup:
    control = f"{NAME}-{name}"
    options = (
        tag("option", signs.title(model), value=model.id, selected=model.id == chosen) for model in models
    )
    return tag(
        "div",
        tag("label", label, for_=control),
        tag("select", *options, name=name, id=control),
        class_="select",
    )
