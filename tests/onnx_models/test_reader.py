"""The reader: catalog, verified sessions, seeds."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from onnx_models import catalog, runtime, seed_vectors, seeds
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream
from tests import tiny
from tests.imports import loaded_after
from tests.serving import PATIENCE

VECTORS: list[dict[str, Any]] = json.loads((catalog.DIRECTORY / "seeds.json").read_text("utf-8"))["vectors"]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tiny.write_models(tmp_path / "models")


def blank(batch: int = 1) -> dict[str, np.ndarray]:
    return {"image": np.zeros((batch, 1, 28, 28), np.float32)}


# --- catalog ---------------------------------------------------------------------------------------------


def test_catalog_reads_every_model_in_the_order_of_years(models: Path) -> None:
    """Would catch a model lost, or a timeline out of order."""
    read = catalog.load(models)
    assert read.problems == ()
    assert [model.id for model in read.models if model.kind == "model"] == ["rbm", "autoencoder", "gan"]
    assert [model.id for model in read.having("reconstruct", kinds=("baseline",))] == ["pca", "rbm_untrained"]
    assert [model.id for model in read.having("reconstruct", "gibbs_step")] == ["rbm"]
    assert [snapshot.images_seen for snapshot in read.model("gan").snapshots] == [0, 600, 6000]
    label = read.model("rbm").graphs["gibbs_step"].input("hidden_noise")
    assert (label.dtype, label.shape) == ("float32", ("batch", 12))
    assert {file.role for file in read.datasets["mnist"].files} == {"examples", "neighbours"}


def test_a_model_unseen_so_far_appears_without_a_code_edit(models: Path) -> None:
    """Would catch a registry of ids anywhere in the reader."""
    tiny.write_model(models, "never_heard_of", tiny.gan(seed=9), year=2031, family="new")
    unseen = catalog.load(models).model("never_heard_of")
    assert unseen.has("generate")
    z = seeds.normals(1, 2, tiny.LATENT)
    assert runtime.Runtime("cpu").run(unseen.graphs["generate"], {"z": z})["image"].shape == (2, 1, 28, 28)


def test_a_later_directory_replaces_a_model_and_keeps_the_rest(models: Path, tmp_path: Path) -> None:
    """Would catch `--models` hiding what shipped, or being hidden by it."""
    tiny.write_model(tmp_path / "mine", "gan", tiny.gan(seed=8), year=2014)
    read = catalog.load(models, tmp_path / "mine")
    assert read.model("gan").folder.parent.name == "mine"
    assert read.model("rbm").folder.parent == models


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "model.json").write_text("{", "utf-8"), "Expecting"),
        (lambda folder: (folder / "model.json").write_bytes(b"\xff\xfe"), "utf-8"),
        (lambda folder: (folder / "model.json").write_text("[]", "utf-8"), "cannot be read"),
        (lambda folder: tiny.edit(folder, graphs=None), "graphs"),
        (lambda folder: tiny.edit(folder, id="another"), "another"),
        (lambda folder: tiny.edit(folder, year="long ago"), "long ago"),
        (lambda folder: tiny.edit(folder, title="then"), "title"),
        (lambda folder: tiny.edit(folder, title={"fr": "sans anglais"}), "title.en"),
        (lambda folder: tiny.edit(folder, kind="toy"), "toy"),
        (lambda folder: tiny.edit(folder, snapshots=[{"images_seen": 1, "role": "none"}]), "none"),
    ],
    ids=["cut", "binary", "list", "no_graphs", "id", "year", "text", "french_only", "kind", "snapshot_role"],
)
def test_an_unreadable_model_is_a_problem_and_the_others_load(models: Path, damage: Any, said: str) -> None:
    """Would catch one bad folder taking the whole page down."""
    damage(models / "gan")
    read = catalog.load(models)
    assert "rbm" in [model.id for model in read.models]
    assert "gan" not in [model.id for model in read.models]
    (problem,) = read.problems
    assert (problem.id, problem.error.code) == ("gan", "model.unreadable")
    assert said in str(problem.error)
    assert str(problem.error).startswith("gan: model.json")


@pytest.mark.parametrize("name", ["../rbm/reconstruct.onnx", "/etc/hostname", "x/../../rbm/model.json"])
@pytest.mark.parametrize("kind", ["graph", "file"])
def test_a_path_that_leaves_its_folder_is_refused(models: Path, name: str, kind: str) -> None:
    """Would catch a manifest that makes the page read, and serve, any file of the machine."""
    entry = json.loads((models / "gan" / "model.json").read_text("utf-8"))
    if kind == "graph":
        entry["graphs"]["generate"]["file"] = name
        tiny.edit(models / "gan", graphs=entry["graphs"])
    else:
        escaping = {"role": "curve", "file": name, "sha256": "0" * 64, "licence": "none", "made_by": "nobody"}
        tiny.edit(models / "gan", files=[escaping])
    (problem,) = catalog.load(models).problems
    assert "lies outside its folder" in str(problem.error)


def test_a_link_out_of_the_folder_is_refused(models: Path, tmp_path: Path) -> None:
    """Would catch a check of the name only, which a symbolic link walks around."""
    (tmp_path / "secret").write_text("secret")
    (models / "gan" / "generate.onnx").unlink()
    (models / "gan" / "generate.onnx").symlink_to(tmp_path / "secret")
    (problem,) = catalog.load(models).problems
    assert "lies outside its folder" in str(problem.error)


def test_a_figure_of_another_file_is_stale(models: Path) -> None:
    """Would catch yesterday's number shown beside today's weights, the judge's weights included."""
    read = catalog.load(models)
    mine = read.model("gan").graphs["generate"].sha256
    judge = read.model("classifier_cnn").graphs["classify"].sha256
    early = read.model("gan").snapshots[0].graph.sha256
    tiny.write_metrics(
        models / "gan",
        {"name": "fresh", "value": 1, "measured_on": [mine]},
        {"name": "judged", "value": 2.5, "error": 0.5, "measured_on": [mine, judge]},
        {"name": "early", "value": 3, "measured_on": [early, judge]},
        {"name": "stale", "value": 4, "measured_on": ["0" * 64]},
        {"name": "half_stale", "value": 5, "measured_on": [mine, "0" * 64]},
        {"name": "unfounded", "value": 6, "measured_on": []},
    )
    model = catalog.load(models).model("gan")
    assert [metric.name for metric in model.metrics] == ["fresh", "judged", "early"]
    judged = model.metric("judged")
    assert judged is not None
    assert (judged.value, judged.error, judged.measured_on) == (2.5, 0.5, (mine, judge))
    assert model.metric("stale") is None

    shutil.rmtree(models / "classifier_cnn")
    tiny.write_model(models, "classifier_cnn", tiny.classifier(seed=44), kind="judge")
    assert [metric.name for metric in catalog.load(models).model("gan").metrics] == ["fresh"]


