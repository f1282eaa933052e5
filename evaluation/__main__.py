"""`python -m evaluation`: the papers' numbers, from the shipped ONNX files, by the papers' protocols."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation import (
    belief,
    classify,
    figures,
    generators,
    importance,
    inversion,
    likelihood,
    memorisation,
    parzen,
    reconstruction,
    runtimes,
    teaching,
    yardsticks,
)
from evaluation.arguments import BAD_ARGUMENTS, FAILED, INTERRUPTED, seed
from evaluation.context import Context, NotMeasuredError
from onnx_models import catalog
from onnx_models.catalog import Metric, Model
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from training.datasets import DatasetError


@dataclass(frozen=True)
class Measure:
    """A kind of figure: which models it is for, by what they ship, and how it is had."""

    name: str
    applies: Callable[[Model], bool]
    measure: Callable[[Model, Context], list[Metric]]


MEASURES = (
    Measure("AIS", likelihood.applies, likelihood.measure_ais),
    Measure("RAISE", likelihood.applies, likelihood.measure_raise),
    Measure("belief network", belief.applies, belief.measure),
    Measure("importance sampling", importance.applies, importance.measure),
    Measure("reconstruction", reconstruction.applies, reconstruction.measure),
    Measure("inversion", inversion.applies, inversion.measure),
    Measure("classification", classify.applies, classify.measure),
    Measure("a hundred labels", classify.learned_from_few_labels, classify.measure_few_labels),
    Measure("samples", generators.applies, generators.measure),
    Measure("snapshots", generators.has_snapshots, generators.measure_snapshots),
    Measure("nearest neighbours", memorisation.applies, memorisation.measure),
    Measure("classification accuracy score", teaching.applies, teaching.measure),
    Measure("Parzen window", parzen.applies, parzen.measure),
    Measure("yardsticks", yardsticks.applies, yardsticks.measure_frechet),
    Measure("Parzen window on yardsticks", yardsticks.applies, yardsticks.measure_parzen),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["runtimes"]:  # about the files' users rather than about the models
        return runtimes.main(given[1:])
    if given[:1] == ["speed"]:
        from evaluation import speed  # the one part that loads torch

        return speed.main(given[1:])
    if given[:1] == ["touch"]:
        from evaluation import touch

        return touch.main(given[1:])
    options = _parser().parse_args(given)
    try:
        known = catalog.load(*(options.models or [catalog.DIRECTORY]))
        models = [known.model(model_id) for model_id in options.model] or list(known.models)
        context = Context(known, Runtime("cpu"), options.data_root, options.seed, options.quick)
    except LineageError as fault:
        print(fault, file=sys.stderr)
        return BAD_ARGUMENTS
    for problem in known.problems:
        print(problem.error, file=sys.stderr)
    try:
        whole = [evaluate(model, context, options.only) for model in models]
    except KeyboardInterrupt:
        print(
            "Interrupted: the figures above are kept; run again for the models still to do.",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0 if all(whole) else FAILED


def evaluate(model: Model, context: Context, only: Sequence[str] = ()) -> bool:
    """Take every measure that applies to the model, print the figures and keep them; False if one failed.

    Where ``only`` names measures, no other is taken, and other figures of the same files stay. A quick run
    keeps nothing: its figures would stand where full ones did.
    """
    print(f"{model.id}", flush=True)
    found: list[Metric] = []
    whole = True
    for measure in MEASURES:
        if not measure.applies(model) or (only and measure.name not in only):
            continue
        start = time.perf_counter()
        try:
            new = measure.measure(model, context)
        except NotMeasuredError as reason:
            print(f"  {measure.name}: not measured, {reason}")
            continue
        except (LineageError, DatasetError) as fault:
            print(f"  {measure.name}: {fault}", file=sys.stderr)
            whole = False
            continue
        found += new
        print(figures.text(new))
        print(f"      ({measure.name} took {time.perf_counter() - start:.0f} s)", flush=True)
        if not context.quick:
            figures.write(model, found)  # now rather than at the end: the next measure may take minutes
    return whole


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation",
        description="Measure each shipped model by the papers' protocols into its metrics.json.",
        epilog="`python -m evaluation runtimes --help`: the same files in other runtimes. "
        "`python -m evaluation speed --help`: beside PyTorch, timed in one run.",
    )
    parser.add_argument("model", nargs="*", metavar="MODEL", help="ids of models (default: all of them)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="1,000 images or samples at most and coarse annealing, to see that it works; writes nothing",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="MEASURE",
        choices=[measure.name for measure in MEASURES],
        help=f"take this measure alone, may be given again: {', '.join(m.name for m in MEASURES)}",
    )
    parser.add_argument(
        "--models",
        action="append",
        type=Path,
        metavar="DIR",
        help="directory of <id>/model.json folders, may be given again (default: the shipped onnx_models)",
    )
    parser.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="where the data sets lie (default: $LATENT_LINEAGE_DATA, else data/ in the checkout)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="of samples, binary pixels and chains, 0 to 4294967295 (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
