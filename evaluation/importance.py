"""How probable a variational autoencoder finds the test digits: importance sampling from its own encoder.

    log p(x) ~ L_k = log 1/k sum_i p(x|z_i) p(z_i) / q(z_i|x),   z_i from q(z|x)

is in expectation a lower bound on log p(x) that rises with k: at k = 1 it is the ELBO the network was trained
on, at k = 5,000 what the papers report (Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders",
ICLR 2016, equation 8 and table 1; Rezende, Mohamed & Wierstra 2014 had the estimator before them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.context import Context, as_images, progress
from evaluation.figures import figure
from evaluation.likelihood import binarise
from onnx_models.catalog import Metric, Model

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Decoder = Callable[[Floats], Floats]
"""z [n, latents] -> logits [n, pixels]."""

SAMPLES = 5_000
FEW_SAMPLES = 50
IMAGES_WITH_ALL_SAMPLES = 500
_QUICK_IMAGES_WITH_ALL_SAMPLES = 20
_DRAWS = 3  # a purpose of `Context.generator`
_ROWS = 500  # codes decoded at a time: their logits fit a cache


@dataclass(frozen=True)
class Posterior:
    """q(z|x) of each image: independent Gaussians."""

    mean: Floats
    """[n, latents]."""
    log_variance: Floats
    """[n, latents]."""


def applies(model: Model) -> bool:
    """Whether the model encodes into a distribution and decodes into log-odds."""
    return model.has("encode", "decode") and any(
        output.name == "log_variance" for output in model.graphs["encode"].outputs
    )


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `negative_log_likelihood_5000`, nats an image.

    5,000 samples for each of 10,000 images are an hour of decoding. L_50 is cheap and tells nearly all there
    is to tell about an image, so L_50 is taken on all of them and what 5,000 samples add to it, which varies
    little from image to image, on 500.
    """
    encode, decode = model.graphs["encode"], model.graphs["decode"]
    grey = as_images(context.data(model, "test").images)
    visible = binarise(grey.reshape(len(grey), -1), context.seed)
    codes = context.run(encode, {"image": visible.reshape(grey.shape)}, f"{model.id} encodes test images")
    posterior = Posterior(codes["mean"], codes["log_variance"])
    draw = context.generator(_DRAWS)

    def decoder(z: Floats) -> Floats:
        return context.runtime.run(decode, {"code": z})["logits"].reshape(len(z), -1)

    def bounds(chosen: slice, samples: int, title: str) -> tuple[Doubles, Doubles]:
        indices = range(len(visible))[chosen]
        weights = (
            log_weights(visible[i], posterior.mean[i], posterior.log_variance[i], samples, decoder, draw)
            for i in progress(indices, title)
        )
        pairs = [(bound(each[:FEW_SAMPLES]), bound(each)) for each in weights]
        few, many = np.array(pairs).T
        return few, many

    pixels = f"pixels drawn as Bernoulli(grey), seed {context.seed}"
    count = _QUICK_IMAGES_WITH_ALL_SAMPLES if context.quick else IMAGES_WITH_ALL_SAMPLES
    chosen = slice(None, None, max(1, len(visible) // count))  # evenly: the first half is the easier one
    few, _ = bounds(slice(None), FEW_SAMPLES, f"{model.id}: {FEW_SAMPLES} samples an image")
    few_chosen, many_chosen = bounds(chosen, SAMPLES, f"{model.id}: {SAMPLES:,} samples an image")
    gain = many_chosen - few_chosen
    return [
        figure(
            model,
            "negative_log_likelihood_5000",
            -(few.mean() + gain.mean()),
            error=float(gain.std(ddof=1) / np.sqrt(len(gain))),
            unit="nats",
            protocol=f"-L_{SAMPLES}, {pixels}: -L_{FEW_SAMPLES} is "
            f"{-few.mean():.2f} on {len(few):,} test images, less the {gain.mean():.2f} that {SAMPLES:,} "
            f"samples add on {len(gain)} of them, evenly through the set; ± standard error of what they add",
            source="Burda et al. 2016",
            measured_on=[encode, decode],
            units=posterior.mean.shape[1],
        )
    ]


def log_weights(
    visible: Floats,
    mean: Floats,
    log_variance: Floats,
    samples: int,
    decoder: Decoder,
    draw: np.random.Generator,
) -> Doubles:
    """log p(x|z) + log p(z) - log q(z|x) of samples z from q(z|x), nats: [samples].

    visible [pixels], 0 or 1; mean and log_variance [latents] of q(z|x).
    """
    noise = draw.standard_normal((samples, len(mean)), np.float32)
    z = np.asarray(mean + np.exp(log_variance / 2) * noise, np.float32)
    # The constants of the two Gaussians' densities cancel.
    twice_prior_over_posterior = np.square(noise) - np.square(z) + log_variance
    prior_over_posterior = 0.5 * twice_prior_over_posterior.sum(axis=1, dtype=np.float64)
    sign = 1 - 2 * visible
    parts = [decoder(z[start : start + _ROWS]) for start in range(0, samples, _ROWS)]
    return prior_over_posterior - np.concatenate([_softplus(sign * logits) for logits in parts])


def bound(log_weights: Doubles) -> float:
    """L_k: log of the mean of k weights given by their logarithms."""
    return float(np.logaddexp.reduce(log_weights) - np.log(len(log_weights)))


def _softplus(x: NDArray[np.floating[Any]]) -> Doubles:
    """Sum over the last axis of log(1 + exp(x)), which is -log p of a pixel with log-odds -x."""
    terms = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return np.asarray(terms.sum(axis=-1, dtype=np.float64))