def test_unreadable_metrics_cost_the_figures_and_not_the_model(models: Path) -> None:
    """Would catch a broken metrics.json taking its model down."""
    (models / "gan" / "metrics.json").write_text('{"metrics": [{"name": "x"}]}', "utf-8")
    read = catalog.load(models)
    assert read.model("gan").metrics == ()
    assert "metrics.json" in str(read.problems[0].error)


def test_unknown_model_and_directory_say_what_there_is(models: Path) -> None:
    """Would catch a bare KeyError, or a sentence that does not help."""
    with pytest.raises(LineageError, match=r"no model called 'rmb'.*rbm, ") as unknown:
        catalog.load(models).model("rmb")
    assert unknown.value.code == "model.unknown"
    with pytest.raises(LineageError, match="no directory") as missing:
        catalog.load(models / "nowhere")
    assert missing.value.code == "models.directory"


# --- runtime: files -------------------------------------------------------------------------------------


def test_a_file_is_verified_before_onnxruntime_sees_it(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Would catch loading first and hashing later: onnxruntime is not even called."""
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("loaded unverified"))
    graph = catalog.load(models).model("rbm").graphs["reconstruct"]
    whole = graph.path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    for content in (bytes(flipped), whole[:-1], b""):
        graph.path.write_bytes(content)
        with pytest.raises(LineageError, match=r"reconstruct.onnx of rbm .*sha256 expected") as fault:
            runtime.Runtime("cpu").run(graph, blank())
        assert fault.value.code == "file.sha256"
        assert fault.value.values["expected"] == graph.sha256[:12]
    graph.path.unlink()
    with pytest.raises(LineageError, match=r"reconstruct.onnx of rbm is missing") as fault:
        runtime.Runtime("cpu").run(graph, blank())
    assert fault.value.code == "file.missing"


def test_a_restored_file_works_without_a_restart(models: Path) -> None:
    """Would catch a failure that is remembered after its cause is gone."""
    graph = catalog.load(models).model("rbm").graphs["reconstruct"]
    shared = runtime.Runtime("cpu")
    whole = graph.path.read_bytes()
    graph.path.write_bytes(b"damaged")
    with pytest.raises(LineageError):
        shared.run(graph, blank())
    graph.path.write_bytes(whole)
    assert shared.run(graph, blank())["reconstruction"].shape == (1, 1, 28, 28)


def test_a_verified_file_that_is_no_graph_says_so(models: Path) -> None:
    """Would catch a pybind exception reaching a visitor."""
    folder = models / "rbm"
    entry = json.loads((folder / "model.json").read_text("utf-8"))
    entry["graphs"]["reconstruct"] |= tiny.write_graph(folder, "reconstruct.onnx", onnx.ModelProto())
    tiny.edit(folder, graphs=entry["graphs"])
    with pytest.raises(LineageError, match="not a graph that onnxruntime") as fault:
        runtime.Runtime("cpu").session(catalog.load(models).model("rbm").graphs["reconstruct"])
    assert fault.value.code == "file.unloadable"


def test_read_file_verifies_what_is_no_graph(models: Path) -> None:
    """Would catch data files trusted where graphs are not."""
    file = catalog.load(models).datasets["mnist"].file("examples")
    assert file is not None
    assert runtime.read_file(file) == file.path.read_bytes()
    file.path.write_bytes(b"other")
    with pytest.raises(LineageError, match=r"examples\.npz of mnist"):
        runtime.read_file(file)


def test_one_session_serves_32_callers_at_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Would catch a session made twice in a race, and answers mixed between callers."""
    made: list[int] = []
    make = onnxruntime.InferenceSession

    def counted(*arguments: Any, **options: Any) -> Any:
        made.append(threading.get_ident())
        return make(*arguments, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", counted)
    graph = catalog.load(models).model("autoencoder").graphs["reconstruct"]
    shared = runtime.Runtime("cpu", threads=1)
    images = seeds.uniforms(0, 32, tiny.PIXELS, Stream.CHOICE).reshape(32, 1, 1, 28, 28)
    start = threading.Barrier(32)

    def call(image: np.ndarray) -> np.ndarray:
        start.wait()
        return shared.run(graph, {"image": image})["reconstruction"]

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(call, images))
    assert len(made) == 1
    alone = runtime.Runtime("cpu", threads=1)
    for image, answer in zip(images, answers, strict=True):
        np.testing.assert_array_equal(answer, alone.run(graph, {"image": image})["reconstruction"])


def test_a_result_names_every_output_and_its_time(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Would catch outputs zipped to the wrong names, and a clock in the wrong unit."""
    graph = catalog.load(models).model("rbm").graphs["gibbs_step"]
    visible = seeds.uniforms(3, 2, tiny.PIXELS, Stream.BINARY).round()
    noise = {"hidden_noise": np.full((2, 12), 0.5, np.float32), "visible_noise": np.zeros_like(visible)}
    ticks = iter((7.0, 7.25))  # seconds
    monkeypatch.setattr(runtime.time, "perf_counter", lambda: next(ticks))
    result = runtime.Runtime("cpu").run(graph, {"visible": visible, **noise})
    for tensor in graph.outputs:
        assert result[tensor.name].shape[1:] == tensor.shape[1:]
    np.testing.assert_array_equal(result["visible_sample"], 1)  # noise 0 lies below every probability
    np.testing.assert_array_equal(result["hidden"], result["hidden_mean"] > 0.5)
    assert result.milliseconds == 250


# --- runtime: inputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "code", "said"),
    [
        ({}, "input.names", "takes visible, hidden_noise, visible_noise, got nothing"),
        ({"visible": 0, "hidden_noise": 0, "visible_nose": 0}, "input.names", "visible_nose"),
        ({"visible": np.zeros((1, 784))}, "input.dtype", "visible must be float32, got float64"),
        ({"visible": np.zeros((1, 784), np.uint8)}, "input.dtype", "got uint8"),
        ({"visible": np.zeros((1, 783), np.float32)}, "input.shape", r"['batch', 784], got [1, 783]"),
        ({"visible": np.zeros(784, np.float32)}, "input.shape", "visible"),
        ({"visible": np.zeros((0, 784), np.float32)}, "input.shape", "got [0, 784]"),
        ({"hidden_noise": np.zeros((2, 12), np.float32)}, "input.shape", "hidden_noise"),
        ({"visible": np.full((1, 784), np.nan, np.float32)}, "input.not_finite", "visible"),
        ({"visible": np.full((1, 784), np.inf, np.float32)}, "input.not_finite", "visible"),
    ],
)
def test_inputs_are_checked_against_the_signature(
    models: Path, inputs: dict[str, Any], code: str, said: str
) -> None:
    """Would catch NaN, a wrong shape or unequal batches reaching a graph, or a sentence without the name."""
    graph = catalog.load(models).model("rbm").graphs["gibbs_step"]
    good = {t.name: np.zeros((1, *map(int, t.shape[1:])), np.float32) for t in graph.inputs}
    runtime.check_inputs(graph, good)
    offered = inputs if code == "input.names" else good | inputs
    with pytest.raises(LineageError, match=re.escape(said)) as fault:
        runtime.Runtime("cpu").run(graph, offered)
    assert fault.value.code == code


def test_labels_are_int64(models: Path) -> None:
    """Would catch a label passed as float, which onnxruntime refuses in its own words."""
    tiny.write_model(models, "cgan", tiny.gan(conditional=True))
    graph = catalog.load(models).model("cgan").graphs["generate"]
    z = seeds.normals(0, 2, tiny.LATENT)
    with pytest.raises(LineageError, match="label must be int64, got int32"):
        runtime.check_inputs(graph, {"z": z, "label": np.zeros(2, np.int32)})
    free, three = (
        runtime.Runtime("cpu").run(graph, {"z": z, "label": np.full(2, label, np.int64)})["image"]
        for label in (-1, 3)
    )
    assert np.abs(free - three).max() > 0.1


# --- runtime: CUDA, with a fake provider ----------------------------------------------------------------


class FakeSession:
    """Stands where InferenceSession does; runs on what `works` says, whatever was asked for."""

    works = runtime.CPU
    asked: list[list[str]]

    def __init__(self, content: bytes, options: object, providers: list[str]) -> None:
        type(self).asked.append(providers)

    def get_providers(self) -> list[str]:
        return [self.works, runtime.CPU] if self.works != runtime.CPU else [runtime.CPU]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend to be a machine: machine(driver=, wheel=, works=) -> what was asked of it."""

    def pretend(*, driver: bool, wheel: bool, works: bool) -> dict[str, Any]:
        seen: dict[str, Any] = {"preloaded": 0, "sessions": [], "sessions_before_preload": 0}
        providers = [runtime.CUDA, runtime.CPU] if wheel else [runtime.CPU]
        session = type("Session", (FakeSession,), {"asked": seen["sessions"]})
        session.works = runtime.CUDA if works else runtime.CPU

        def preload() -> None:
            seen["preloaded"] += 1
            seen["sessions_before_preload"] = len(seen["sessions"])

        monkeypatch.setattr(runtime, "cuda_driver_present", lambda: driver)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
        monkeypatch.setattr(onnxruntime, "preload_dlls", preload, raising=False)
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        return seen

    return pretend


@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_cuda_is_asked_for_first_where_it_can_run(models: Path, machine: Any, choice: Any) -> None:
    """Would catch the GPU left idle: libraries not preloaded, or the CPU asked for first."""
    seen = machine(driver=True, wheel=True, works=True)
    shared = runtime.Runtime(choice)
    shared.session(catalog.load(models).model("gan").graphs["generate"])
    assert seen == {"preloaded": 1, "sessions": [[runtime.CUDA, runtime.CPU]], "sessions_before_preload": 0}
    assert shared.provider == runtime.CUDA


@pytest.mark.parametrize("missing", ["driver", "wheel"])
def test_without_driver_or_wheel_auto_asks_for_the_cpu_only(models: Path, machine: Any, missing: str) -> None:
    """Would catch red lines on stderr on every machine without a GPU, and `provider` claiming one."""
    seen = machine(**{"driver": True, "wheel": True, "works": False, missing: False})
    shared = runtime.Runtime("auto")
    assert shared.provider == runtime.CPU
    shared.session(catalog.load(models).model("gan").graphs["generate"])
    assert (seen["preloaded"], seen["sessions"]) == (0, [[runtime.CPU]])
    with pytest.raises(LineageError, match="CUDA was asked for but cannot run here") as fault:
        runtime.Runtime("cuda")
    assert fault.value.code == "runtime.no_cuda"


def test_a_silent_fallback_is_reported_as_the_cpu(models: Path, machine: Any) -> None:
    """Would catch the page saying GPU while onnxruntime fell back without a word."""
    seen = machine(driver=True, wheel=True, works=False)
    graph = catalog.load(models).model("gan").graphs["generate"]
    shared = runtime.Runtime("auto")
    shared.session(graph)
    assert seen["sessions"] == [[runtime.CUDA, runtime.CPU]]
    assert shared.provider == runtime.CPU
    with pytest.raises(LineageError, match="its libraries could not be loaded") as fault:
        runtime.Runtime("cuda").session(graph)
    assert fault.value.code == "runtime.no_cuda"


def test_cpu_never_touches_cuda(models: Path, machine: Any) -> None:
    """Would catch `--providers cpu` loading NVIDIA's libraries all the same."""
    seen = machine(driver=True, wheel=True, works=True)
    runtime.Runtime("cpu").session(catalog.load(models).model("gan").graphs["generate"])
    assert (seen["preloaded"], seen["sessions"]) == (0, [[runtime.CPU]])


def test_the_real_session_reports_what_runs(models: Path) -> None:
    """Would catch `provider` and onnxruntime disagreeing on the machine at hand."""
    shared = runtime.Runtime("auto")
    session = shared.session(catalog.load(models).model("gan").graphs["generate"])
    assert shared.provider == session.get_providers()[0]
    if not runtime.cuda_driver_present():
        assert shared.provider == runtime.CPU


@pytest.mark.parametrize(
    ("installed", "conflict"),
    [({"onnxruntime"}, False), ({"onnxruntime-gpu"}, False), ({"onnxruntime", "onnxruntime-gpu"}, True)],
)
def test_two_wheels_are_a_conflict(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], conflict: bool
) -> None:
    """Would catch both wheels installed, where the last one wins silently."""

    def distribution(name: str) -> object:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return object()

    monkeypatch.setattr(metadata, "distribution", distribution)
    found = runtime.wheel_conflict()
    assert (found is not None) == conflict
    if found is not None:
        assert found.code == "runtime.two_wheels"
        assert "uninstall both" in str(found)


def test_the_reader_needs_numpy_and_onnxruntime_alone() -> None:
    """Would catch an import that makes every user of a file install torch, onnx or a web server."""
    rooms = ("catalog", "runtime", "seeds", "seed_vectors", "recipe_vectors")
    found = loaded_after(f"import {', '.join(f'onnx_models.{room}' for room in rooms)}")
    assert not found & {"torch", "onnx", "gradio", "jsonschema", "PIL", "sklearn"}


# --- seeds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_random123s_known_answers(
    counter: list[int], key: tuple[int, int], expected: list[int]
) -> None:
    """Would catch any slip in a round, a constant or the key schedule (Random123's kat_vectors)."""
    found = seeds.philox_4x32(np.array([counter, [1, 2, 3, 4]], np.uint32), key)
    assert found[0].tolist() == expected


