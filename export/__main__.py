"""`python -m export [MODEL ...]`: from runs to ONNX files, cards and test vectors, parity proved."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from export.manifest import DocumentError

DIRECTORY = Path(__file__).resolve().parents[1] / "onnx_models"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 1 something failed, 2 cannot be done as asked."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], int]] = {
        "check": _check,
        "cards": _cards,
        "datasets": _datasets,
    }
    try:
        if arguments and arguments[0] in commands:
            return commands[arguments[0]](arguments[1:])
        return _export(arguments)
    except DocumentError as error:
        print(f"python -m export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what was written is whole, the same command does the rest.", file=sys.stderr)
        return 130


def _export(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Turn finished runs into ONNX files, model.json, test vectors and cards; parity with "
        "PyTorch is proved before anything is written.",
        epilog="Also: python -m export check [DIR], cards [DIR], datasets [--data-root DIR]; each has "
        "--help.",
    )
    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help="model id (default: every model that has a run)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs are (default: runs)")
    parser.add_argument(
        "--out", type=Path, default=DIRECTORY, help="where the models go (default: onnx_models)"
    )
    arguments = parser.parse_args(argv)

    from tqdm import tqdm

    from export import cards, folder
    from export.parity import ParityError
    from export.table import ENTRIES  # imports PyTorch: not for --help, nor for `check`
    from training.checkpoint import RunError, load_run

    unknown = [name for name in arguments.models if name not in ENTRIES]
    if unknown:
        return _refuse(f"there is no model {unknown[0]!r}; the models are {', '.join(ENTRIES)}.")
    failed = False
    exported = []
    for name in arguments.models or ENTRIES:
        entry = ENTRIES[name]
        try:
            run = load_run(arguments.runs / name)
        except RunError as error:
            print(f"{name}: skipped. {error}", file=sys.stderr)
            failed |= bool(arguments.models)
            continue
        with tqdm(desc=name, unit="graph", leave=False) as bar:
            try:
                document, files = folder.build(entry, run, done=bar.update)
            except (ParityError, RunError) as error:
                bar.clear()
                print(error, file=sys.stderr)
                failed = True
                continue
        folder.write(arguments.out / name, document, files, "model.json")
        exported.append(name)
        size = sum(map(len, files.values())) / 1e6
        print(
            f"{name}: {len(document['graphs'])} graphs, {len(document['snapshots'])} snapshots, {size:.1f} MB"
        )
    if not exported and not failed:
        return _refuse(
            f"no model has a finished run in {arguments.runs}: train one first, or name another --runs."
        )
    if exported:
        cards.write(arguments.out)
    return int(failed)


def _datasets(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export datasets",
        description="Write the real pictures that the page shows: labelled examples of each data set, and "
        "the GAN's training digits.",
    )
    parser.add_argument(
        "--data-root", type=Path, help="where data sets are (default: $LATENT_LINEAGE_DATA, or data/)"
    )
    parser.add_argument(
        "--out", type=Path, default=DIRECTORY, help="where the models are (default: onnx_models)"
    )
    arguments = parser.parse_args(argv)

    from export import cards, folder, shards
    from training.datasets import DatasetError

    for name in shards.NAMES:
        try:
            document, files = shards.build(name, arguments.data_root)
        except DatasetError as error:
            return _refuse(str(error))
        folder.write(arguments.out / "datasets" / name, document, files, "dataset.json")
        print(f"datasets/{name}: {sum(map(len, files.values())) / 1e6:.1f} MB")
    cards.write(arguments.out)
    return 0


def _cards(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export cards",
        description="Write manifest.json and every card anew, from model.json and metrics.json.",
    )
    parser.add_argument("directory", type=Path, nargs="?", default=DIRECTORY, help="default: onnx_models")
    arguments = parser.parse_args(argv)

    from export import cards

    if not arguments.directory.is_dir():
        return _refuse(f"there is no directory {arguments.directory}.")
    cards.write(arguments.directory)
    return 0


def _check(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export check",
        description="Check schema, sha256, size, signature and test vectors of every shipped file; "
        "imports no torch.",
    )
    parser.add_argument("directory", type=Path, nargs="?", default=DIRECTORY, help="default: onnx_models")
    arguments = parser.parse_args(argv)

    from export import check

    if not arguments.directory.is_dir():
        return _refuse(f"there is no directory {arguments.directory}.")
    faults = check.check(arguments.directory, report=print)
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    return int(bool(faults))


def _refuse(sentence: str) -> int:
    print(f"python -m export: {sentence}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
