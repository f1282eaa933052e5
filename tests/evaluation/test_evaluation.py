"""The numbers: every estimator against a closed form or a trusted library, and the command around them."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity

from evaluation import __main__ as command
from evaluation import annealing, figures, likelihood, parzen, reconstruction
from evaluation.annealing import BinaryRbm, Bridge, LogEstimate, ais, raise_log_weights, schedule
from evaluation.context import Array, Context
from onnx_models import catalog, diversity, seeds
from onnx_models.catalog import Graph
from onnx_models.runtime import Result, Runtime
from tests import tiny
from tests.imports import loaded_after
from training import datasets, metrics

# --- log Z of a small RBM: annealed importance sampling against enumeration ---------------------------------


def small_rbm(visible: int = 10, hidden: int = 8, scale: float = 1.0) -> BinaryRbm:
    draw = np.random.default_rng(0)
    shapes = ((hidden, visible), (visible,), (hidden,))
    return BinaryRbm(*(draw.normal(0, scale, shape).astype(np.float32) for shape in shapes))


def all_images(visible: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=visible)), np.float32)


@pytest.fixture(scope="module")
def rbm() -> BinaryRbm:
    return small_rbm()


@pytest.fixture(scope="module")
def exact_log_z(rbm: BinaryRbm) -> float:
    """Sum over both layers of exp(-E), written from the energy and not from the free energy."""
    images, codes = (all_images(n).astype(np.float64) for n in (len(rbm.visible_bias), len(rbm.hidden_bias)))
    negative_energy = (
        (images @ rbm.visible_bias)[:, None] + codes @ rbm.hidden_bias + images @ rbm.weight.T @ codes.T
    )
    return float(np.logaddexp.reduce(negative_energy, axis=None))


BASE = np.linspace(-1, 1, 10, dtype=np.float32)
"""Biases of a base that is not the RBM's own, so that nothing cancels by luck."""


def test_unnormalised_probabilities_sum_to_z(rbm: BinaryRbm, exact_log_z: float) -> None:
    """Would catch a free energy with a wrong sign or a missing bias."""
    summed = np.logaddexp.reduce(rbm.log_unnormalised(all_images(10)))
    assert summed == pytest.approx(exact_log_z, abs=1e-5)  # float32 activations of about 10


def test_ais_finds_the_exact_log_z(rbm: BinaryRbm, exact_log_z: float) -> None:
    """Would catch any slip in weights, transitions or base: the estimate is more precise than such a slip."""
    found = ais(rbm, BASE, schedule((0, 1, 500)), 1000, np.random.default_rng(1))
    assert found.standard_error < 0.02
    assert (
        abs(found.value - exact_log_z) < 5 * found.standard_error
    )  # five sigma: one seed in two million fails
    assert found.low < exact_log_z < found.high


def test_ais_with_too_few_temperatures_says_that_it_is_unsure(rbm: BinaryRbm) -> None:
    """Would catch a standard error that does not grow when the bridge is coarse."""
    coarse = ais(rbm, BASE, schedule((0, 1, 3)), 1000, np.random.default_rng(1))
    fine = ais(rbm, BASE, schedule((0, 1, 300)), 1000, np.random.default_rng(1))
    assert coarse.standard_error > 5 * fine.standard_error


def test_ais_is_exact_where_the_base_is_the_rbm() -> None:
    """Would catch a wrong log Z of the base: without weights every chain must return the closed form."""
    bias, hidden = np.linspace(-3, 3, 20, dtype=np.float32), 7
    independent = BinaryRbm(np.zeros((hidden, 20), np.float32), bias, np.zeros(hidden, np.float32))
    found = ais(independent, bias, schedule((0, 1, 10)), 5, np.random.default_rng(0))
    closed_form = np.log1p(np.exp(bias.astype(np.float64))).sum() + hidden * math.log(2)
    assert found.value == pytest.approx(closed_form, abs=1e-5)  # float32 biases
    assert found.standard_error < 1e-6


def test_raise_weights_average_to_a_distribution(rbm: BinaryRbm) -> None:
    """Would catch any slip in the reverse weights: E[w] sums to 1 over all images, whatever the schedule."""
    chains = 50
    images = np.repeat(all_images(10), chains, axis=0)
    weights = np.exp(raise_log_weights(rbm, BASE, schedule((0, 1, 20)), images, np.random.default_rng(2)))
    by_image = weights.reshape(-1, chains)
    standard_error = math.sqrt((by_image.var(axis=1, ddof=1) / chains).sum())
    assert standard_error < 0.03
    assert abs(by_image.mean(axis=1).sum() - 1) < 5 * standard_error


