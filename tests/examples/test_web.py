"""The JavaScript examples: Node on the command line, and the web page in a real headless Chromium.

Both take the npm packages from ``examples/node/node_modules`` and ``examples/web/node_modules``. Screenshots
go to ``tests/artifacts/``; with ``WRITE_DOCS=1`` the web example's picture is written to ``docs/``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from export import test_vectors
from onnx_models import catalog, seeds
from tests import tiny
from tests.browser import chromium, one_font
from tests.serving import PATIENCE

pytestmark = pytest.mark.runtimes

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NODE = EXAMPLES / "node" / "lineage.mjs"
CHECK = EXAMPLES / "web" / "check.py"
AVATARS = "stylegan2_avatars"
ROW = ["model", "graph", "runtime", "version", "difference", "tolerance", "milliseconds", "error"]

Pixels = NDArray[np.uint8]
Arrays = Mapping[str, NDArray[Any]]


# ------------------------------------------------------------------------------------------ what is installed


def absent(reason: str) -> None:
    """Skip with the line that installs what is missing; where everything is installed, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def node() -> str:
    """A Node with onnxruntime-node."""
    program = shutil.which("node")
    if program is None:
        absent("there is no Node: apt-get install nodejs npm")
    if not (EXAMPLES / "node" / "node_modules" / "onnxruntime-node").is_dir():
        absent("onnxruntime-node is not installed: cd examples/node && ONNXRUNTIME_NODE_INSTALL=skip npm ci")
    assert program is not None
    return program


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium, and onnxruntime-web for its pages."""
    if shutil.which("node") is None:
        absent("there is no Node to serve the page: apt-get install nodejs npm")
    if not (EXAMPLES / "web" / "node_modules" / "onnxruntime-web").is_dir():
        absent("onnxruntime-web is not installed: cd examples/web && npm ci")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of what ships, and the avatars' StyleGAN: a tiny one of the same graphs until that ships."""
    directory = tmp_path_factory.mktemp("models")
    for name in ("dcgan", "cdcgan", "rbm", "wgan_gp_cifar10", AVATARS):
        if (catalog.DIRECTORY / name / "model.json").is_file():
            shutil.copytree(catalog.DIRECTORY / name, directory / name)
    if not (directory / AVATARS).is_dir():
        folder = tiny.write_model(directory, AVATARS, tiny.stylegan(), year=2020, family="stylegan2")
        for role, graph in catalog.load(directory).model(AVATARS).graphs.items():
            given = inputs_of(graph, seed=3, psi=0.5, noise_seed=4)
            names = [tensor.name for tensor in graph.outputs]
            expected = dict(zip(names, session(graph).run(None, given), strict=True))
            for name, content in test_vectors.serialise(role, given, expected).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
    return directory


# -------------------------------------------------------------------------------- what Python's runtime says


def session(graph: catalog.Graph) -> onnxruntime.InferenceSession:
    """Native onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph.path, options, providers=["CPUExecutionProvider"])


def inputs_of(
    graph: catalog.Graph, seed: int, psi: float = 1.0, label: int = -1, noise_seed: int = 0
) -> dict[str, NDArray[Any]]:
    """What a seed means to a graph, by onnx_models/SEEDS.md: sample 0, one row."""
    given: dict[str, NDArray[Any]] = {}
    for tensor in graph.inputs:
        shape = [1, *map(int, tensor.shape[1:])]
        size = int(np.prod(shape))
        if tensor.name == "psi":
            given["psi"] = np.full(shape, psi, np.float32)
        elif tensor.name == "label":
            given["label"] = np.full(shape, label, np.int64)
        elif tensor.name.startswith("noise_"):
            layer = int(tensor.name.removeprefix("noise_"))
            noise = seeds.normals(noise_seed, 1, size, seeds.Stream.NOISE, layer=layer)
            given[tensor.name] = noise.reshape(shape)
        else:
            given[tensor.name] = seeds.normals(seed, 1, size).reshape(shape)
    return given


def picture(model: catalog.Model, **wish: Any) -> Pixels:
    """Python's picture of a seed: uint8 [height, width] or [height, width, 3]."""
    graphs = model.graphs
    if "mapping" in graphs and "synthesis" in graphs:
        (ws,) = session(graphs["mapping"]).run(["ws"], inputs_of(graphs["mapping"], **wish))
        given = inputs_of(graphs["synthesis"], **wish) | {"ws": ws}
        (image,) = session(graphs["synthesis"]).run(["image"], given)
    else:
        (image,) = session(graphs["generate"]).run(["image"], inputs_of(graphs["generate"], **wish))
    values = np.floor(np.clip(image[0], 0, 1) * 255 + 0.5).astype(np.uint8)
    return values[0] if len(values) == 1 else values.transpose(1, 2, 0)