def scalar_words(seed: int, stream: int, sample: int, size: int, step: int, layer: int) -> list[int]:
    """SEEDS.md, sections 1, one word at a time in Python's integers: shares nothing with numpy's version."""
    out: list[int] = []
    for block in range(math.ceil(size / 4)):
        c, k = [block, sample, step, layer], [seed, stream]
        for _ in range(10):
            high_0, low_0 = divmod(0xD2511F53 * c[0], 2**32)
            high_1, low_1 = divmod(0xCD9E8D57 * c[2], 2**32)
            c = [high_1 ^ c[1] ^ k[0], low_1, high_0 ^ c[3] ^ k[1], low_0]
            k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
        out += c
    return out[:size]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{Stream(v['stream']).name}-{v['seed']}")
def test_the_vectors_follow_the_specification(vector: dict[str, Any]) -> None:
    """Would catch vectors or code that left SEEDS.md: each is compared with a scalar reading of it."""
    seed, stream, size = vector["seed"], vector["stream"], vector["size"]
    for row in range(vector["count"]):
        at = (vector["first"] + row, size + size % 2, vector["step"], vector["layer"])
        words = scalar_words(seed, stream, *at)
        assert vector["words"][row] == words[:size]
        assert vector["uniforms"][row] == [(word >> 8) / 2**24 for word in words[:size]]
        unit = [(word + 0.5) / 2**32 for word in words]
        for n, normal in enumerate(vector["normals"][row]):
            u, v = unit[n - n % 2], unit[n - n % 2 + 1]
            exact = math.sqrt(-2 * math.log(u)) * (math.sin if n % 2 else math.cos)(2 * math.pi * v)
            # float32 rounding of a value below 8 is at most 2.4e-7
            assert abs(normal - exact) < 1e-6


