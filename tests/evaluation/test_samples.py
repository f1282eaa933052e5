"""Copies, what samples teach, yardsticks and the way of a training: against closed forms and libraries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import mannwhitneyu, norm
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from evaluation import generators, memorisation, parzen, teaching, yardsticks
from evaluation.context import Array, Context, NotMeasuredError
from onnx_models import catalog, seeds
from onnx_models.catalog import Graph
from onnx_models.runtime import Result, Runtime
from tests import tiny
from training import datasets

Doubles = NDArray[np.float64]


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 blots of ten classes to train on, 400 to test on, in MNIST's files."""
    root = tmp_path_factory.mktemp("data")
    for prefix, count, seed in (("train", 1200, 1), ("t10k", 400, 2)):
        images, labels = tiny.pictures(count, seed=seed)
        tiny.write_idx(root / "mnist" / f"{prefix}-images-idx3-ubyte.gz", images)
        tiny.write_idx(root / "mnist" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return root


@pytest.fixture
def found(tmp_path: Path, data_root: Path) -> Context:
    directory = tiny.write_models(tmp_path / "models")
    tiny.write_model(directory, "cgan", tiny.gan(conditional=True), family="cgan")
    return Context(catalog.load(directory), Runtime("cpu"), data_root, 0, quick=True)


def replay(found: Context, images: Array) -> None:
    """Let every generator show these images, float32 [n, 1, 28, 28], instead of its own."""

    runtime, at = Runtime("cpu"), 0

    def run(graph: Graph, inputs: dict[str, Array], brief: bool = False) -> Result:
        nonlocal at
        if graph.role != "generate":
            return Runtime.run(runtime, graph, inputs, brief)
        at += len(inputs["z"])
        return Result({"image": images[at - len(inputs["z"]) : at]}, 0.0)

    runtime.run = run  # type: ignore[method-assign, assignment]
    found.runtime = runtime


def real(data_root: Path, split: str) -> NDArray[np.float32]:
    return datasets.load("mnist", split, data_root).images / np.float32(255)


# --- samples ------------------------------------------------------------------------------------------------


def test_each_sample_of_a_stylegan_has_its_own_noise(found: Context, tmp_path: Path) -> None:
    """Catches one noise for all, noise that depends on the batch, and a margin that is measured too."""
    graphs = tiny.stylegan(size=32, channels=1, labelled=True, strength=0.1)
    folder = tiny.write_model(tmp_path / "styles", "digits", graphs, family="stylegan2")
    model = catalog.load(folder.parent).model("digits")
    labels = np.arange(12) % 10
    images = generators.sample(model, found, 12, labels)
    assert images.shape == (12, 1, 28, 28)

    z = seeds.normals(0, 12, 100)[7:8]
    given = {"z": z, "label": labels[7:8], "psi": np.ones((1, 8), np.float32)}
    ws = found.runtime.run(model.graphs["mapping"], given).outputs["ws"]
    noise = {
        f"noise_{k}": seeds.normals(0, 1, size * size, seeds.Stream.NOISE, first=7, layer=k).reshape(
            1, 1, size, size
        )
        for k, size in enumerate((4, 8, 8, 16, 16, 32, 32))
    }
    seventh = found.runtime.run(model.graphs["synthesis"], {"ws": ws, **noise}).outputs["image"]
    np.testing.assert_allclose(images[7:8], seventh[:, :, 2:-2, 2:-2], atol=1e-6)
    assert generators.sampled(model) == [model.graphs["mapping"], model.graphs["synthesis"]]


# --- memorisation -------------------------------------------------------------------------------------------


def test_nearest_distances_are_scikit_learns() -> None:
    """Would catch squared distances, and digits lost between neighbours that nearly touch."""
    draw = np.random.default_rng(0)
    references = draw.random((700, 40)).astype(np.float32)
    points = np.concatenate([draw.random((600, 40)), references[:50] + 1e-4]).astype(np.float32)
    expected = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(references.astype(np.float64))
    wanted, _ = expected.kneighbors(points.astype(np.float64))
    np.testing.assert_allclose(memorisation.nearest_distances(points, references), wanted[:, 0], rtol=1e-6)


def test_a_copy_is_at_no_distance() -> None:
    points = np.random.default_rng(0).random((30, 784))
    assert memorisation.nearest_distances(points.astype(np.float32), points.astype(np.float32)).max() == 0


def test_the_share_of_nearer_samples_is_the_mann_whitney_statistic() -> None:
    """Would catch the share the wrong way round, and ties counted for one side."""
    draw = np.random.default_rng(0)
    samples, tests = draw.integers(0, 30, 200) / 10, draw.integers(5, 35, 300) / 10  # many ties
    statistic = mannwhitneyu(tests, samples).statistic  # pairs in which the test image is further away
    assert memorisation.nearer(samples, tests) == pytest.approx(statistic / (200 * 300))
    assert memorisation.nearer(samples, samples) == pytest.approx(0.5)


def test_new_images_have_a_ratio_of_one_and_copies_of_zero(found: Context, data_root: Path) -> None:
    """Would catch distances to the test set, or a ratio upside down."""
    gan = found.catalog.model("gan")
    replay(found, real(data_root, "test"))
    (figure,) = memorisation.measure(gan, found)
    assert figure.value == pytest.approx(1)
    assert "in 0.500 of pairs" in figure.protocol
    replay(found, real(data_root, "train"))
    (figure,) = memorisation.measure(gan, found)
    assert figure.value == 0
    assert "in 1.000 of pairs" in figure.protocol


# --- classification accuracy score --------------------------------------------------------------------------


def test_a_generator_that_shows_the_data_teaches_what_they_teach(found: Context, data_root: Path) -> None:
    """Would catch a pupil that saw real images, and labels out of step with the samples."""
    cgan = found.catalog.model("cgan")
    data = datasets.load("mnist", "train[:1000]", data_root)
    asked = np.arange(1000) % 10
    by_class = [iter(np.flatnonzero(data.labels == label).tolist() * 2) for label in range(10)]
    as_asked = data.images[[next(by_class[label]) for label in asked]] / np.float32(255)
    replay(found, as_asked)
    (figure,) = teaching.measure(cgan, found)
    assert figure.name == "classification_accuracy_score"
    assert figure.value > 0.95
    assert "real images teach it 0.9" in figure.protocol or "teach it 1.0" in figure.protocol
    assert figure.error == pytest.approx(np.sqrt(figure.value * (1 - figure.value) / 400))
    replay(found, np.roll(as_asked, 1, axis=0))  # every picture under the label before its own
    (figure,) = teaching.measure(cgan, found)
    assert figure.value < 0.05


def test_a_mode_that_is_never_made_is_never_learned() -> None:
    """What the score is for: a judge would call every one of the collapsed samples right."""
    draw = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    # Class 0 has two modes, at 0 and at 1, and class 1 lies between them.
    modes = np.where(labels == 1, 0.5, np.arange(4000) // 2 % 2)
    whole, missing = (
        (at[:, None] + draw.normal(0, 0.02, (4000, 8))).astype(np.float32) for at in (modes, labels * 0.5)
    )
    scores = [
        float(
            (
                teaching.learn(images, labels, 2, np.random.default_rng(1), "a test").predict(whole) == labels
            ).mean()
        )
        for images in (whole, missing)
    ]
    assert scores == pytest.approx([1.0, 0.75], abs=0.02)


def test_the_pupil_repeats_itself(data_root: Path) -> None:
    """Would catch chance that does not come from the seed."""
    data = datasets.load("mnist", "train[:300]", data_root)
    images = data.images.reshape(300, -1) / np.float32(255)
    pupils = [teaching.learn(images, data.labels, 10, np.random.default_rng(5), "a test") for _ in range(2)]
    np.testing.assert_array_equal(*(pupil.coefs_[0] for pupil in pupils))


def test_only_who_can_be_asked_for_a_class_can_teach(found: Context) -> None:
    assert teaching.applies(found.catalog.model("cgan"))
    assert not teaching.applies(found.catalog.model("gan"))


# --- yardsticks ---------------------------------------------------------------------------------------------


def test_centroids_of_clear_clusters_are_their_means() -> None:
    """Would catch centres that are data points, or that never moved."""
    draw = np.random.default_rng(0)
    middles = draw.normal(0, 10, (6, 5))
    points = (middles[np.arange(6000) % 6] + draw.normal(0, 0.1, (6000, 5))).astype(np.float32)
    start = np.random.default_rng(3)
    while True:  # a start in every cluster, as k-means needs to end in the global optimum
        state = start.bit_generator.state
        if len({i % 6 for i in start.choice(6000, 6, replace=False)}) == 6:
            start.bit_generator.state = state
            break
    centres = yardsticks.centroids(points, 6, start)
    wanted = KMeans(6, n_init=10, random_state=0).fit(points).cluster_centers_
    ordered = [c[np.argsort(c[:, 0])] for c in (centres, wanted)]
    np.testing.assert_allclose(*ordered, atol=0.02)


def test_the_gaussian_has_the_mean_and_the_largest_axes_of_the_data() -> None:
    draw = np.random.default_rng(0)
    spread = np.array([0.09, 0.06, 0.03, 0.002, 0.001])
    points = 0.5 + draw.normal(0, 1, (5000, 5)) * spread @ np.linalg.qr(draw.normal(size=(5, 5)))[0]
    made = yardsticks.gaussian_samples(points, 3, 20_000, seed=0).astype(np.float64)
    pca = PCA(3).fit(points)
    wanted = (pca.components_.T * pca.explained_variance_) @ pca.components_
    np.testing.assert_allclose(made.mean(axis=0), points.mean(axis=0), atol=0.003)
    np.testing.assert_allclose(np.cov(made.T), wanted, atol=2e-4)
    assert made.min() >= 0
    assert made.max() <= 1


def test_the_judge_keeps_what_its_features_say_of_yardsticks(found: Context) -> None:
    judge = found.catalog.model("classifier_cnn")
    made = {figure.name: figure for figure in yardsticks.measure_frechet(judge, found)}
    assert set(made) == {"frechet_ratio_to_real_of_k_means", "frechet_ratio_to_real_of_pca"}
    for figure in made.values():
        assert figure.value > 1
        assert figure.measured_on == (judge.graphs["classify"].sha256,)


def test_parzen_windows_stand_on_real_images_and_on_centroids(
    found: Context, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = found.catalog.model("classifier_cnn")
    with pytest.raises(NotMeasuredError, match="sigma is chosen"):
        yardsticks.measure_parzen(judge, found)
    validation, test = (
        real(data_root, "test").reshape(400, -1)[rows] for rows in (slice(200), slice(200, 400))
    )
    monkeypatch.setattr(parzen, "data", lambda *_: (validation, test))
    made = {figure.name: figure for figure in yardsticks.measure_parzen(judge, found)}
    assert set(made) == {"parzen_log_likelihood_of_real_images", "parzen_log_likelihood_of_k_means"}
    figure = made["parzen_log_likelihood_of_real_images"]
    sigma = float(figure.protocol.split("sigma ")[1].split()[0])
    width = min(parzen.SIGMAS, key=lambda one: abs(one - sigma))
    squares = cdist(test, real(data_root, "train[:1000]").reshape(1000, -1), "sqeuclidean")
    scores = norm.logpdf(0, scale=width) * 784 + logsumexp(-squares / (2 * width**2), axis=1) - np.log(1000)
    assert figure.value == pytest.approx(scores.mean(), rel=1e-6)


def test_a_judge_of_what_nobody_makes_has_no_yardsticks(tmp_path: Path, data_root: Path) -> None:
    judge = tiny.classifier()
    folder = tiny.write_model(tmp_path / "models", "judge", judge, kind="judge", family="classifier")
    alone = Context(catalog.load(folder.parent), Runtime("cpu"), data_root, 0, quick=True)
    with pytest.raises(NotMeasuredError, match="nobody here generates mnist"):
        yardsticks.measure_frechet(alone.catalog.model("judge"), alone)
    for name in ("a_judge", "other"):  # the first by name judges; the second is a yardstick of nothing
        tiny.write_model(folder.parent, name, judge, kind="judge", family="classifier")
    tiny.write_model(folder.parent, "gan", tiny.gan())
    crowd = Context(catalog.load(folder.parent), Runtime("cpu"), data_root, 0, quick=True)
    with pytest.raises(NotMeasuredError, match="the judge of mnist is a_judge"):
        yardsticks.measure_frechet(crowd.catalog.model("other"), crowd)


# --- the way of a training ----------------------------------------------------------------------------------


def test_a_snapshot_is_measured_as_the_model_itself_is(tmp_path: Path, data_root: Path) -> None:
    """Would catch snapshots that are all sampled from the last generator, or judged on another scale."""
    directory = tiny.write_models(tmp_path / "models")
    graphs = tiny.gan(seed=9)
    early = tiny.gan(seed=9, contrast=0.05)["generate"]
    snapshots = {0: early, 600: early, 6000: graphs["generate"]}
    folder = tiny.write_model(directory, "grown", graphs, snapshots=snapshots)
    found = Context(catalog.load(directory), Runtime("cpu"), data_root, 0, quick=True)
    grown = found.catalog.model("grown")
    first, last = generators.measure_snapshots(grown, found)
    final = next(f for f in generators.measure(grown, found) if f.name == "frechet_ratio_to_real")
    assert [f.name for f in (first, last)] == [
        "frechet_ratio_to_real_after_600",
        "frechet_ratio_to_real_after_6000",
    ]
    assert last.value == final.value
    assert first.value != final.value
    entry = json.loads((folder / "model.json").read_text("utf-8"))
    assert [f.measured_on[0] for f in (first, last)] == [s["sha256"] for s in entry["snapshots"][1:]]
