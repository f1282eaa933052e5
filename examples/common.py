"""What the Python programs share: arguments, noise from a seed, a PNG, and the test vectors.

The runtime itself is all that differs, and each program is about that. The command line, the rows of
`--check --json` and the exit codes are those of every program in `examples/`; see `examples/README.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from onnx_models import catalog, seeds
from onnx_models.catalog import Graph, Model
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[Any]
Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""Named inputs to named outputs, once through a graph."""

FAILED, UNUSABLE = 1, 2
BATCHES = (1, 64)
RUNS = 50
PATIENCE = 0.3  # seconds that a graph is run again and again at one batch size, RUNS times at most
SAMPLED = "{0, 1}"  # the range of sampled bits: one rounding error turns one, so they are not compared
BY_DEVIATION = (("synthesis", "image"), ("refine", "picture"))  # compared by the picture's own deviation


@dataclass(frozen=True)
class Engine:
    """A runtime: what it is called, which version, and how it makes a function of a file."""

    name: str
    version: str
    open: Callable[[Graph], Run]
    """May raise anything: what it says becomes the row's reason, or the program's one sentence."""
    allowed: float = 1.0
    """Times the tolerance that a graph's card gives: more where each processor sums otherwise."""


def main(engine: Engine, arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0, 1 (a graph failed or is over its tolerance) or 2 (one sentence on stderr)."""
    options = _parser(engine).parse_args(arguments)
    try:
        if options.check:
            return _check(engine, options)
        if options.model is None or options.out is None or options.seed is None:
            raise LineageError("arguments", "A picture needs --model DIR, --seed N and --out FILE.png.")
        model = load(options.model)
        save(picture(engine, model, options), options.out)
    except LineageError as fault:
        print(fault, file=sys.stderr)
        return UNUSABLE
    print(f"{model.id}, seed {options.seed}, by {engine.name} {engine.version}: {options.out}")
    return 0


# --- a picture ------------------------------------------------------------------------------------------


def picture(engine: Engine, model: Model, options: argparse.Namespace) -> Array:
    """Seed -> noise -> graphs -> float32 [channels, height, width] in [0, 1]."""
    if model.seeds is not None:
        raise LineageError("seeds", f"The seeds of {model.id} are {model.seeds}'s, not those of SEEDS.md.")
    if model.has("mapping", "synthesis"):
        mapping, synthesis = model.graphs["mapping"], model.graphs["synthesis"]
        rows = int(mapping.input("psi").shape[1])
        psi = np.full((1, rows), options.psi, np.float32)
        ws = _once(engine, mapping, latent(mapping, options) | {"psi": psi})["ws"]
        noise = {}
        for tensor in synthesis.inputs:
            if tensor.name.startswith("noise_"):
                shape = [int(size) for size in tensor.shape[1:]]
                layer = int(tensor.name.removeprefix("noise_"))
                size = int(np.prod(shape))
                drawn = seeds.normals(options.noise_seed, 1, size, Stream.NOISE, layer=layer)
                noise[tensor.name] = drawn.reshape(1, *shape)
        return _once(engine, synthesis, noise | {"ws": ws})["image"][0]
    if model.has("generate"):
        generate = model.graphs["generate"]
        return _once(engine, generate, latent(generate, options))["image"][0]
    raise LineageError("model.no_z", f"{model.id} makes no pictures from a seed: it has no generate graph.")


def latent(graph: Graph, options: argparse.Namespace) -> dict[str, Array]:
    """Return z [1, size] of the seed and, where the graph takes one, the label [1]."""
    inputs: dict[str, Array] = {"z": seeds.normals(options.seed, 1, int(graph.input("z").shape[1]))}
    if any(tensor.name == "label" for tensor in graph.inputs):
        inputs["label"] = np.array([options.label], np.int64)
    return inputs


def _once(engine: Engine, graph: Graph, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    verify(graph)
    try:
        return engine.open(graph)(inputs)
    except Exception as fault:  # every runtime has errors of its own
        raise LineageError("file.failed", _reason(engine, graph, fault)) from fault


def save(image: Array, path: Path) -> None:
    """Write [channels, height, width] in [0, 1] as a PNG of 8 bits: grey for one channel, RGB for three."""
    from PIL import Image

    levels = np.floor(np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    try:
        Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)).save(path, "PNG")
    except OSError as fault:
        raise LineageError("out", f"{path} cannot be written: {fault.strerror or fault}.") from fault


# --- the test vectors -----------------------------------------------------------------------------------


def _check(engine: Engine, options: argparse.Namespace) -> int:
    models = [load(options.model)] if options.model else load_all(options.models)
    largest, failed = 0.0, False
    for model in models:
        for graph in model.graphs.values():
            if not graph.inputs:
                continue  # `parameters` returns its own weights: nothing to compare
            row = check(engine, model, graph, options.time)
            failed |= row["error"] is not None or row["difference"] > row["tolerance"]
            largest = max(largest, row["difference"] or 0.0)
            print(json.dumps(row) if options.json else _line(row), flush=True)
    if not options.json:
        print(f"Largest difference: {largest:.1e} ({engine.name} {engine.version}).")
    return FAILED if failed else 0


def check(engine: Engine, model: Model, graph: Graph, timed: bool = False) -> dict[str, Any]:
    """Run a graph on its test vectors; return the row of it. A damaged file raises `LineageError`."""
    verify(graph)
    given = _vectors(model, graph, "input", [tensor.name for tensor in graph.inputs])
    expected = _vectors(model, graph, "output", [tensor.name for tensor in graph.outputs])
    row: dict[str, Any] = {
        "model": model.id,
        "graph": graph.role,
        "runtime": engine.name,
        "version": engine.version,
        "difference": None,
        "tolerance": engine.allowed * graph.tolerance,
        "milliseconds": None,
        "error": None,
    }
    try:
        run = engine.open(graph)
        found = run(given)
        distance = max(
            difference(np.asarray(found[tensor.name]), expected[tensor.name], graph.role, tensor.name)
            for tensor in graph.outputs
            if tensor.range != SAMPLED
        )
        if distance == float("inf"):
            row["error"] = "Another shape than expected, or NaN or infinity."
        else:
            row["difference"] = distance
            row["milliseconds"] = (
                {str(n): _fastest(run, _repeated(given, n)) for n in BATCHES} if timed else None
            )
    except Exception as fault:  # every runtime has errors of its own
        row["error"] = _reason(engine, graph, fault)
    return row


def difference(found: Array, expected: Array, role: str, name: str) -> float:
    """Largest difference relative to max(1, largest magnitude), or to a StyleGAN picture's deviation."""
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    if (role, name) in BY_DEVIATION:
        scale = max(float(expected.std(dtype=np.float64)), 1e-6)
    else:
        scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale


def _vectors(model: Model, graph: Graph, end: str, names: Sequence[str]) -> dict[str, Array]:
    import onnx

    vectors = {}
    for k, name in enumerate(names):
        path = model.folder / "test_data_set_0" / graph.role / f"{end}_{k}.pb"
        try:
            vectors[name] = onnx.numpy_helper.to_array(onnx.load_tensor(path))
        except Exception as fault:  # protobuf's and onnx's errors have no common base
            raise LineageError(
                "file.vectors",
                f"{path.name} of {model.id}'s {graph.role} is missing or damaged: restore or export it.",
            ) from fault
    return vectors


def _repeated(given: Mapping[str, Array], batch: int) -> dict[str, Array]:
    """The rows of every input again and again, until there are `batch` of them."""
    return {name: array[np.arange(batch) % len(array)] for name, array in given.items()}


def _fastest(run: Run, inputs: Mapping[str, Array]) -> float:
    """Milliseconds of the fastest of a few runs: what a busy machine adds is not the runtime's."""
    run(inputs)
    taken: list[float] = []
    end = time.perf_counter() + PATIENCE
    while not taken or (len(taken) < RUNS and time.perf_counter() < end):
        start = time.perf_counter()
        run(inputs)
        taken.append((time.perf_counter() - start) * 1000)
    return min(taken)


def _reason(engine: Engine, graph: Graph, fault: Exception) -> str:
    """What the runtime said, on one line and without the place of the file on this machine."""
    said = " ".join(str(fault).replace(str(graph.path), graph.path.name).split()) or type(fault).__name__
    folder = graph.path.parent.name
    return f"{engine.name} {engine.version} cannot run {graph.path.name} of {folder}: {said}"[:200]


def _line(row: Mapping[str, Any]) -> str:
    where = f"{row['model']}/{row['graph']}"
    if row["error"]:
        return f"FAILED {where}: {row['error']}"
    verdict = "ok    " if row["difference"] <= row["tolerance"] else "FAILED"
    times = row["milliseconds"] or {}
    timed = "".join(f", {value:.2f} ms at batch {batch}" for batch, value in times.items())
    return f"{verdict} {where}: {row['difference']:.1e} of {row['tolerance']:.0e} allowed{timed}"


# --- files and arguments --------------------------------------------------------------------------------


def load(folder: Path) -> Model:
    """Read one model's folder."""
    folder = folder.resolve()
    if not (folder / "model.json").is_file():
        raise LineageError(
            "model.unknown", f"There is no model in {folder}: name a folder that holds a model.json."
        )
    found = catalog.load(folder.parent)
    for problem in found.problems:
        if problem.id == folder.name:
            raise problem.error
    return found.model(folder.name)


def load_all(directory: Path) -> list[Model]:
    """Read every <id>/model.json of a directory, in the order of their ids."""
    found = catalog.load(directory)
    for problem in found.problems:
        raise problem.error
    if not found.models:
        raise LineageError("models.directory", f"There is no <id>/model.json in {directory}.")
    return sorted(found.models, key=lambda model: model.id)


def verify(graph: Graph) -> None:
    """Refuse a file that is not the one its model.json describes."""
    model = graph.path.parent.name
    try:
        content = graph.path.read_bytes()
    except OSError as fault:
        raise LineageError(
            "file.missing", f"{graph.path.name} of {model} is missing: restore it or export the model again."
        ) from fault
    if hashlib.sha256(content).hexdigest() != graph.sha256:
        raise LineageError(
            "file.sha256",
            f"{graph.path.name} of {model} is not the file its model.json describes ({len(content):,} of "
            f"{graph.bytes:,} bytes, another sha256): restore it or export the model again.",
        )


class _Parser(argparse.ArgumentParser):
    """One sentence for a bad argument, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        print(f"{message[:1].upper()}{message[1:]}; --help lists the arguments.", file=sys.stderr)
        raise SystemExit(UNUSABLE)


def _parser(engine: Engine) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=Path(sys.argv[0]).name,
        description=f"A picture from a seed, or the test vectors of shipped models, in {engine.name}.",
    )
    parser.add_argument("--version", action="version", version=f"{engine.name} {engine.version}")
    parser.add_argument("--model", type=Path, metavar="DIR", help="folder of one model (has a model.json)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="of z, 0 to 4294967295")
    parser.add_argument(
        "--psi",
        type=_psi,
        default=0.7,
        metavar="X",
        help="StyleGAN's truncation, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--noise-seed", type=_seed, default=0, metavar="N", help="of StyleGAN's noise (default: %(default)s)"
    )
    parser.add_argument(
        "--label", type=int, default=-1, metavar="K", help="class, where one is taken; -1: any (default)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="the picture to write")
    parser.add_argument(
        "--check", action="store_true", help="run the test vectors instead of making a picture"
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=catalog.DIRECTORY,
        metavar="DIR",
        help="with --check and no --model: all models of this directory (default: the shipped ones)",
    )
    parser.add_argument("--json", action="store_true", help="with --check: a JSON object a line")
    parser.add_argument("--time", action="store_true", help="with --check: milliseconds too, on one thread")
    return parser


def _seed(text: str) -> int:
    try:
        return seeds.check_seed(int(text))
    except (ValueError, LineageError):
        limit = seeds.SEED_LIMIT - 1
        raise argparse.ArgumentTypeError(
            f"a seed is a whole number from 0 to {limit}, not {text!r}"
        ) from None


def _psi(text: str) -> float:
    try:
        psi = float(text)
    except ValueError:
        psi = float("nan")
    if not 0 <= psi <= 1:
        raise argparse.ArgumentTypeError(f"psi is a number from 0 to 1, not {text!r}")
    return psi
