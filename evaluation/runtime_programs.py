"""The example programs as a table knows them: how each is started, and the rows it prints.

No runtime is imported here. `examples/README.md` has the command line and the format that all programs
share, so one that is missing, or falls, costs its own rows and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onnx_models.catalog import Model

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = "onnxruntime"
"""What the others' speed is relative to, and their pictures' distance."""

BATCHES = ("1", "64")
PSI = 0.7
"""Truncation of a StyleGAN's picture, the page's own."""

LIMIT = 3600
"""Seconds after which a program is ended: a browser that hangs must not hang the whole table."""


@dataclass(frozen=True)
class Program:
    """One example program: how it is started, and what a person does where it cannot be."""

    name: str
    title: str
    command: tuple[str, ...]
    install: str
    needs: Path
    """A file or folder without which the command is not even tried."""
    paths: tuple[Path, ...] = ()
    """Folders of Python packages that come before the installed ones."""

    def environment(self) -> dict[str, str]:
        """One thread everywhere, and the program's own packages first."""
        inherited = os.environ.get("PYTHONPATH")
        paths = [*map(str, self.paths), *([inherited] if inherited else [])]
        changed = {"PYTHONPATH": os.pathsep.join(paths)} if paths else {}
        return dict(os.environ) | {"OMP_NUM_THREADS": "1"} | changed


@dataclass(frozen=True)
class Row:
    """What one graph did in one runtime."""

    model: str
    graph: str
    version: str
    difference: float | None
    tolerance: float
    milliseconds: Mapping[str, float] | None
    """By batch size; None where they were not measured."""
    error: str | None

    @property
    def works(self) -> bool:
        """Whether it ran and came out within its tolerance."""
        return self.error is None and self.difference is not None and self.difference <= self.tolerance


@dataclass
class Report:
    """All that is known of one runtime."""

    program: Program
    version: str = ""
    rows: list[Row] = field(default_factory=list)
    missing: str = ""
    """Why the program could not be started; empty where it could."""
    broken: str = ""
    """Why it ended before its last row; empty where it did not."""


def programs(previous: Path, root: Path = ROOT) -> tuple[Program, ...]:
    """Return every program that belongs to the table; the reference is the first.

    Parameters
    ----------
    previous : Path
        Folder made by ``pip install --no-deps --target FOLDER onnxruntime==VERSION``: a release-old one.
    root : Path
        The checkout.

    """
    examples, build = root / "examples", root / "build"
    python = examples / "python" / "generate.py"
    openvino = examples / "openvino" / "generate.py"
    tract = examples / "tract" / "generate.py"
    node = examples / "node" / "lineage.mjs"
    web = examples / "web" / "check.py"
    cpp = {name: build / f"cpp-{name}" / "lineage" for name in ("openvino", "onnxruntime")}
    make = "cmake -S examples/cpp -B build/cpp-{0} -DRUNTIME={0} && cmake --build build/cpp-{0}"
    return (
        Program(REFERENCE, "onnxruntime", (sys.executable, str(python)), "pip install onnxruntime", python),
        Program(
            "onnxruntime-previous",
            "onnxruntime, older",
            (sys.executable, str(python)),
            "pip install --no-deps --target build/runtimes/onnxruntime-previous onnxruntime==1.30.0",
            previous,
            (previous,),
        ),
        Program(
            "onnxruntime-node",
            "Node",
            ("node", str(node)),
            "ONNXRUNTIME_NODE_INSTALL=skip npm ci --prefix examples/node",
            node,
        ),
        Program(
            "onnxruntime-web",
            "web (wasm)",
            (sys.executable, str(web)),
            "npm ci --prefix examples/web",
            web,
        ),
        Program("openvino", "OpenVINO", (sys.executable, str(openvino)), "pip install openvino", openvino),
        Program(
            "openvino-cpp",
            "OpenVINO, C++",
            (str(cpp["openvino"]),),
            make.format("openvino"),
            cpp["openvino"],
        ),
        Program(
            "onnxruntime-cpp",
            "onnxruntime, C++",
            (str(cpp["onnxruntime"]),),
            make.format("onnxruntime"),
            cpp["onnxruntime"],
        ),
        Program("tract", "tract (Rust)", (sys.executable, str(tract)), "pip install tract", tract),
    )


