"""`python -m export [MODEL ...]`: from runs to ONNX files, cards and test vectors, parity proved."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from export import manifest

DIRECTORY = Path(__file__).resolve().parents[1] / "onnx_models"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 done, 1 something failed, 2 cannot be done as asked."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands: dict[str, Callable[[list[str]], int]] = {
        "check": _check,
        "cards": _cards,
        "datasets": _datasets,
        "directions": _directions,
        "official": _official,
        "restore": _restore,
    }
    try:
        if arguments and arguments[0] in commands:
            return commands[arguments[0]](arguments[1:])
        return _export(arguments)
    except manifest.DocumentError as error:
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
        epilog="Also: python -m export check [DIR], cards [DIR], datasets [NAME ...], directions [MODEL ...],"
        " official FILE.pkl, restore [MODEL ...]; each has --help.",
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

    from export import cards, directions, folder
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
        folder.keep_past(arguments.out / name, document, files)
        directions.keep(arguments.out / name, document, files)
        manifest.write(arguments.out / name, document, files, "model.json")
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
        "training pictures of a GAN's to search.",
    )
    parser.add_argument(
        "name", nargs="*", help="mnist, fashion-mnist, cifar10 or avatars (default: all of them)"
    )
    parser.add_argument(
        "--data-root", type=Path, help="where data sets are (default: $LATENT_LINEAGE_DATA, or data/)"
    )
    parser.add_argument(
        "--out", type=Path, default=DIRECTORY, help="where the models are (default: onnx_models)"
    )
    arguments = parser.parse_args(argv)

    from export import cards, shards
    from training.datasets import DatasetError

    unknown = set(arguments.name) - set(shards.NAMES)
    if unknown:
        return _refuse(
            f"There is no data set {min(unknown)!r}; the ones here are: {', '.join(shards.NAMES)}."
        )
    for name in arguments.name or shards.NAMES:
        try:
            document, files = shards.build(name, arguments.data_root)
        except DatasetError as error:
            return _refuse(str(error))
        manifest.write(arguments.out / "datasets" / name, document, files, "dataset.json")
        print(f"datasets/{name}: {sum(map(len, files.values())) / 1e6:.1f} MB")
    cards.write(arguments.out)
    return 0


def _directions(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export directions",
        description="Find directions in a shipped StyleGAN's styles: attributes as the shipped judge sees "
        "them, and factors in closed form. Needs no run; with --steps 0 no torch either.",
    )
    parser.add_argument(
        "model", nargs="*", help="model id (default: every model whose pictures a judge of attributes knows)"
    )
    parser.add_argument("--out", type=Path, default=DIRECTORY, help="the models (default: onnx_models)")
    parser.add_argument(
        "--samples",
        type=int,
        default=10_000,
        metavar="N",
        help="pictures that separators learn from, at least 100 (default: %(default)s)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=80,
        metavar="N",
        help="steps in which each walk is learned, by torch; 0: separators and factors alone"
        " (default: %(default)s)",
    )
    arguments = parser.parse_args(argv)

    from export import cards, directions
    from onnx_models import catalog
    from onnx_models.errors import LineageError
    from onnx_models.runtime import Runtime

    if arguments.samples < 100:
        return _refuse(f"--samples must be 100 or more, not {arguments.samples}.")
    if arguments.steps < 0:
        return _refuse(f"--steps must be 0 or more, not {arguments.steps}.")
    learner: directions.Learner | None = None
    if arguments.steps:
        try:
            import torch

            from export import walks
        except ModuleNotFoundError:
            return _refuse("walks are learned by PyTorch, which is not installed: --steps 0 goes without.")
        learner = partial(walks.learn, steps=arguments.steps)
        torch.set_num_threads(1)  # as many walks as there are processors are learned at a time
    try:
        known = catalog.load(arguments.out)
        chosen = [known.model(name) for name in arguments.model]
        suited = [model for model in known.models if directions.suits(model, known)]
        for model in chosen:
            if model not in suited:
                return _refuse(
                    f"{model.id} has no mapping and synthesis graphs, or no judge of attributes knows its"
                    " pictures."
                )
        if not suited:
            return _refuse(f"no model in {arguments.out} can be moved: export one, and its judge, first.")
        for model in chosen or suited:
            document = directions.find(model, known, Runtime("cpu", threads=1), arguments.samples, learner)
            directions.write(model, document)
            print(f"{model.id}: {len(document['directions'])} directions")
            print("\n".join(directions.lines(document)))
    except LineageError as error:
        return _refuse(str(error))
    cards.write(arguments.out)
    return 0


def _official(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export official",
        description="Convert an official checkpoint of StyleGAN, StyleGAN2, StyleGAN2-ADA or StyleGAN3 to "
        "ONNX. The file is read as data: nothing in it is run, and neither PyTorch nor TensorFlow is needed.",
        epilog="The weights keep their makers' licence. `python -m demo --models DIR` plays what is written.",
    )
    parser.add_argument(
        "file", metavar="FILE.pkl", type=Path, help="the checkpoint, or what --safetensors wrote"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="where the folder of the network goes"
    )
    parser.add_argument(
        "--noise",
        choices=("const", "input", "none"),
        default="const",
        help="the checkpoint's own noise, noise that is asked for, or none (default: %(default)s)",
    )
    parser.add_argument("--fp16-storage", action="store_true", help="large weights in half precision")
    parser.add_argument("--network", metavar="NAME", help="which network of the file (default: G_ema or Gs)")
    parser.add_argument(
        "--safetensors",
        action="store_true",
        help="also write the network as a file to share without a pickle",
    )
    arguments = parser.parse_args(argv)

    from tqdm import tqdm

    from export import cards
    from export.official import convert
    from export.official.checkpoint import read
    from export.official.errors import OfficialError

    if not arguments.file.is_file():
        return _refuse(f"there is no file {arguments.file}.")
    if arguments.out.resolve() == DIRECTORY:
        return _refuse(f"{arguments.out} is what ships, and converted weights do not: name another --out.")
    name = convert.identifier(arguments.file.name, arguments.network)
    folder = arguments.out / name
    if (folder / "model.json").is_file() and "source" not in manifest.read(folder / "model.json"):
        return _refuse(f"{folder} holds another model, which was not converted: name another --out.")
    with tqdm(total=6, desc=name, unit="step", leave=False) as bar:

        def done(step: str) -> None:
            bar.set_postfix_str(step)
            bar.update()

        try:
            network = read(arguments.file, arguments.network)
            done("reading")
        except OfficialError as error:  # it names the file
            bar.clear()
            return _refuse(str(error))
        try:
            document, files = convert.convert(
                network,
                name,
                noise=arguments.noise,
                half=arguments.fp16_storage,
                shared=arguments.safetensors,
                done=done,
            )
        except OfficialError as error:
            bar.clear()
            return _refuse(f"{arguments.file.name}: {error}")
        manifest.write(folder, document, files, "model.json")
        cards.write(arguments.out)
        done("writing")
    source = document["source"]
    size = sum(len(content) for file, content in files.items() if file.endswith(".onnx")) / 1e6
    print(
        f"{name}: {source['architecture']} of {source['origin']}, "
        f"{network.resolution}x{network.resolution}, {network.num_ws} styles, {size:.1f} MB. The weights "
        f"keep their makers' licence: see {folder}/README.md.\npython -m demo --models {arguments.out} "
        f"plays it."
    )
    return 0


def _restore(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m export restore",
        description="Store shipped graphs in fewer bits where the table asks for it now: no run is needed, "
        "and parity with PyTorch is proved. What was measured on a changed file must be measured again.",
    )
    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help="model id (default: every model that ships)"
    )
    parser.add_argument("--out", type=Path, default=DIRECTORY, help="the models (default: onnx_models)")
    arguments = parser.parse_args(argv)

    from tqdm import tqdm

    from export import cards
    from export.parity import ParityError
    from export.restore import restore
    from export.table import ENTRIES
    from training.checkpoint import RunError
    from training.config import ConfigError

    shipped = [name for name in ENTRIES if (arguments.out / name / "model.json").is_file()]
    unknown = [name for name in arguments.models if name not in shipped]
    if unknown:
        return _refuse(f"{arguments.out} holds no model {unknown[0]!r}; it holds {', '.join(shipped)}.")
    failed = False
    for name in arguments.models or shipped:
        with tqdm(desc=name, unit="graph", leave=False) as bar:
            try:
                document, files = restore(ENTRIES[name], arguments.out / name, done=bar.update)
            except (ParityError, RunError, ConfigError) as error:
                bar.clear()
                print(error, file=sys.stderr)
                failed = True
                continue
        gone = manifest.owned(manifest.read(arguments.out / name / "model.json")) - manifest.owned(document)
        if files or gone:
            before = sum((arguments.out / name / file).stat().st_size for file in {*files, *gone})
            manifest.write(arguments.out / name, document, files, "model.json")
            after = sum(map(len, files.values()))
            print(f"{name}: {', '.join(sorted({*files, *gone}))}: {before / 1e6:.1f} -> {after / 1e6:.1f} MB")
    cards.write(arguments.out)
    return int(failed)


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