def test_raise_is_close_to_the_exact_probability_and_below_it(rbm: BinaryRbm, exact_log_z: float) -> None:
    """Would catch a bound that is none, or one so loose that it says nothing."""
    exact = rbm.log_unnormalised(all_images(10)) - exact_log_z
    draw = np.random.default_rng(3)
    sampled = draw.choice(len(exact), 2000, p=np.exp(exact) / np.exp(exact).sum())
    images = all_images(10)[sampled]
    fine = raise_log_weights(rbm, BASE, schedule((0, 1, 300)), images, draw) - exact[sampled]
    coarse = raise_log_weights(rbm, BASE, schedule((0, 1, 10)), images, draw) - exact[sampled]
    error = fine.std(ddof=1) / math.sqrt(len(fine))
    assert fine.mean() < 5 * error
    assert fine.mean() > -0.05  # at 300 temperatures; the gap shrinks as one over their number
    assert coarse.mean() < 5 * fine.mean() < 0


@pytest.mark.parametrize("scale", [0.1, 1.0, 1000.0])
def test_the_ratio_of_neighbouring_temperatures_neither_loses_digits_nor_overflows(scale: float) -> None:
    """Would catch softplus differences taken between two rounded sums, or exp(1000)."""
    bridge = Bridge(small_rbm(scale=1), BASE)
    visible = all_images(10)[::97]
    activations = scale * bridge.rbm.activations(visible)
    for lower, upper in ((0.0, 1e-3), (0.5, 0.5001), (0.99999, 1.0), (0.0, 1.0)):
        found = bridge.log_ratio(visible, activations, lower, upper)
        x = activations.astype(np.float64)
        hidden = (np.logaddexp(0, upper * x) - np.logaddexp(0, lower * x)).sum(axis=1)
        pixels = (upper - lower) * (visible @ (bridge.rbm.visible_bias - BASE).astype(np.float64))
        # float32 keeps eps of each of 8 units' and 10 pixels' terms, each at most (upper - lower) * |x|
        size = (upper - lower) * (np.abs(x).max() + 10)
        eps = np.finfo(np.float32).eps
        np.testing.assert_allclose(found, pixels + hidden, rtol=0, atol=18 * eps * size + 1e-12)


def test_one_gibbs_sweep_leaves_every_bridge_distribution_unchanged(rbm: BinaryRbm) -> None:
    """Would catch a transition for another temperature than its weight's: AIS would run, and be wrong."""
    images = all_images(10).astype(np.float64)
    bridge, beta = Bridge(rbm, BASE), 0.6
    log_f = (1 - beta) * images @ BASE + beta * images @ rbm.visible_bias
    log_f += np.logaddexp(0, beta * rbm.activations(images)).sum(axis=1)
    probability = np.exp(log_f - np.logaddexp.reduce(log_f))
    draw = np.random.default_rng(4)
    count = 200_000
    start = images[draw.choice(len(images), count, p=probability)].astype(np.float32)
    moved = bridge.gibbs(rbm.activations(start), beta, draw)
    expected = probability @ images
    # five standard errors of a share
    np.testing.assert_allclose(moved.mean(axis=0), expected, rtol=0, atol=5 * 0.5 / math.sqrt(count))
    pair = (moved[:, 0] * moved[:, 1]).mean() - probability @ (images[:, 0] * images[:, 1])
    assert abs(pair) < 5 * 0.5 / math.sqrt(count)


def test_the_schedule_is_the_papers() -> None:
    """Would catch 14,500 steps spaced otherwise than Salakhutdinov & Murray's."""
    betas = np.array(annealing.PAPER_SCHEDULE)
    assert (betas[0], betas[-1], len(betas)) == (0, 1, 14_501)
    steps = np.diff(betas)
    for first, last, step in ((0, 500, 1e-3), (500, 4500, 1e-4), (4500, 14_500, 1e-5)):
        np.testing.assert_allclose(steps[first:last], step, rtol=1e-6)


def test_an_estimate_knows_its_interval() -> None:
    """Would catch an interval taken in the logarithm, where it is not symmetric, or a low end of NaN."""
    weights = np.array([1.0, 2.0, 3.0, 6.0])
    found = LogEstimate.from_log_weights(np.log(weights) + 1000)
    relative = weights.std(ddof=1) / 2 / 3
    assert found.value == pytest.approx(1000 + math.log(3))
    assert found.standard_error == pytest.approx(relative)
    assert found.high == pytest.approx(1000 + math.log(3 * (1 + 3 * relative)))
    assert found.low == -math.inf  # three standard errors exceed the mean
    tight = LogEstimate.from_log_weights(np.log(np.array([1.0, 1.1, 0.9, 1.0])))
    assert tight.low == pytest.approx(math.log(1 - 3 * tight.standard_error))