def apart(found: Pixels, expected: Pixels) -> int:
    """The largest difference of two pictures, in levels of 255."""
    assert found.shape == expected.shape
    return int(np.abs(found.astype(int) - expected).max())


# ---------------------------------------------------------------------------------------------------- running


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        cwd=ROOT,
        env=one_font(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(r"\S.*\.", line)
    assert words in line


def truncate(folder: Path, file: str = "generate.onnx") -> None:
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])


# ---------------------------------------------------------------------------------------------------- seeds


def test_javascript_draws_the_shared_vectors(node: str) -> None:
    """Words and uniforms to the bit, normals to 1e-6: a wrong round, stream, sample or layer shows."""
    script = """
        import { readFileSync } from "node:fs";
        import { normals, uniforms, words } from "./onnx_models/recipes.js";
        const { vectors } = JSON.parse(readFileSync("onnx_models/seeds.json"));
        const draw = (v) => [words, uniforms, normals].map((by) => [...by(v.seed, v.count, v.size, v)]);
        console.log(JSON.stringify(vectors.map(draw)));
    """
    done = run(node, "--input-type=module", "-e", script)
    assert done.returncode == 0, done.stderr
    vectors = json.loads((ROOT / "onnx_models" / "seeds.json").read_text("utf-8"))["vectors"]
    for vector, (words, uniforms, normals) in zip(vectors, json.loads(done.stdout), strict=True):
        assert words == np.ravel(vector["words"]).tolist()
        assert uniforms == np.ravel(vector["uniforms"]).tolist()
        np.testing.assert_allclose(normals, np.ravel(vector["normals"]), rtol=0, atol=1e-6)


# -------------------------------------------------------------------------------------------------- recipes


COOK = """
    import { readFileSync } from "node:fs";
    import { createRequire } from "node:module";
    import { Kitchen } from "./onnx_models/recipes.js";
    const ort = createRequire(`${process.cwd()}/examples/node/lineage.mjs`)("onnxruntime-node");
    const read = (name) => readFileSync(`onnx_models/${name}`);
    const kitchen = new Kitchen(ort, async (id) => {
      const card = JSON.parse(read(`${id}/model.json`));
      const graph = (role, seen) =>
        seen === undefined ? card.graphs[role] : card.snapshots.find((one) => one.images_seen === seen);
      const session = (role, seen) =>
        ort.InferenceSession.create(read(`${id}/${graph(role, seen).file}`), { logSeverityLevel: 4 });
      return { card, session };
    });
"""


