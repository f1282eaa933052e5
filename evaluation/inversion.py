"""How close a generator comes to real pictures: the styles that its encoder finds, and those refined."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from evaluation.context import Context, as_images, progress
from evaluation.figures import figure
from onnx_models import inversion
from onnx_models.catalog import Metric, Model

Array = NDArray[np.float32]

IMAGES = 200
STEPS = 50
BATCH = 50


def applies(model: Model) -> bool:
    """Whether the model finds styles of pictures, and refines them."""
    return model.has("encode", "refine")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return the error of rebuilt test pictures and how many answers of the judge's they keep, each twice.

    Raises
    ------
    NotMeasuredError
        No judge knows the pictures.

    """
    images = as_images(context.data(model, "test").images[:IMAGES])
    encode, refine = model.graphs["encode"], model.graphs["refine"]
    ws = context.run(encode, {"image": images}, f"{model.id} looks at test images")["ws"]
    made: dict[int, list[Array]] = {0: [], STEPS: []}
    for start in progress(range(0, len(images), BATCH), f"{model.id} refines"):
        rows = slice(start, start + BATCH)
        same = inversion.noises(refine, 0, len(images[rows]))
        found = inversion.refined(context.runtime, refine, images[rows], ws[rows], same, STEPS)
        made[0].append(next(found)[1])
        made[STEPS].append(deque(found, maxlen=1)[0][1])
    judge = context.judge(model)
    _, before = context.judged(judge, images, "test images")
    return [
        metric
        for steps, parts in made.items()
        for metric in _figures(model, context, steps, images, np.concatenate(parts), before, judge)
    ]


def _figures(
    model: Model,
    context: Context,
    steps: int,
    images: Array,
    rebuilt: Array,
    before: NDArray[np.int64],
    judge: Model,
) -> list[Metric]:
    """Both figures of one set of rebuilt pictures."""
    name = "refined" if steps else "at_a_glance"
    how = f"after {steps} steps" if steps else "at one glance"
    files = [model.graphs["encode"], model.graphs["refine"]]
    errors = np.sqrt(np.square(rebuilt.astype(np.float64) - images).reshape(len(images), -1).mean(axis=1))
    _, after = context.judged(judge, rebuilt, "rebuilt images")
    kept = (after == before).mean(axis=1) if before.ndim == 2 else (after == before).astype(np.float64)
    protocol = f"{len(images):,} test images rebuilt {how}, under seed 0's noise"
    return [
        figure(
            model,
            f"inversion_error_{name}",
            errors.mean(),
            error=_standard_error(errors),
            unit="of white",
            protocol=f"root of the mean squared difference of pixels in [0, 1], mean over {protocol};"
            " ± standard error",
            source="Abdal et al. 2019",
            measured_on=files,
        ),
        figure(
            model,
            f"inversion_agreement_{name}",
            kept.mean(),
            error=_standard_error(kept),
            unit="fraction",
            protocol=f"share of {judge.id}'s answers that are the same on the rebuilt picture, {protocol};"
            " the encoder learned by that judge's features too; ± standard error",
            source="this project",
            measured_on=[*files, judge.graphs["classify"]],
        ),
    ]


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
