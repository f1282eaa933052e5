"""The README's first command, on a machine that has nothing yet."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = re.compile(
    r"^(\.git|\.venv|build|dist|data|runs|tests/artifacts)(/|$)|node_modules|_cache(/|$)|__pycache__"
)
"""What may lie in a folder that is no git checkout and is no part of the project."""


def project_files() -> list[str]:
    """What git tracks; in a tarball, or where there is no git, all that is no by-product."""
    # Whose checkout it is has no say in what it holds.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        names = listed.split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")]
        names = [name for name in names if not NOT_OURS.search(name)]
    return [name for name in names if name and (ROOT / name).is_file()]


def needed(
    name: str, extras: frozenset[str], site: Path, found: dict[str, importlib.metadata.Distribution]
) -> None:
    """Add what ``name`` requires, and all that this requires, from the environment that runs the tests."""
    if name == "latent-lineage":
        distribution = next(iter(importlib.metadata.distributions(name=name, path=[str(site)])))
    else:
        distribution = importlib.metadata.distribution(name)
    for line in distribution.requires or []:
        wanted = Requirement(line)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        key = wanted.name.lower().replace("_", "-")
        if key not in found or wanted.extras:
            found[key] = importlib.metadata.distribution(wanted.name)
            assert wanted.specifier.contains(found[key].version, prereleases=True), line
            needed(wanted.name, frozenset(wanted.extras), site, found)


def link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    """Lay a package that is installed here into another environment, file by file, without copying."""
    for file in distribution.files or []:
        if ".." in file.parts:
            continue  # a command
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        source = Path(str(distribution.locate_file(file)))
        if source.is_file() and not (site / file).exists():
            (site / file).symlink_to(source.resolve())


@pytest.mark.slow
def test_install_and_play_without_torch(tmp_path: Path) -> None:
    """`pip install -e . && python -m demo` in a new environment, from tracked files only: the page answers.

    pip installs the checkout; what it says it requires is taken, at its installed version, from the
    environment that runs the tests: nothing large is installed twice. Catches a dependency that only the
    developers have, a package or data file left out of the checkout, and torch sneaking into the base.
    """
    checkout = tmp_path / "checkout"
    for name in project_files():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "-e", "."],
        cwd=checkout, env=environment, check=True,
    )  # fmt: skip
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    said = subprocess.run([python, "-c", where], env=environment, capture_output=True, text=True, check=True)
    site = Path(said.stdout.strip())
    base: dict[str, importlib.metadata.Distribution] = {}
    needed("latent-lineage", frozenset(), site, base)
    assert {"gradio", "numpy"} < set(base)
    assert not set(base) & {"torch", "onnx", "onnxscript"}
    for distribution in base.values():
        link(distribution, site)

    server = subprocess.Popen(
        [python, "-u", "-m", "demo", "--port", "0"],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        printed = ""
        for line in server.stdout:
            printed += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            pytest.fail(f"the page did not start:\n{printed}")
        nobody = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with nobody.open(f"http://127.0.0.1:{found[1]}/", timeout=PATIENCE) as answer:
            page = answer.read().decode()
        assert "Latent Lineage" in page
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE)
        shutil.rmtree(tmp_path / "venv")  # pytest keeps the folders of three runs
        shutil.rmtree(checkout)