def test_javascript_cooks_the_recipes_that_ship(node: str) -> None:
    """Every form of an input, chains and styles: another order, stream, step or way is another picture."""
    script = """
        const { vectors } = JSON.parse(read("recipes.json"));
        const rows = [];
        for (const { recipe, values } of vectors) {
          const { picture, numbers } = await kitchen.cook(recipe);
          const all = recipe.picture ? { ...numbers, [recipe.picture]: picture } : numbers;
          rows.push(Object.keys(values).map((name) => [all[name].dims, [...all[name].data]]));
        }
        console.log(JSON.stringify(rows));
    """
    done = run(node, "--input-type=module", "-e", COOK + script)
    assert done.returncode == 0, done.stderr
    vectors = json.loads((ROOT / "onnx_models" / "recipes.json").read_text("utf-8"))["vectors"]
    for vector, found in zip(vectors, json.loads(done.stdout), strict=True):
        for (name, wanted), (dims, data) in zip(vector["values"].items(), found, strict=True):
            assert dims == wanted["shape"], (vector["name"], name)
            flat = np.array(data)
            np.testing.assert_allclose(flat[wanted["at"]], wanted["values"], rtol=0, atol=wanted["tolerance"])
            assert flat.mean() == pytest.approx(wanted["mean"], abs=wanted["tolerance"])
            assert flat.std() == pytest.approx(wanted["deviation"], abs=wanted["tolerance"])


def test_javascript_shows_a_chain_on_its_way(node: str) -> None:
    """As many frames as runs, each what the chain of that length ends in."""
    script = """
        const { vectors } = JSON.parse(read("recipes.json"));
        const { recipe } = vectors.find((one) => one.recipe.steps.some((step) => step.repeat?.times === 3));
        const films = [];
        for await (const { picture } of kitchen.frames(recipe)) films.push([...picture.data]);
        for (const times of [1, 2, 3]) {
          const shorter = structuredClone(recipe);
          shorter.steps.find((step) => step.repeat).repeat.times = times;
          films.push([...(await kitchen.cook(shorter)).picture.data]);
        }
        console.log(JSON.stringify(films));
    """
    done = run(node, "--input-type=module", "-e", COOK + script)
    assert done.returncode == 0, done.stderr
    films = json.loads(done.stdout)
    assert len(films) == 6
    assert films[:3] == films[3:]
    assert films[0] != films[1] != films[2]


