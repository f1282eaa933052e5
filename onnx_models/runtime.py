"""Verified, shared onnxruntime sessions: hashed before they are loaded, made once, used by everyone.

`Runtime.run(graph, inputs)` is all a caller needs. `onnxruntime.InferenceSession.run` may be called from many
threads at once, so one session serves every visitor; only its making is locked.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from onnx_models import processors
from onnx_models.catalog import File, Graph, Tensor
from onnx_models.errors import LineageError

Array = NDArray[Any]
Choice = Literal["auto", "cpu", "cuda"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"

# onnxruntime's severity 4 is "fatal": without it a CUDA session that falls back to the CPU prints red lines
# which nobody can act on. What was asked for and not had is said by `Runtime`, in one sentence.
_QUIET = 4

LARGE = 20_000_000
"""Bytes of a graph that is worth several threads; what ships has less than half of it."""
BRIEF = 32
"""Sessions of earlier generations that are kept: about 5 MB each, and a page of twelve GANs has a hundred."""

WHEELS = ("onnxruntime", "onnxruntime-gpu")
"""Two distributions of one package: at most one of them may be installed."""


@dataclass(frozen=True)
class Result:
    """What one run gave, and how long the graph itself took."""

    outputs: Mapping[str, Array]
    milliseconds: float

    def __getitem__(self, name: str) -> Array:
        """Return the output called ``name``."""
        return self.outputs[name]


class Runtime:
    """Sessions by file, made at first use and kept; those of snapshots only while they are in use.

    Parameters
    ----------
    providers : {"auto", "cpu", "cuda"}
        ``auto`` takes CUDA where it really runs and the CPU elsewhere; ``cuda`` insists.
    threads : int
        Threads inside one operator, in each session; 0 for as many as this process may use.
    at_once : int
        Graphs that run at the same time, the others wait for their turn; 0 for any number. One of more than
        `LARGE` bytes takes all the turns, and as many threads, so that the threads stay as many.

    Raises
    ------
    LineageError
        ``runtime.no_cuda``: ``cuda`` was asked for on a machine where it cannot run.

    """

    def __init__(self, providers: Choice = "auto", threads: int = 0, at_once: int = 0) -> None:
        # Left to itself onnxruntime counts the host's processors, and pins threads to those it may not use.
        self._threads = threads or processors.available()
        self._at_once = at_once
        self._turns = threading.Semaphore(at_once)
        self._whole = threading.Lock()
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._brief: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()  # longest unused first
        self._lock = threading.Lock()
        self._insist = providers == "cuda"
        wanted = (
            providers != "cpu" and cuda_driver_present() and CUDA in onnxruntime.get_available_providers()
        )
        if self._insist and not wanted:
            raise _no_cuda("no NVIDIA driver or no CUDA build of onnxruntime")
        if wanted:
            onnxruntime.set_default_logger_severity(_QUIET)
            if hasattr(onnxruntime, "preload_dlls"):
                onnxruntime.preload_dlls()  # finds NVIDIA's libraries where the `gpu` extra put them
        self._providers = [CUDA, CPU] if wanted else [CPU]

    @property
    def threads(self) -> int:
        """How many threads compute at the same time where `at_once` was given, else in each graph."""
        return self._at_once or self._threads

    @property
    def provider(self) -> str:
        """The execution provider that really runs, as the sessions made so far report it.

        ``get_available_providers()`` lists CUDA wherever the GPU wheel is installed, driver or not, and a
        session falls back silently; only a session knows.
        """
        sessions = list(self._sessions.values())  # a copy: another visitor may be making one
        return str(sessions[0].get_providers()[0]) if sessions else self._providers[0]

    def session(self, graph: Graph, brief: bool = False) -> onnxruntime.InferenceSession:
        """Return the shared session of ``graph``; made, after its sha256 was verified, at the first call.

        Parameters
        ----------
        brief : bool
            The session may be dropped when `BRIEF` others of its kind were asked for since: for snapshots,
            of which there are more than the memory should hold.

        Raises
        ------
        LineageError
            ``file.missing``, ``file.sha256`` or ``file.unloadable``, each naming the file.

        """
        session = self._sessions.get(graph.sha256)
        if session is not None:
            return session
        with self._lock:
            session = self._sessions.get(graph.sha256) or self._brief.pop(graph.sha256, None)
            if session is None:
                session = self._open(graph)
            if not brief:
                self._sessions[graph.sha256] = session
            elif graph.sha256 not in self._sessions:
                self._brief[graph.sha256] = session
                if len(self._brief) > BRIEF:
                    self._brief.popitem(last=False)
        return session

    def run(self, graph: Graph, inputs: Mapping[str, Array], brief: bool = False) -> Result:
        """Run ``graph`` on named arrays, checked against its signature first; for `brief` see `session`.

        Raises
        ------
        LineageError
            ``input.names``, ``input.dtype``, ``input.shape`` or ``input.not_finite``, naming the input;
            ``file.failed`` where onnxruntime itself gives up; and what `session` raises.

        """
        check_inputs(graph, inputs)
        session = self.session(graph, brief)
        try:
            with self._turn(graph):
                start = time.perf_counter()
                values = session.run(None, dict(inputs))
                milliseconds = (time.perf_counter() - start) * 1000.0
        except Exception as fault:  # see `_open`
            raise LineageError(
                "file.failed",
                f"{graph.path.name} of {graph.path.parent.name} failed while it ran in onnxruntime "
                f"{onnxruntime.__version__}; export the model again.",
                model=graph.path.parent.name,
                file=graph.path.name,
                version=onnxruntime.__version__,
            ) from fault
        names = (output.name for output in session.get_outputs())
        return Result(dict(zip(names, values, strict=True)), milliseconds)

    @contextlib.contextmanager
    def _turn(self, graph: Graph) -> Iterator[None]:
        if not self._at_once:
            yield
            return
        taken = 0
        try:
            # Two that take their turns one by one could wait for each other's for ever: one at a time.
            with self._whole if graph.bytes > LARGE else contextlib.nullcontext():
                for _ in range(self._at_once if graph.bytes > LARGE else 1):
                    self._turns.acquire()
                    taken += 1
            yield
        finally:
            for _ in range(taken):
                self._turns.release()

    def _open(self, graph: Graph) -> onnxruntime.InferenceSession:
        content = read_verified(graph.path, graph.sha256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(self._threads, self._at_once if graph.bytes > LARGE else 0)
        # Many small graphs share few cores: threads that spin while idle would steal them from one another.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # An arena never gives back what its largest batch took, and there is one a session: with them all the
        # models that ship take 1.16 GB together, without 0.88.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = _QUIET
        try:
            session = onnxruntime.InferenceSession(content, options, providers=self._providers)
        except Exception as fault:  # onnxruntime raises a family of pybind exceptions without a common base
            raise LineageError(
                "file.unloadable",
                f"{graph.path.name} of {graph.path.parent.name} is not a graph that onnxruntime "
                f"{onnxruntime.__version__} can load; export the model again.",
                model=graph.path.parent.name,
                file=graph.path.name,
                version=onnxruntime.__version__,
            ) from fault
        if self._insist and session.get_providers()[0] != CUDA:
            raise _no_cuda("its libraries could not be loaded")
        return session


def read_verified(path: Path, sha256: str) -> bytes:
    """Read a file and refuse it unless its sha256 is the one promised.

    Raises
    ------
    LineageError
        ``file.missing`` or ``file.sha256``; the sentence says which file, expected and found.

    """
    model, name = path.parent.name, path.name
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise LineageError(
            "file.missing",
            f"{name} of {model} is missing or unreadable; export the model again or restore the file.",
            model=model,
            file=name,
        ) from fault
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise LineageError(
            "file.sha256",
            f"{name} of {model} is not the file its model.json describes (sha256 expected {sha256[:12]}…, "
            f"found {found[:12]}…); restore it or export the model again.",
            model=model,
            file=name,
            expected=sha256[:12],
            found=found[:12],
        )
    return content


def read_file(file: File) -> bytes:
    """Read a shipped file that is no graph, verified."""
    return read_verified(file.path, file.sha256)


def check_inputs(graph: Graph, inputs: Mapping[str, Array]) -> None:
    """Check names, dtype, shape and finiteness of ``inputs`` against the signature of ``graph``."""
    expected = [tensor.name for tensor in graph.inputs]
    if sorted(inputs) != sorted(expected):
        raise LineageError(
            "input.names",
            f"{graph.role} takes {', '.join(expected) or 'nothing'}, got {', '.join(inputs) or 'nothing'}.",
            role=graph.role,
            expected=", ".join(expected),
            found=", ".join(map(str, inputs)),
        )
    axes: dict[str, int] = {}
    for tensor in graph.inputs:
        _check_tensor(tensor, np.asarray(inputs[tensor.name]), axes)


def _check_tensor(tensor: Tensor, array: Array, axes: dict[str, int]) -> None:
    if array.dtype.name != tensor.dtype:
        raise LineageError(
            "input.dtype",
            f"{tensor.name} must be {tensor.dtype}, got {array.dtype}.",
            name=tensor.name,
            expected=tensor.dtype,
            found=str(array.dtype),
        )
    fits = array.ndim == len(tensor.shape)
    if fits:
        for size, axis in zip(array.shape, tensor.shape, strict=True):
            wanted = axes.setdefault(axis, size) if isinstance(axis, str) else axis
            fits = fits and size == wanted and size > 0
    if not fits:
        raise LineageError(
            "input.shape",
            f"{tensor.name} must have shape {list(tensor.shape)}, got {list(array.shape)}.",
            name=tensor.name,
            expected=str(list(tensor.shape)),
            found=str(list(array.shape)),
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise LineageError(
            "input.not_finite",
            f"{tensor.name} holds NaN or infinity; every value must be a finite number.",
            name=tensor.name,
        )


def cuda_driver_present() -> bool:
    """Whether NVIDIA's driver library can be opened: the cheap question to ask before any CUDA session."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def wheel_conflict() -> LineageError | None:
    """Return what is wrong when both onnxruntime wheels are installed: the last one wins silently."""
    if all(_installed(wheel) for wheel in WHEELS):
        return LineageError(
            "runtime.two_wheels",
            "Both onnxruntime and onnxruntime-gpu are installed and overwrite each other: uninstall both, "
            "then install one.",
        )
    return None


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _no_cuda(reason: str) -> LineageError:
    return LineageError(
        "runtime.no_cuda",
        f"CUDA was asked for but cannot run here ({reason}): install the 'gpu' extra on a machine with an "
        "NVIDIA driver, or use --providers auto.",
        reason=reason,
    )
