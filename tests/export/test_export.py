"""The export room: tiny networks of every family, exported for real, then damaged in every way."""

import contextlib
import dataclasses
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from demo.engine import inference
from demo.engine.library import Library
from export import __main__ as command
from export import cards, check, folder, inputs, manifest, parity, shards
from export.entry import Entry
from export.graphs import Graph
from export.table import ENTRIES
from export.to_onnx import to_onnx, with_weights
from export.tolerance import TOLERANCE
from onnx_models import catalog
from onnx_models.runtime import Runtime
from tests import tiny
from training import (
    acgan,
    autoencoder,
    avatars,
    cdcgan,
    cgan,
    checkpoint,
    classifier,
    dbn,
    dcgan,
    gan,
    pca,
    rbm,
    ssgan,
    stylegan2,
    vae,
    wgan_gp,
)

pytestmark = pytest.mark.usefixtures("one_registry")

ROOT = Path(__file__).resolve().parents[2]

CONVOLUTIONS = dcgan.DCGANConfig(generator_widths=(4, 3), discriminator_widths=(3, 4))
# One model for each kind of graph and each form of its configuration: to trace a graph takes seconds.
TINY = {
    "rbm": (rbm, rbm.RBMConfig(hidden=3)),
    "dbn": (dbn, dbn.DBNConfig(code=6, memory=5)),
    "pca": (pca, pca.PCAConfig(code=3)),
    "autoencoder": (autoencoder, autoencoder.AutoencoderConfig(widths=(96,), code=4)),
    "gan": (gan, gan.GANConfig(generator_widths=(8, 96), discriminator_widths=(6,))),
    "cgan": (cgan, gan.GANConfig(generator_widths=(8,), discriminator_widths=(6,))),
    "dcgan": (dcgan, CONVOLUTIONS),
    "cdcgan": (cdcgan, CONVOLUTIONS),
    "acgan": (acgan, CONVOLUTIONS),
    "ssgan": (ssgan, ssgan.SSGANConfig(generator_widths=(8,), discriminator_widths=(12, 6))),
    "wgan_gp_cifar10": (
        wgan_gp,
        wgan_gp.WGANColourConfig(generator_widths=(4, 3, 3), critic_widths=(3, 3)),
    ),
    "classifier_cnn": (classifier, classifier.ClassifierConfig(channels=2, features=5)),
    "stylegan2_digits": (
        stylegan2,
        stylegan2.StyleConfig(widths=(6, 5, 4, 3), w=8, group=2, mapping_layers=1),
    ),
    "stylegan2_avatars": (
        stylegan2,
        stylegan2.ColourConfig(widths=(6, 5, 4, 3, 3), w=8, group=2, mapping_layers=1, places=True, banks=2),
    ),
    "classifier_avatars": (classifier, classifier.AttributesConfig(channels=2)),
    "vae": (vae, vae.VaeConfig(widths=(12,), latents=3)),
    "classifier_cifar10": (classifier, classifier.ResidualConfig(channels=2)),
}


def weights(model: str, seed: int = 0) -> dict[str, dict[str, torch.Tensor]]:
    """Random values, every one of them different, in the shape of a tiny model's state dicts."""
    family, config = TINY[model]
    generator = torch.Generator().manual_seed(seed)
    drawn = {}
    for name, network in family.build(config).items():
        state = network.state_dict()
        for key, value in state.items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                state[key] = 0.2 * noise + 0.5 if key.endswith("var") else 0.2 * noise - 0.1
        drawn[name] = state
    return drawn


