"""The page on a Hugging Face Space, as Spaces installs, starts and reaches it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from packaging.requirements import Requirement

from demo import deploy, server
from tests import serving, tiny, visiting

ROOT = Path(__file__).resolve().parents[2]
USER = 1000
"""The user id that Spaces run under."""
MEMORY_MB = 1_000
"""Most that the page may take, with everything used."""

HOST = "ada-latent-lineage.hf.space"
# What Spaces set for a page of the Gradio SDK.
SPACES = {
    "SYSTEM": "spaces",
    "SPACE_ID": "ada/latent-lineage",
    "SPACE_HOST": HOST,
    "SPACE_AUTHOR_NAME": "ada",
    "SPACE_REPO_NAME": "latent-lineage",
    "SPACE_TITLE": "Latent Lineage",
    "ACCELERATOR": "none",
    "CPU_CORES": "2",
    "MEMORY": "16Gi",
    "GRADIO_ALLOW_FLAGGING": "never",
    "GRADIO_NUM_PORTS": "1",
    "GRADIO_THEME": "huggingface",
    "PYTHONUNBUFFERED": "1",
}


def _pins() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    listed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {each.name.lower().replace("_", "-"): each for each in listed}


def _front_matter() -> dict[str, str]:
    head = (ROOT / "README.md").read_text("utf-8").split("---")[1]
    return {key: value.strip(' "') for key, value in re.findall(r"^(\w+): *(.+)$", head, re.MULTILINE)}


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if not listed.stdout:
        pytest.skip("not a git checkout: the list of tracked files is not there")
    return [name for name in listed.stdout.split("\0") if name]


# ------------------------------------------------------------------------------------------ what is written


def test_the_pins_fit_the_project_and_the_front_matter() -> None:
    """Catches a Space of another Gradio than the tests', an open pin, and a dependency left out."""
    pins = _pins()
    assert all([each.operator for each in pin.specifier] == ["=="] for pin in pins.values())
    front = _front_matter()
    assert front["sdk"] == "gradio"
    assert pins["gradio"].specifier.contains(front["sdk_version"])
    assert (ROOT / front["app_file"]).is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert Requirement("python" + project["requires-python"]).specifier.contains(front["python_version"])
    for text in project["dependencies"]:
        wanted = Requirement(text)
        name = "onnxruntime" if wanted.name == "onnxruntime-gpu" else wanted.name  # Spaces run on CPUs
        version = next(iter(pins[name].specifier)).version
        assert wanted.specifier.contains(version), (text, version)


def test_every_tracked_file_has_less_than_10_mb() -> None:
    """Catches a file that Hugging Face takes into large-file storage only."""
    sizes = {name: (ROOT / name).stat().st_size for name in _tracked() if (ROOT / name).is_file()}
    assert {name: size for name, size in sizes.items() if size >= 10_000_000} == {}


# --------------------------------------------------------------------------------------------- how it boots


def _as_user() -> list[str]:
    """What precedes a command that shall run as another user than root, and for any other user nothing.

    It reads what root reads, as the interpreter may lie in root's home, but writes as that user alone.
    """
    if os.getuid() != 0:
        return []
    read = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
    return ["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", *read, "--"]