def test_the_vectors_are_what_the_code_gives_now() -> None:
    """Would catch a change of the seeds that nobody meant: every shipped picture would change with it."""
    assert len(VECTORS) == len(seed_vectors.CASES)
    for now, kept in zip(seed_vectors.vectors(), VECTORS, strict=True):
        normals = np.array(now.pop("normals")), np.array(kept["normals"])
        assert now == {key: value for key, value in kept.items() if key != "normals"}
        np.testing.assert_allclose(*normals, rtol=0, atol=1e-6)  # the contract's tolerance across runtimes


def test_every_stream_has_a_vector_and_a_row_in_the_specification() -> None:
    """Would catch a stream added in code only."""
    assert {vector["stream"] for vector in VECTORS} == set(Stream)
    text = (catalog.DIRECTORY / "SEEDS.md").read_text("utf-8")
    for stream in Stream:
        assert f"| {stream.name} | {stream.value} |" in text


@pytest.mark.parametrize("draw", [seeds.words, seeds.uniforms, seeds.normals])
def test_a_sample_does_not_depend_on_its_neighbours(draw: Any) -> None:
    """Would catch a grid whose digits change when one more is asked for."""
    many = draw(7, 6, 9, Stream.Z)
    np.testing.assert_array_equal(draw(7, 2, 9, Stream.Z, first=3), many[3:5])
    np.testing.assert_array_equal(draw(7, 6, 4, Stream.Z), many[:, :4])
    assert draw(7, 0, 9, Stream.Z).shape == (0, 9)


