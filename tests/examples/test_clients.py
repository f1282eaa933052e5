"""The example programs that call a page, run against a real one as a reader of `docs/api.md` runs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.engine import inference, styles
from demo.engine.library import Library
from demo.kit import paper
from tests import serving, tiny

EXAMPLES = serving.ROOT / "examples" / "clients"
NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def missing(what: str, install: str) -> None:
    """Skip for want of a program or package; where everything is installed, fail instead."""
    sentence = f"{what} is not installed: {install}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tiny.write_models(tmp_path_factory.mktemp("clients") / "models")
    tiny.write_model(directory, "styles", tiny.stylegan(channels=1), year=2020)
    return directory


@pytest.fixture(scope="module")
def page(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    with serving.page(tmp_path_factory.mktemp("page"), [models]) as running:
        yield running


@pytest.fixture(scope="module")
def maker(models: Path) -> str:
    return Library.open([models], "cpu").generators[0].id


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()} | more
    written = [str(part) for part in command]
    return subprocess.run(
        written, env=environment, capture_output=True, text=True, timeout=serving.PATIENCE, check=False
    )


def check(ask: Callable[[str, str, str, Path], subprocess.CompletedProcess[str]], page: serving.Page,
          models: Path, maker: str, folder: Path) -> None:  # fmt: skip
    """The picture is the seed's, to the byte; what goes wrong is one sentence and exit code 2."""
    file = folder / "digit.png"
    done = ask(page.url, maker, "7", file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(file)
    expected = inference.sample(Library.open([models], "cpu"), maker, 7, 1, -1).images[0]
    with Image.open(file) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(paper.as_image(expected)))

    for url, model, seed, words in [
        (NOBODY, maker, "7", "answers at http://127.0.0.1:9"),
        (page.url, "nobody", "7", "There is no model called 'nobody'"),
        (page.url, maker, "4294967296", "seed must be a whole number from 0 to 4294967295, got 4294967296."),
    ]:
        done = ask(url, model, seed, folder / "none.png")
        assert done.returncode == 2, (url, model, seed, done)
        assert words in done.stderr
        assert done.stderr.strip().count("\n") == 0, done.stderr
        assert done.stdout == ""
        assert not (folder / "none.png").exists()


def test_python(page: serving.Page, models: Path, maker: str, tmp_path: Path) -> None:
    def ask(url: str, model: str, seed: str, out: Path) -> subprocess.CompletedProcess[str]:
        program = EXAMPLES / "python" / "sample.py"
        return run(sys.executable, program, "--page", url, "--model", model, "--seed", seed, "--out", out)

    check(ask, page, models, maker, tmp_path)


def test_curl(page: serving.Page, models: Path, maker: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        missing("curl", "apt-get install curl")
    program = EXAMPLES / "curl" / "lineage.sh"

    def ask(url: str, model: str, seed: str, out: Path) -> subprocess.CompletedProcess[str]:
        return run("sh", program, "sample", model, seed, out, PAGE=url)

    check(ask, page, models, maker, tmp_path)
    assert run("sh", program, "sample", maker).returncode == 2


def test_curl_and_avatars(page: serving.Page, models: Path, tmp_path: Path) -> None:
    """The plain GET. Catches a refusal that is left in the file as if it were a picture."""
    if shutil.which("curl") is None:
        missing("curl", "apt-get install curl")
    program, file = EXAMPLES / "curl" / "lineage.sh", tmp_path / "face.png"
    done = run("sh", program, "avatar", "7", "0.5", file, PAGE=page.url)
    assert done.returncode == 0, done.stderr
    library = Library.open([models], "cpu")
    expected = styles.portrait(library, styles.painter(library, "styles"), 7, styles.Look(psi=0.5))
    with Image.open(file) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(paper.as_image(expected)))
    for url, psi, words in [
        (page.url, "9", "psi must be a number from -2 to 2"),
        (NOBODY, "0.5", "No page answers"),
    ]:
        done = run("sh", program, "avatar", "7", psi, tmp_path / "none.png", PAGE=url)
        assert done.returncode == 2
        assert words in done.stderr
        assert not (tmp_path / "none.png").exists()


@pytest.mark.runtimes
def test_javascript(page: serving.Page, models: Path, maker: str, tmp_path: Path) -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            missing(program, "apt-get install nodejs npm")
    folder = tmp_path / "javascript"
    shutil.copytree(EXAMPLES / "javascript", folder, ignore=shutil.ignore_patterns("node_modules"))

    def ask(url: str, model: str, seed: str, out: Path) -> subprocess.CompletedProcess[str]:
        return run(
            "node", folder / "sample.mjs", "--page", url, "--model", model, "--seed", seed, "--out", out
        )

    done = ask(page.url, maker, "7", tmp_path / "none.png")
    assert done.returncode == 2
    assert "npm install" in done.stderr
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    check(ask, page, models, maker, tmp_path)


def test_the_lock_file_names_no_registry() -> None:
    """Catches the address of the registry on the machine where it was made."""
    lock = (EXAMPLES / "javascript" / "package-lock.json").read_text("utf-8")
    assert "resolved" not in lock
    assert "integrity" in lock


@pytest.mark.runtimes
def test_mcp(models: Path, maker: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("mcp") is None:
        missing("mcp", "pip install -e '.[mcp]'")

    def ask(url: str, model: str, seed: str, out: Path) -> subprocess.CompletedProcess[str]:
        program = EXAMPLES / "mcp" / "sample.py"
        return run(sys.executable, program, "--page", url, "--model", model, "--seed", seed, "--out", out)

    with serving.page(tmp_path / "page", [models], None, "--mcp") as running:
        check(ask, running, models, maker, tmp_path)
        assert running.outside_attempts() == []


def test_mcp_without_its_packages_says_what_to_install() -> None:
    if importlib.util.find_spec("mcp") is not None:
        pytest.skip("they are installed")
    done = run(sys.executable, "-m", "demo", "--mcp", "--port", "0", PYTHONPATH=str(serving.ROOT))
    assert done.returncode == 2
    assert "pip install -e '.[mcp]'" in done.stderr
