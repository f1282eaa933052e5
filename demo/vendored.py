"""Files of other packages that the page holds itself: pinned byte for byte, fetched again with npm."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Origin:
    """Where a file lies in its package, and its SHA-256."""

    path: str
    sha256: str


def fetch(package: str, origins: Mapping[str, Origin]) -> dict[str, bytes]:
    """Return the content of each file by its name here, out of a package as npm names it: ``name@version``.

    Raises
    ------
    ValueError
        A file is not, byte for byte, the one that is named.
    OSError, subprocess.CalledProcessError
        There is no npm, or it cannot fetch the package.

    """
    with tempfile.TemporaryDirectory() as temporary:
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=temporary, capture_output=True, text=True, check=True
        )
        with tarfile.open(Path(temporary) / packed.stdout.split()[-1]) as archive:
            archive.extractall(temporary, filter="data")
        found = {
            name: (Path(temporary) / "package" / origin.path).read_bytes() for name, origin in origins.items()
        }
    for name, content in found.items():
        if hashlib.sha256(content).hexdigest() != origins[name].sha256:
            raise ValueError(f"{package} holds another {origins[name].path} than the pinned one.")
    return found


def run(fetched: Callable[[], None]) -> None:
    """Fetch as a command: whatever goes wrong is one sentence."""
    try:
        fetched()
    except (OSError, subprocess.CalledProcessError, ValueError) as fault:
        sys.exit(str(fault))
