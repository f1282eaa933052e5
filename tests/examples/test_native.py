"""The example programs of Python, OpenVINO and C++, and the table and the picture made of all of them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluation import __main__ as evaluation
from evaluation import runtime_programs, runtime_sheet, runtime_table, runtimes
from evaluation.runtime_programs import Program, Report, Row
from examples import common
from export import test_vectors, tolerance
from onnx_models import catalog, seeds
from onnx_models.runtime import Runtime
from onnx_models.seeds import Stream
from tests import tiny
from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PREVIOUS = ROOT / "build" / "runtimes" / "onnxruntime-previous"
PROGRAMS = {program.name: program for program in runtime_programs.programs(PREVIOUS)}
NATIVE = ("onnxruntime", "onnxruntime-previous", "openvino", "openvino-cpp", "onnxruntime-cpp", "tract")
OPTIONAL = ("onnxruntime-cpp",)  # no package of older Debians has its headers
PYTHON = ("onnxruntime", "openvino", "tract")
CPP = ("openvino-cpp", "onnxruntime-cpp")


def absent(name: str, install: str) -> None:
    """Skip, or fail where continuous integration was to install it."""
    sentence = f"{name} is not installed: {install}"
    if os.environ.get("CI") == "true" and name not in OPTIONAL:
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compile the C++ program against a runtime, once: never what an earlier checkout left in build/."""
    done: dict[str, Path | str] = {}

    def build(runtime: str) -> Path:
        name = f"{runtime}-cpp"
        if runtime not in done:
            done[runtime] = _build(runtime, tmp_path_factory.mktemp(name))
        found = done[runtime]
        if isinstance(found, str):
            absent(name, found)
        assert isinstance(found, Path)
        return found

    return build


def _build(runtime: str, folder: Path) -> Path | str:
    """The program, or what to install first."""
    for tool, package in (("cmake", "cmake"), ("g++", "g++"), ("make", "make")):
        if shutil.which(tool) is None:
            return f"apt-get install {package}"
    if runtime == "openvino" and importlib.util.find_spec("openvino") is None:
        return "pip install openvino"
    flags = [f"-DRUNTIME={runtime}", f"-DPython3_EXECUTABLE={sys.executable}"]
    if "ONNXRUNTIME_ROOT" in os.environ:
        flags.append(f"-DONNXRUNTIME_ROOT={os.environ['ONNXRUNTIME_ROOT']}")
    made = _cmake("-S", str(ROOT / "examples" / "cpp"), "-B", str(folder), *flags)
    if made.returncode and runtime == "onnxruntime":
        assert "onnxruntime's C++ files are not here" in made.stderr, made.stderr
        return "apt-get install libonnxruntime-dev, or set ONNXRUNTIME_ROOT to an unpacked release archive"
    assert made.returncode == 0, made.stderr
    made = _cmake("--build", str(folder))
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning" not in made.stdout + made.stderr
    return folder / "lineage"