def test_every_field_of_key_and_counter_changes_the_numbers() -> None:
    """Would catch two purposes sharing numbers: a Gibbs step repeated, a layer's noise copied."""
    base = {"seed": 1, "count": 1, "size": 8, "stream": Stream.Z, "first": 0, "step": 0, "layer": 0}
    changed = [{"seed": 2}, {"stream": Stream.NOISE}, {"first": 1}, {"step": 1}, {"layer": 1}]
    rows = [tuple(seeds.words(**(base | change))[0]) for change in [{}, *changed]]
    assert len(set(rows)) == len(rows)


def test_the_numbers_are_distributed_as_promised() -> None:
    """Would catch a uniform of 1.0, normals of the wrong variance, cosines and sines that are correlated."""
    n = 200_000
    uniforms = seeds.uniforms(11, n // 100, 100, Stream.HIDDEN).ravel()
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    # Tolerances: five standard errors, of the mean sqrt(1/12 / n) and sqrt(1/n), of the variance sqrt(2/n).
    assert abs(uniforms.mean() - 0.5) < 5 * math.sqrt(1 / 12 / n)
    normals = seeds.normals(11, n // 100, 100).ravel().astype(np.float64)
    assert abs(normals.mean()) < 5 * math.sqrt(1 / n)
    assert abs(normals.var() - 1) < 5 * math.sqrt(2 / n)
    pairs = normals.reshape(-1, 2)
    assert abs((pairs[:, 0] * pairs[:, 1]).mean()) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, math.nan, math.inf, True, "7", None])
