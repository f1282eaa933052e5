"""The walls of the architecture, as a person who breaks one would meet them."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.imports import loaded_after
from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_come_from_this_checkout(package: str) -> None:
    """Catches a stale install, or somebody else's `demo` on the path, shadowing the code under test."""
    module = importlib.import_module(package)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT)


def test_every_package_is_listed() -> None:
    """Catches a new folder of code that an install would leave out."""
    rooms = {name.split(".")[0] for name in PACKAGES}
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for room in rooms
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert found == set(PACKAGES)


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import demo.app", {"torch", "onnx", "training", "export", "evaluation"}),
        ("import demo.engine.contest, demo.engine.history, demo.engine.styles, demo.engine.wall", {"gradio"}),
        (
            "import onnx_models.catalog, onnx_models.directions, onnx_models.recipe_vectors",
            {"torch", "onnx", "gradio"},
        ),
        ("import evaluation.__main__", {"torch", "demo", "export"}),
        ("import export.check, export.directions", {"torch"}),
        ("import export.official.checkpoint", {"torch", "training", "onnxscript"}),
        ("import training.datasets, training.metrics", {"torch", "onnx"}),
    ],
)
def test_rooms_do_not_load_what_they_may_not(statement: str, forbidden: set[str]) -> None:
    """Catches what a static check cannot: a heavy import behind a third package or inside a function."""
    assert not loaded_after(statement) & forbidden


def test_a_panel_has_one_name_everywhere() -> None:
    """Catches a panel whose tab, address, words or scripts are called otherwise than its folder."""
    from demo import panels

    assert [panel.NAME for panel in panels.load()] == list(panels.ORDER)
    assert {path.name for path in (ROOT / "demo/panels").iterdir() if (path / "__init__.py").exists()} == set(
        panels.ORDER
    )
    for folder in panels.folders():
        for language in ("en", "fr"):
            words = json.loads((folder / f"{language}.json").read_text("utf-8"))
            assert {word.split(".")[0] for word in words} == {folder.name}
        script = folder / "panel.js"
        if script.exists():
            defined = re.findall(
                r"^\s*lineage\.(?:kinds\.|dishes\.)?(\w+) =", script.read_text("utf-8"), re.MULTILINE
            )
            assert folder.name in defined


def test_the_page_declares_exactly_one_onnxruntime_on_each_platform() -> None:
    """Catches both wheels in one environment, where the last one installed silently wins."""
    from packaging.requirements import Requirement

    requirements = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    wheels = [requirement for requirement in requirements if requirement.name.startswith("onnxruntime")]
    for system, machine in [
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("win32", "AMD64"),
        ("darwin", "arm64"),
    ]:
        environment = {"sys_platform": system, "platform_machine": machine}
        chosen = [w.name for w in wheels if w.marker is None or w.marker.evaluate(environment)]
        assert len(chosen) == 1, (system, machine, chosen)


def test_nothing_speaks_of_the_machine_it_was_made_on() -> None:
    """Catches a local path or a package registry's host in what ships."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z"]  # a checkout may be another owner's
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout: the list of tracked files is not there")
    marks = [b"/" + b"work/", b"/" + b"root/", b"/tmp/" + b"bash_jobs"]
    guilty = [
        name.decode()
        for name in listed.split(b"\0")
        if name and (ROOT / name.decode()).is_file()
        and any(mark in (ROOT / name.decode()).read_bytes() for mark in marks)
    ]  # fmt: skip
    assert guilty == []


BREACHES = (
    ("training/vae.py", "export.manifest", "training knows nothing"),
    ("training/datasets.py", "torch", "data sets and gate metrics"),
    ("export/cards.py", "evaluation.figures", "export knows nothing"),
    ("export/check.py", "torch", "the check of shipped files"),
    ("export/official/records.py", "pickle", "official checkpoints are read"),
    ("onnx_models/seeds.py", "gradio", "the reader stands on numpy"),
    ("evaluation/parzen.py", "export.table", "the numbers are measured"),
    ("demo/files.py", "training.metrics", "the page needs neither torch"),
    ("demo/engine/latents.py", "demo.kit.markup", "the engine knows no markup"),
    ("demo/kit/controls.py", "demo.engine.inference", "the kit lays out any panel"),
    ("demo/kitchen/service.py", "demo.kit.markup", "the kitchen hands out files"),
    ("demo/panels/draw/scene.py", "demo.panels.game.panel", "a panel knows no other panel"),
    ("demo/panels/dream/panel.py", "gradio", "Gradio carries the page"),
)


def test_a_forbidden_import_breaks_its_wall(tmp_path: Path) -> None:
    """Catches a wall that is written down and does not stand: one breach of each, in a copy."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    walls = [contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]]
    assert all(any(name.startswith(wall) for *_, wall in BREACHES) for name in walls)
    for room in ("demo", "evaluation", "export", "onnx_models", "training"):
        for path in (ROOT / room).rglob("*.py"):
            new = tmp_path / path.relative_to(ROOT)
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for file, module, _ in BREACHES:
        with (tmp_path / file).open("a", encoding="utf-8") as code:
            code.write(f"\nimport {module}\n")
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    _, _, reasons = done.stdout.partition("Broken contracts")
    for file, module, wall in BREACHES:
        assert wall in reasons
        source = file.removesuffix(".py").replace("/", ".")
        assert f"{source} -> {module}" in reasons, reasons