def version(program: Program) -> tuple[str, str]:
    """Ask for the runtime's version; return it, or "" and the sentence that says what is missing."""
    if not program.needs.exists():
        return "", f"Not installed: {program.install}"
    code, said, complaint = _run(program, ["--version"], timeout=120)
    words = said.split()
    if code or len(words) < 2:
        return "", complaint or f"Not installed: {program.install}"
    return words[-1], ""


def measure(
    program: Program, models: Path, seen: Callable[[], object] = lambda: None, timed: bool = True
) -> Report:
    """Run a program's ``--check --json`` over a directory of models; ``seen`` is called at each row.

    Never raises for what the program does: a missing or failing one says why in its `Report`.
    """
    report = Report(program)
    report.version, report.missing = version(program)
    if report.missing:
        return report
    flags = ["--check", "--json", "--models", str(models), *(["--time"] if timed else [])]

    def line(text: str) -> None:
        try:
            row = parse(text)
        except ValueError as fault:
            report.broken = report.broken or f"It printed what is no row: {fault}."
            return
        report.rows.append(row)
        seen()

    code, _, complaint = _run(program, flags, timeout=LIMIT, line=line)
    if code not in (0, 1):  # 1: a row says what failed
        report.broken = report.broken or complaint or f"It ended with exit code {code}."
    return report


def parse(text: str) -> Row:
    """Read one printed row; ValueError says what is wrong with it."""
    try:
        entry = json.loads(text)
        times = entry["milliseconds"]
        difference = entry["difference"]
        return Row(
            model=str(entry["model"]),
            graph=str(entry["graph"]),
            version=str(entry["version"]),
            difference=None if difference is None else float(difference),
            tolerance=float(entry["tolerance"]),
            milliseconds=None if times is None else {batch: float(times[batch]) for batch in BATCHES},
            error=None if entry["error"] is None else str(entry["error"]),
        )
    except (TypeError, KeyError) as fault:
        raise ValueError(f"{text.strip()[:80]!r} ({fault!r})") from fault
    except ValueError as fault:
        raise ValueError(repr(text.strip()[:80])) from fault


def paint(program: Program, model: Model, seed: int, out: Path) -> str:
    """Have a program write the picture of a seed; return "" or the sentence that says why there is none."""
    out.unlink(missing_ok=True)
    flags = ["--model", str(model.folder), "--seed", str(seed), "--out", str(out)]
    if model.has("mapping", "synthesis"):
        flags += ["--psi", str(PSI)]
    code, _, complaint = _run(program, flags, timeout=600)
    if code == 0 and out.is_file():
        return ""
    return complaint or f"It ended with exit code {code} and wrote no picture."


def _run(
    program: Program, flags: Sequence[str], timeout: float, line: Callable[[str], None] | None = None
) -> tuple[int, str, str]:
    """Exit code, stdout (unless ``line`` takes it), and stderr's last line without this checkout's path."""
    kept: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        try:
            process = subprocess.Popen(
                [*program.command, *flags],
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=program.environment(),
                cwd=ROOT,
            )
        except OSError as fault:
            return -1, "", f"{program.command[0]} cannot be started ({fault.strerror}): {program.install}"
        watchdog = threading.Timer(timeout, process.kill)
        watchdog.start()
        try:
            with process:
                assert process.stdout is not None
                for text in process.stdout:
                    (line or kept.append)(text)
        except BaseException:
            process.kill()
            raise
        finally:
            overdue = not watchdog.is_alive()
            watchdog.cancel()
        complaints.seek(0)
        said = [text.strip() for text in complaints.read().splitlines() if text.strip()]
    complaint = said[-1].replace(f"{ROOT}{os.sep}", "")[:300] if said else ""
    if overdue and process.returncode:
        complaint = f"It was ended after {timeout:.0f} s."
    return process.returncode, "".join(kept), complaint