@contextmanager
def _folder_for_all() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="space-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _booted(python: Path, checkout: Path, home: Path, host: str) -> Iterator[tuple[str, int, Path]]:
    """``python app.py`` as Spaces start it: its address, its process, and whom it tried to reach."""
    with socket.create_server((host, 0)) as free:
        port = free.getsockname()[1]
    guarded = serving.environment(home / "guarded")
    temporary = home / "tmp"
    temporary.mkdir()
    environment = SPACES | {
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(temporary),  # the empty /tmp of a new container
        "PYTHONPATH": guarded["PYTHONPATH"],
        "ATTEMPTS": guarded["ATTEMPTS"],
        "GRADIO_SERVER_NAME": host,
        "GRADIO_SERVER_PORT": str(port),
    }
    if os.getuid() == 0:
        for path in (home, *home.rglob("*")):
            os.chown(path, USER, USER)
    process = subprocess.Popen(
        [*_as_user(), str(python), "app.py"],
        cwd=checkout,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    drain = threading.Thread(target=process.stdout.read, daemon=True)  # a full pipe would stop it
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if f"http://{host}:{port}" in line:
                break
        else:
            pytest.fail(f"the page did not start:\n{printed}")
        drain.start()
        yield f"http://127.0.0.1:{port}", process.pid, home / "guarded" / "attempts"
    finally:
        process.terminate()
        process.wait(timeout=serving.PATIENCE)
        if drain.ident is not None:
            drain.join(timeout=serving.PATIENCE)
        process.stdout.close()


def _peak_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e6


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="Spaces are Linux containers")
def test_a_duplicate_boots_as_spaces_boot_it() -> None:
    """A fresh environment, another user, nothing to write to but a home; every panel within 1 GB.

    First a directory with all tracked files and `requirements.txt` alone; then exactly what `demo.deploy`
    pushes, with the packages that Spaces add. Catches pins that Spaces cannot install, a file that the page
    needs and a push leaves out, writing beside the code, and memory that grows with every model looked at.
    """
    if os.getuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv (of util-linux) cannot become another user: run it as one")
    with _folder_for_all() as folder:
        everything, pushed = folder / "everything", folder / "pushed"
        for name in _tracked():
            (everything / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, everything / name)
        deploy.pack(ROOT).write(pushed)

        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", everything / "requirements.txt"], check=True)
        subprocess.run(["chmod", "-R", "a-w,a+rX", everything, pushed], check=True)

        # What it may not do is not done by accident: that user cannot write beside the code.
        touch = [*_as_user(), "touch", str(everything / "app.py")]
        assert subprocess.run(touch, capture_output=True, check=False).returncode != 0
        before = _files(everything)
        (folder / "first").mkdir()
        with _booted(python, everything, folder / "first", "0.0.0.0") as (url, _, attempts):
            with urllib.request.urlopen(url, timeout=serving.PATIENCE) as answer:
                assert "Latent Lineage" in answer.read().decode()
            # Through the proxy of Spaces: https outside, a name that the container does not know.
            headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-Host": HOST}
            asked = urllib.request.Request(f"{url}/config", headers=headers)
            with urllib.request.urlopen(asked, timeout=serving.PATIENCE) as answer:
                assert json.loads(answer.read())["root"] == f"https://{HOST}"
            assert attempts.read_text() == ""
        assert _files(everything) == before

        # As the build of a Space does it, in one command: what it adds must agree with the pins.
        added = [
            f"gradio[oauth,mcp]=={_front_matter()['sdk_version']}",
            "uvicorn>=0.14.0",
            "websockets>=10.4",
        ]
        subprocess.run([*pip, "-r", pushed / "requirements.txt", *added, "spaces"], check=True)
        before = _files(pushed)
        (folder / "second").mkdir()
        with _booted(python, pushed, folder / "second", "127.0.0.1") as (url, process, attempts):
            visit = visiting.use_everything(url)
            peak = _peak_mb(process)
            print(f"{peak:.0f} MB at most, {visit.panels} events of panels, {visit.calls} calls")
            assert visit.failed == []
            assert attempts.read_text() == ""
            assert peak < MEMORY_MB
        assert _files(pushed) == before


# ---------------------------------------------------------------------------------- how others may show it


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    folder = tmp_path_factory.mktemp("space")
    models = tiny.write_models(folder / "models")
    with serving.page(folder / "page", [models], {"SPACE_ID": "ada/latent-lineage"}) as running:
        yield running


def test_other_sites_may_frame_the_page(page: serving.Page) -> None:
    """Catches a header that leaves the frame of a Space, or of a site that embeds it, empty."""
    with urllib.request.urlopen(page.url, timeout=serving.PATIENCE) as answer:
        assert answer.headers["x-frame-options"] is None
        policy = answer.headers["content-security-policy"]
    assert "frame-ancestors" not in policy


def test_the_web_component_may_read_the_page_from_another_site(page: serving.Page) -> None:
    """Catches a page that `<gradio-app src=...>` cannot load: it asks across origins."""
    headers = {"Host": HOST, "Origin": "https://blog.example"}
    asked = urllib.request.Request(f"{page.url}/config", headers=headers)
    with urllib.request.urlopen(asked, timeout=serving.PATIENCE) as answer:
        assert answer.headers["access-control-allow-origin"] in ("*", "https://blog.example")


@pytest.mark.parametrize("space", ["ada/latent-lineage", None])
def test_visitors_behind_the_proxy_of_a_space_are_told_apart(
    space: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches one visitor's full queue being held against all; and, elsewhere, visitors who name themselves.

    The proxy of Spaces has one address, and says in a header whose request it hands on.
    """
    seen: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append(scope["client"][0])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    def answer_one(self: uvicorn.Server, sockets: Any = None) -> None:
        self.config.load()
        request = {
            "type": "http",
            "client": ("10.0.0.1", 1),
            "headers": [(b"x-forwarded-for", b"203.0.113.7")],
        }
        asyncio.run(self.config.loaded_app(request | _HTTP, _nothing, _forget))

    monkeypatch.setattr(uvicorn.Server, "run", answer_one)
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", space)
    server.serve(page, None)  # type: ignore[arg-type]
    assert seen == ["203.0.113.7" if space else "10.0.0.1"]


_HTTP = {"method": "GET", "path": "/", "http_version": "1.1", "query_string": b"", "asgi": {"version": "3.0"}}


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request"}


async def _forget(message: Any) -> None:
    pass
