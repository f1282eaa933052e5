"""Compare without a browser: what the figures are taken to mean, and that nothing but them is drawn."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo.engine.library import Library
from demo.kit import signs
from demo.kit.markup import say
from demo.panels.compare import measures
from demo.panels.compare import panel as compare
from demo.panels.compare.plots import Scale
from onnx_models.catalog import Metric
from onnx_models.runtime import Runtime
from tests import tiny
from tests.demo.asking import seen, told
from tests.demo.test_panels import said

NAMES = re.compile(r'data-row="([^"]*)"')


def metric(name: str, value: float, measured_on: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "error": None,
        "unit": "some",
        "protocol": f"how {name} is had; seed 0",
        "paper_value": None,
        "source": "Somebody 2014",
        "measured_on": [measured_on],
    } | more


def sha256(folder: Path, role: str) -> str:
    return str(json.loads((folder / "model.json").read_text("utf-8"))["graphs"][role]["sha256"])


def write_figures(directory: Path) -> Path:
    """The tiny line-up with figures: one better than the paper's, one level with it, one short, one stale."""
    tiny.write_models(directory)
    other = tiny.write_model(directory, "other", {"generate": tiny.gan(seed=31)["generate"]}, year=2016)
    coat = tiny.write_model(
        directory, "coat", {"generate": tiny.gan(seed=32)["generate"]}, year=2017, dataset="fashion-mnist"
    )
    rbm, autoencoder, pca, gan, judge = (
        directory / name for name in ("rbm", "autoencoder", "pca", "gan", "classifier_cnn")
    )
    made, rebuilt = sha256(gan, "generate"), sha256(autoencoder, "reconstruct")
    tiny.write_metrics(
        rbm,
        metric("ais_test_log_probability", -85.5, sha256(rbm, "parameters"), error=0.07, paper_value=-86.34),
        metric("reconstruction_squared_error", 2.5, "0" * 64),  # of a file that ships no more
    )
    tiny.write_metrics(
        autoencoder, metric("reconstruction_squared_error", 1.9, rebuilt, error=0.01, paper_value=3.0)
    )
    tiny.write_metrics(
        pca,
        metric(
            "reconstruction_squared_error", 13.866, sha256(pca, "reconstruct"), error=0.05, paper_value=13.87
        ),
    )
    snapshots = json.loads((gan / "model.json").read_text("utf-8"))["snapshots"]
    tiny.write_metrics(
        gan,
        metric("parzen_log_likelihood", 215.3, made, error=2.2, paper_value=225.0),
        metric("frechet_ratio_to_real", 8.354, made),
        metric("precision_k3", 0.7324, made, error=0.0044),
        metric("recall_k3", 0.7954, made, error=0.004),
        *(
            metric(f"frechet_ratio_to_real_after_{snapshot['images_seen']}", 50.0 - k, snapshot["sha256"])
            for k, snapshot in enumerate(snapshots)
        ),
    )
    tiny.write_metrics(
        other,
        metric("frechet_ratio_to_real", 3.0, sha256(other, "generate")),
        metric("precision_k3", 0.8, sha256(other, "generate")),
        metric("recall_k3", 0.75, sha256(other, "generate")),
    )
    tiny.write_metrics(coat, metric("frechet_ratio_to_real", 23.7, sha256(coat, "generate")))
    looked = sha256(judge, "classify")
    tiny.write_metrics(
        judge,
        metric("parzen_log_likelihood_of_real_images", 241.2, looked, error=2.1),
        metric("frechet_ratio_to_real_of_k_means", 28.0, looked),
    )
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_figures(tmp_path_factory.mktemp("compare") / "models")


@pytest.fixture
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


def pane(markup: str, plot: str, dataset: str | None = None) -> str:
    """One plot of the panel's markup."""
    sections = markup.split("<section ")[1:]
    wanted = [f'data-pane="{plot}"', *([f'data-dataset="{dataset}"'] if dataset else [])]
    (found,) = (section for section in sections if all(part in section.partition(">")[0] for part in wanted))
    return found


def row(markup: str, name: str) -> str:
    return next(part for part in markup.split("<tr")[1:] if f'data-row="{name}"' in part)


# ------------------------------------------------------------------------------------------------- meaning


@pytest.mark.parametrize(
    ("name", "value", "error", "paper", "verdict"),
    [
        ("ais_test_log_probability", -85.5, 0.07, -86.34, "better"),  # more is better
        ("ais_test_log_probability", -86.4, 0.07, -86.34, "level"),
        ("negative_log_likelihood_5000", 88.0, 0.06, 86.76, "short"),  # less is better
        ("reconstruction_squared_error", 13.866, 0.05, 13.87, "level"),
        ("parzen_log_likelihood", 215.3, 2.2, 225.0, "short"),
        ("test_errors_100_labels", 136.0, None, 93.0, "short"),
        ("test_errors_100_labels", 93.0, None, 93.0, "level"),
        ("test_error", 0.011, None, 0.0125, "better"),
        ("diversity_ratio", 1.2, None, 1.0, None),  # neither way is better
        ("of_a_new_kind", 1.2, None, 1.0, None),
        ("test_error", 0.011, None, None, None),
    ],
)
def test_better_is_the_way_the_measure_goes_and_only_beyond_its_error(
    library: Library, name: str, value: float, error: float | None, paper: float | None, verdict: str | None
) -> None:
    figure = Metric(name, value, error, "some", "how", paper, "who", ("0" * 64,))
    assert measures.finding(library.catalog.models[0], figure).verdict == verdict


