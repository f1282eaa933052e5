"""What goes on a Space, without a Space: Hugging Face is a stand-in that writes down what it is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from demo import deploy
from onnx_models.errors import LineageError


class Hub:
    """A Hugging Face of one Space, which may fail at any step."""

    def __init__(self, there: Iterable[str] = (), fault: tuple[str, Exception] | None = None) -> None:
        self.there = list(there)
        self.fault = fault
        self.asked: list[str] = []
        self.made: dict[str, Any] = {}
        self.operations: list[Any] = []

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fault and self.fault[0] == what:
            raise self.fault[1]

    def whoami(self) -> dict[str, Any]:
        self._ask("whoami")
        return {"name": "ada"}

    def create_repo(self, repo_id: str, **named: Any) -> None:
        self._ask("create_repo")
        self.made = {"repo_id": repo_id} | named

    def list_repo_files(self, repo_id: str, *, repo_type: str) -> list[str]:
        self._ask("list_repo_files")
        return self.there

    def create_commit(self, repo_id: str, operations: Iterable[Any], **named: Any) -> None:
        self._ask("create_commit")
        self.operations = list(operations)


def refusal(status: int, text: str) -> HfHubHTTPError:
    request = httpx.Request("POST", "https://huggingface.co/api/repos/create")
    return HfHubHTTPError(text, response=httpx.Response(status, request=request))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout with all that a Space needs, and what it does not."""
    files = {
        "README.md": "![The page](docs/page.png) and [more](docs/api.md)",
        "LICENSE": "",
        "app.py": "",
        "requirements.txt": "gradio==6.31.0\nonnxruntime==1.31.1\n",
        "demo/__init__.py": "",
        "onnx_models/gan/generate.onnx": "weights",
        "onnx_models/gan/test_data_set_0/input_0.pb": "",
        "docs/page.png": "",
        "docs/api.md": "",
        "tests/test_x.py": "",
        "training/gan.py": "",
        "pyproject.toml": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "demo" / "secret.txt").write_text("not tracked")
    return tmp_path


SPACE = (
    "LICENSE",
    "README.md",
    "app.py",
    "demo/__init__.py",
    "docs/page.png",
    "onnx_models/gan/generate.onnx",
    "requirements.txt",
)


def test_what_the_page_needs_goes_up_and_nothing_else(checkout: Path, tmp_path_factory: Any) -> None:
    """Catches a file that only lies around, and training code, on a public Space."""
    parcel = deploy.pack(checkout)
    assert parcel.names == SPACE
    written = tmp_path_factory.mktemp("space")
    parcel.write(written)
    assert sorted(str(p.relative_to(written)) for p in written.rglob("*") if p.is_file()) == sorted(SPACE)


def test_a_dry_run_asks_nobody_and_says_what_and_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    """On this checkout itself. Catches an upload that nobody ordered, and a file too large to be cloned."""
    hub = Hub()
    assert deploy.main(["ada/latent-lineage"], hub) == 0
    assert hub.asked == []
    said = capsys.readouterr().out
    assert "onnx_models/" in said
    assert "in all" in said
    assert "The largest:" in said
    assert "nothing was sent" in said
    names = deploy.pack(deploy.ROOT).names
    assert not [name for name in names if name.split("/")[0] in {"training", "export", "evaluation", "tests"}]


def test_a_push_is_one_commit_that_leaves_nothing_old(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a model that was dropped and is still served, and a Space without its large-file rules."""
    monkeypatch.setattr(deploy, "ROOT", checkout)
    hub = Hub([".gitattributes", "README.md", "onnx_models/old/generate.onnx"])
    assert deploy.main(["ada/latent-lineage", "--push"], hub) == 0
    assert hub.asked == ["whoami", "create_repo", "list_repo_files", "create_commit"]
    assert hub.made == {
        "repo_id": "ada/latent-lineage",
        "repo_type": "space",
        "space_sdk": "gradio",
        "exist_ok": True,
    }
    added = [each.path_in_repo for each in hub.operations if isinstance(each, CommitOperationAdd)]
    deleted = [each.path_in_repo for each in hub.operations if isinstance(each, CommitOperationDelete)]
    assert tuple(added) == SPACE
    assert deleted == ["onnx_models/old/generate.onnx"]
    assert "Pushed to https://huggingface.co/spaces/ada/latent-lineage" in capsys.readouterr().out


def test_a_gpu_space_gets_the_cuda_wheel_of_the_same_version(checkout: Path) -> None:
    """Catches both wheels in one environment, and a requirements file changed in the checkout."""
    before = (checkout / "requirements.txt").read_bytes()
    parcel = deploy.pack(checkout, gpu=True)
    assert parcel.requirements == b"gradio==6.31.0\nonnxruntime-gpu[cuda,cudnn]==1.31.1\n"
    assert (checkout / "requirements.txt").read_bytes() == before
    deploy.pack(deploy.ROOT, gpu=True)  # the real file has the line


@pytest.mark.parametrize(
    "name", ["latent-lineage", "ada/", "/x", "a/b/c", "ada/a--b", "ada/a b", "a/" + "x" * 96]
)
def test_a_bad_name_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    hub = Hub()
    assert deploy.main([name, "--push"], hub) == 2
    assert hub.asked == []
    assert "OWNER/NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "fault", "words"),
    [
        ("whoami", LocalTokenNotFoundError("no token"), "hf auth login"),
        ("whoami", refusal(401, "Invalid username or password."), "hf auth login"),
        ("whoami", OfflineModeIsEnabled("offline"), "cannot be reached"),
        ("create_repo", httpx.ConnectError("name not resolved"), "cannot be reached"),
        ("create_commit", httpx.ReadTimeout("slow"), "cannot be reached"),
        ("create_repo", refusal(403, "You have no rights there.\nmore"), "(status 403): You have no rights"),
    ],
)
def test_what_goes_wrong_at_hugging_face_is_one_sentence(
    step: str, fault: Exception, words: str, checkout: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(deploy, "ROOT", checkout)
    assert deploy.main(["ada/latent-lineage", "--push"], Hub(fault=(step, fault))) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_file_over_the_limit_is_named(checkout: Path) -> None:
    with (checkout / "onnx_models" / "gan" / "generate.onnx").open("wb") as file:
        file.truncate(deploy.LIMIT_BYTES + 1)
    with pytest.raises(LineageError, match=r"onnx_models/gan/generate.onnx has 10.0 MB") as caught:
        deploy.pack(checkout)
    assert caught.value.code == "deploy.size"


def test_what_is_missing_is_named(checkout: Path, tmp_path_factory: Any) -> None:
    (checkout / "LICENSE").unlink()
    with pytest.raises(LineageError, match="LICENSE is tracked but not there"):
        deploy.pack(checkout)
    subprocess.run(["git", "rm", "-q", "--cached", "LICENSE"], cwd=checkout, check=True)
    with pytest.raises(LineageError, match="LICENSE is missing"):
        deploy.pack(checkout)
    with pytest.raises(LineageError, match="git checkout"):
        deploy.pack(tmp_path_factory.mktemp("elsewhere"))
