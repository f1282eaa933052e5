"""How probable an RBM finds the test digits: AIS as in Salakhutdinov & Murray 2008, and RAISE beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.annealing import (
    PAPER_SCHEDULE,
    BinaryRbm,
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


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `ais_test_log_probability` and `raise_test_log_probability`, nats an image."""
    graph = model.graphs["parameters"]
    rbm = BinaryRbm.from_parameters(context.runtime.run(graph, {}).outputs)
    base_bias = base_rate_bias(_flat(as_images(context.whole(model, "train").images)))
    visible = binarise(_flat(as_images(context.data(model, "test").images)), context.seed)
    betas = _QUICK_SCHEDULE if context.quick else PAPER_SCHEDULE
    log_unnormalised = rbm.log_unnormalised(visible)

    log_z = ais(rbm, base_bias, betas, CHAINS, context.generator(_AIS_DRAWS))
    ais_scores = log_unnormalised - log_z.value

    # Evenly through the test set, whose first half is the easier one.
    chosen = slice(None, None, len(visible) // (_QUICK_RAISE_IMAGES if context.quick else RAISE_IMAGES))
    raise_scores = raise_log_weights(rbm, base_bias, betas, visible[chosen], context.generator(_RAISE_DRAWS))

    hidden = len(rbm.hidden_bias)
    pixels = f"pixels drawn as Bernoulli(grey), seed {context.seed}"
    return [
        figure(
            model,
            "ais_test_log_probability",
            ais_scores.mean(),
            error=log_z.standard_error,
            unit="nats",
            protocol=f"AIS, {CHAINS} chains, {len(betas) - 1:,} steps, base-rate visible biases; mean over "
            f"{len(visible):,} test images, {pixels}; ± standard error of log Z, its 3 sigma interval gives "
            f"{log_unnormalised.mean() - log_z.high:.2f} to {log_unnormalised.mean() - log_z.low:.2f}",
            source="Salakhutdinov & Murray 2008",
            measured_on=[graph],
            units=hidden,
        ),
        figure(
            model,
            "raise_test_log_probability",
            raise_scores.mean(),
            error=float(raise_scores.std(ddof=1) / np.sqrt(len(raise_scores))),
            unit="nats",
            protocol=f"RAISE, one reverse chain of {len(betas) - 1:,} steps from each of {len(raise_scores)} "
            f"test images evenly through the set, {pixels}; ± standard error over images; AIS gives the same "
            f"images {ais_scores[chosen].mean():.2f}",
            source="Burda et al. 2015",
            measured_on=[graph],
            units=hidden,
        ),
    ]


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