def test_a_figure_of_a_kind_is_of_the_longest_name_that_fits(library: Library) -> None:
    def kind(name: str) -> str:
        figure = Metric(name, 1.0, None, "", "", None, "", ("0" * 64,))
        return measures.finding(library.catalog.models[0], figure).measure.name

    assert kind("test_errors_100_labels") == "test_errors_100_labels"  # and not test_error
    assert kind("frechet_ratio_to_real_after_1408") == "frechet_ratio_to_real"
    assert kind("of_a_new_kind") == "of_a_new_kind"


def test_fractions_are_written_in_percent(library: Library) -> None:
    one = measures.found(library.catalog.model("gan"), "precision_k3")
    assert one is not None
    assert one.value.id == "compare.error.percent"
    assert dict(one.value.values) == pytest.approx({"value": 73.24, "error": 0.44})


# -------------------------------------------------------------------------------------------------- scales


def test_a_scale_places_by_difference_or_by_ratio() -> None:
    assert Scale(0, 10).place(2.5) == 0.25
    assert Scale(1, 10_000, True).place(10) == pytest.approx(0.25)


def test_what_is_beyond_a_scale_lies_at_its_end() -> None:
    scale = Scale(1, 100, True)
    assert [scale.place(value) for value in (0.0, 0.5, 1e9)] == [0, 0, 1]
    assert not scale.holds(0.0)


@pytest.mark.parametrize(
    ("scale", "ticks"),
    [
        (Scale(0, 10), [0, 2, 4, 6, 8, 10]),
        (Scale(-130, -80), [-130, -120, -110, -100, -90, -80]),
        (Scale(0.62, 0.86), [0.65, 0.7, 0.75, 0.8, 0.85]),
        (Scale(1.7, 210, True), [2, 5, 10, 20, 50, 100, 200]),
        (Scale(0.12, 0.45, True), [0.15, 0.2, 0.3, 0.4]),
        (Scale(1_000, 12_000_000, True), [1e3, 1e4, 1e5, 1e6, 1e7]),
    ],
)
def test_round_numbers_are_written_along_a_scale(scale: Scale, ticks: list[float]) -> None:
    assert scale.ticks() == pytest.approx(ticks)
    assert all(scale.holds(tick) for tick in scale.ticks())


def test_a_scale_holds_its_values_with_room_and_survives_one_or_none() -> None:
    for values in ([3.0], [3.0, 3.0], [0.0], [-2.0, 5.0]):
        scale = Scale.over(values)
        assert all(scale.low < value < scale.high for value in values)
        assert scale.ticks()
    for values in ([3.0], [1e-3, 1e7], [0.0, 2.0], []):
        scale = Scale.over(values, logarithmic=True)
        assert all(scale.low < value < scale.high for value in values if value > 0)
        assert scale.ticks()


# -------------------------------------------------------------------------------------------------- tables


def test_percentages_are_apart_by_points() -> None:
    assert measures.difference(0.0024148, measures.BY_NAME["test_error"]) == say(
        "compare.form.points", value=0.241
    )


def test_a_figure_short_of_the_papers_stays_in_the_table_and_is_marked(library: Library) -> None:
    table = pane(compare.show(library), "table")
    assert NAMES.findall(table) == [
        "rbm ais_test_log_probability",
        "gan parzen_log_likelihood",
        "pca reconstruction_squared_error",
        "autoencoder reconstruction_squared_error",
    ]
    missed = row(table, "gan parzen_log_likelihood")
    assert 'class="short"' in missed
    assert ["compare.verdict.short", {"gain": ["compare.form.number", {"value": 9.7}]}] in said(missed)
    assert ["compare.error.number", {"value": 215.3, "error": 2.2}] in said(missed)
    assert ["compare.form.number", {"value": 225.0}] in said(missed)
    assert "Somebody 2014" in missed
    assert 'class="better"' in row(table, "autoencoder reconstruction_squared_error")
    assert 'class="level"' in row(table, "pca reconstruction_squared_error")


def test_a_row_leads_to_the_paper(library: Library) -> None:
    assert 'href="https://example.org/paper"' in row(
        pane(compare.show(library), "table"), "gan parzen_log_likelihood"
    )


def test_a_link_leads_to_the_web_or_nowhere() -> None:
    assert signs.web("https://example.org/") == "https://example.org/"
    assert signs.web("javascript:alert(1)") is None


def test_every_figure_tells_its_protocol_and_seed(library: Library) -> None:
    for markup in (compare.show(library), compare.show_speed(library, {})):
        tellers = re.findall(r"<[^>]*data-tells[^>]*>", markup)
        assert tellers
        for teller in tellers:
            if "compare.tells.theirs" in teller:
                continue  # a paper's own figure has a source instead
            assert "seed 0" in html.unescape(teller), teller


