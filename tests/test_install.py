"""The README's first command, on a machine that has nothing yet."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_install_and_play_without_torch(tmp_path: Path) -> None:
    """`pip install -e . && python -m demo` in a new environment, from tracked files only: the page answers.

    Catches a dependency that only the developers have, a package or data file left out of the checkout, and
    torch sneaking into the base.
    """
    tracked = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\0")
    if tracked == [""]:
        pytest.skip("not a git checkout: the list of tracked files is not there")
    checkout = tmp_path / "checkout"
    for name in filter(None, tracked):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", "."],
        cwd=checkout,
        check=True,
    )
    listed = json.loads(
        subprocess.run(
            [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
            capture_output=True, text=True, check=True,
        ).stdout
    )  # fmt: skip
    names = {entry["name"].lower() for entry in listed}
    assert not names & {"torch", "onnx", "onnxscript"}

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
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
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=60) as answer:
            page = answer.read().decode()
        assert "Latent Lineage" in page
    finally:
        server.terminate()
        server.communicate(timeout=30)