def write_run(directory: Path, model: str) -> None:
    """A finished run of a tiny model, with two snapshots, the second one being the final weights."""
    _, config = TINY[model]
    facts = {
        "config": dataclasses.asdict(config),
        "seconds": 1.25,
        "device": "cpu",
        "command": f"python -m training {model}",
        "seed": 0,
    }
    for seen, seed in ((0, 1), (1000, 0)):
        document = {**facts, "weights": weights(model, seed), "images_seen": seen}
        checkpoint.save(document, directory / model / "snapshots" / f"{seen:010d}.pt")
    checkpoint.save(
        {**facts, "weights": weights(model), "images_seen": 1000}, directory / model / checkpoint.FINAL
    )
    lines = [
        {"images_seen": n, "seconds": 0.1, "stage": "s", "loss": 1 / 3, "images_per_second": 9.0}
        for n in (5, 10)
    ]
    (directory / model / checkpoint.LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs")
    for model in TINY:
        write_run(directory, model)
    return directory


@pytest.fixture(scope="module")
def shipped(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model and the data set, written by the command a person types."""
    out = tmp_path_factory.mktemp("shipped")
    data = write_digits(tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LINEAGE_DATA", str(data))
        assert command.main(["--runs", str(runs), "--out", str(out)]) == 0
        assert command.main(["datasets", "mnist", "--out", str(out)]) == 0
    return out


@pytest.fixture
def copy(shipped: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(shipped, tmp_path / "onnx_models"))


def graphs(model: str, seed: int = 0) -> dict[str, Graph]:
    """The graphs of a tiny model by role."""
    entry, (_, config) = ENTRIES[model], TINY[model]
    built = folder.networks(entry, dataclasses.asdict(config), weights(model, seed))
    return {graph.role: graph for graph in entry.graphs(built)}


def write_digits(root: Path) -> Path:
    """A data root with pictures in MNIST's files, enough of each class for the examples."""
    for prefix, count, seed in (("train", 60, 0), ("t10k", 400, 1)):
        images, labels = tiny.pictures(count, seed=seed)
        tiny.write_idx(root / "mnist" / f"{prefix}-images-idx3-ubyte.gz", images)
        tiny.write_idx(root / "mnist" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return root


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def relist(path: Path, role: str, content: bytes) -> None:
    """Put `content` in place of a graph and list its size and hash, as one does who means it."""
    document = read(path / "model.json")
    entry = document["graphs"][role]
    entry |= {"bytes": len(content), "sha256": manifest.sha256(content)}
    (path / entry["file"]).write_bytes(content)
    (path / "model.json").write_text(manifest.dumps(document), "utf-8")


# --- what ships ---------------------------------------------------------------------------------------------


def test_the_reader_and_the_check_accept_what_export_writes(shipped: Path) -> None:
    """Catches a writer and a reader that disagree on a key, a path or a signature."""
    lines: list[str] = []
    assert check.check(shipped, lines.append) == []
    models = catalog.load(shipped)
    assert not models.problems
    assert {model.id for model in models.models} == set(TINY)
    graph_count = sum(len(model.graphs) for model in models.models)
    # Each graph, and of each history the one snapshot that is a file of its own.
    assert len(lines) == graph_count + sum(bool(ENTRIES[model].snapshot_role) for model in TINY)
    runtime = Runtime("cpu")
    for model in models.models:
        for graph in model.graphs.values():
            runtime.run(graph, inputs.draw(graph.inputs, batch=5, seed=1))
    assert [s.images_seen for s in models.model("gan").snapshots] == [0, 1000]
    assert models.datasets["mnist"].file("neighbours") is not None


@pytest.mark.parametrize(
    ("model", "role", "given", "returned"),
    [
        ("rbm", "reconstruct", ["image"], ["reconstruction", "code"]),
        ("rbm", "gibbs_step", ["visible", "hidden_noise", "visible_noise"],
         ["visible_mean", "visible_sample", "hidden_mean", "hidden", "free_energy"]),
        ("rbm", "parameters", [], ["weight_0", "visible_bias_0", "hidden_bias_0"]),
        ("autoencoder", "encode", ["image"], ["code"]),
        ("autoencoder", "decode", ["code"], ["image", "logits"]),
        ("gan", "generate", ["z"], ["image"]),
        ("gan", "discriminate", ["image"], ["score"]),
        ("cgan", "generate", ["z", "label"], ["image"]),
        ("cgan", "discriminate", ["image", "label"], ["score"]),
        ("cdcgan", "generate", ["z", "label"], ["image"]),
        ("cdcgan", "discriminate", ["image", "label"], ["score"]),
        ("dcgan", "generate", ["z"], ["image"]),
        ("acgan", "generate", ["z", "label"], ["image"]),
        ("acgan", "discriminate", ["image"], ["score", "class_logits"]),
        ("ssgan", "generate", ["z"], ["image"]),
        ("ssgan", "discriminate", ["image"], ["score", "class_logits"]),
        ("ssgan", "classify", ["image"], ["class_logits", "features"]),
        ("wgan_gp_cifar10", "criticise", ["image"], ["score"]),
        ("stylegan2_digits", "mapping", ["z", "label", "psi"], ["ws"]),
        ("stylegan2_digits", "synthesis", ["ws", *(f"noise_{k}" for k in range(7))],
         ["image", "rgb_4", "rgb_8", "rgb_16", "rgb_32"]),
        ("stylegan2_digits", "generate", ["z", "label"], ["image"]),
        ("stylegan2_digits", "criticise", ["image", "label"], ["score"]),
        ("stylegan2_avatars", "mapping", ["z", "psi"], ["ws"]),
        ("stylegan2_avatars", "synthesis", ["ws", *(f"noise_{k}" for k in range(9))],
         ["image", "rgb_4", "rgb_8", "rgb_16", "rgb_32", "rgb_64"]),
        ("stylegan2_avatars", "generate", ["z"], ["image"]),
        ("stylegan2_avatars", "criticise", ["image"], ["score"]),
        ("dcgan", "discriminate", ["image"], ["score"]),
        ("classifier_avatars", "classify", ["image"], ["class_logits", "features"]),
        ("classifier_cnn", "classify", ["image"], ["class_logits", "features"]),
        ("pca", "reconstruct", ["image"], ["reconstruction", "code"]),
    ],
)  # fmt: skip
def test_signatures_are_the_contract(
    shipped: Path, model: str, role: str, given: list[str], returned: list[str]
) -> None:
    """Catches a renamed, missing or reordered input or output: other people's programs rely on them."""
    session = onnxruntime.InferenceSession(
        shipped / model / f"{role}.onnx", providers=["CPUExecutionProvider"]
    )
    assert [tensor.name for tensor in session.get_inputs()] == given
    assert [tensor.name for tensor in session.get_outputs()] == returned


def test_files_are_of_the_lowest_version_that_their_opset_needs(shipped: Path) -> None:
    """Catches files that onnxruntime 1.15 to 1.17 refuse and could run: opset 18 in IR version 10."""
    for path in sorted(shipped.rglob("*.onnx")):
        assert onnx.load(path).ir_version == 8, path
    for path in sorted(catalog.DIRECTORY.rglob("*.onnx")):
        assert path.read_bytes()[:2] == b"\x08\x08", path  # field 1, a whole number: ir_version = 8
    for model in catalog.load().models:
        card = (model.folder / "README.md").read_text("utf-8")
        assert card.count("opset 18 (onnxruntime 1.15 or later)") == len(model.graphs), model.id


def test_gibbs_step_against_enumeration(shipped: Path) -> None:
    """Three hidden units can be summed out by hand: catches a wrong sign, bias or energy in the graph."""
    state = weights("rbm")["rbm"]
    weight, b, c = (state[name].double().numpy() for name in ("weight", "visible_bias", "hidden_bias"))
    step = catalog.load(shipped).model("rbm").graphs["gibbs_step"]
    given = inputs.draw(step.inputs, batch=4, seed=3)
    given["visible"] = (given["visible"] > 0.5).astype(np.float32)
    found = Runtime("cpu").run(step, given)
    v = given["visible"].astype(float)
    states = np.array(list(itertools.product((0, 1), repeat=3)), float)  # [8, hidden]
    negative_energy = v @ b[:, None] + states @ c + v @ weight.T @ states.T  # [4, 8]
    total = np.exp(negative_energy).sum(1)
    # A sum of n terms in float32, in whatever order, wanders by about sqrt(n) roundings of their size.
    rounding = np.finfo(np.float32).eps * v.shape[1] ** 0.5
    size = (v @ np.abs(b)[:, None] + np.abs(c).sum() + (v @ np.abs(weight.T)).sum(1, keepdims=True)).max()
    assert rounding * size < 1e-3  # far below what a wrong sign would do
    np.testing.assert_allclose(found["free_energy"], -np.log(total), atol=rounding * size)
    posterior = np.exp(negative_energy) / total[:, None]
    np.testing.assert_allclose(found["hidden_mean"], posterior @ states, atol=rounding * size / 4)
    np.testing.assert_array_equal(found["hidden"], given["hidden_noise"] < found["hidden_mean"])
    drive = found["hidden"] @ weight + b
    np.testing.assert_allclose(found["visible_mean"], 1 / (1 + np.exp(-drive)), atol=1e-6)
    np.testing.assert_array_equal(found["visible_sample"], given["visible_noise"] < found["visible_mean"])


# --- parity -------------------------------------------------------------------------------------------------


def test_parity_fails_for_one_wrong_weight(shipped: Path) -> None:
    """Catches a comparison that cannot fail: one bias of 784 is moved, by 0.02."""
    content = (shipped / "autoencoder" / "decode.onnx").read_bytes()
    graph = graphs("autoencoder")["decode"]
    parity.prove("autoencoder", graph, content)
    other = graphs("autoencoder")["decode"]
    with torch.no_grad():
        other.module.network.decoder[-1].bias[100] += 0.02
    # The sigmoid's slope is a quarter, so the pixel moves by up to 0.005: fifty times the tolerance.
    with pytest.raises(parity.ParityError, match=r"autoencoder: decode gives image .*tolerance is 1e-04"):
        parity.prove("autoencoder", other, content)


def test_difference_is_relative_only_beyond_one() -> None:
    """Catches a tolerance that grows for probabilities, and NaN that slips through a comparison."""
    one, half = np.ones(3, np.float32), np.full(3, 0.5, np.float32)
    assert parity.difference(half, one) == 0.5
    assert parity.difference(300 * half, 300 * one) == 0.5
    assert parity.difference(np.array([np.nan]), np.array([0.0])) == float("inf")
    assert parity.difference(one, np.ones((3, 1))) == float("inf")


def test_reference_noise_decides_no_unit_by_rounding() -> None:
    """Catches noise so close to a probability that another runtime may sample the other state."""
    given, expected = parity.reference(graphs("rbm")["gibbs_step"], batch=64, seed=0)
    for end in ("hidden", "visible"):
        noise = given[f"{end}_noise"]
        assert np.abs(noise - expected[f"{end}_mean"]).min() >= parity.MARGIN
        assert noise.min() >= 0
        assert noise.max() < 1


# --- the form of the files ----------------------------------------------------------------------------------


def test_the_same_module_gives_the_same_bytes(shipped: Path) -> None:
    """Catches names or orders that depend on memory addresses, sets or the clock."""
    assert to_onnx(graphs("rbm")["gibbs_step"]) == (shipped / "rbm" / "gibbs_step.onnx").read_bytes()


@pytest.mark.slow
def test_the_same_module_gives_the_same_bytes_in_another_process() -> None:
    """The same with another hash seed: catches an order that a set of names has.

    Without `shipped`, which takes a minute and is not to be made once more for this test alone.
    """
    program = (
        "from tests.export.test_export import graphs, manifest, to_onnx\n"
        "print(manifest.sha256(to_onnx(graphs('classifier_cnn')['classify'])))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert result.stdout.strip() == manifest.sha256(to_onnx(graphs("classifier_cnn")["classify"]))


def test_a_continued_run_keeps_its_past(copy: Path, tmp_path: Path) -> None:
    """Catches a time machine that begins in the middle, and a past that is another model's or doubled."""
    _, config = TINY["gan"]
    first = read(copy / "gan" / "model.json")
    facts = {
        "config": dataclasses.asdict(config),
        "seconds": 2.5,
        "device": "cpu",
        "command": f"{first['training']['command']} && python -m training gan --init-from onnx_models",
        "seed": 0,
    }
    run = tmp_path / "runs" / "gan"
    for seen, seed in ((1000, 0), (1800, 2), (2600, 3)):
        document = {**facts, "weights": weights("gan", seed), "images_seen": seen}
        checkpoint.save(document, run / "snapshots" / f"{seen:010d}.pt")
    checkpoint.save({**facts, "weights": weights("gan", 3), "images_seen": 2600}, run / checkpoint.FINAL)
    lines = [
        {"images_seen": n, "seconds": 0.1, "stage": "s", "other": 0.5, "images_per_second": 9.0}
        for n in (1800, 2600)
    ]
    (run / checkpoint.LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))

    other = tmp_path / "other"
    shutil.copytree(copy, other)
    untrained = (copy / "gan" / "snapshots" / "0000000000.onnx").read_bytes()
    for _ in range(2):  # the second export finds the first one's files
        assert command.main(["gan", "--runs", str(run.parent), "--out", str(copy)]) == 0
        model = read(copy / "gan" / "model.json")
        assert [one["images_seen"] for one in model["snapshots"]] == [0, 1000, 1800, 2600]
        assert model["snapshots"][-1]["file"] == model["graphs"]["generate"]["file"]
        assert (copy / "gan" / "snapshots" / "0000000000.onnx").read_bytes() == untrained
        curve = read(copy / "gan" / folder.CURVE)
        assert curve["images_seen"] == [5, 10, 1800, 2600]
        assert curve["losses"] == {"other": [None, None, 0.5, 0.5], "loss": [0.3333, 0.3333, None, None]}
        assert check.check(copy, lambda line: None) == []

    # A run that began later than what ships ended: the shipped graph gives way to the new one.
    (run / "snapshots" / "0000001000.pt").unlink()
    assert command.main(["gan", "--runs", str(run.parent), "--out", str(other)]) == 0
    assert [one["images_seen"] for one in read(other / "gan" / "model.json")["snapshots"]] == [0, 1800, 2600]
    assert check.check(other, lambda line: None) == []

    # A run from fresh weights has no past, whatever lies in the folder.
    write_run(run.parent, "gan")
    for path in (run / "snapshots").glob("*[68]00.pt"):
        path.unlink()
    assert command.main(["gan", "--runs", str(run.parent), "--out", str(copy)]) == 0
    model = read(copy / "gan" / "model.json")
    assert [one["images_seen"] for one in model["snapshots"]] == [0, 1000]
    assert read(copy / "gan" / folder.CURVE)["images_seen"] == [5, 10]


@pytest.mark.parametrize("model", TINY)
def test_training_continues_from_the_files(shipped: Path, model: str) -> None:
    """Catches parameters renamed, transposed or merged on the way: --init-from finds them by name."""
    family, config = TINY[model]
    built = family.build(config)
    checkpoint.load_initialisers(built, shipped / model, family.GRAPHS)
    for name, state in weights(model).items():
        for key, value in state.items():
            if value.is_floating_point():
                # Half-precision storage: values below 1 are off by at most 2^-12 (half a unit of 11 bits).
                torch.testing.assert_close(built[name].state_dict()[key], value, rtol=0, atol=2**-12)


def test_what_a_network_got_since_stays_as_it_began(shipped: Path) -> None:
    """Catches files of an older form refused, or a parameter that is missing by mistake taken for new."""
    family, config = TINY["stylegan2_digits"]
    newer = dataclasses.replace(config, places=True, banks=2)
    networks = family.build(newer)
    checkpoint.load_initialisers(networks, shipped / "stylegan2_digits", family.GRAPHS, family.ADDED)
    state = networks["synthesis"].state_dict()
    assert not any(state[f"up.{k}.{name}"].any() for k in range(3) for name in ("places", "banks"))
    torch.testing.assert_close(state["constant"], weights("stylegan2_digits")["synthesis"]["constant"])
    with pytest.raises(checkpoint.RunError, match=r"no values for up\.0\.banks"):
        checkpoint.load_initialisers(networks, shipped / "stylegan2_digits", family.GRAPHS)


def test_equal_and_zero_parameters_keep_their_own_initialisers() -> None:
    """Catches an optimiser that merges equal biases or drops zero ones, as a fresh network has them."""
    graph = graphs("autoencoder")["encode"]
    with torch.no_grad():
        for name, parameter in graph.module.network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    stored = {tensor.name for tensor in onnx.load_model_from_string(to_onnx(graph)).graph.initializer}
    assert {f"encoder.{k}.{part}" for k in (0, 2) for part in ("weight", "bias")} <= stored


def test_large_weights_are_stored_in_halves_and_computed_in_floats(shipped: Path) -> None:
    """Catches a float16 graph: only the storage may be half."""
    model = onnx.load(shipped / "autoencoder" / "reconstruct.onnx")
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert stored["encoder.0.weight"] == onnx.TensorProto.FLOAT16
    casts = {node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    assert {name for name, kind in stored.items() if kind == onnx.TensorProto.FLOAT16} == casts


def test_snapshots_are_the_graph_with_other_weights(shipped: Path) -> None:
    """Catches a snapshot that shows the final network, and a last one stored twice."""
    model = catalog.load(shipped).model("gan")
    first, last = model.snapshots
    assert last.graph.path == model.graphs["generate"].path
    graph = dataclasses.replace(graphs("gan", seed=1)["generate"], storage="int8")
    assert 0 <= parity.prove("gan", graph, first.graph.path.read_bytes()) < TOLERANCE["int8"]
    assert with_weights(to_onnx(graph), graph.module.network) == first.graph.path.read_bytes()


@pytest.mark.parametrize("storage", ["int8", "int16"])
def test_integers_are_within_half_a_level_of_their_column(storage: Literal["int8", "int16"]) -> None:
    """Catches one scale for all, scales left from other weights, and a column of zeros divided by zero."""
    first, second = (dataclasses.replace(graphs("gan", seed=k)["generate"], storage=storage) for k in (1, 2))
    network = second.module.network
    weights = network.state_dict()
    with torch.no_grad():
        weights["layers.6.weight"][:, 3] = 0
    model = onnx.load_model_from_string(with_weights(to_onnx(first), network))
    stored = {part.name: numpy_helper.to_array(part) for part in model.graph.initializer}
    small = [name for name, array in stored.items() if array.dtype == np.dtype(storage)]
    widening = "DequantizeLinear" if storage == "int8" else "Cast"
    assert small == [node.input[0] for node in model.graph.node if node.op_type == widening]
    assert small == ["layers.6.weight"]
    scale = stored["layers.6.weight.scale"].reshape(1, -1)
    error = np.abs(stored["layers.6.weight"] * scale - weights["layers.6.weight"].numpy())
    # Of 32,767 levels, float32 itself takes a hundredth.
    assert (error <= scale * (0.5001 if storage == "int8" else 0.51)).all()
    assert not error[:, 3].any()
    parity.prove("gan", second, with_weights(to_onnx(first), network))


def test_integers_of_16_bits_are_nearer_than_halves(tmp_path: Path) -> None:
    """Catches one scale for all columns: of what is only convolved nothing averages the roundings away."""
    network = graphs("gan", seed=1)["generate"].module.network
    exact = network.state_dict()["layers.6.weight"].numpy()
    away = []
    for storage in ("float16", "int16"):
        graph = dataclasses.replace(graphs("gan", seed=1)["generate"], storage=storage)
        read = {"generator": graphs("gan", seed=2)["generate"].module.network}
        (tmp_path / "generate.onnx").write_bytes(to_onnx(graph))
        checkpoint.load_initialisers(read, tmp_path, {"generator": ("generate",)})
        away.append(np.abs(read["generator"].state_dict()["layers.6.weight"].numpy() - exact).max())
    assert 0 < away[1] < away[0] / 2


# --- the folder ---------------------------------------------------------------------------------------------


def test_export_deletes_only_what_it_wrote(copy: Path) -> None:
    """Catches a clean-up by pattern: a stranger's file and evaluation's figures stay, dropped graphs go."""
    home = copy / "gan"
    strangers = [home / "notes.txt", home / "snapshots" / "mine.onnx", home / "metrics.json"]
    for path in strangers:
        path.write_text("{}")
    document = read(home / "model.json")
    del document["graphs"]["discriminate"]
    document["snapshots"] = document["snapshots"][1:]
    manifest.write(home, document, {}, "model.json")
    assert all(path.is_file() for path in strangers)
    assert (home / "generate.onnx").is_file()
    assert not (home / "discriminate.onnx").exists()
    assert not (home / "snapshots" / "0000000000.onnx").exists()
    assert not (home / "test_data_set_0" / "discriminate").exists()
    assert (home / "test_data_set_0" / "generate" / "input_0.pb").is_file()


def test_a_failing_parity_writes_nothing(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches files that are written before they are proved."""
    monkeypatch.setattr(parity, "TOLERANCE", dict.fromkeys(TOLERANCE, 0.0))
    assert command.main(["pca", "--runs", str(runs), "--out", str(tmp_path)]) == 1
    assert "pca: reconstruct gives reconstruction" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_ships_says_what_the_papers_report() -> None:
    """Catches a paper's figure that was changed in one place: the entry, or the file that ships."""
    for path in sorted((ROOT / "onnx_models").glob("*/model.json")):
        entry, document = ENTRIES[path.parent.name], manifest.read(path)
        assert document.get("reported", []) == [dataclasses.asdict(one) for one in entry.reported]


def test_command_refuses_in_one_sentence(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches tracebacks and silent successes: an unknown model, a missing run, no run, no directory."""
    assert command.main(["nonsense"]) == 2
    assert "there is no model 'nonsense'; the models are acgan," in capsys.readouterr().err
    assert command.main(["gan", "--runs", str(tmp_path)]) == 1
    assert "gan: skipped. The run" in capsys.readouterr().err
    assert command.main(["--runs", str(tmp_path)]) == 2
    assert "no model has a finished run" in capsys.readouterr().err
    assert command.main(["check", str(tmp_path / "nowhere")]) == 2
    assert command.main(["datasets", "--data-root", str(tmp_path), "--out", str(tmp_path)]) in (0, 2)


def test_a_broken_neighbour_gets_one_sentence(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback where another model's JSON, which this command only joins, is damaged."""
    (copy / "rbm" / "metrics.json").write_text('{"metrics": [{"name": "x"}]}')
    assert command.main(["cards", str(copy)]) == 1
    error = capsys.readouterr().err
    assert "metrics.json: $.metrics[0]" in error
    assert error.count("\n") == 1


def test_a_run_of_another_version_is_refused() -> None:
    """Catches a setting that is dropped in silence, and weights of another shape."""
    entry, config = ENTRIES["rbm"], dataclasses.asdict(TINY["rbm"][1])
    for wrong in ({**config, "depth": 3}, {**config, "hidden": 4}):
        with pytest.raises(checkpoint.RunError, match=r"run of rbm does not fit training/rbm\.py"):
            folder.networks(entry, wrong, weights("rbm"))


def test_snapshots_are_thinned_to_the_budget() -> None:
    """Catches a run with more snapshots than fit: the ends stay, the budget holds, none comes twice."""
    paths = [Path(f"{k}.pt") for k in range(12)]
    assert folder.thinned(paths, size=1_000) == paths
    kept = folder.thinned(paths, size=1_500_000)
    assert (kept[0], kept[-1]) == (paths[0], paths[-1])
    assert len(set(kept)) == len(kept) == 9  # eight of 0.375 MB, and the last, which is the shipped graph
    assert folder.thinned(paths[:1], size=10**9) == paths[:1]


def test_snapshots_of_several_runs_are_spread_over_all_of_them() -> None:
    """Catches generations that lie side by side, since the second run began with many of them."""
    seen = [0, 500_000, 700_000, 700_600, 704_000, 750_000, 870_000]
    both = [{"images_seen": images} for images in seen]
    kept = [snapshot["images_seen"] for snapshot in folder.sparse(both, 5)]
    assert kept == [0, 500_000, 700_000, 750_000, 870_000]
    assert folder.sparse(both, 9) == both
    assert [snapshot["images_seen"] for snapshot in folder.sparse(both, 1)] == [0, 870_000]


def test_loss_curve_is_compact_and_short_runs_have_none(runs: Path, tmp_path: Path) -> None:
    """Catches book-keeping that is drawn as if it were a loss."""
    curve = json.loads(folder.loss_curve(runs / "gan" / checkpoint.LOG))
    assert curve == {"images_seen": [5, 10], "losses": {"loss": [0.3333, 0.3333]}}
    assert folder.loss_curve(tmp_path / "none.jsonl") == b""


# --- check --------------------------------------------------------------------------------------------------


def edit(change: Callable[[onnx.ModelProto], None]) -> Callable[[Path], None]:
    """Change pca's graph and list it as if that were right."""

    def damage(directory: Path) -> None:
        model = onnx.load(directory / "pca" / "reconstruct.onnx")
        change(model)
        relist(directory / "pca", "reconstruct", model.SerializeToString())
        cards.write(directory)

    return damage


def edit_json(change: Callable[[dict], object], name: str = "model.json") -> Callable[[Path], None]:
    """Change gan's model.json."""

    def damage(directory: Path) -> None:
        path = directory / "gan" / name
        document = read(path)
        change(document)
        path.write_text(manifest.dumps(document), "utf-8")

    return damage


def add_random(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("RandomNormal", [], ["dice"], shape=[1]))


def add_custom(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    model.graph.node.append(helper.make_node("Magic", ["image"], ["magic"], domain="com.example"))


def add_path(model: onnx.ModelProto) -> None:
    entry = model.graph.node[0].metadata_props.add()
    entry.key, entry.value = "stack_trace", 'File "/home/someone/project/model.py", line 3'


def rename_output(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["rebuilt" if name == "reconstruction" else name for name in node.output]
    model.graph.output[0].name = "rebuilt"


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2


def change_weight(model: onnx.ModelProto) -> None:
    (mean,) = (tensor for tensor in model.graph.initializer if tensor.name == "mean")
    mean.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(mean) + np.float32(0.01), "mean"))


VECTORS = "test_data_set_0"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (edit(add_random), "pca: reconstruct: it holds the random operator RandomNormal"),
        (edit(add_custom), "operators beyond ONNX's own"),
        (edit(add_path), "pca: reconstruct: it holds the local path"),
        (edit(rename_output), "pca: reconstruct: its outputs are"),
        (edit(fix_batch), "pca: reconstruct: its inputs are"),
        (edit(change_weight), "away from its test vector"),
        (edit(lambda model: setattr(model, "ir_version", 11)), "ir_version is 11"),
        (edit(lambda model: setattr(model.opset_import[0], "version", 17)), "opset is 17"),
        (lambda d: (d / "rbm" / "gibbs_step.onnx").write_bytes(b"torn"), "gibbs_step.onnx has the sha256"),
        (lambda d: (d / "rbm" / "gibbs_step.onnx").unlink(), "rbm: gibbs_step.onnx is missing"),
        (lambda d: (d / "gan" / "snapshots" / "0000000000.onnx").unlink(), "0000000000.onnx is missing"),
        (lambda d: (d / "gan" / "loss_curve.json").write_text("{}"), "gan: loss_curve.json has the sha256"),
        (lambda d: (d / "gan" / "old.onnx").write_bytes(b""), "gan: nobody lists old.onnx"),
        (lambda d: (d / "gan" / "README.md").write_text("hello"), "gan/README.md is out of date"),
        (lambda d: (d / "manifest.json").write_text("{}"), "manifest.json is out of date"),
        (lambda d: (d / "gan" / VECTORS / "generate" / "input_0.pb").unlink(), "input_0.pb is missing"),
        (lambda d: (d / "gan" / "model.json").write_text("{"), "gan/model.json: it cannot be read"),
        (lambda d: (d / "gan").rename(d / "nag"), "its id is 'gan', its folder 'nag'"),
        (edit_json(lambda m: m.update(colour="red")), "gan/model.json: $.colour: 'red' does not match"),
        (edit_json(lambda m: m.update(kind="modell")), "is not one of"),
        (edit_json(lambda m: m["training"].update(command="python /home/me/x.py")), "the local path"),
        (edit_json(lambda m: m["graphs"]["generate"].update(file="../rbm/x.onnx")), "does not match"),
        (edit_json(lambda m: m["graphs"]["generate"].update(tolerance=0.5)), "0.5 is none of the table"),
        (lambda d: (d / "gan" / "metrics.json").write_text('{"metrics": [{}]}'), "required property"),
        (lambda d: (d / "datasets" / "mnist" / "examples.npz").write_bytes(b""), "examples.npz has 0 bytes"),
    ],
)  # fmt: skip
def test_check_names_the_damage(copy: Path, damage: Callable[[Path], object], fault: str) -> None:
    """Each kind of damage is found, and by its own sentence."""
    damage(copy)
    faults = check.check(copy)
    assert any(fault in found for found in faults), faults


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ("FILE_LIMIT", "a file stays under"),
        ("SNAPSHOT_LIMIT", "its snapshots are"),
        ("TOTAL_LIMIT", "All files together"),
    ],
)
def test_check_keeps_the_budgets(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, limit: str, fault: str
) -> None:
    """Catches a budget that is never compared with: each is lowered to a kilobyte here."""
    monkeypatch.setattr(check, limit, 1000)
    assert any(fault in found for found in check.check(shipped))


def test_check_exits_1_and_imports_no_torch(copy: Path) -> None:
    """Catches torch coming back into the check by way of a shared module, and faults without an exit code."""
    program = (
        "import sys\nfrom export.__main__ import main\ncode = main(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\nsys.exit(code)"
    )

    def run() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", program, "check", str(copy)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT)

    sound = run()
    assert sound.returncode == 0, sound.stderr
    assert sum(line.startswith("ok ") for line in sound.stdout.splitlines()) > 10
    (copy / "pca" / "reconstruct.onnx").unlink()
    damaged = run()
    assert damaged.returncode == 1
    assert "FAULT pca: reconstruct.onnx is missing." in damaged.stderr


# --- schema, manifest, cards --------------------------------------------------------------------------------


def test_schema_refuses_unknown_keys_everywhere(shipped: Path) -> None:
    """Catches an object that was left open: a misspelt key must not pass as an extra one."""
    document = read(shipped / "gan" / "model.json")
    refused = 0

    def walk(value: object) -> None:
        nonlocal refused
        if isinstance(value, dict):
            value["extra"] = 1
            assert list(manifest.schema_faults(document, "model")), value
            del value["extra"]
            refused += 1
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(document)
    assert not list(manifest.schema_faults(document, "model"))
    assert refused > 10  # the model, its words, paper, training, graphs and tensors


def test_figures_of_another_file_are_left_out(copy: Path) -> None:
    """Catches a card that shows a figure measured on weights that no longer ship."""
    sha256 = read(copy / "gan" / "model.json")["graphs"]["generate"]["sha256"]
    figure = {"name": "diversity_ratio", "value": 0.97, "error": None, "unit": "", "protocol": "By the book.",
              "paper_value": None, "source": "", "measured_on": [sha256]}  # fmt: skip
    stale = {**figure, "name": "parzen_log_likelihood", "measured_on": ["0" * 64]}
    (copy / "gan" / "metrics.json").write_text(json.dumps({"metrics": [figure, stale]}))
    assert any("out of date" in fault for fault in check.check(copy))
    assert command.main(["cards", str(copy)]) == 0
    assert check.check(copy) == []
    card = (copy / "gan" / "README.md").read_text()
    assert "| `diversity_ratio` | 0.97 |" in card
    assert "parzen" not in card
    (listed,) = (entry for entry in read(copy / "manifest.json")["models"] if entry["id"] == "gan")
    assert [metric["name"] for metric in listed["metrics"]] == ["diversity_ratio"]


@pytest.mark.parametrize("model", TINY)
def test_the_snippet_on_the_card_runs(shipped: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches six lines that a person copies and that do not work."""
    card = (shipped / model / "README.md").read_text()
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    (shipped.parent / "onnx_models").unlink(missing_ok=True)
    (shipped.parent / "onnx_models").symlink_to(shipped)
    monkeypatch.chdir(shipped.parent)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(snippet, {})
    assert printed.getvalue().startswith("(4, ")


# --- words --------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    values = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.id)
def test_words_of_an_entry(entry: Entry) -> None:
    """Catches a lesson that is not three sentences, a broken equation, a colour lost on paper or on ink."""
    for language in ("en", "fr"):
        assert entry.title[language]
        assert len(re.findall(r"[.?!](?:\s|$)", entry.lesson[language])) == 3
    assert ElementTree.fromstring(entry.equation).tag.endswith("math")
    for background in ("#faf7f2", "#1c1b1a"):
        low, high = sorted((luminance(entry.colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3.0  # WCAG's ratio for graphics; text is larger than 18 pt


def test_no_two_entries_share_a_colour() -> None:
    """Catches two eras that cannot be told apart in a plot."""
    assert len({entry.colour for entry in ENTRIES.values()}) == len(ENTRIES)


# --- real pictures ------------------------------------------------------------------------------------------


def test_digits_ship_exactly_and_reproducibly(tmp_path: Path) -> None:
    """Catches lossy or reordered digits, a class left out, and a clock inside the file."""
    root = write_digits(tmp_path)
    document, files = shards.build("mnist", root)
    assert files == shards.build("mnist", root)[1]
    assert not list(manifest.schema_faults(document, "dataset"))
    assert document["classes"] == {"en": list("0123456789"), "fr": list("0123456789")}
    test, train = shards.datasets.load("mnist", "test", root), shards.datasets.load("mnist", "train", root)
    with np.load(io.BytesIO(files["examples.npz"])) as examples:
        assert np.bincount(examples["labels"]).tolist() == [shards.PER_CLASS] * 10
        np.testing.assert_array_equal(examples["images"], test.images[examples["indices"], 0])
        np.testing.assert_array_equal(examples["labels"], test.labels[examples["indices"]])
    with np.load(io.BytesIO(files["neighbours.npz"])) as neighbours:
        np.testing.assert_array_equal(neighbours["images"], train.images[:, 0])
        np.testing.assert_array_equal(neighbours["labels"], train.labels)


def test_avatars_ship_exactly_without_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches colours in another order once they are read, and a class where there are only attributes."""
    draw = np.random.default_rng(0)

    def drawn(split: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        count = 300 if split == "test" else 12_000
        images = np.repeat(draw.integers(0, 256, (count, 3, 1, 1), np.uint8), 64, axis=2).repeat(64, axis=3)
        return images, np.zeros((count, len(avatars.ATTRIBUTES)), np.int64)

    monkeypatch.setattr(avatars, "load", drawn)
    document, files = shards.build("avatars", tmp_path)
    assert not list(manifest.schema_faults(document, "dataset"))
    assert document["classes"] == {"en": [], "fr": []}
    with np.load(io.BytesIO(files["examples.npz"])) as examples:
        assert examples["images"].shape == (shards.UNCLASSED, 64, 64, 3)
        assert len(set(examples["indices"].tolist())) == shards.UNCLASSED
    manifest.write(tmp_path / "datasets" / "avatars", document, files, "dataset.json")
    assert "first 10,000" in cards.dataset_card(document)
    library = Library.open([tmp_path], "cpu")
    read = library.neighbours("avatars")
    assert read.images.shape == (10_000, 3, 64, 64)
    assert set(read.labels.tolist()) == {-1}
    near = inference.nearest(library, "avatars", read.pictures(np.array([17])), 1)
    assert (near.indices, near.distances, near.labels) == (17, 0, -1)
    assert len(inference.real(library, "avatars", 3, 10).images) == 10
    assert len(inference.real(library, "avatars", 3, 10, label=0).images) == 0