def test_base_rates_are_the_datas_and_finite() -> None:
    """Would catch log(0) for a pixel that is never on."""
    images = np.zeros((8, 3), np.float32)
    images[:, 1], images[:4, 2] = 1, 1
    bias = annealing.base_rate_bias(images)
    np.testing.assert_allclose(bias, [-math.log(9), math.log(9), 0], atol=1e-6)  # float32


def test_pixels_are_binarised_by_their_grey_and_their_own_seed() -> None:
    """Would catch a threshold, black pixels lit, or image 7 changing with how many are asked for."""
    grey = np.tile(np.array([0, 0.25, 1], np.float32), (4000, 300))
    binary = likelihood.binarise(grey, seed=5)
    assert set(np.unique(binary)) == {0, 1}
    assert not binary[:, 0::3].any()
    assert binary[:, 2::3].all()
    count = binary[:, 1::3].size
    assert abs(binary[:, 1::3].mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / count)  # five standard errors
    np.testing.assert_array_equal(likelihood.binarise(grey[:1500], seed=5), binary[:1500])
    assert (likelihood.binarise(grey, seed=6) != binary).any()


# --- made against real images ----------------------------------------------------------------------------


def exactly(mean: np.ndarray, covariance: np.ndarray, count: int = 500) -> np.ndarray:
    """Points whose sample mean and covariance are those given, to rounding."""
    raw = np.random.default_rng(0).normal(size=(count, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def random_covariance(seed: int, size: int) -> np.ndarray:
    factor = np.random.default_rng(seed).normal(size=(size, size))
    return factor @ factor.T + 0.1 * np.eye(size)


def test_frechet_of_two_gaussians_is_the_closed_form() -> None:
    """Would catch a wrong trace term: for diagonal covariances it is sum (sqrt(a) - sqrt(b))^2."""
    mean_a, mean_b = np.array([0.0, 1, 2]), np.array([1.0, 1, -2])
    a, b = np.array([1.0, 4, 9]), np.array([4.0, 4, 1])
    found = metrics.frechet_distance(exactly(mean_a, np.diag(a)), exactly(mean_b, np.diag(b)))
    expected = np.square(mean_a - mean_b).sum() + np.square(np.sqrt(a) - np.sqrt(b)).sum()
    assert found == pytest.approx(expected, rel=1e-9)


def test_frechet_agrees_with_scipys_matrix_root() -> None:
    """Would catch an eigenvalue trick that only holds for covariances that commute."""
    a, b = random_covariance(1, 6), random_covariance(2, 6)
    mean = np.zeros(6)
    expected = np.trace(a + b - 2 * np.real(scipy.linalg.sqrtm(a @ b)))
    assert metrics.frechet_distance(exactly(mean, a), exactly(mean, b)) == pytest.approx(expected, rel=1e-8)


def test_frechet_of_features_that_never_move_is_finite() -> None:
    """Would catch NaN from a singular covariance: a dead feature, a collapsed generator."""
    real = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    real[:, 2] = 0
    assert metrics.frechet_distance(real, real) == pytest.approx(0, abs=1e-6)  # roots of rounded eigenvalues
    collapsed = np.tile(real[:1], (300, 1))
    expected = np.square(real[0] - real.mean(axis=0)).sum() + real.var(axis=0, ddof=1).sum()
    assert metrics.frechet_distance(collapsed, real) == pytest.approx(expected, rel=1e-5)  # float32 features


def test_diversity_is_a_ratio_of_pairwise_distances() -> None:
    """Would catch pairs counted with themselves, or a generator of one picture called varied."""
    real = np.random.default_rng(0).normal(5, 1, (1500, 6))  # more rows than one block
    assert diversity.mean_pairwise_distance(real) == pytest.approx(pdist(real).mean(), rel=1e-9)
    assert diversity.diversity_ratio(real, real) == pytest.approx(1)
    assert diversity.diversity_ratio(2 * real - 7, real) == pytest.approx(2)
    assert diversity.diversity_ratio(np.tile(real[:1], (50, 1)), real) == pytest.approx(0, abs=1e-6)


def test_precision_and_recall_tell_missing_modes_from_nonsense() -> None:
    """Would catch the two swapped, or a ball that counts its own centre as a neighbour."""
    draw = np.random.default_rng(0)
    left, right, far = (draw.normal(centre, 0.1, (400, 3)) for centre in (0, 10, 100))
    real = np.concatenate([left, right])
    again = np.concatenate([draw.normal(0, 0.05, (400, 3)), draw.normal(10, 0.05, (400, 3))])
    precision, recall = metrics.precision_recall(again[:400], real)  # half of the modes
    assert precision > 0.99
    assert recall < 0.5
    precision, recall = metrics.precision_recall(np.concatenate([real, far]), real)  # a third is nonsense
    assert precision == pytest.approx(2 / 3)
    assert recall == 1


def test_balls_reach_the_kth_neighbour_and_no_further() -> None:
    """Would catch k off by one: on a line of points one apart, the ball of k = 3 has radius 2 or 3."""
    real = np.arange(10.0)[:, None] * 1.0
    # From 9 the neighbours are 8, 7, 6: its third is 3 away, so 12 is inside and 12.1 is not.
    assert metrics.precision_recall(np.array([[12.0]] * 5), real, k=3)[0] == 1
    assert metrics.precision_recall(np.array([[12.1]] * 5), real, k=3)[0] == 0
    assert metrics.precision_recall(np.array([[11.1]] * 5), real, k=2)[0] == 0


def test_class_fractions_count_the_absent_class() -> None:
    """Would catch a minimum taken over the classes that occur."""
    np.testing.assert_allclose(metrics.class_fractions(np.array([0, 0, 2, 2]), 4), [0.5, 0, 0.5, 0])


def test_parzen_agrees_with_scikit_learn() -> None:
    """Would catch a missing normaliser or an underflow: against KernelDensity, at every sigma."""
    draw = np.random.default_rng(0)
    centres, points = draw.uniform(size=(300, 40)).astype(np.float32), draw.uniform(size=(700, 40))
    found = parzen.log_likelihoods(centres, points.astype(np.float32), parzen.SIGMAS)
    for sigma, scores in zip(parzen.SIGMAS, found, strict=True):
        # one leaf: between several, scikit-learn's tree loses digits where densities are this small
        reference = KernelDensity(bandwidth=sigma, leaf_size=len(centres)).fit(centres.astype(np.float64))
        # points are rounded to float32: 1e-7 of distances of about 7, over sigma^2 of 0.01
        np.testing.assert_allclose(scores, reference.score_samples(points), rtol=0, atol=1e-3)


def test_parzen_chooses_sigma_on_the_validation_images_alone() -> None:
    """Would catch sigma chosen on the test images: here they would choose another."""
    draw = np.random.default_rng(0)
    centres = draw.normal(0, 0.3, (500, 5))
    validation, test = draw.normal(0, 0.3, (200, 5)), draw.normal(0, 3, (200, 5))
    sigma, scores = parzen.score(centres, validation, test, "a test")
    by_validation, by_test = (
        parzen.SIGMAS[parzen.log_likelihoods(centres, points, parzen.SIGMAS).mean(axis=1).argmax()]
        for points in (validation, test)
    )
    assert sigma == by_validation != by_test
    np.testing.assert_array_equal(scores, parzen.log_likelihoods(centres, test, [sigma])[0])


# --- measures on shipped files -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in MNIST's files: 2,000 blots to train on, 600 to test on."""
    root = tmp_path_factory.mktemp("data")
    for prefix, count, seed in (("train", 2000, 1), ("t10k", 600, 2)):
        images, labels = tiny.pictures(count, seed=seed)
        tiny.write_idx(root / "mnist" / f"{prefix}-images-idx3-ubyte.gz", images)
        tiny.write_idx(root / "mnist" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tiny.write_models(tmp_path / "models")


def context(models: Path, data_root: Path, *, quick: bool = True) -> Context:
    return Context(catalog.load(models), Runtime("cpu"), data_root, 0, quick)


def replaying(found: Context, image: Callable[[Array, Array], Array]) -> None:
    """Let every generator give `image` of its samples' numbers and labels, whatever their z would make."""
    run = found.runtime.run
    numbers = {z.tobytes(): k for k, z in enumerate(seeds.normals(found.seed, 1000, 100))}

    def replay(graph: Graph, inputs: Mapping[str, Array], brief: bool = False) -> Result:
        if graph.role != "generate":
            return run(graph, inputs, brief)
        sample = np.array([numbers[z.tobytes()] for z in inputs["z"]])
        return Result({"image": image(sample, inputs.get("label", np.full(len(sample), -1)))}, 0.0)

    found.runtime.run = replay  # type: ignore[method-assign]


def test_reconstruction_of_pca_is_scikit_learns(models: Path, data_root: Path) -> None:
    """Would catch a mean over pixels, a factor of 255, or an error taken over the training images."""
    train, test = (
        datasets.load("mnist", split, data_root).images.reshape(-1, 784) / 255 for split in ("train", "test")
    )
    pca = PCA(5).fit(train)
    folder = tiny.write_model(
        models, "pca5", tiny.linear(pca.mean_, pca.components_), kind="baseline", family="pca"
    )
    tiny.edit(folder, reported=[reported("reconstruction_squared_error", 13.87, units=30)])
    found = context(models, data_root)
    (figure,) = reconstruction.measure(found.catalog.model("pca5"), found)
    errors = np.square(pca.inverse_transform(pca.transform(test)) - test).sum(axis=1)
    assert figure.value == pytest.approx(errors.mean(), rel=1e-5)  # the graph is float32
    assert figure.error == pytest.approx(errors.std(ddof=1) / math.sqrt(len(errors)), rel=1e-4)
    assert figure.paper_value is None  # 13.87 is that of 30 components, not of 5


def reported(metric: str, value: float, units: int | None = None) -> dict[str, Any]:
    """What a paper reports, as `model.json` has it."""
    return {"metric": metric, "units": units, "value": value, "source": "a paper"}


@pytest.mark.slow
@pytest.mark.skipif(
    not (datasets.data_root() / "mnist" / "train-images-idx3-ubyte.gz").is_file(),
    reason="needs MNIST under LATENT_LINEAGE_DATA or data/",
)
def test_pca_30_on_mnist_scores_the_papers_13_87(tmp_path: Path) -> None:
    """Would catch any difference to the protocol of Hinton & Salakhutdinov 2006."""
    pca = PCA(30, svd_solver="covariance_eigh").fit(datasets.load("mnist").images.reshape(-1, 784) / 255)
    folder = tiny.write_model(
        tmp_path, "pca", tiny.linear(pca.mean_, pca.components_), kind="baseline", family="pca"
    )
    tiny.edit(folder, reported=[reported("reconstruction_squared_error", 13.87, units=30)])
    full = Context(catalog.load(tmp_path), Runtime("cpu"), None, 0, quick=False)
    (figure,) = reconstruction.measure(full.catalog.model("pca"), full)
    assert (round(figure.value, 2), figure.paper_value) == (13.87, 13.87)


def test_classifier_errors_are_counted_against_the_labels(tmp_path: Path) -> None:
    """Would catch an accuracy called an error, or images and labels out of step."""
    images, labels = tiny.pictures(500)
    wrong = labels.copy()
    wrong[:50] = (wrong[:50] + 1) % 10
    tiny.write_idx(tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz", images)
    tiny.write_idx(tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz", wrong)
    judge = tiny.classifier(tiny.prototypes())
    folder = tiny.write_model(tmp_path / "models", "nearest", judge, kind="judge", family="classifier")
    found = context(folder.parent, tmp_path)
    (figure,) = command.classify.measure(found.catalog.model("nearest"), found)
    assert figure.name == "test_error"
    assert figure.value == pytest.approx(0.1)
    assert figure.error == pytest.approx(math.sqrt(0.1 * 0.9 / 500))


def test_a_generator_of_the_data_is_called_as_good_as_the_data(tmp_path: Path, data_root: Path) -> None:
    """Would catch a scale that is off: real images, replayed by a generator, must score as real ones do."""
    judge = tiny.classifier(tiny.prototypes(), features=3)
    folder = tiny.write_model(tmp_path, "judge", judge, kind="judge", family="classifier")
    tiny.write_model(tmp_path, "noise", tiny.gan(), family="gan")
    found = context(folder.parent, data_root)
    model = found.catalog.model("noise")
    real = datasets.load("mnist", "train[1000:]", data_root).images / np.float32(255)
    replaying(found, lambda sample, label: real[sample % len(real)])
    by_name = {figure.name: figure for figure in command.generators.measure(model, found)}
    assert by_name["diversity_ratio"].value == pytest.approx(1, abs=0.02)  # 600 against 1,000 images
    assert by_name["precision_k3"].value > 0.9
    assert by_name["recall_k3"].value > 0.9
    assert by_name["class_fraction_min"].value == by_name["class_fraction_max"].value == pytest.approx(0.1)
    # A ratio of two distances that both are sampling noise; the untrained generator's is over 1,000.
    assert by_name["frechet_ratio_to_real"].value < 10


def test_figures_rest_on_the_judge_too(models: Path, data_root: Path) -> None:
    """Would catch a Frechet distance that stays fresh when the judge is replaced."""
    found = context(models, data_root)
    gan, judge = found.catalog.model("gan"), found.catalog.model("classifier_cnn")
    made = command.generators.measure(gan, found)
    expected = (gan.graphs["generate"].sha256, judge.graphs["classify"].sha256)
    assert {figure.measured_on for figure in made} == {expected}


def test_a_conditional_generator_is_sampled_without_a_label(models: Path, data_root: Path) -> None:
    """Would catch a required input nobody gives, or a label chosen silently."""
    tiny.write_model(models, "cgan", tiny.gan(conditional=True))
    found = context(models, data_root)
    free = command.generators.sample(found.catalog.model("cgan"), found, 20)
    plain = command.generators.sample(found.catalog.model("gan"), found, 20)
    np.testing.assert_allclose(free, plain, rtol=0, atol=1e-5)  # the same weights; label -1 adds nothing


@pytest.mark.parametrize("obedient", [True, False])
def test_agreement_and_diversity_are_those_of_the_class_asked_for(
    tmp_path: Path, data_root: Path, obedient: bool
) -> None:
    """Would catch labels out of step with the samples, and one picture a class passing for many.

    The generator replays training images: of the class asked for, or one threadbare picture of the next.
    """
    judge = tiny.classifier(tiny.prototypes(), features=3)
    folder = tiny.write_model(tmp_path, "judge", judge, kind="judge", family="classifier")
    tiny.write_model(tmp_path, "asked", tiny.gan(conditional=True), family="cgan")
    found = context(folder.parent, data_root)
    train = datasets.load("mnist", "train", data_root)

    def image(sample: Array, label: Array) -> Array:
        labels, rank = np.where(label < 0, sample % 10, label), sample // 10
        if not obedient:
            labels, rank = (labels + 1) % 10, 0 * rank
        # In the tests' data image k is of class k % 10.
        chosen: Array = train.images[(10 * rank + labels) % len(train)] / np.float32(255)
        return chosen

    replaying(found, image)
    made = command.generators.measure(found.catalog.model("asked"), found)
    by_name = {figure.name: figure for figure in made}
    assert by_name["label_agreement"].value == pytest.approx(1.0 if obedient else 0.0)
    within = [by_name[f"class_diversity_ratio_{end}"].value for end in ("min", "max")]
    # 100 test images a class against 160 of training: their mean distances differ by up to an eighth.
    assert within == pytest.approx([1, 1] if obedient else [0, 0], abs=0.2)
    assert by_name["class_fraction_max"].value == pytest.approx(0.1)


def test_errors_from_a_hundred_labels_are_the_mean_over_subsets(models: Path, data_root: Path) -> None:
    """Would catch the best subset reported for all, a spread of one, and a figure that outlives a file."""
    right = tiny.prototypes()
    for model_id, kind, wrong in (("ssgan", "model", 1), ("ssgan_subset_1", "exhibit", 3)):
        swapped = right[[*range(1, wrong + 1), 0, *range(wrong + 1, 10)]]
        graphs = tiny.classifier(swapped, features=3)
        if kind == "model":
            graphs |= tiny.gan()
        folder = tiny.write_model(models, model_id, graphs, kind=kind, family="ssgan")
        if kind == "model":
            tiny.edit(folder, reported=[reported("test_errors_100_labels", 93)])
    found = context(models, data_root)
    model = found.catalog.model("ssgan")
    assert command.classify.learned_from_few_labels(model)
    assert not command.classify.learned_from_few_labels(found.catalog.model("ssgan_subset_1"))
    (figure,) = command.classify.measure_few_labels(model, found)
    count = len(datasets.load("mnist", "test", data_root))
    # Shifting n + 1 of ten prototypes gets n + 1 tenths of the images wrong.
    assert figure.value == pytest.approx((0.2 + 0.4) / 2 * count)
    assert figure.error == pytest.approx(0.2 * count / math.sqrt(2))
    assert f"{0.4 * count:.0f} of ssgan_subset_1" in figure.protocol
    assert len(figure.measured_on) == 2
    assert figure.paper_value == 93


@pytest.mark.parametrize(
    ("model", "name", "units", "paper"),
    [
        ("rbm", "ais_test_log_probability", 500, -86.34),
        ("rbm", "ais_test_log_probability", 12, None),
        ("rbm_untrained", "reconstruction_squared_error", 500, None),
        ("autoencoder", "reconstruction_squared_error", 30, 3.0),
        ("autoencoder_2", "reconstruction_squared_error", 2, None),
        ("pca", "reconstruction_squared_error", 30, 13.87),
        ("dbn", "test_error", None, 0.012),
        ("dbn", "test_error_up_down", None, 0.0125),
        ("dbn_random", "test_error", None, None),
        ("gan", "parzen_log_likelihood", None, 225.0),
        ("gan", "diversity_ratio", None, None),
        ("gan_collapsed", "parzen_log_likelihood", None, None),
        ("cgan", "parzen_log_likelihood", None, 132.0),
    ],
)
def test_the_papers_value_stands_only_beside_the_network_it_was_reported_for(
    model: str, name: str, units: int | None, paper: float | None
) -> None:
    """Would catch 3.00 beside an autoencoder of another code, -86.34 beside an untrained RBM."""
    made = figures.figure(
        catalog.load().model(model),
        name,
        1.0,
        unit="u",
        protocol="p",
        source="method",
        measured_on=[],
        units=units,
    )
    assert made.paper_value == paper
    assert (made.source == "method") == (paper is None)


def test_metrics_come_back_through_the_catalog_until_a_file_changes(models: Path) -> None:
    """Would catch figures lost on rewriting, stale ones revived, or a file the reader does not understand."""
    model = catalog.load(models).model("gan")

    def one(name: str, value: float, role: str = "generate") -> catalog.Metric:
        graph = [model.graphs[role]]
        return figures.figure(
            model, name, value, unit="u", protocol="p", source="s", measured_on=graph, error=0.1
        )

    path = figures.write(model, [one("a", 1), one("b", 2, "discriminate")])
    assert path == models / "gan" / "metrics.json"
    model = catalog.load(models).model("gan")
    assert model.metrics == (one("a", 1), one("b", 2, "discriminate"))
    figures.write(model, [one("a", 3)])  # b is not measured again and is kept
    model = catalog.load(models).model("gan")
    assert [(figure.name, figure.value) for figure in model.metrics] == [("a", 3), ("b", 2)]
    assert [file.name for file in model.folder.glob("metrics*")] == ["metrics.json"]

    shutil.rmtree(models / "gan")
    tiny.write_model(models, "gan", tiny.gan(seed=77), year=2014)
    (models / "gan" / "metrics.json").write_text(json.dumps({"metrics": [vars(one("a", 3))]}), "utf-8")
    changed = catalog.load(models).model("gan")
    assert changed.metrics == ()
    figures.write(changed, [replace(one("c", 4), measured_on=(changed.graphs["generate"].sha256,))])
    kept = json.loads((models / "gan" / "metrics.json").read_text("utf-8"))["metrics"]
    assert [figure["name"] for figure in kept] == ["c"]


# --- the command --------------------------------------------------------------------------------------------


def without_times(text: str) -> str:
    return re.sub(r"took \d+ s", "", text)


def run(models: Path, data_root: Path, *arguments: str) -> int:
    return command.main(["--models", str(models), "--data-root", str(data_root), *arguments])


def test_a_quick_run_prints_every_measure_and_writes_nothing(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch a measure that no model reaches, and quick figures written over full ones."""
    tiny.write_model(
        models, "never_heard_of", {"reconstruct": tiny.autoencoder()["reconstruct"]}, family="new"
    )
    assert run(models, data_root, "--quick") == 0
    out, err = capsys.readouterr()
    assert err == ""
    expected = {
        "rbm": {"ais_test_log_probability", "raise_test_log_probability", "reconstruction_squared_error"},
        "autoencoder": {"reconstruction_squared_error"},
        "never_heard_of": {"reconstruction_squared_error"},
        "pca": {"reconstruction_squared_error"},
        "classifier_cnn": {
            "test_error",
            "frechet_ratio_to_real_of_k_means",
            "frechet_ratio_to_real_of_pca",
        },
        "gan": {
            "frechet_ratio_to_real_after_600",
            "frechet_ratio_to_real_after_6000",
            "nearest_neighbour_ratio",
            "frechet_classifier_features",
            "frechet_ratio_to_real",
            "precision_k3",
            "recall_k3",
            "diversity_ratio",
            "class_fraction_min",
            "class_fraction_max",
        },
    }
    sections = dict(re.findall(r"^(\w+)\n((?:  .*\n)*)", out, re.MULTILINE))
    for model_id, names in expected.items():
        assert set(re.findall(r"^  ([a-z_0-9]+) ", sections[model_id], re.MULTILINE)) == names
    assert "Parzen window: not measured, sigma is chosen on training images" in sections["gan"]
    assert not list(models.glob("*/metrics.json"))


def test_the_same_seed_gives_the_same_figures(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch randomness that does not come from the seed."""
    printed = []
    for seed in ("0", "0", "1"):
        assert run(models, data_root, "--quick", "--seed", seed, "rbm", "gan") == 0
        printed.append(without_times(capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert printed[0].replace("seed 0", "seed 1") != printed[2]


def test_a_full_run_writes_what_the_page_reads(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch figures printed and not kept, and models written that were not asked for."""
    assert run(models, data_root, "autoencoder", "classifier_cnn") == 0
    out = capsys.readouterr().out
    read = catalog.load(models)
    error = read.model("autoencoder").metric("reconstruction_squared_error")
    assert error is not None
    assert f"{error.value:.2f}" in out
    assert error.unit == "per image"
    assert error.measured_on == (read.model("autoencoder").graphs["reconstruct"].sha256,)
    assert read.model("classifier_cnn").metric("test_error") is not None
    assert {path.parent.name for path in models.glob("*/metrics.json")} == {"autoencoder", "classifier_cnn"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rmb"], "There is no model called 'rmb'; the ones here are: "),
        (["--models", "nowhere_at_all"], "There is no directory nowhere_at_all"),
    ],
)
def test_an_unknown_name_is_one_sentence_and_exit_code_2(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """Would catch a traceback, or a misspelt model measured as nothing with success."""
    assert run(models, data_root, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "one"])
def test_a_seed_out_of_range_is_refused_before_anything_runs(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str], seed: str
) -> None:
    """Would catch a seed that wraps into another one."""
    with pytest.raises(SystemExit) as refused:
        run(models, data_root, f"--seed={seed}")
    assert refused.value.code == 2
    assert "is not a whole number from 0 to 4294967295" in capsys.readouterr().err


def test_missing_data_is_one_sentence(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would catch a traceback on a machine without data and without a network."""
    import pooch

    def offline(*_: object, **__: object) -> None:
        raise OSError("offline")

    monkeypatch.setattr(pooch, "retrieve", offline)
    assert run(models, tmp_path / "empty", "autoencoder") == 1
    err = capsys.readouterr().err
    assert "t10k-images-idx3-ubyte.gz" in err
    assert "--data-root" in err
    assert "Traceback" not in err


def test_a_damaged_model_costs_its_own_figures_only(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch one bad file ending a run of forty minutes, or passing as success."""
    (models / "autoencoder" / "reconstruct.onnx").write_bytes(b"damaged")
    (models / "gan" / "model.json").write_text("{", "utf-8")
    assert run(models, data_root, "--quick", "autoencoder", "pca") == 1
    out, err = capsys.readouterr()
    assert "reconstruct.onnx of autoencoder is not the file" in err
    assert "gan: model.json cannot be read" in err
    assert re.search(r"pca\n  reconstruction_squared_error +\d", out)


def test_without_a_judge_the_generator_says_so(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch a KeyError where a judge is missing."""
    shutil.rmtree(models / "classifier_cnn")
    assert run(models, data_root, "--quick", "gan") == 0
    assert "samples: not measured, no judge of mnist is among the models" in capsys.readouterr().out


def test_a_model_of_other_data_is_not_measured_on_these(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch a figure measured on images that the network was not made for."""
    tiny.write_model(models, "faces", tiny.autoencoder(), dataset="faces")
    assert run(models, data_root, "--quick", "faces") == 0
    assert "not measured, there is no data set 'faces'" in capsys.readouterr().out


def test_an_interruption_keeps_what_was_measured(
    models: Path, data_root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would catch Ctrl-C losing the figures that were finished."""

    def interrupted(*_: object) -> list[catalog.Metric]:
        raise KeyboardInterrupt

    last = command.Measure("a slow one", lambda model: model.id == "autoencoder", interrupted)
    monkeypatch.setattr(command, "MEASURES", (*command.MEASURES, last))
    assert run(models, data_root, "pca", "autoencoder", "classifier_cnn") == 130
    assert "run again" in capsys.readouterr().err
    assert {path.parent.name for path in models.glob("*/metrics.json")} == {"pca", "autoencoder"}


def test_the_numbers_need_no_torch() -> None:
    """Would catch an import that makes anyone who repeats a figure install torch."""
    found = loaded_after("import evaluation.__main__")
    assert not found & {"torch", "onnx", "gradio", "demo", "export"}