def _cmake(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["cmake", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture(params=NATIVE)
def program(request: pytest.FixtureRequest, built: Callable[[str], Path]) -> Program:
    """Each native program in turn, if it is there."""
    return _program(request.param, built)


def _program(name: str, built: Callable[[str], Path]) -> Program:
    found = PROGRAMS[name]
    if name in CPP:
        return replace(found, command=(str(built(name.removesuffix("-cpp"))),), needs=ROOT)
    if name in ("openvino", "tract") and importlib.util.find_spec(name) is None:
        absent(name, found.install)
    if not found.needs.exists():
        absent(name, found.install)
    return found


def start(program: Program, *flags: object, **environment: str) -> subprocess.CompletedProcess[str]:
    around = program.environment()
    # It plays an older processor to PyTorch; OpenVINO believes half of it, and refuses graphs.
    around.pop("ONEDNN_MAX_CPU_ISA", None)
    return subprocess.run(
        [*program.command, *map(str, flags)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=around | environment,
        cwd=ROOT,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a program complains of: one sentence, and nothing else, with exit code 2."""
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith((".", ")", "FILE.png.")) or "pip install" in sentence, sentence
    assert "Traceback" not in sentence
    return sentence


def pixels(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """A copy of dcgan that a test may damage."""
    return Path(shutil.copytree(catalog.DIRECTORY / "dcgan", tmp_path / "dcgan"))


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A StyleGAN with noise and labels, and one GAN with labels."""
    directory = tmp_path_factory.mktemp("styles")
    tiny.write_model(directory, "stylegan_tiny", tiny.stylegan(channels=1, labelled=True, strength=0.2))
    tiny.write_model(directory, "cgan_tiny", tiny.gan(conditional=True), year=2014)
    return directory


# --- the programs: pictures ------------------------------------------------------------------------------


@pytest.mark.runtimes
@pytest.mark.parametrize("model_id", ["dcgan", "wgan_gp_cifar10"])
def test_a_seed_is_the_same_picture_everywhere(program: Program, model_id: str, tmp_path: Path) -> None:
    """Would catch another z, another rounding, or channels in another order."""
    out = tmp_path / "out.png"
    done = start(program, "--model", catalog.DIRECTORY / model_id, "--seed", 42, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    graph = catalog.load().model(model_id).graphs["generate"]
    image = Runtime("cpu", threads=1).run(graph, {"z": seeds.normals(42, 1, 100)})["image"][0]
    expected = np.floor(image.transpose(1, 2, 0).squeeze() * 255 + 0.5)
    found = pixels(out)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1 + 255 * graph.tolerance


@pytest.mark.runtimes
@pytest.mark.parametrize(("psi", "noise_seed", "label"), [(0.7, 0, -1), (0.3, 5, 4)])
def test_a_style_is_the_same_picture_everywhere(
    program: Program, styles: Path, psi: float, noise_seed: int, label: int, tmp_path: Path
) -> None:
    """Would catch a psi, a noise layer or a label that does not arrive, and defaults unlike the page's."""
    flags: list[object] = ["--model", styles / "stylegan_tiny", "--seed", 7, "--out", tmp_path / "out.png"]
    if label != -1:
        flags += ["--psi", psi, "--noise-seed", noise_seed, "--label", label]
    assert start(program, *flags).returncode == 0
    graphs = catalog.load(styles).model("stylegan_tiny").graphs
    runtime = Runtime("cpu", threads=1)
    given = {"z": seeds.normals(7, 1, 100), "label": np.array([label])}
    rows = int(graphs["mapping"].input("psi").shape[1])
    ws = runtime.run(graphs["mapping"], given | {"psi": np.full((1, rows), psi, np.float32)})["ws"]
    inputs = {"ws": ws}
    for tensor in graphs["synthesis"].inputs[1:]:
        layer, side = int(tensor.name.removeprefix("noise_")), int(tensor.shape[2])
        drawn = seeds.normals(noise_seed, 1, side * side, Stream.NOISE, layer=layer)
        inputs[tensor.name] = drawn.reshape(1, 1, side, side)
    image = runtime.run(graphs["synthesis"], inputs)["image"][0]
    expected = np.floor(image[0] * 255 + 0.5)
    assert np.abs(pixels(tmp_path / "out.png") - expected).max() <= 1


@pytest.mark.runtimes
def test_a_label_reaches_a_gan(program: Program, styles: Path, tmp_path: Path) -> None:
    """Would catch a label that is read and dropped."""
    pictures = []
    for label in (-1, 3):
        out = tmp_path / f"{label}.png"
        flags = ("--model", styles / "cgan_tiny", "--seed", 1, "--label", label, "--out", out)
        assert start(program, *flags).returncode == 0
        pictures.append(pixels(out))
    assert np.abs(pictures[0] - pictures[1]).max() > 20


# --- the programs: test vectors ---------------------------------------------------------------------------


@pytest.mark.runtimes
def test_every_shipped_graph_meets_its_test_vectors(program: Program) -> None:
    """Would catch a graph that a runtime reads otherwise, and one that a program leaves out."""
    done = start(program, "--check", "--json")
    assert done.stderr == ""
    rows = [runtime_programs.parse(line) for line in done.stdout.splitlines()]
    shipped = {
        (model.id, role) for model in catalog.load().models for role in runtime_table.with_inputs(model)
    }
    assert [f"{row.model}/{row.graph}: {row}" for row in rows if not row.works] == []
    assert {(row.model, row.graph) for row in rows} == shipped
    assert done.returncode == 0
    name = json.loads(done.stdout.splitlines()[0])["runtime"]
    assert name == program.name.removesuffix("-previous")
    assert {row.version for row in rows} == {start(program, "--version").stdout.split()[-1]}


@pytest.mark.runtimes
def test_a_check_in_words_and_with_times(program: Program) -> None:
    """Would catch a mode that only the generator uses going stale."""
    flags = ("--check", "--model", catalog.DIRECTORY / "dcgan", "--time")
    words = start(program, *flags)
    assert words.returncode == 0
    assert re.search(
        r"ok +dcgan/generate: .* of [24]e-03 allowed, .* ms at batch 1, .* ms at batch 64", words.stdout
    )
    assert words.stdout.splitlines()[-1].startswith("Largest difference: ")
    (row, _) = map(runtime_programs.parse, start(program, *flags, "--json").stdout.splitlines())
    assert row.milliseconds is not None
    assert set(row.milliseconds) == {"1", "64"}


@pytest.mark.runtimes
def test_a_difference_over_the_tolerance_fails(program: Program, digits: Path) -> None:
    """Would catch a check that always passes."""
    model = catalog.load(digits.parent).model("dcgan")
    graph = model.graphs["generate"]
    names = test_vectors.names("generate", 1, 1)
    arrays = test_vectors.read(digits, names)
    shifted = {"image": arrays["image"] + np.float32(0.01)}
    for name, content in test_vectors.serialise("generate", {"z": arrays["z"]}, shifted).items():
        (digits / name).write_bytes(content)
    done = start(program, "--check", "--json", "--model", digits)
    rows = [runtime_programs.parse(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [row.works for row in rows] == [False, True]
    assert rows[0].difference == pytest.approx(0.01, abs=graph.tolerance)


@pytest.mark.runtimes
def test_a_graph_that_cannot_run_is_a_row_and_the_next_one_runs(program: Program, digits: Path) -> None:
    """Would catch one unsupported operator ending the whole table, and a local path in what is told of it."""
    entry = json.loads((digits / "model.json").read_text("utf-8"))
    model = tiny.gan()["generate"]
    model.graph.node[0].op_type = "Nonsense"
    entry["graphs"]["generate"] |= {
        key: value
        for key, value in tiny.write_graph(digits, "generate.onnx", model).items()
        if key in ("sha256", "bytes")
    }
    (digits / "model.json").write_text(json.dumps(entry), "utf-8")
    done = start(program, "--check", "--json", "--model", digits)
    broken, fine = map(runtime_programs.parse, done.stdout.splitlines())
    assert (done.returncode, fine.works) == (1, True)
    assert broken.error is not None
    assert "generate.onnx of dcgan" in broken.error
    assert str(digits.parent) not in broken.error
    assert len(broken.error) <= 200
    out = digits / "out.png"
    assert "generate.onnx of dcgan" in (start(program, "--model", digits, "--seed", 1, "--out", out).stderr)
    assert not out.exists()


# --- the programs: one sentence -----------------------------------------------------------------------------


@pytest.mark.runtimes
@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "x", ""])
def test_a_bad_seed(program: Program, seed: str, tmp_path: Path) -> None:
    """Would catch a seed cut to 32 bits, or read as far as it goes."""
    out = tmp_path / "out.png"
    flags = ("--model", catalog.DIRECTORY / "dcgan", f"--seed={seed}", "--out", out)
    if program.name in CPP:
        flags = ("--model", catalog.DIRECTORY / "dcgan", "--seed", seed, "--out", out)
    assert "whole number from 0 to 4294967295" in said(start(program, *flags))
    assert not out.exists()


@pytest.mark.runtimes
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--seed", "1", "--out", "x.png"], "--model"),
        (["--model", "onnx_models/nobody", "--seed", "1", "--out", "x.png"], "no model in"),
        (
            ["--model", "onnx_models/rbm", "--seed", "1", "--out", "x.png"],
            "rbm makes no pictures from a seed",
        ),
        (
            ["--model", "onnx_models/dcgan", "--seed", "1", "--out", "nowhere/x.png"],
            "nowhere/x.png cannot be",
        ),
        (["--model", "onnx_models/dcgan", "--seed", "1", "--psi", "2", "--out", "x.png"], "psi is a number"),
        (["--check", "--models", "nowhere"], "nowhere"),
        (["--check", "--models", "docs"], "no <id>/model.json"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_bad_arguments(program: Program, flags: list[str], words: str) -> None:
    """Would catch a traceback, a usage page, or a sentence that does not name what is wrong."""
    assert words in said(start(program, *flags))
    assert not (ROOT / "x.png").exists()


@pytest.mark.runtimes
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("truncated", "generate.onnx of dcgan is not the file its model.json describes"),
        ("flipped", "generate.onnx of dcgan is not the file its model.json describes"),
        ("gone", "generate.onnx of dcgan is missing"),
        ("model.json cut", "model.json"),
        ("model.json bare", "model.json"),
        ("outside", "lies outside its folder"),
    ],
)
def test_a_damaged_model(program: Program, digits: Path, damage: str, words: str, tmp_path: Path) -> None:
    """Would catch a damaged file reaching a runtime, in both modes."""
    graph = digits / "generate.onnx"
    whole, described = graph.read_bytes(), (digits / "model.json").read_text("utf-8")
    if damage == "truncated":
        graph.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "gone":
        graph.unlink()
    elif damage == "outside":
        (digits / "model.json").write_text(
            described.replace('"generate.onnx"', '"../generate.onnx"'), "utf-8"
        )
    else:
        cut = "{}" if damage.endswith("bare") else described[: len(described) // 2]
        (digits / "model.json").write_text(cut, "utf-8")
    out = tmp_path / "out.png"
    assert words in said(start(program, "--model", digits, "--seed", 1, "--out", out))
    assert words in said(start(program, "--check", "--json", "--model", digits))
    assert not out.exists()


@pytest.mark.runtimes
@pytest.mark.parametrize("content", [b"", b"\x08", b"nothing of the kind", None])
def test_a_damaged_test_vector(program: Program, digits: Path, content: bytes | None) -> None:
    """Would catch a protobuf reader that runs off the end of its file."""
    vector = digits / "test_data_set_0" / "generate" / "input_0.pb"
    vector.write_bytes(vector.read_bytes()[:-9] if content is None else content)
    assert "input_0.pb of dcgan's generate is missing or damaged" in said(
        start(program, "--check", "--json", "--model", digits)
    )


@pytest.mark.runtimes
@pytest.mark.parametrize("name", PYTHON)
def test_a_missing_runtime_is_one_sentence(name: str, tmp_path: Path) -> None:
    """Would catch a traceback for everyone who did not read the README first."""
    (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('gone', name={name!r})")
    program = replace(PROGRAMS[name], paths=(tmp_path,))
    assert said(start(program, "--version")).startswith(f"{name} is missing: pip install {name}")


@pytest.mark.runtimes
@pytest.mark.parametrize(("runtime", "words"), [("openvino", "pip install openvino"), ("x", "not 'x'")])
def test_a_missing_runtime_stops_cmake_with_a_sentence(runtime: str, words: str, tmp_path: Path) -> None:
    """Would catch CMake's own page about a package configuration file."""
    if shutil.which("cmake") is None:
        absent("cmake", "apt-get install cmake")
    if runtime == "x":
        (tmp_path / "session_x.cpp").write_text("")
    flags = (f"-DRUNTIME={runtime}", "-DPython3_EXECUTABLE=/bin/false", "-DCMAKE_FIND_USE_CMAKE_PATH=FALSE")
    done = _cmake("-S", str(ROOT / "examples" / "cpp"), "-B", str(tmp_path / "build"), *flags)
    assert done.returncode == 1
    assert words in done.stderr


# --- the programs: seeds, and what the READMEs say --------------------------------------------------------


@pytest.mark.runtimes
@pytest.mark.parametrize("name", CPP)
def test_cpp_meets_the_seed_vectors(name: str, built: Callable[[str], Path], tmp_path: Path) -> None:
    """Would catch a Philox of the program's own, and a comparison that compares nothing."""
    program = _program(name, built)
    shipped = catalog.DIRECTORY / "seeds.json"
    done = start(program, "--check-seeds", shipped)
    assert (done.returncode, done.stderr) == (0, "")
    difference = re.search(r"largest difference of a normal: (\S+)\.$", done.stdout.strip())
    assert difference is not None
    assert float(difference.group(1)) < 1e-6
    vectors = json.loads(shipped.read_text("utf-8"))
    vectors["vectors"][0]["normals"][0][0] += 1e-5
    (tmp_path / "seeds.json").write_text(json.dumps(vectors), "utf-8")
    assert start(program, "--check-seeds", tmp_path / "seeds.json").returncode == 1
    assert "holds no seed vectors" in said(start(program, "--check-seeds", ROOT / "README.md"))


@pytest.mark.runtimes
def test_the_readme_of_python_runs() -> None:
    """Would catch a listing that nobody tried."""
    readme = (ROOT / "examples" / "python" / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(image.shape)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.stdout.strip(), done.returncode) == ("(1, 1, 28, 28)", 0), done.stderr


@pytest.mark.runtimes
def test_the_table_of_what_is_here(digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Would catch a generator that no longer speaks the programs' language."""
    out = tmp_path / "runtimes.md"
    given = ["runtimes", "onnxruntime", "openvino", "--models", str(digits.parent), "--out", str(out)]
    assert evaluation.main(given) == 0
    document = out.read_text("utf-8")
    assert re.search(r"\| onnxruntime \| 1\.\S+ \| 2 of 2 \| \S+ \| \d+% \| 1 / 1 \|", document)
    with Image.open(tmp_path / "runtimes.png") as picture:
        assert picture.width > 200
    if importlib.util.find_spec("openvino") is not None:
        assert "OpenVINO" in document
        assert re.search(r"dcgan, OpenVINO \S+: (no pixel differs|at most 1 of 255)", capsys.readouterr().out)


# --- the measure ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "name"),
    [("generate", "image"), ("synthesis", "image"), ("refine", "picture"), ("encode", "code")],
)
def test_the_programs_measure_as_export_does(role: str, name: str) -> None:
    """Would catch two rulers: a graph that passes here and fails there."""
    draw = np.random.default_rng(0)
    for scale in (1e-9, 0.1, 50.0):
        expected = (draw.normal(size=(2, 3, 4)) * scale).astype(np.float32)
        found = expected + draw.normal(size=expected.shape).astype(np.float32) * np.float32(1e-3)
        wanted = tolerance.difference(found, expected, role=role, name=name)
        assert common.difference(found, expected, role, name) == pytest.approx(wanted)
    assert common.BY_DEVIATION == tolerance.BY_DEVIATION
    assert common.difference(found[:1], expected, role, name) == float("inf")
    found[0, 0, 0] = np.nan
    assert common.difference(found, expected, role, name) == float("inf")


# --- the generator, with programs that only pretend -----------------------------------------------------


def _row(**changes: Any) -> dict[str, Any]:
    return {
        "model": "gan",
        "graph": "generate",
        "runtime": "pretended",
        "version": "9.1",
        "difference": 1e-6,
        "tolerance": 1e-4,
        "milliseconds": {"1": 1.0, "64": 8.0},
        "error": None,
    } | changes


@pytest.fixture
def pretended(tmp_path: Path) -> Callable[..., Program]:
    """Make programs of a few lines of Python: what --check prints, and what comes after."""

    def make(
        name: str, *rows: Any, after: str = "", version: str = "print('x 9.1')", shade: int = 0
    ) -> Program:
        script = tmp_path / f"{name}.py"
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        script.write_text(
            "import sys, struct, zlib\n"
            f"if '--version' in sys.argv:\n    {version}\n"
            "elif '--check' in sys.argv:\n"
            f"    for line in {lines!r}: print(line, flush=True)\n"
            f"    {after or 'pass'}\n"
            "else:\n"
            "    from PIL import Image\n"
            f"    Image.new('L', (28, 28), {shade}).save(sys.argv[sys.argv.index('--out') + 1])\n"
        )
        return Program(name, name.title(), (sys.executable, str(script)), "install it", script)

    return make


def test_rows_are_read_and_what_is_no_row_is_told(pretended: Callable[..., Program], tmp_path: Path) -> None:
    """Would catch a stray print swallowing a whole runtime, or being swallowed itself."""
    calls: list[int] = []
    program = pretended("p", _row(), "Loading...", _row(graph="discriminate", milliseconds=None))
    report = runtime_programs.measure(program, tmp_path, lambda: calls.append(1))
    assert [row.graph for row in report.rows] == ["generate", "discriminate"]
    assert (report.version, report.missing, len(calls)) == ("9.1", "", 2)
    assert "Loading..." in report.broken


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", json.dumps(_row(milliseconds={"1": 1.0})), "nan"])
def test_what_is_no_row(text: str) -> None:
    """Would catch a KeyError of the generator's in place of a sentence about the program."""
    with pytest.raises(ValueError, match=r"^'"):
        runtime_programs.parse(text)


def test_a_program_that_falls_keeps_its_rows_and_its_reason(
    pretended: Callable[..., Program], tmp_path: Path
) -> None:
    """Would catch a crash that looks like a success of fewer graphs."""
    dies = "print('Out of memory.', file=sys.stderr); sys.exit(2)"
    report = runtime_programs.measure(pretended("p", _row(), after=dies), tmp_path)
    assert (len(report.rows), report.broken) == (1, "Out of memory.")
    killed = runtime_programs.measure(pretended("q", after="import os; os.abort()"), tmp_path)
    assert "exit code -6" in killed.broken
    failed = runtime_programs.measure(pretended("r", _row(difference=1), after="sys.exit(1)"), tmp_path)
    assert failed.broken == ""


def test_a_program_that_hangs_is_ended(
    pretended: Callable[..., Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would catch a browser that never answers hanging the table for ever."""
    monkeypatch.setattr(runtime_programs, "LIMIT", 8.0)  # time to start and to print its row
    report = runtime_programs.measure(pretended("p", _row(), after="import time; time.sleep(60)"), tmp_path)
    assert (len(report.rows), report.broken) == (1, "It was ended after 8 s.")


def test_what_is_not_installed_says_what_to_do(pretended: Callable[..., Program], tmp_path: Path) -> None:
    """Would catch a missing runtime taking the others down."""
    program = pretended("p", version="sys.exit('npm ci, please.')")
    assert runtime_programs.measure(program, tmp_path).missing == "npm ci, please."
    gone = replace(program, needs=tmp_path / "nowhere")
    assert runtime_programs.measure(gone, tmp_path).missing == "Not installed: install it"
    nobody = replace(program, command=("no-such-program",))
    assert "no-such-program cannot be started" in runtime_programs.measure(nobody, tmp_path).missing


def _report(name: str, *rows: dict[str, Any], missing: str = "", broken: str = "") -> Report:
    program = Program(name, name.title(), (name,), "install it", Path())
    read = [runtime_programs.parse(json.dumps(row)) for row in rows]
    return Report(program, "9.1", read, missing, broken)


@pytest.fixture(scope="module")
def gans(tmp_path_factory: pytest.TempPathFactory) -> catalog.Catalog:
    directory = tmp_path_factory.mktemp("gans")
    tiny.write_model(directory, "gan", tiny.gan())
    return catalog.load(directory)


def test_the_table_keeps_failures_and_says_how_fast(gans: catalog.Catalog) -> None:
    """Would catch a failure that vanishes, a ratio upside down, and a bar in a message breaking the table."""
    other = _row(graph="discriminate", milliseconds={"1": 3.0, "64": 2.0})
    reference = _report("onnxruntime", _row(), other)
    slow = _report(
        "slow",
        _row(milliseconds={"1": 2.0, "64": 4.0}),
        _row(graph="discriminate", difference=None, milliseconds=None, error="No <Scan> | here."),
    )
    off = _report("off", _row(difference=0.5, milliseconds=None), broken="It fell.")
    none = _report("none", missing="Not installed: buy one")
    document = runtime_table.text([reference, slow, off, none], gans.models, "runtimes.png")
    assert "| Onnxruntime | 9.1 | 2 of 2 | 1e-06 | 1% | 1 / 1 |" in document
    assert "| Slow | 9.1 | 1 of 2 | 1e-06 | 1% | 0.5 / 2 |" in document
    assert (
        "| gan | 2 of 2, 1e-06, 1 / 1 | **1 of 2**, 1e-06, 0.5 / 2 | **0 of 2**, 5e-01, – / – |" in document
    )
    assert "- Slow 9.1, gan/discriminate: No &lt;Scan> \\| here." in document
    assert "- Off 9.1, gan/generate: 5e-01 apart, 1e-04 is allowed." in document
    assert "- Off 9.1: It fell." in document
    assert "- Off 9.1 gave no answer for gan/discriminate." in document
    assert "- None: Not installed: buy one" in document
    assert "](runtimes.png)" in document


def test_speeds_are_those_of_the_graphs_that_both_ran() -> None:
    """Would catch a runtime that looks fast because it could not run the slow graph."""
    fast, heavy = (
        Row("m", graph, "1", 0.0, 1.0, {"1": ms, "64": ms}, None) for graph, ms in (("a", 1.0), ("b", 99.0))
    )
    reference = {("m", "a"): fast, ("m", "b"): heavy}
    assert runtime_table.speed([replace(fast, milliseconds={"1": 2.0, "64": 2.0})], reference, "1") == 0.5
    assert runtime_table.speed([], reference, "1") is None
    assert runtime_table.speed([fast], {}, "1") is None


def test_the_command_writes_table_and_picture(
    pretended: Callable[..., Program],
    gans: catalog.Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Would catch a column of the picture under another runtime's name."""
    both = (pretended("onnxruntime", _row()), pretended("other", _row(), shade=3))
    monkeypatch.setattr(runtimes, "programs", lambda previous: both)
    directory = str(gans.models[0].folder.parent)
    given = ["runtimes", "--models", directory, "--show", "gan", "--out", str(tmp_path / "r.md")]
    assert evaluation.main(given) == 0
    told = capsys.readouterr().out
    assert "gan, Other 9.1: at most 3 of 255 apart" in told
    assert "gan, Onnxruntime 9.1: no pixel differs" in told
    assert "| Other | 9.1 |" in (tmp_path / "r.md").read_text("utf-8")
    with Image.open(tmp_path / "r.png") as picture:
        assert 3 in np.asarray(picture)[..., 0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--models", "nowhere"], "no directory"),
        (["--show", "nobody"], "no model called 'nobody'"),
        (["--out", "nowhere/r.md"], "nowhere"),
    ],
)
def test_the_command_refuses_before_it_measures(
    given: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch minutes of measuring before the sentence."""
    monkeypatch.setattr(runtimes, "measure", lambda *_, **__: pytest.fail("measured"))
    assert runtimes.main(given) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert words in sentence


def test_the_command_needs_its_reference(
    pretended: Callable[..., Program],
    gans: catalog.Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Would catch a table of dashes written over a good one."""
    gone = pretended("onnxruntime", version="sys.exit('pip install it.')")
    monkeypatch.setattr(runtimes, "programs", lambda previous: (gone,))
    directory = str(gans.models[0].folder.parent)
    assert runtimes.main(["--models", directory, "--out", str(tmp_path / "r.md")]) == 2
    assert "nothing to compare with. pip install it." in capsys.readouterr().err
    assert not (tmp_path / "r.md").exists()


def test_an_unknown_runtime_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Would catch a typing error that measures the reference alone."""
    with pytest.raises(SystemExit) as stopped:
        runtimes.main(["opnvino"])
    assert stopped.value.code == 2
    assert "opnvino" in capsys.readouterr().err


def test_whose_pictures_are_shown(styles: Path, tmp_path: Path) -> None:
    """Would catch a hard-coded list: a StyleGAN that lands later has its row."""
    tiny.write_model(tmp_path, "dcgan", tiny.gan())
    models = catalog.load(tmp_path, styles)
    assert [model.id for model in runtime_sheet.shown(models, None)] == ["dcgan", "stylegan_tiny"]
    assert [model.id for model in runtime_sheet.shown(models, ["cgan_tiny"])] == ["cgan_tiny"]


def test_the_sheet_measures_and_enlarges(gans: catalog.Catalog) -> None:
    """Would catch unsigned differences that wrap, and pictures blurred by the enlargement."""
    dark, light = (np.full((28, 28, 3), level, np.uint8) for level in (1, 250))
    assert runtime_sheet.apart(dark, light) == runtime_sheet.apart(light, dark) == 249
    assert runtime_sheet.apart(dark, light[:5]) is None
    assert runtime_sheet.apart("It fell.", light) is None
    light[0, 0] = 7
    columns = [("a", "1"), ("b", "2"), ("c", "3")]
    pictures = [[dark, light, "It fell."]]
    sheet = np.asarray(runtime_sheet.draw(columns, gans.models, pictures, 42))
    assert (sheet == 7).all(axis=2).sum() == 49
    assert runtime_sheet.sentences(columns, gans.models, pictures) == [
        "gan, a 1: no pixel differs",
        "gan, b 2: at most 249 of 255 apart",
        "gan, c 3: It fell.",
    ]
