"""The importance-sampled likelihood of a variational autoencoder, against integrals known otherwise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from evaluation import importance
from evaluation.context import Context
from evaluation.importance import bound, log_weights
from evaluation.likelihood import binarise
from onnx_models import catalog
from onnx_models.runtime import Runtime
from tests import tiny
from training import datasets

Floats = NDArray[np.float32]

# p(x|z) of four pixels from one latent, and a q(z|x) that is not the posterior.
SLOPE = np.array([1.5, -2.0, 0.7, 0.0], np.float32)
BIAS = np.array([-0.5, 0.2, 1.0, -1.2], np.float32)
VISIBLE = np.array([1, 0, 1, 1], np.float32)
MEAN, LOG_VARIANCE = np.array([0.4], np.float32), np.array([-0.3], np.float32)


def decoder(z: Floats) -> Floats:
    return z @ SLOPE[None] + BIAS


def weights(samples: int, seed: int = 0) -> NDArray[np.float64]:
    return log_weights(VISIBLE, MEAN, LOG_VARIANCE, samples, decoder, np.random.default_rng(seed))


GRID = np.linspace(-9, 9, 20_001)  # beyond nine standard deviations nothing is left of either Gaussian


def on_grid() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """log p(x|z), log p(z) and log q(z|x) at each z of the grid, in float64."""
    logits = GRID[:, None] * SLOPE.astype(float) + BIAS
    likelihood = -np.logaddexp(0, (1 - 2 * VISIBLE) * logits).sum(axis=1)
    prior = -0.5 * (GRID**2 + math.log(2 * math.pi))
    deviation = (GRID - MEAN) ** 2 / np.exp(LOG_VARIANCE.astype(float))
    posterior = -0.5 * (deviation + LOG_VARIANCE + math.log(2 * math.pi))
    return likelihood, prior, posterior


def test_many_samples_give_the_integral_over_the_latent() -> None:
    """Catches a missing density, a wrong sign, a factor of two in the variance, a mean in place of a sum."""
    likelihood, prior, _ = on_grid()
    exact = math.log(np.trapezoid(np.exp(likelihood + prior), GRID))
    found = weights(200_000)
    relative = np.exp(found - exact).std() / math.sqrt(len(found))
    assert bound(found) == pytest.approx(exact, abs=4 * relative)
    assert relative < 0.01  # the test can tell 1 % apart


def test_one_sample_is_the_elbo() -> None:
    """Catches weights that are right on the average and wrong one by one."""
    likelihood, prior, posterior = on_grid()
    exact = float(np.trapezoid(np.exp(posterior) * (likelihood + prior - posterior), GRID))
    found = weights(200_000)
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / math.sqrt(len(found)))


def test_more_samples_raise_the_bound() -> None:
    """Catches a bound that does not average before the logarithm (Burda et al. 2016, theorem 1)."""
    found = weights(50_000).reshape(-1, 50)
    few = np.array([bound(row[:1]) for row in found])
    many = np.array([bound(row) for row in found])
    assert many.mean() - few.mean() > 4 * (many - few).std() / math.sqrt(len(found))


def test_a_decoder_deaf_to_its_code_is_weighed_exactly() -> None:
    """Catches noise where there can be none: with q = p(z) and p(x|z) = p(x) every weight is p(x)."""
    zero = np.zeros(3, np.float32)
    found = log_weights(
        VISIBLE, zero, zero, 7, lambda z: np.tile(BIAS, (len(z), 1)), np.random.default_rng(0)
    )
    exact = -np.logaddexp(0, (1 - 2 * VISIBLE) * BIAS.astype(float)).sum()
    np.testing.assert_allclose(found, exact, rtol=1e-6)  # the logits are float32


def vae(bias: Floats) -> dict[str, onnx.ModelProto]:
    """`encode` and `decode` of a model that has learned the pixels' frequencies and nothing else."""
    draw = np.random.default_rng(0)
    latents = 3
    weights = {
        "silence": np.zeros((tiny.PIXELS, latents)),
        "deaf": np.zeros((latents, tiny.PIXELS)),
        "bias": bias,
        "one": np.ones(1),
        "flat": np.array([-1, tiny.PIXELS]),
        "picture": np.array([-1, 1, 28, 28]),
        "spread": draw.normal(0, 0.5, latents),
    }
    codes = ("batch", latents)
    return {
        "encode": tiny.graph(
            [
                ("Reshape", "image flat", "pixels", {}),
                ("MatMul", "pixels silence", "mean", {}),
                ("Identity", "mean", "code", {}),
                ("Add", "mean spread", "log_variance", {}),
            ],
            {"image": tiny.IMAGE},
            {"code": codes, "mean": codes, "log_variance": codes},
            weights,
        ),
        "decode": tiny.graph(
            [
                ("Gemm", "code deaf bias", "raw", {}),
                ("Reshape", "raw picture", "logits", {}),
                ("Sigmoid", "logits", "image", {}),
            ],
            {"code": codes},
            {"image": tiny.IMAGE, "logits": tiny.IMAGE},
            weights,
        ),
    }


def test_the_figure_is_the_likelihood_of_the_binary_test_images(tmp_path: Path) -> None:
    """Catches grey pixels scored as binary ones, a sign, images encoded and scored in another order.

    The posterior of a model deaf to its code is the prior, and q here is not it: the bound of 50 samples is
    loose, that of 5,000 is not, so the figure is right only if what they add is added.
    """
    for prefix, count, seed in (("train", 20, 1), ("t10k", 40, 2)):
        images, labels = tiny.pictures(count, seed=seed)
        tiny.write_idx(tmp_path / "mnist" / f"{prefix}-images-idx3-ubyte.gz", images)
        tiny.write_idx(tmp_path / "mnist" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    bias = np.random.default_rng(3).normal(-1, 0.5, tiny.PIXELS).astype(np.float32)
    folder = tiny.write_model(tmp_path / "models", "vae", vae(bias), family="vae")
    paper = {"metric": "negative_log_likelihood_5000", "units": 50, "value": 86.76, "source": "a paper"}
    tiny.edit(folder, reported=[paper])
    context = Context(catalog.load(tmp_path / "models"), Runtime("cpu"), tmp_path, 0, quick=True)
    model = context.catalog.model("vae")
    assert importance.applies(model)
    (figure,) = importance.measure(model, context)

    grey = datasets.load("mnist", "test", tmp_path).images.reshape(40, -1).astype(np.float32) / 255
    visible = binarise(grey, 0)
    exact = np.logaddexp(0, (1 - 2 * visible) * bias.astype(float)).sum(axis=1).mean()
    assert figure.name == "negative_log_likelihood_5000"
    assert figure.error is not None
    # The 50-sample part has an error too, about that of the difference: hence three of them. The bound of
    # 5,000 samples itself is 1e-4 nats below the truth.
    assert figure.value == pytest.approx(exact, abs=3 * figure.error + 1e-3)
    assert figure.error < 0.1
    assert figure.paper_value is None  # 86.76 is that of 50 latents, not of 3


def test_an_autoencoder_without_a_distribution_is_left_out(tmp_path: Path) -> None:
    """Catches the measure failing on, or inventing a likelihood for, a plain autoencoder."""
    tiny.write_model(tmp_path, "autoencoder", tiny.autoencoder(), family="autoencoder")
    assert not importance.applies(catalog.load(tmp_path).model("autoencoder"))
