"""How many processors this process may use, which a container's host does not tell."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path


def available(root: Path = Path("/")) -> int:
    """Return how many threads can run at once here, at least 1: what affinity and a container's quota leave.

    ``root`` is where ``proc`` and ``sys`` are looked for. A part of a processor counts as a whole one.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        count = os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quota, in processors, of each control group that this process is in: versions 2 and 1."""
    system = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers == "":
            top, names = system, ["cpu.max"]
        elif "cpu" in controllers.split(","):
            mounted = (system / controllers, system / "cpu", system / "cpu,cpuacct")
            top = next((folder for folder in mounted if folder.is_dir()), system / "cpu")
            names = ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        # A container may see its own group as the top, and still read its host's path here.
        group = top / path.strip("/")
        groups = [group, *group.parents] if group.is_dir() else [top]
        for folder in groups:
            if folder == top or top in folder.parents:
                words = " ".join(_text(folder / name) for name in names).split()
                if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]) > 0:
                    yield max(1, int(words[0])) / int(words[1])


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError:
        return ""