def test_a_stale_figure_is_not_shown_and_its_absence_is_said(library: Library) -> None:
    # Catches a plot that draws what was measured on a file that no longer ships.
    codes = pane(compare.show(library), "codes")
    assert 'data-mark="rbm"' not in codes
    assert ["model.rbm.title"] in said(codes.partition('class="missing"')[2])


# --------------------------------------------------------------------------------------------------- plots


def test_a_mark_stands_where_its_figure_is(library: Library) -> None:
    codes = pane(compare.show(library), "codes")
    # Codes of 3 (autoencoder) and 4 (PCA); errors from 1.9 to 13.87, the paper's figures included.
    x = Scale.over([3, 4], logarithmic=True)
    y = Scale.over([1.9, 3.0, 13.866, 13.87], logarithmic=True)
    placed = {
        found.group(1): (float(found.group(2)), float(found.group(3)))
        for found in re.finditer(
            r'<g class="mark[^"]*"[^>]*data-mark="([\w-]+)"[^>]*><svg x="([\d.]+)%" y="([\d.]+)%"', codes
        )
    }
    assert set(placed) == {"autoencoder", "pca", "autoencoder-paper", "pca-paper"}
    for name, code, error in (("autoencoder", 3, 1.9), ("autoencoder-paper", 3, 3.0), ("pca", 4, 13.866)):
        assert placed[name] == pytest.approx((100 * x.place(code), 100 * (1 - y.place(error))), abs=0.01)


def test_the_way_of_a_training_is_drawn_of_the_snapshots_that_were_measured(
    library: Library, directory: Path
) -> None:
    gan = library.catalog.model("gan")
    way = compare._on_the_way(gan)
    assert [seen for seen, _ in way] == [s.images_seen for s in gan.snapshots if s.images_seen]
    assert 'class="course"' in pane(compare.show(library), "frechet", "mnist")
    assert compare._on_the_way(library.catalog.model("other")) == []


def test_generators_of_different_data_are_never_in_one_plot(library: Library) -> None:
    markup = compare.show(library)
    marks = {
        dataset: re.findall(r'data-mark="(\w+)"', pane(markup, "frechet", dataset))
        for dataset in ("mnist", "fashion-mnist")
    }
    assert marks == {"mnist": ["gan", "other"], "fashion-mnist": ["coat"]}


def test_real_data_stand_beside_the_networks(library: Library) -> None:
    markup = compare.show(library)
    assert "compare.measure.parzen_log_likelihood_of_real_images" in pane(markup, "parzen", "mnist")
    assert "compare.measure.frechet_ratio_to_real_of_k_means" in pane(markup, "frechet", "mnist")
    assert "_of_k_means" not in pane(markup, "frechet", "fashion-mnist")


def test_without_figures_every_plot_says_so_and_there_is_no_tab(tmp_path: Path) -> None:
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu")
    assert not any(map(compare.shows, library.catalog.models))
    markup = compare.show(library)
    for plot in compare.PLOTS:
        if plot != compare.SPEED:
            assert "compare.empty" in pane(markup, plot)
    assert "compare.empty" in pane(compare.show_speed(library, {}), compare.SPEED)
    assert "<circle" not in markup


def test_opening_the_panel_runs_no_network(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a network ran")

    monkeypatch.setattr(Runtime, "run", refuse)
    compare.show(library)
    compare.show_speed(library, {})


# --------------------------------------------------------------------------------------------------- speed


def test_the_speed_is_measured_one_generator_after_the_other(library: Library) -> None:
    answers = list(compare.timed(library, compare.State(dataset="mnist")))
    timed = [
        [m for m in said(pane(answer, "speed", "mnist")) if m[0] == "compare.speed.of"] for answer in answers
    ]
    assert [len(found) for found in timed] == [1, 2]
    assert all(message[1]["ms"] > 0 for message in timed[-1])
    assert answers[0].count("mark waiting") == 2  # the other one, and the one of other data
    assert "mark waiting" not in pane(answers[-1], "speed", "mnist")


def test_a_generator_that_cannot_run_is_one_sentence(tmp_path: Path) -> None:
    directory = write_figures(tmp_path / "models")
    (directory / "gan" / "generate.onnx").write_bytes(b"broken")
    broken = Library.open([directory], "cpu")
    answer = seen(compare.timed, broken, compare.State(dataset="mnist"))
    assert said(answer)[0][0] == "error.file.sha256"


def test_a_state_of_nobody_is_refused(library: Library) -> None:
    answer = seen(compare.timed, library, compare.State(), dataset=3)
    assert said(answer)[0][0] == "error.state.unreadable"
    assert told(compare.timed, library, compare.State(), dataset="photographs") == []


def test_a_median_is_taken_of_few_runs(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    run = Runtime.run

    def count(self: Runtime, *arguments: Any) -> Any:
        runs.append("run")
        return run(self, *arguments)

    monkeypatch.setattr(Runtime, "run", count)
    assert compare.milliseconds(library, library.catalog.model("gan")) > 0
    assert 2 <= len(runs) <= compare.TIMED_RUNS + 1
