"""`python -m evaluation runtimes`: the shipped files in every runtime at hand, as `docs/runtimes.{md,png}`.

programs --rows--> reports --text--> docs/runtimes.md
         --PNGs----------> sheet --> docs/runtimes.png
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from evaluation import runtime_sheet, runtime_table
from evaluation.arguments import BAD_ARGUMENTS, INTERRUPTED, seed
from evaluation.runtime_programs import REFERENCE, ROOT, Program, measure, paint, programs
from onnx_models import catalog
from onnx_models.catalog import Catalog, Model
from onnx_models.errors import LineageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 2 where there is nothing to compare with."""
    parser = _parser()
    options = parser.parse_args(arguments)
    options.models = options.models.resolve()  # the programs start elsewhere
    known = programs(options.previous)
    strangers = set(options.runtime) - {program.name for program in known}
    if strangers:
        parser.error(f"there is no runtime {min(strangers)}: {', '.join(p.name for p in known)}")
    chosen = [p for p in known if p.name == REFERENCE or not options.runtime or p.name in options.runtime]
    try:
        models = catalog.load(options.models)
        if models.problems:
            raise models.problems[0].error
        if not models.models:
            raise LineageError("models.directory", f"There is no <id>/model.json in {options.models}.")
        shown = runtime_sheet.shown(models, options.show)
        if not options.out.parent.is_dir():
            raise LineageError("out", f"There is no directory {options.out.parent} to write into.")
        return _write(chosen, models, shown, options)
    except LineageError as fault:
        print(fault, file=sys.stderr)
        return BAD_ARGUMENTS
    except KeyboardInterrupt:
        print("Interrupted: nothing was written.", file=sys.stderr)
        return INTERRUPTED


def _write(
    chosen: Sequence[Program], models: Catalog, shown: Sequence[Model], options: argparse.Namespace
) -> int:
    reports = []
    total = sum(len(runtime_table.with_inputs(model)) for model in models.models)
    for program in chosen:
        with tqdm(total=total, desc=program.name, unit="graph", disable=None) as bar:
            report = measure(program, options.models, bar.update, timed=not options.untimed)
        reports.append(report)
        good = sum(row.works for row in report.rows)
        tried = report.missing or f"{report.version}, {good} of {total} graphs work. {report.broken}"
        print(f"{program.title}: {tried.strip()}", flush=True)
        if program.name == REFERENCE and not report.rows:
            raise LineageError("reference", f"There is nothing to compare with. {tried}")
    picture = options.out.with_suffix(".png")
    if shown:
        present = [report for report in reports if not report.missing]
        columns = [(report.program.title, report.version) for report in present]
        with tempfile.TemporaryDirectory() as scratch:
            pictures: list[list[runtime_sheet.Entry]] = []
            jobs = tqdm(shown, desc="pictures", unit="model", disable=None)
            for model in jobs:
                row: list[runtime_sheet.Entry] = []
                for report in present:
                    path = Path(scratch) / f"{model.id}_{report.program.name}.png"
                    fault = paint(report.program, model, options.seed, path)
                    row.append(fault or runtime_sheet.read(path))
                pictures.append(row)
        runtime_sheet.draw(columns, shown, pictures, options.seed).save(picture)
        for line in runtime_sheet.sentences(columns, shown, pictures):
            print(line)
        print(picture)
    ordered = sorted(models.models, key=lambda model: model.id)
    options.out.write_text(runtime_table.text(reports, ordered, picture.name if shown else None), "utf-8")
    print(options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    names = [program.name for program in programs(Path())]
    parser = argparse.ArgumentParser(
        prog="python -m evaluation runtimes",
        description="Run the shipped files in every runtime at hand, and write the table and the picture of "
        "it. What is not installed is said in the table and left out.",
    )
    parser.add_argument(
        "runtime", nargs="*", metavar="RUNTIME", help=f"which ones (default: all): {', '.join(names)}"
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=catalog.DIRECTORY,
        metavar="DIR",
        help="directory of <id>/model.json folders (default: the shipped onnx_models)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "docs" / "runtimes.md",
        metavar="FILE.md",
        help="the table; the picture goes beside it (default: docs/runtimes.md)",
    )
    parser.add_argument(
        "--show",
        action="append",
        metavar="MODEL",
        help="whose picture to make, may be given again (default: dcgan and every StyleGAN)",
    )
    parser.add_argument(
        "--seed", type=seed, default=42, metavar="N", help="of the picture, 0 to 4294967295 (default: 42)"
    )
    parser.add_argument("--untimed", action="store_true", help="measure no speed: a quarter of the minutes")
    parser.add_argument(
        "--previous",
        type=Path,
        default=ROOT / "build" / "runtimes" / "onnxruntime-previous",
        metavar="DIR",
        help="an older onnxruntime, put there by `pip install --no-deps --target DIR onnxruntime==VERSION` "
        "(default: build/runtimes/onnxruntime-previous)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
