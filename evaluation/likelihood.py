"""How probable an RBM finds the test digits: AIS as in Salakhutdinov & Murray 2008, and RAISE beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.annealing import (
    PAPER_SCHEDULE,
    BinaryRbm,
    LogEstimate,
    ais,
    base_rate_bias,
    raise_log_weights,
)
from evaluation.context import Context, as_images
from evaluation.figures import figure
from onnx_models import seeds
from onnx_models.catalog import Metric, Model

CHAINS = 100
RAISE_IMAGES = 500
_QUICK_SCHEDULE = (*PAPER_SCHEDULE[::100], 1.0)
_QUICK_RAISE_IMAGES = 50
_AIS_DRAWS, _RAISE_DRAWS = 1, 2  # purposes of `Context.generator`


def applies(model: Model) -> bool:
    """Whether the model gives the parameters of exactly one layer of units: a single RBM."""
    if not model.has("parameters"):
        return False
    weights = [
        output.name for output in model.graphs["parameters"].outputs if output.name.startswith("weight_")
    ]
    return weights == ["weight_0"]


@dataclass(frozen=True)
class _Anneal:
    """An RBM, the bridge to it and the binary test images: what both estimators start from."""

    rbm: BinaryRbm
    base_bias: NDArray[np.float32]
    betas: tuple[float, ...]
    visible: NDArray[np.float32]
    log_unnormalised: NDArray[np.float64]
    log_z: LogEstimate


def measure_ais(model: Model, context: Context) -> list[Metric]:
    """Return `ais_test_log_probability`, nats an image."""
    anneal = _anneal(model, context)
    mean, log_z = anneal.log_unnormalised.mean(), anneal.log_z
    return [
        figure(
            model,
            "ais_test_log_probability",
            mean - log_z.value,
            error=log_z.standard_error,
            unit="nats",
            protocol=f"AIS, {CHAINS} chains, {len(anneal.betas) - 1:,} steps, base-rate visible biases; mean "
            f"over {len(anneal.visible):,} test images, {_pixels(context)}; ± standard error of log Z, whose "
            f"3 sigma interval gives {mean - log_z.high:.2f} to {mean - log_z.low:.2f}",
            source="Salakhutdinov & Murray 2008",
            measured_on=[model.graphs["parameters"]],
            units=len(anneal.rbm.hidden_bias),
        )
    ]


def measure_raise(model: Model, context: Context) -> list[Metric]:
    """Return `raise_test_log_probability`, nats an image, with AIS on the same images in its protocol."""
    anneal = _anneal(model, context)
    # Evenly through the test set, whose first half is the easier one.
    count = _QUICK_RAISE_IMAGES if context.quick else RAISE_IMAGES
    chosen = slice(None, None, max(1, len(anneal.visible) // count))
    scores = raise_log_weights(
        anneal.rbm, anneal.base_bias, anneal.betas, anneal.visible[chosen], context.generator(_RAISE_DRAWS)
    )
    by_ais = (anneal.log_unnormalised[chosen] - anneal.log_z.value).mean()
    return [
        figure(
            model,
            "raise_test_log_probability",
            scores.mean(),
            error=float(scores.std(ddof=1) / np.sqrt(len(scores))),
            unit="nats",
            protocol=f"RAISE, one reverse chain of {len(anneal.betas) - 1:,} steps from each of "
            f"{len(scores)} test images evenly through the set, {_pixels(context)}; ± standard error over "
            f"images; AIS gives the same images {by_ais:.2f}",
            source="Burda et al. 2015",
            measured_on=[model.graphs["parameters"]],
            units=len(anneal.rbm.hidden_bias),
        )
    ]


def _anneal(model: Model, context: Context) -> _Anneal:
    """Estimate log Z, once for both figures."""

    def make() -> _Anneal:
        rbm = BinaryRbm.from_parameters(context.runtime.run(model.graphs["parameters"], {}).outputs)
        base_bias = base_rate_bias(_flat(as_images(context.whole(model, "train").images)))
        visible = binarise(_flat(as_images(context.data(model, "test").images)), context.seed)
        betas = _QUICK_SCHEDULE if context.quick else PAPER_SCHEDULE
        log_z = ais(rbm, base_bias, betas, CHAINS, context.generator(_AIS_DRAWS))
        return _Anneal(rbm, base_bias, betas, visible, rbm.log_unnormalised(visible), log_z)

    return context.once(("anneal", model.graphs["parameters"].sha256), make)


def _pixels(context: Context) -> str:
    return f"pixels drawn as Bernoulli(grey), seed {context.seed}"


def binarise(images: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Draw each pixel as Bernoulli(grey): image i is sample i of stream BINARY of `SEEDS.md`.

    images [n, pixels] in [0, 1] -> zeros and ones, same shape.
    """
    rows = 1_000  # of noise at a time; a sample does not depend on the others
    binary = np.empty_like(images)
    for start in range(0, len(images), rows):
        grey = images[start : start + rows]
        noise = seeds.uniforms(seed, len(grey), grey.shape[1], seeds.Stream.BINARY, first=start)
        binary[start : start + rows] = noise < grey
    return binary


def _flat(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1)
