"""``python -m demo.deploy OWNER/NAME``: put the page on a Hugging Face Space; a dry run without ``--push``.

What goes up is what the running page reads, the texts that say what it is, and the pictures of the README:
tracked files alone, as they stand in the checkout now. Whatever else the Space held goes in the same commit.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from onnx_models.errors import LineageError

ROOT = Path(__file__).resolve().parent.parent

NEEDED = ("README.md", "LICENSE", "app.py", "requirements.txt", "demo/", "onnx_models/")
"""Files, and folders with a final slash, that a Space needs."""
LEFT_OUT = re.compile(r"^onnx_models/[^/]+/test_data_set_")
"""What lies in those folders and is read by tests alone: the test vectors."""
LIMIT_BYTES = 10_000_000
"""Largest file: Hugging Face wants anything above in large-file storage, which a plain git clone lacks."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^):]+)\)")
_CPU_WHEEL = re.compile(r"^onnxruntime==(\S+)$", re.MULTILINE)
_KEPT = {".gitattributes"}
"""Files of the Space that are its own: which of its files lie in large-file storage."""


class Hub(Protocol):
    """The part of `huggingface_hub.HfApi` that is used here."""

    def whoami(self) -> dict[str, Any]:
        """Say who is logged in."""

    def create_repo(self, repo_id: str, *, repo_type: str, space_sdk: str, exist_ok: bool) -> Any:
        """Make an empty Space."""

    def list_repo_files(self, repo_id: str, *, repo_type: str) -> list[str]:
        """Return what a Space holds."""

    def create_commit(
        self, repo_id: str, operations: Iterable[Any], *, commit_message: str, repo_type: str
    ) -> Any:
        """Add and delete files, all or none."""


@dataclass(frozen=True)
class Parcel:
    """The files of a Space."""

    root: Path
    names: tuple[str, ...]
    """Paths below `root`, with slashes, sorted."""
    requirements: bytes
    """What goes up as ``requirements.txt``."""

    def sizes(self) -> dict[str, int]:
        """Bytes by name."""
        sizes = {name: (self.root / name).stat().st_size for name in self.names}
        return sizes | {"requirements.txt": len(self.requirements)}

    def write(self, directory: Path) -> None:
        """Write a Space's files below ``directory``, as a Space would have them after a push."""
        for name in self.names:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((self.root / name).read_bytes())
        (directory / "requirements.txt").write_bytes(self.requirements)


def main(arguments: Sequence[str] | None = None, hub: Hub | None = None) -> int:
    """Say what would go up, or push it; exit code 2 and one sentence where that cannot be.

    ``hub`` stands in for `huggingface_hub.HfApi`.
    """
    options = _parser().parse_args(arguments)
    try:
        check_name(options.space)
        parcel = pack(ROOT, gpu=options.gpu)
        print(describe(parcel))
        if not options.push:
            print(f"A dry run: nothing was sent. --push puts this on {_address(options.space)}.")
            return 0
        push(parcel, options.space, hub)
    except LineageError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped: the Space is as it was, a push is one commit.", file=sys.stderr)
        return 130
    print(f"Pushed to {_address(options.space)}, which is building now.")
    return 0


def check_name(space: str) -> None:
    """Raise `LineageError` ``deploy.name`` unless ``space`` is OWNER/NAME as Hugging Face takes it."""
    if not _NAME.fullmatch(space) or len(space) > 96 or "--" in space or ".." in space:
        raise LineageError(
            "deploy.name",
            "A Space is named OWNER/NAME, at most 96 letters, digits, single dashes, dots or underscores, "
            f"such as ada/latent-lineage; got {space[:100]!r}.",
            name=space[:100],
        )


def pack(root: Path, gpu: bool = False) -> Parcel:
    """Choose the files of a Space among those that git tracks below ``root``.

    Parameters
    ----------
    root : Path
        The checkout.
    gpu : bool
        For a Space with an NVIDIA GPU: onnxruntime's CUDA wheel in place of the CPU's.

    Raises
    ------
    LineageError
        ``deploy.checkout``: not a git checkout, or a file that a Space needs is not tracked or not there;
        ``deploy.size``: a file over `LIMIT_BYTES`;
        ``deploy.gpu``: no CPU wheel stands in ``requirements.txt``.

    """
    tracked = _tracked(root)
    for needed in NEEDED:
        if not any(name.startswith(needed) for name in tracked):
            raise LineageError(
                "deploy.checkout", f"{needed} is missing from what git tracks; restore it.", file=needed
            )
    folders = tuple(needed for needed in NEEDED if needed.endswith("/"))
    pictures = set(_PICTURE.findall((root / "README.md").read_text("utf-8")))
    wanted = (n for n in tracked if n in NEEDED or n.startswith(folders) or n in pictures)
    names = tuple(sorted(name for name in wanted if not LEFT_OUT.match(name)))
    gone = [name for name in names if not (root / name).is_file()]
    if gone:
        raise LineageError(
            "deploy.checkout", f"{gone[0]} is tracked but not there; restore it.", file=gone[0]
        )
    requirements = (root / "requirements.txt").read_bytes()
    if gpu:
        requirements = _with_gpu(requirements)
    parcel = Parcel(root, names, requirements)
    sizes = parcel.sizes()
    largest = max(sizes, key=sizes.__getitem__)
    if sizes[largest] > LIMIT_BYTES:
        raise LineageError(
            "deploy.size",
            f"{largest} has {sizes[largest] / 1e6:.1f} MB, and a Space takes files of at most "
            f"{LIMIT_BYTES // 10**6} MB without large-file storage; make it smaller.",
            file=largest,
        )
    return parcel


