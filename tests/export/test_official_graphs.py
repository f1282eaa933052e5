"""Official networks as graphs, against a float64 reference written from the papers in another form."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper

from demo.engine import styles
from demo.engine.library import Library
from demo.kit import answers
from demo.panels.style import panel as style_desk
from export import __main__ as command
from export import check, manifest
from export.official import checkpoint, convert, families, mapping, safetensors
from export.official.errors import OfficialError
from export.official.spec import Network
from onnx_models import catalog, seeds
from onnx_models.errors import LineageError
from tests import official_files
from tests import official_reference as reference
from tests import official_tiny as tiny

ROOT = Path(__file__).resolve().parents[2]
LOPSIDED = (0.1, 0.2, 0.4, 0.3)
FUSED = (4, 3, 3, 2, 2, 2)  # up to 128x128, where StyleGAN's doubling is another

NETWORKS: dict[str, Callable[[], Network]] = {
    "stylegan": tiny.stylegan,
    "stylegan fused": lambda: tiny.stylegan(FUSED),
    "stylegan labels": lambda: tiny.stylegan(c_dim=3),
    **{
        f"stylegan2 {origin} {variant}": partial(tiny.stylegan2, variant, origin)
        for origin in ("torch", "tensorflow")
        for variant in ("skip", "resnet", "orig")
    },
    "stylegan2 torch clamped": lambda: tiny.stylegan2("resnet", clamp=1.0),
    "stylegan2 tensorflow clamped": lambda: tiny.stylegan2("skip", "tensorflow", clamp=1.0),
    "stylegan2 torch lopsided": lambda: tiny.stylegan2("resnet", taps=LOPSIDED),
    "stylegan2 tensorflow lopsided": lambda: tiny.stylegan2("skip", "tensorflow", taps=LOPSIDED),
    "stylegan2 six taps": lambda: tiny.stylegan2("resnet", taps=(0.1, 0.2, 0.3, 0.2, 0.15, 0.05)),
    "stylegan2 torch labels": lambda: tiny.stylegan2(c_dim=3),
    "stylegan2 tensorflow labels": lambda: tiny.stylegan2("skip", "tensorflow", c_dim=3, label="concat"),
    "stylegan2 tensorflow ada labels": lambda: tiny.stylegan2("orig", "tensorflow", c_dim=3),
    "stylegan3 t": tiny.stylegan3,
    "stylegan3 r": lambda: tiny.stylegan3("r"),
    "stylegan3 labels, clamped": lambda: tiny.stylegan3(c_dim=3, clamp=0.5),
    "stylegan3 in blocks": lambda: tiny.stylegan3(size=48, factors=((2, 2), (4, 2)), width=2),
}


def run(model: ModelProto | bytes, given: dict[str, NDArray], name: str) -> NDArray:
    """One value of a graph, an output or not."""
    if isinstance(model, bytes):
        model = onnx.load_model_from_string(model)
    if all(output.name != name for output in model.graph.output):
        shape = ["batch", "channels", "height", "width"]
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run([name], given)[0]


def z_psi_label(network: Network, batch: int) -> dict[str, NDArray]:
    """What goes into the mapping: a psi for each picture, up to another cutoff in each."""
    rng = np.random.default_rng(batch)
    psi = np.ones((batch, network.num_ws), np.float32)
    for n in range(batch):
        psi[n, : 2 + n] = 0.7 - 0.5 * n
    given = {"z": rng.standard_normal((batch, network.z_dim)).astype(np.float32)}
    if network.c_dim:
        given["label"] = np.arange(batch, dtype=np.int64)[::-1] - 1
    return given | {"psi": psi}


def noises(model: ModelProto, batch: int) -> dict[str, NDArray]:
    rng = np.random.default_rng(batch)
    found = {}
    for value in model.graph.input[1:]:
        _, *shape = (dim.dim_value for dim in value.type.tensor_type.shape.dim)
        found[value.name] = rng.standard_normal((batch, *shape)).astype(np.float32)
    return found


def error(found: NDArray, expected: NDArray) -> float:
    assert found.shape == expected.shape
    assert expected.std() > 0.01
    return float(np.abs(found - expected).max() / expected.std())


# Catches any wrong scale, order, orientation or index: every family, either batch, every way of noise.
@pytest.mark.parametrize("name", NETWORKS)
def test_graphs_compute_what_the_papers_say(name: str) -> None:
    network = NETWORKS[name]()
    for batch in (1, 3):
        given = z_psi_label(network, batch)
        ws = run(mapping.build(network), given, "ws")
        expected = reference.mapping(network, given["z"], given["psi"], given.get("label"))
        assert error(ws, expected) < 1e-5
        for noise in ("const", "input", "none") if network.family != "stylegan3" else ("const",):
            if name == "stylegan fused" and (batch, noise) not in ((1, "const"), (3, "none")):
                continue  # the reference takes its time
            model = convert.SYNTHESIS[network.family](network, noise)
            grains = noises(model, batch)
            assert bool(grains) == (noise == "input")
            painted = 2 * run(model, {"ws": ws, **grains}, "unclipped") - 1
            expected = reference.synthesis(network, ws, list(grains.values()) if grains else noise)
            assert error(painted, expected) < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_tiny_networks_are_what_the_reader_hands_over(name: str) -> None:
    network = NETWORKS[name]()
    families.check(network, {name: tensor.shape for name, tensor in network.tensors.items()})


def test_noise_and_clamp_and_fusing_show() -> None:
    """What the parity would not notice if it did nothing."""
    noisy = reference.synthesis(tiny.stylegan2(), np.ones((1, 6, tiny.W)))
    assert error(reference.synthesis(tiny.stylegan2(), np.ones((1, 6, tiny.W)), "none"), noisy) > 0.1
    assert error(reference.synthesis(tiny.stylegan2(clamp=1.0), np.ones((1, 6, tiny.W))), noisy) > 0.1
    network = tiny.stylegan3(clamp=0.5)
    free = reference.synthesis(tiny.stylegan3(), np.ones((1, network.num_ws, tiny.W)))
    assert error(reference.synthesis(network, np.ones((1, network.num_ws, tiny.W))), free) > 0.1
    x, weight = np.random.default_rng(0).standard_normal((2, 4, 4)), np.arange(18.0).reshape(3, 3, 2, 1)
    plain = reference.correlate(x.repeat(2, 1).repeat(2, 2), weight.transpose(3, 2, 0, 1), pad=1)
    assert error(reference._fused(x, weight), plain) > 0.1
    np.testing.assert_allclose(reference._fused(x, weight[::-1, ::-1]), plain)


def test_parts_of_a_skip_network_sum_to_its_picture() -> None:
    network = tiny.stylegan2()
    model = convert.SYNTHESIS["stylegan2"](network, "const")
    ws = np.random.default_rng(0).standard_normal((1, network.num_ws, network.w_dim)).astype(np.float32)
    parts = [run(model, {"ws": ws}, f"rgb_{size}")[0] for size in (4, 8, 16)]
    np.testing.assert_allclose(styles.sums(parts)[-1], run(model, {"ws": ws}, "unclipped")[0], atol=1e-5)


def test_a_filter_that_the_page_cannot_follow_tells_no_parts() -> None:
    outputs = convert.SYNTHESIS["stylegan2"](tiny.stylegan2(taps=LOPSIDED), "const").graph.output
    assert [output.name for output in outputs] == ["image"]


def test_blocks_of_a_wide_band_are_shared() -> None:
    network = tiny.stylegan3(size=400, factors=((2, 2), (4, 2)), width=2)
    model = convert.SYNTHESIS["stylegan3"](network, "const")
    products = [node for node in model.graph.node if node.op_type == "MatMul" and "up_x" in node.input[1]]
    assert len(products) > 15
    assert len({node.input[1] for node in products}) <= 6  # the first, the last and those between


def test_half_precision_is_bounded_and_half_as_large() -> None:
    network = tiny.stylegan2(widths=(96, 96, 96))
    full, half = (convert.convert(network, "tiny", half=half) for half in (False, True))
    assert len(half[1]["synthesis.onnx"]) < 0.6 * len(full[1]["synthesis.onnx"])
    _, exact = (vector(files, "synthesis", "output_0") for files in (half[1], full[1]))
    rounded = vector(half[1], "synthesis", "output_0")
    assert np.abs(rounded - exact).max() == pytest.approx(half[0]["source"]["rounding"], rel=1e-3)
    assert 0 < half[0]["source"]["rounding"] < 2 / 255
    assert half[0]["source"]["storage"] == "float16"


def vector(files: dict[str, bytes], role: str, name: str) -> NDArray:
    content = files[f"test_data_set_0/{role}/{name}.pb"]
    return onnx.numpy_helper.to_array(TensorProto.FromString(content))


def test_a_weight_beyond_half_precision_stays_whole() -> None:
    network = tiny.stylegan2(widths=(96, 96))
    network.tensors["synthesis.b8.conv1.weight"][0, 0, 0, 0] = 70_000
    _, files = convert.convert(network, "tiny", half=True)
    model = onnx.load_model_from_string(files["synthesis.onnx"])
    dtypes = {weight.name: weight.data_type for weight in model.graph.initializer}
    assert dtypes["b8.conv1.weight"] == TensorProto.FLOAT
    assert dtypes["b8.conv0.weight"] == TensorProto.FLOAT16


def test_what_cannot_be_built_is_one_sentence() -> None:
    network = tiny.stylegan2(taps=(1.0,))
    with pytest.raises(OfficialError, match="single tap"):
        convert.convert(network, "tiny")
    network = tiny.stylegan2()
    del network.tensors["synthesis.b8.conv1.bias"]
    with pytest.raises(OfficialError, match=r"no tensor 'synthesis\.b8\.conv1\.bias'"):
        convert.convert(network, "tiny")
    network = tiny.stylegan2()
    network.tensors["synthesis.b8.conv1.bias"][0] = np.nan
    with pytest.raises(OfficialError, match="not finite"):
        convert.convert(network, "tiny")


# ------------------------------------------------------------------------------------------------ the command


@pytest.mark.parametrize("name", official_files.NETWORKS)
def test_a_checkpoint_becomes_the_graphs_of_its_paper(name: str, tmp_path: Path) -> None:
    """From the bytes of a pickle to a picture, by the command alone."""
    path = tmp_path / f"{name}.pkl"
    path.write_bytes(official_files.checkpoint(official_files.NETWORKS[name]()))
    assert command.main(["official", str(path), "--out", str(tmp_path / "out")]) == 0
    network = checkpoint.read(path)
    folder = tmp_path / "out" / name
    given = z_psi_label(network, 2)
    ws = run((folder / "mapping.onnx").read_bytes(), given, "ws")
    expected = reference.mapping(network, given["z"], given["psi"], given.get("label"))
    assert error(ws, expected) < 1e-5
    painted = 2 * run((folder / "synthesis.onnx").read_bytes(), {"ws": ws}, "unclipped") - 1
    assert error(painted, reference.synthesis(network, ws)) < 1e-4
    assert manifest.read(folder / "model.json")["source"]["sha256"] == manifest.sha256(path.read_bytes())


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> dict[str, Network]:
    """Networks by file name, in the place of the real reader."""
    networks: dict[str, Network] = {}

    def read(path: Path, network: str | None = None) -> Network:
        if path.name not in networks:
            raise OfficialError(f"{path.name}: it is not a pickle.")
        return networks[path.name]

    monkeypatch.setattr(checkpoint, "read", read)
    return networks


@pytest.fixture
def converted(reader: dict[str, Network], tmp_path: Path) -> Path:
    """A directory with one network of each family, noise in each of the ways."""
    out = tmp_path / "official"
    for file, network, options in (
        ("Karras 2019.pkl", tiny.stylegan(c_dim=3), ["--noise", "none"]),
        ("stylegan2.pkl", tiny.stylegan2(), ["--noise", "input", "--safetensors"]),
        ("stylegan3-t.PKL", tiny.stylegan3(), ["--fp16-storage"]),
    ):
        reader[file] = network
        (tmp_path / file).write_bytes(b"")
        assert command.main(["official", str(tmp_path / file), "--out", str(out), *options]) == 0
    return out


def test_what_the_command_writes_is_sound_and_played(converted: Path) -> None:
    assert check.check(converted) == []
    library = Library.open([converted], "cpu")
    assert not library.catalog.problems
    assert {model.id for model in styles.painters(library)} == {"karras-2019", "stylegan2", "stylegan3-t"}
    for model in styles.painters(library):
        for part in style_desk.PARTS:
            state = style_desk.State(model=model.id, part=part, psi=0.5, cutoff=2)
            (envelope,) = answers.tell(lambda state=state: style_desk.show_stage(library, state))
            silent = {
                "noise": not styles.noise_sizes(model),
                "inside": not styles.part_sizes(model),
                "edit": True,  # neither directions nor an encoder come with a checkpoint
                "you": True,
            }
            assert ("problem" in answers.opened(envelope)) == silent.get(part, False), (model.id, part)
    assert styles.noise_sizes(library.model("stylegan2"))[-1] == (16, 16)
    assert styles.part_sizes(library.model("stylegan2")) == (4, 8, 16)


def test_as_many_classes_can_be_asked_for_as_there_are(converted: Path) -> None:
    """Catches a tenth class of a network that has three, and none beyond the tenth of one that has more."""
    library = Library.open([converted], "cpu")
    model = library.model("karras-2019")
    z = styles.z_of(model, [0])
    assert styles.classes(model) == 3
    asked = [styles.styles(library, model, z, styles.Look(label=label)) for label in (-1, 0, 1, 2)]
    assert len({ws.tobytes() for ws in asked}) == 4
    with pytest.raises(LineageError, match="label must be a whole number from -1 to 2, got 3"):
        styles.styles(library, model, z, styles.Look(label=3))
    path = converted / "karras-2019" / "model.json"
    path.write_text(path.read_text("utf-8").replace("{-1, ..., 2}", "{-1, ..., 999}"), "utf-8")
    assert styles.classes(Library.open([converted], "cpu").model("karras-2019")) == 1000
    assert styles.classes(library.model("stylegan2")) == 0


def test_seeds_are_the_makers_own(converted: Path) -> None:
    library = Library.open([converted], "cpu")
    model = library.model("stylegan3-t")
    expected = np.random.RandomState(85).randn(1, 6).astype(np.float32)
    np.testing.assert_array_equal(styles.z_of(model, [85]), expected)
    path = converted / "stylegan3-t" / "model.json"
    path.write_text(json.dumps(manifest.read(path) | {"seeds": "dice"}))
    (problem,) = catalog.load(converted).problems
    assert "its seeds are 'dice'" in str(problem.error)
    # The first of numpy.random.RandomState(0).randn, known since 2006: a change of NumPy's would show.
    np.testing.assert_allclose(seeds.makers_normals(0, 2), [[1.76405235, 0.40015721]], rtol=1e-7)


def test_card_and_document_say_where_it_is_from(converted: Path) -> None:
    document = manifest.read(converted / "stylegan2" / "model.json")
    card = (converted / "stylegan2" / "README.md").read_text("utf-8")
    assert list(manifest.schema_faults(document, "model")) == []
    assert document["source"]["sha256"] == tiny.SOURCE["sha256"]
    for said in (tiny.SOURCE["sha256"], tiny.SOURCE["module_src_sha256"], "makers", "CC BY-NC", "asked for"):
        assert said in card
    assert str(converted) not in json.dumps(document) + card
    for name, size in (("karras-2019", 16), ("stylegan2", 16), ("stylegan3-t", 24)):
        card = (converted / name / "README.md").read_text("utf-8")
        namespace: dict = {}
        code = card.split("```python\n")[1].split("```")[0].replace(f'"{name}/', f'"{converted}/{name}/')
        exec(code, namespace)
        assert namespace["image"].shape == (1, 3, size, size)


def test_safetensors_hold_the_network(converted: Path) -> None:
    network, found = tiny.stylegan2(), safetensors.read(converted / "stylegan2" / "weights.safetensors")
    assert (found.settings, found.source) == (network.settings, network.source)
    assert found.tensors.keys() == network.tensors.keys()
    for name, tensor in network.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)


def test_converted_networks_are_beyond_the_budgets_of_what_ships(
    converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "FILE_LIMIT", 1000)
    monkeypatch.setattr(check, "TOTAL_LIMIT", 100_000)
    assert check.check(converted) == []
    for path in (ROOT / "onnx_models").glob("*/model.json"):
        assert "source" not in manifest.read(path), "a converted network must not ship"


def test_the_command_refuses_in_one_sentence(
    reader: dict[str, Network], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cat.pkl").write_bytes(b"")
    reader["good.pkl"] = tiny.stylegan3()
    (tmp_path / "good.pkl").write_bytes(b"")
    (tmp_path / "out" / "good").mkdir(parents=True)
    (tmp_path / "out" / "good" / "model.json").write_text("{}")
    for arguments, said in (
        (["absent.pkl", "--out", "out"], "there is no file"),
        (["cat.pkl", "--out", "out"], "cat.pkl: it is not a pickle."),
        (["good.pkl", "--out", str(command.DIRECTORY)], "is what ships"),
        (["good.pkl", "--out", "out"], "holds another model"),
    ):
        places = [
            str(tmp_path / argument) if not argument.startswith("-") else argument for argument in arguments
        ]
        assert command.main(["official", *places]) == 2
        printed = capsys.readouterr().err.strip().splitlines()[-1]
        assert said in printed
        assert printed.startswith("python -m export: ")
    assert list((tmp_path / "out" / "good").iterdir()) == [tmp_path / "out" / "good" / "model.json"]


@pytest.mark.parametrize(
    ("file", "network", "expected"),
    [
        ("stylegan2-ffhq-config-f.pkl", None, "stylegan2-ffhq-config-f"),
        ("Karras 2019 (FFHQ).PKL", None, "karras-2019-ffhq"),
        ("метка.pkl", None, "network"),
        ("a.pkl", "G", "a-g"),
    ],
)
def test_folders_are_named_after_files(file: str, network: str | None, expected: str) -> None:
    assert convert.identifier(file, network) == expected


def test_conversion_imports_no_torch() -> None:
    code = (
        "import sys\nfrom export import cards, check\nfrom export.official import convert\n"
        "assert not {'torch', 'training', 'onnxscript'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