@pytest.mark.parametrize(
    ("z", "sentence"),
    [
        ({}, "The recipe cannot be read at step made, z: no form of an input is known there."),
        ({"normals": {"seed": -1}}, "a seed is a whole number from 0 to 4294967295."),
        ({"of": "made.image"}, "made.image is nothing of 100 numbers that is there by then."),
        (
            {"normals": {"seed": 1, "count": 129}},
            "A recipe may ask for 128 samples at most; this one asks for 129.",
        ),
        ({"makers": {"seed": 1}}, "its makers' seeds are drawn by Python alone."),
    ],
)
def test_a_recipe_that_cannot_be_cooked_is_one_sentence_in_javascript(
    node: str, z: dict[str, Any], sentence: str
) -> None:
    step = {"name": "made", "model": "gan", "role": "generate", "inputs": {"z": z}}
    recipe = {"recipe": 1, "steps": [step], "picture": "made.image"}
    script = f"kitchen.cook({json.dumps(recipe)}).catch((error) => console.log(error.message));"
    done = run(node, "--input-type=module", "-e", COOK + script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().endswith(sentence)


def test_the_javascript_interpreter_stays_small() -> None:
    lines = (ROOT / "onnx_models" / "recipes.js").read_text("utf-8").splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 130


# ---------------------------------------------------------------------------------------------------- Node


@pytest.mark.parametrize(
    ("name", "wish", "flags"),
    [
        ("dcgan", {"seed": 42}, []),
        ("dcgan", {"seed": 2**32 - 1}, []),
        ("cdcgan", {"seed": 5, "label": 3}, ["--label", 3]),
        ("cdcgan", {"seed": 5, "label": -1}, ["--label", "-1"]),
        ("wgan_gp_cifar10", {"seed": 7}, []),
        (AVATARS, {"seed": 42, "psi": 0.7}, []),
        (AVATARS, {"seed": 9, "psi": 0.5, "noise_seed": 3}, ["--psi", 0.5, "--noise-seed", 3]),
    ],
)
def test_node_paints_what_python_paints(
    node: str, models: Path, tmp_path: Path, name: str, wish: dict[str, Any], flags: list[object]
) -> None:
    if not (models / name).is_dir():
        pytest.skip(f"{name} does not ship here")
    file = tmp_path / "picture.png"
    done = run(node, NODE, "--model", models / name, "--seed", wish["seed"], *flags, "--out", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    expected = picture(catalog.load(models).model(name), **wish)
    assert expected.std() > 5  # a blank picture equals another
    assert apart(np.asarray(Image.open(file)), expected) <= 1


def test_node_checks_every_graph_of_every_folder(node: str, models: Path) -> None:
    done = run(node, NODE, "--check", "--json", "--time", "--models", models)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    shipped = catalog.load(models)
    wanted = [(m.id, role) for m in shipped.models for role, graph in m.graphs.items() if graph.inputs]
    assert sorted((row["model"], row["graph"]) for row in rows) == sorted(wanted)
    for row in rows:
        assert list(row) == ROW
        assert row["runtime"] == "onnxruntime-node"
        assert row["error"] is None
        assert 0 <= row["difference"] <= row["tolerance"]
        assert set(row["milliseconds"]) == {"1", "64"}


def test_a_graph_that_is_too_far_is_exit_code_1(node: str, models: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    entry = json.loads((folder / "model.json").read_text("utf-8"))
    entry["graphs"]["generate"]["tolerance"] = 1e-9
    tiny.edit(folder, graphs=entry["graphs"])
    done = run(node, NODE, "--check", "--model", folder)
    assert done.returncode == 1
    assert "dcgan/generate" in done.stdout
    assert "TOO FAR" in done.stdout


def test_a_graph_that_cannot_be_loaded_is_a_row_and_the_others_go_on(
    node: str, models: Path, tmp_path: Path
) -> None:
    """A file as promised that is none of the runtime's: the matrix keeps its reason."""
    folder = shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    truncate(folder)
    entry = json.loads((folder / "model.json").read_text("utf-8"))
    entry["graphs"]["generate"]["sha256"] = hashlib.sha256(
        (folder / "generate.onnx").read_bytes()
    ).hexdigest()
    tiny.edit(folder, graphs=entry["graphs"])
    done = run(node, NODE, "--check", "--json", "--model", folder)
    assert done.returncode == 1
    rows = {row["graph"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["discriminate"]["error"] is None
    assert rows["generate"]["difference"] is rows["generate"]["milliseconds"] is None
    assert 20 < len(rows["generate"]["error"]) <= 200
    assert str(tmp_path) not in rows["generate"]["error"]


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "seven", "1e3", ""])
def test_node_refuses_what_is_no_seed(node: str, models: Path, tmp_path: Path, seed: str) -> None:
    done = run(node, NODE, "--model", models / "dcgan", f"--seed={seed}", "--out", tmp_path / "no.png")
    assert_one_sentence(done, "from 0 to 4294967295")
    assert not (tmp_path / "no.png").exists()


def test_node_says_what_is_wrong_in_one_sentence(node: str, models: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    ask = ("--seed", 1, "--out", tmp_path / "no.png")

    def said(*arguments: object, words: str) -> None:
        assert_one_sentence(run(node, NODE, *arguments), words)

    said("--model", tmp_path / "nobody", *ask, words="no model nobody")
    said("--check", "--models", tmp_path / "nowhere", words="no models in")
    said("--model", models / "rbm", *ask, words="makes no pictures from a seed")
    said("--model", models / "dcgan", "--seed", 1, words="--out is missing")
    said(
        "--model",
        models / "dcgan",
        "--seed",
        1,
        "--out",
        tmp_path / "no" / "no.png",
        words="cannot be written",
    )
    said("--model", models / AVATARS, "--psi", 2, *ask, words="psi is a number from 0 to 1")
    said("--nonsense", words="--nonsense")

    truncate(broken)
    said("--model", broken, *ask, words="generate.onnx of dcgan is not the file")
    said("--check", "--model", broken, words="generate.onnx of dcgan is not the file")
    (broken / "generate.onnx").unlink()
    said("--model", broken, *ask, words="generate.onnx of dcgan is missing")
    shutil.copy(models / "dcgan" / "generate.onnx", broken)
    truncate(broken, "test_data_set_0/generate/output_0.pb")
    said("--check", "--model", broken, words="output_0.pb of dcgan is not a whole TensorProto")
    (broken / "model.json").write_text("{")
    said("--model", broken, *ask, words="model.json of dcgan is not a model's description")
    tiny_official = tiny.write_model(tmp_path, "official", tiny.gan())
    tiny.edit(tiny_official, seeds="numpy.RandomState")
    said("--model", tiny_official, *ask, words="numpy.random.RandomState")


@pytest.mark.parametrize("folder", ["node", "web"])
def test_a_missing_package_is_named_with_its_install_line(node: str, tmp_path: Path, folder: str) -> None:
    copy = tmp_path / "examples"
    shutil.copytree(EXAMPLES, copy, ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "onnx_models").mkdir()
    for name in ("recipes.js", "package.json"):
        shutil.copy(ROOT / "onnx_models" / name, tmp_path / "onnx_models")
    program = (
        [node, copy / "node" / NODE.name] if folder == "node" else [sys.executable, copy / "web" / CHECK.name]
    )
    assert_one_sentence(run(*program, "--version"), f"npm ci in examples/{folder}")


@pytest.mark.parametrize("folder", ["node", "web"])
def test_the_lock_file_names_no_host(folder: str) -> None:
    """What is installed is said by its hash; from where is the business of whoever installs."""
    text = (EXAMPLES / folder / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert "registry" not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in entry for name, entry in packages.items() if name)


# --------------------------------------------------------------------------------------------------- the page


@contextmanager
def serving(models: Path) -> Iterator[str]:
    command = ["node", str(EXAMPLES / "web" / "serve.mjs"), "--port", "0", "--models", str(models)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.terminate()
    server.wait(timeout=PATIENCE)
    server.stdout.close()


@dataclass
class Visit:
    """One visitor, and everything that went wrong or elsewhere."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(120_000)
        self.page.on("console", lambda line: line.type == "error" and self.complaints.append(line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def outside(self) -> list[str]:
        """Requests to anything but the page's own origin."""
        addresses = [urlsplit(url) for url in self.requests]
        return [a.geturl() for a in addresses if a.scheme not in ("data", "blob") and a.netloc != self.origin]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open the wall; it is left when every frame has its picture or its trouble."""
    contexts = []

    def send(address: str, **options: Any) -> Visit:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        one = Visit(context.new_page(), urlsplit(address).netloc)
        one.page.goto(address)
        one.page.wait_for_selector("html[data-ready]", state="attached")
        return one

    yield send
    for context in contexts:
        context.close()


def shown(page: Page, frame: str) -> Pixels:
    """What a canvas holds: grey pictures are ink, their opacity; uint8 as `picture` gives it."""
    values, width, height = page.evaluate(
        """(frame) => {
            const canvas = document.querySelector(`#${frame} canvas`);
            const { width, height } = canvas;
            return [[...canvas.getContext("2d").getImageData(0, 0, width, height).data], width, height];
        }""",
        frame,
    )
    pixels = np.asarray(values, np.uint8).reshape(height, width, 4)
    return pixels[..., 3] if frame == "digit" else pixels[..., :3]


def wait_for(page: Page, frame: str, shows: str) -> None:
    """Until the canvas shows that seed (and psi)."""
    expect(page.locator(f"#{frame} canvas")).to_have_attribute("data-shows", shows, timeout=120_000)


@pytest.mark.browser
def test_the_page_paints_a_digit_and_an_avatar(models: Path, visit: Callable[..., Visit]) -> None:
    """The pictures are Python's, psi answers the hand, and nothing is asked of anyone else."""
    shipped = catalog.load(models)
    with serving(models) as address:
        visitor = visit(address)
        page = visitor.page
        wait_for(page, "digit", "3")
        assert apart(shown(page, "digit"), picture(shipped.model("dcgan"), seed=3)) <= 1
        page.fill("#digit .seed", "7")
        wait_for(page, "digit", "7")
        assert apart(shown(page, "digit"), picture(shipped.model("dcgan"), seed=7)) <= 1

        wait_for(page, "avatar", "42 0.7")
        before = shown(page, "avatar")
        assert apart(before, picture(shipped.model(AVATARS), seed=42, psi=0.7)) <= 1
        slider = page.locator("#avatar .psi")
        box = slider.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.7 * box["width"], middle)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], middle)
        page.wait_for_function(
            """() => {
                const { shows } = document.querySelector("#avatar canvas").dataset;
                return Math.abs(Number(shows.split(" ")[1]) - 0.5) < 0.05;
            }"""
        )  # while the button is still down
        assert apart(shown(page, "avatar"), before) > 2
        page.mouse.move(box["x"] - 5, middle, steps=8)
        page.mouse.up()
        wait_for(page, "avatar", "42 0")
        average = shown(page, "avatar")
        page.fill("#avatar .seed", "43")
        wait_for(page, "avatar", "43 0")
        assert apart(shown(page, "avatar"), average) == 0  # at psi 0 every seed is the average
        slider.press("End")
        wait_for(page, "avatar", "43 1")
        assert apart(shown(page, "avatar"), picture(shipped.model(AVATARS), seed=43)) <= 1

        page.click("#digit .another")
        page.wait_for_function("() => document.querySelector('#digit canvas').dataset.shows !== '7'")
        assert (
            apart(
                shown(page, "digit"),
                picture(shipped.model("dcgan"), seed=int(page.input_value("#digit .seed"))),
            )
            <= 1
        )
        assert visitor.complaints == []
        assert visitor.outside() == []
        assert any(url.endswith("dcgan/generate.onnx") for url in visitor.requests)


@pytest.mark.browser
def test_a_stylegan_of_digits_hangs_where_no_avatar_does(
    models: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    """Catches a wall with a hole in it where one of two networks ships."""
    shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    shutil.copytree(models / AVATARS, tmp_path / "stylegan2_digits")
    with serving(tmp_path) as address:
        page = visit(address).page
        wait_for(page, "avatar", "42 0.7")
        assert page.inner_text("#avatar .trouble") == ""


@pytest.mark.browser
def test_the_page_says_what_is_wrong_and_shows_the_rest(
    models: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    shutil.copytree(models / AVATARS, tmp_path / AVATARS)
    truncate(tmp_path / AVATARS, "synthesis.onnx")
    with serving(tmp_path) as address:
        page = visit(address).page
        expect(page.locator("#avatar .trouble")).to_contain_text(
            f"synthesis.onnx of {AVATARS} is not the file"
        )
        wait_for(page, "digit", "3")
        page.fill("#digit .seed", "4294967296")
        expect(page.locator("#digit .trouble")).to_contain_text("from 0 to 4294967295")
        page.fill("#digit .seed", "8")
        expect(page.locator("#digit .trouble")).to_be_empty()
        wait_for(page, "digit", "8")
        page.goto(f"{address}?digit=nobody")
        expect(page.locator("#digit .trouble")).to_contain_text("no model nobody")


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 375])
def test_the_page_fits_and_its_pixels_are_whole(
    models: Path, visit: Callable[..., Visit], width: int
) -> None:
    with serving(models) as address:
        page = visit(address, viewport={"width": width, "height": 900}).page
        wait_for(page, "avatar", "42 0.7")
        real = (catalog.DIRECTORY / AVATARS).is_dir()  # the tiny one is nothing to look at
        if real and os.environ.get("WRITE_DOCS") == "1" and width == 1280:
            page.screenshot(path=ROOT / "docs" / "web_example.png")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for frame in ("digit", "avatar"):
            own, box = page.evaluate(
                """(frame) => {
                    const canvas = document.querySelector(`#${frame} canvas`);
                    const { x, y, width, height } = canvas.getBoundingClientRect();
                    return [[canvas.width, canvas.height], [x, y, width, height]];
                }""",
                frame,
            )
            assert box[2] >= 240
            assert box[2] % own[0] == box[3] % own[1] == 0  # a whole number of times
            assert box[2] / own[0] == box[3] / own[1]
            assert box[0] == round(box[0])  # and not between two pixels of the screen


@pytest.mark.browser
def test_the_page_answers_from_the_command_line_too(browser: Browser, models: Path, tmp_path: Path) -> None:
    """`check.py` speaks the same lines as the other examples, and its picture is theirs."""
    del browser  # what it needs is there
    two = tmp_path / "two"
    for name in ("dcgan", AVATARS):
        shutil.copytree(models / name, two / name)
    done = run(sys.executable, CHECK, "--check", "--json", "--time", "--models", two)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["model"] for row in rows} == {"dcgan", AVATARS}
    for row in rows:
        assert list(row) == ROW
        assert (row["runtime"], row["error"]) == ("onnxruntime-web", None)
        assert 0 <= row["difference"] <= row["tolerance"]
        assert set(row["milliseconds"]) == {"1", "64"}

    file = tmp_path / "avatar.png"
    wish = ("--model", models / AVATARS, "--seed", 11, "--psi", 0.4)
    done = run(sys.executable, CHECK, *wish, "--out", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (
        apart(np.asarray(Image.open(file)), picture(catalog.load(models).model(AVATARS), seed=11, psi=0.4))
        <= 1
    )

    folder = shutil.copytree(models / "dcgan", tmp_path / "dcgan")
    truncate(folder)
    done = run(sys.executable, CHECK, "--check", "--model", folder)
    assert_one_sentence(done, "generate.onnx of dcgan is not the file")
    done = run(sys.executable, CHECK, "--model", folder, "--seed", "-1", "--out", file)
    assert_one_sentence(done, "from 0 to 4294967295")
    done = run(sys.executable, CHECK, "--model", tmp_path / "nobody", "--seed", 1, "--out", file)
    assert_one_sentence(done, "no model nobody")


@pytest.mark.browser
def test_the_page_tells_how_long_it_takes(
    models: Path, visit: Callable[..., Visit], capsys: pytest.CaptureFixture[str]
) -> None:
    """It times each batch, and on one thread beside native onnxruntime: printed, for a person to look at."""
    graph = catalog.load(models).model("dcgan").graphs["generate"]
    native = session(graph)
    z = {batch: seeds.normals(1, batch, tiny.LATENT) for batch in (1, 64)}
    took = {batch: float("inf") for batch in z}
    with serving(models) as address:
        page = visit(address).page
        page.goto(address + "check.html")
        page.wait_for_function("() => window.lineage")
        said = page.evaluate("() => window.lineage('check', 'dcgan', 'generate', true)")["answer"]
    assert set(said["milliseconds"]) == {str(batch) for batch in z}
    for batch in z:
        for _ in range(5):
            start = time.perf_counter()
            native.run(None, {"z": z[batch]})
            took[batch] = min(took[batch], 1000 * (time.perf_counter() - start))
    told = ", ".join(
        f"{said['milliseconds'][str(batch)]:.2f} / {took[batch]:.2f} ms at {batch}" for batch in z
    )
    with capsys.disabled():
        print(f"\nonnxruntime-web / native onnxruntime, dcgan, one thread: {told}")