def test_a_seed_out_of_range_is_named(seed: object) -> None:
    """Would catch seeds wrapped silently into other seeds."""
    with pytest.raises(LineageError, match="seed must be a whole number from 0 to 4294967295, got") as fault:
        seeds.check_seed(seed)
    assert fault.value.code == "seed.range"


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 3.0, np.int64(5), np.uint32(6)])
def test_whole_numbers_of_any_type_are_seeds(seed: Any) -> None:
    """Would catch JSON's 3.0, or numpy's integers, refused."""
    assert seeds.check_seed(seed) == int(seed)


def code_of(language: str) -> str:
    """The listing of that language in SEEDS.md."""
    text = (catalog.DIRECTORY / "SEEDS.md").read_text("utf-8")
    return text.split(f"```{language}\n")[1].split("```")[0]


JS_CHECK = """
const fs = require("fs");
let worst = 0;
for (const v of JSON.parse(fs.readFileSync(process.argv[2])).vectors)
  for (let row = 0; row < v.count; row++) {
    const at = [v.seed, v.stream, v.first + row, v.size, v.step, v.layer];
    if (String(words(...at)) !== String(v.words[row])) throw new Error("words");
    if (String([...uniforms(...at)]) !== String(v.uniforms[row])) throw new Error("uniforms");
    normals(...at).forEach((x, n) => { worst = Math.max(worst, Math.abs(x - v.normals[row][n])); });
  }
if (!(worst < 1e-6)) throw new Error("normals " + worst);
console.log("ok");
"""