def describe(parcel: Parcel) -> str:
    """Return what goes up and how much, by folder; then the largest files. 1 MB is a million bytes."""
    sizes = parcel.sizes()
    groups: dict[str, list[int]] = {}
    for name, size in sizes.items():
        folder = name.split("/")[0] + "/" if "/" in name else name
        groups.setdefault(folder, []).append(size)
    groups = dict(sorted(groups.items(), key=lambda item: -sum(item[1]))) | {"in all": [*sizes.values()]}
    lines = [f"{each:18}{len(group):5} files {sum(group) / 1e6:8.2f} MB" for each, group in groups.items()]
    lines.append("The largest:")
    lines += [f"  {sizes[n] / 1e6:6.2f} MB  {n}" for n in sorted(sizes, key=lambda n: -sizes[n])[:5]]
    return "\n".join(lines)


def push(parcel: Parcel, space: str, hub: Hub | None = None) -> None:
    """Make the Space where there is none, and let it hold these files and no others, in one commit.

    Raises
    ------
    LineageError
        ``deploy.login``, ``deploy.network`` or ``deploy.refused``.

    """
    import httpx
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    api = HfApi() if hub is None else hub
    try:
        api.whoami()  # before anything is made
        api.create_repo(space, repo_type="space", space_sdk="gradio", exist_ok=True)
        there = set(api.list_repo_files(space, repo_type="space"))
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(
                name, parcel.requirements if name == "requirements.txt" else parcel.root / name
            )
            for name in parcel.names
        ]
        operations += [CommitOperationDelete(name) for name in sorted(there - set(parcel.names) - _KEPT)]
        api.create_commit(space, operations, commit_message="Update the page", repo_type="space")
    except LocalTokenNotFoundError as fault:
        raise _not_logged_in() from fault
    except HfHubHTTPError as fault:
        status = getattr(fault.response, "status_code", None)
        if status == 401:
            raise _not_logged_in() from fault
        said = (getattr(fault, "server_message", None) or str(fault)).strip().splitlines()
        raise LineageError(
            "deploy.refused",
            f"Hugging Face refused {space} (status {status}): {said[0][:200] if said else 'no reason given'}",
            name=space,
        ) from fault
    except (OfflineModeIsEnabled, httpx.TransportError, ConnectionError, TimeoutError) as fault:
        raise LineageError(
            "deploy.network",
            "Hugging Face cannot be reached: check the connection, and that HF_HUB_OFFLINE is not set.",
        ) from fault


def _tracked(root: Path) -> list[str]:
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise LineageError(
            "deploy.checkout",
            "What goes up is what git tracks: run this in a git checkout, with git installed.",
        ) from fault
    return [name for name in done.stdout.decode().split("\0") if name]


def _with_gpu(requirements: bytes) -> bytes:
    text, count = _CPU_WHEEL.subn(r"onnxruntime-gpu[cuda,cudnn]==\1", requirements.decode())
    if count != 1:
        raise LineageError(
            "deploy.gpu",
            "requirements.txt has no line onnxruntime==VERSION to put the CUDA wheel in place of.",
        )
    return text.encode()


def _not_logged_in() -> LineageError:
    return LineageError(
        "deploy.login",
        "Nobody is logged in to Hugging Face here: run 'hf auth login', or set HF_TOKEN to a token that may "
        "write.",
    )


def _address(space: str) -> str:
    return f"https://huggingface.co/spaces/{space}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.deploy",
        description="Put the page on a Hugging Face Space. Without --push it only says what would go up.",
    )
    parser.add_argument("space", metavar="OWNER/NAME", help="the Space; made where there is none")
    parser.add_argument("--push", action="store_true", help="really upload (default: a dry run)")
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="for a Space with an NVIDIA GPU: onnxruntime's CUDA wheel and NVIDIA's libraries",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
