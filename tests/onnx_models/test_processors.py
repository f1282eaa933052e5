"""How many threads compute: one number for the process, whatever the host has."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from demo.engine.library import Library
from onnx_models import processors, runtime
from tests import tiny
from tests.serving import PATIENCE


@pytest.fixture(autouse=True)
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 16),
        # Version 2, as a container sees it: its own group is the top one.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 16),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        # As a service sees it: the quota may be that of a group above.
        (
            {
                "proc/self/cgroup": "0::/a.slice/b.service\n",
                "sys/fs/cgroup/a.slice/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a.slice/b.service/cpu.max": "max 100000\n",
            },
            4,
        ),
        # The path is the host's, and is not there.
        ({"proc/self/cgroup": "0::/docker/1f\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        # Version 1.
        (
            {
                "proc/self/cgroup": "4:memory:/docker/1f\n3:cpu,cpuacct:/docker/1f\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/docker/1f\n",
                "sys/fs/cgroup/cpu/docker/1f/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/docker/1f/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            16,
        ),
        ({"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/cpu.max": "nonsense"}, 16),
    ],
)
def test_the_quota_of_a_container_counts(files: dict[str, str], count: int, tmp_path: Path) -> None:
    """Catches threads by the host's count, which a container then starves."""
    assert processors.available(write(tmp_path, files)) == count


def test_affinity_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert processors.available(tmp_path) == 1


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux lists them")
def test_a_graph_brings_no_threads_of_its_own(tmp_path: Path) -> None:
    """Catches a pool a session: 47 graphs, 47 pools, pinned to processors by the host's count."""
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu")
    before = _threads()
    for model in library.catalog.models:
        for graph in model.graphs.values():
            if graph.path.is_file():
                library.runtime.session(graph)
    assert _threads() == before


@pytest.mark.parametrize(("threads", "large"), [(1, False), (3, False), (3, True)])
def test_one_number_bounds_all_that_computes(
    threads: int, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches as many graphs at once as there are visitors; counted, not timed. Large ones run alone."""
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu", threads)
    graph = library.model("gan").graphs["generate"]
    if large:
        graph = replace(graph, bytes=runtime.LARGE + 1)
    running, most, lock, full = 0, 0, threading.Lock(), threading.Barrier(1 if large else threads)

    class Session:
        def run(self, *_: object) -> list[object]:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            full.wait(timeout=PATIENCE)  # goes on when as many run as may
            with lock:
                running -= 1
            return []

        def get_outputs(self) -> list[object]:
            return []

    monkeypatch.setattr(library.runtime, "session", lambda *_: Session())
    z = {tensor.name: np.zeros((1, *tensor.shape[1:]), np.float32) for tensor in graph.inputs}
    callers = [threading.Thread(target=library.runtime.run, args=(graph, z)) for _ in range(2 * threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=PATIENCE)
    assert most == (1 if large else threads)