@pytest.mark.runtimes
@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js: apt-get install nodejs")
def test_the_javascript_of_the_specification_meets_the_vectors(tmp_path: Path) -> None:
    """Would catch a listing in SEEDS.md that does not work."""
    program = tmp_path / "check.js"
    program.write_text(code_of("js") + JS_CHECK, "utf-8")
    done = subprocess.run(
        ["node", str(program), str(catalog.DIRECTORY / "seeds.json")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("ok", "")


CPP_CHECK = """
#include <cstdio>
int main() {
  unsigned long seed, stream, sample, step, layer, n, expected;
  double u, x;
  while (std::scanf("%lu %lu %lu %lu %lu %lu %lu %lf %lf", &seed, &stream, &sample, &step, &layer, &n,
                    &expected, &u, &x) == 9) {
    const uint32_t w = word(seed, stream, sample, n, step, layer);
    if (w != expected || uniform(w) != float(u)) return 1;
    const uint32_t even = word(seed, stream, sample, n - n % 2, step, layer);
    const uint32_t odd = word(seed, stream, sample, n - n % 2 + 1, step, layer);
    if (!(std::fabs(normal(even, odd, n % 2) - x) < 1e-6)) return 2;
  }
  std::puts("ok");
}
"""


@pytest.mark.runtimes
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler: apt-get install g++")
def test_the_cpp_of_the_specification_meets_the_vectors(tmp_path: Path) -> None:
    """Would catch a listing in SEEDS.md that does not work."""
    (tmp_path / "check.cpp").write_text(code_of("cpp") + CPP_CHECK, "utf-8")
    build = ["g++", "-std=c++17", "-Wall", "-o", str(tmp_path / "check"), str(tmp_path / "check.cpp")]
    subprocess.run(build, check=True, timeout=PATIENCE)
    lines = [
        f"{v['seed']} {v['stream']} {v['first'] + row} {v['step']} {v['layer']} {n} {v['words'][row][n]} "
        f"{v['uniforms'][row][n]!r} {v['normals'][row][n]!r}"
        for v in VECTORS
        for row in range(v["count"])
        for n in range(v["size"])
    ]
    done = subprocess.run(
        [str(tmp_path / "check")],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "ok")
