"""Real or made: one game's pictures in their seeded order, and what a discriminator says of the same ones.

A discriminator says "real" above one half. A critic's score is no probability and has no zero of its own
(Arjovsky, Chintala and Bottou 2017: any constant may be added), so its line is drawn half way between its
mean scores of real and of made pictures picked apart from the game.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference
from demo.engine.library import Library
from onnx_models import seeds
from onnx_models.catalog import Model
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]

ROUNDS = 10
CALIBRATION = 32
"""Real and made pictures, each, by which a critic's line is drawn."""

_TOSS = 1
"""The step of `Stream.CHOICE` that tosses the coins; step 0 picks the real pictures."""
_ELSEWHERE = 0x9E3779B9
"""Seed of the calibration: any constant, so that the line does not move from game to game."""


@dataclass(frozen=True)
class Scale:
    """Where a score lies between made and real."""

    middle: float
    """Above it the judge says "real"."""
    width: float
    """Distance, in scores, from the left end of the scale to the right one."""

    @classmethod
    def between(cls, made: float, real: float) -> Scale:
        """Calibrate on two mean scores: half way is the line, and they lie a quarter in from the ends."""
        return cls((made + real) / 2, max(2 * abs(real - made), 1e-12))

    def says_real(self, scores: Array) -> NDArray[np.bool_]:
        """Return the verdicts: bool of the scores' shape."""
        return np.asarray(scores) > self.middle

    def place(self, scores: Array) -> NDArray[np.float64]:
        """Return where the scores lie from 0, made, to 1, real; beyond the ends at the ends."""
        return np.clip(0.5 + (np.asarray(scores, np.float64) - self.middle) / self.width, 0.0, 1.0)


PROBABILITY = Scale(0.5, 1.0)


@dataclass(frozen=True)
class Contest:
    """The pictures of one game and one judge's answers."""

    forger: Model
    judge: Model
    images: Array
    """float32 [ROUNDS, channels, height, width], of 8 bits, as they are shown."""
    made: NDArray[np.bool_]
    """bool [ROUNDS]: the truth."""
    scores: Array
    """float32 [ROUNDS], of the judge."""
    scale: Scale
    """The judge's."""

    def judge_is_right(self) -> NDArray[np.bool_]:
        """Return whose verdicts are true: bool [ROUNDS]."""
        return self.scale.says_real(self.scores) != self.made


def toss(seed: int) -> NDArray[np.bool_]:
    """Return which rounds show a made picture, a fair coin each: bool [ROUNDS].

    Not five of each: who counts would know the last ones.
    """
    return seeds.uniforms(seed, 1, ROUNDS, Stream.CHOICE, step=_TOSS)[0] < 0.5


def judges(library: Library, forger: Model) -> tuple[Model, ...]:
    """Return who can judge a generator's pictures: itself first, then who learned the same data set."""
    fitting = (
        model
        for model in library.scorers
        if model.kind == "model"
        and model.dataset["id"] == forger.dataset["id"]
        and model.image == forger.image
    )
    return tuple(sorted(fitting, key=lambda model: model.id != forger.id))


def forgers(library: Library) -> tuple[Model, ...]:
    """Return whose pictures somebody here can judge, with real ones to mix them with; rivals first."""
    able = [
        model
        for model in library.generators
        if judges(library, model)
        and (dataset := library.catalog.datasets.get(model.dataset["id"]))
        and dataset.file("examples")
    ]
    return tuple(sorted(able, key=lambda model: model not in library.scorers))


def play(library: Library, forger_id: str, judge_id: str, seed: int) -> Contest:
    """Lay out a game and let the judge play it.

    Parameters
    ----------
    judge_id : empty for the generator's own rival, or the first who fits where it has none

    Raises
    ------
    LineageError
        ``contest.judge``: that model cannot judge those pictures.

    """
    forger = library.model(forger_id, "generate")
    able = judges(library, forger)
    judge = next((model for model in able if judge_id in ("", model.id)), None)
    if judge is None:
        if judge_id:
            library.model(judge_id)  # an unknown one is said to be unknown
        asked, names = judge_id or forger.id, ", ".join(model.id for model in able) or "none"
        raise LineageError(
            "contest.judge",
            f"{asked} cannot judge the pictures of {forger.id}; the models that can are: {names}.",
            judge=asked,
            model=forger.id,
            able=names,
        )
    seed = seeds.check_seed(seed)
    made = toss(seed)
    real = inference.real(library, forger.dataset["id"], seed, ROUNDS).images
    images = _shown(inference.sample(library, forger.id, seed, ROUNDS).images)
    images[~made] = _shown(real)[np.flatnonzero(~made) % len(real)]
    scores = inference.scores(library, judge.id, images).values
    return Contest(forger, judge, images, made, scores, _scale(library, forger, judge))


def _scale(library: Library, forger: Model, judge: Model) -> Scale:
    if not judge.has("criticise"):
        return PROBABILITY
    real = inference.real(library, forger.dataset["id"], _ELSEWHERE, CALIBRATION).images
    made = inference.sample(library, forger.id, _ELSEWHERE, CALIBRATION).images
    means = (
        float(inference.scores(library, judge.id, _shown(images)).values.mean()) for images in (made, real)
    )
    return Scale.between(*means)


def _shown(images: Array) -> Array:
    """Round to the 8 bits of the screen: everybody judges the very same picture."""
    return np.rint(np.clip(images, 0.0, 1.0) * np.float32(255.0)) / np.float32(255.0)
