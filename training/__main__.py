"""`python -m training MODEL`: train a model, or go on with a run that was interrupted."""

import argparse
import contextlib
import copy
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training import checkpoint, datasets
from training.config import Config, ConfigError, as_settings, with_settings
from training.families import FAMILIES, Family, name_of
from training.loop import Interrupted, train
from training.precision import bfloat16_is_slow
from training.stage import Place


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parse = argparse.ArgumentParser(
        prog="python -m training",
        description="Train a model. The same command again resumes an interrupted run, exactly.",
        epilog="Several processes: torchrun --nproc_per_node=2 -m training MODEL ... (not for rbm and pca).",
    )
    parse.add_argument("model", metavar="MODEL", help=f"one of {', '.join(FAMILIES)}")
    parse.add_argument(
        "--preset", default="default", help="a named configuration of the model (default: default)"
    )
    parse.add_argument(
        "--data-root", type=Path, help="where data sets are (default: $LATENT_LINEAGE_DATA, or data/)"
    )
    parse.add_argument("--out", type=Path, default=Path("runs"), help="runs go to OUT/MODEL (default: runs)")
    parse.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: cuda where there is one"
    )
    parse.add_argument(
        "--seed", type=int, default=0, help="of weights, data order and noise, 0 to 2^32-1 (default: 0)"
    )
    parse.add_argument(
        "--init-from", type=Path, metavar="DIR", help="start from the shipped weights in DIR/MODEL/*.onnx"
    )
    parse.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change a value of the preset; dataset=FOLDER trains on your own images; may be repeated",
    )
    parse.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=120.0,
        metavar="S",
        help="seconds between checkpoints: what a power cut may cost (default: 120)",
    )
    return parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0 finished, 2 cannot be done as asked, 130 interrupted."""
    arguments = parser().parse_args(argv)
    try:
        with _place(arguments.device) as place:
            return _run(arguments, place)
    except (ConfigError, checkpoint.RunError, datasets.DatasetError) as error:
        print(f"python -m training: {error}", file=sys.stderr)
        return 2
    except Interrupted:
        print("Interrupted; the same command resumes.", file=sys.stderr)
        return 130


def configure(model: str, preset: str, settings: Sequence[str]) -> tuple[Family, Config]:
    """The family's file and the validated configuration. Raises :class:`ConfigError`."""
    if model not in FAMILIES:
        raise ConfigError(f"There is no model {model!r}; the models are {', '.join(FAMILIES)}.")
    family = FAMILIES[model]
    presets = family.MODELS[model]
    if preset not in presets:
        raise ConfigError(f"{model} has no preset {preset!r}; its presets are {', '.join(presets)}.")
    config = with_settings(presets[preset], settings)
    config.validate()
    return family, config


def _run(arguments: argparse.Namespace, place: Place) -> int:
    model, seed = arguments.model, arguments.seed
    family, config = configure(model, arguments.preset, arguments.set)
    if not 0 <= seed < 2**32:
        raise ConfigError(f"--seed must lie in 0 to 4294967295, not {seed}.")
    if arguments.checkpoint_seconds < 0:
        raise ConfigError(f"--checkpoint-seconds must be 0 or more, not {arguments.checkpoint_seconds}.")
    if place.world > 1 and not family.DISTRIBUTED:
        raise ConfigError(f"{model} trains in one process: start it without torchrun.")

    channels, height, width = config.image_shape
    data = datasets.load(config.dataset, config.split, arguments.data_root, size=height, channels=channels)
    if data.images.shape[1:] != config.image_shape:
        shape = " x ".join(str(size) for size in data.images.shape[1:])
        wanted = f"{channels} x {height} x {width}"
        raise ConfigError(f"{model} takes images of {wanted}; those of {data.name} are {shape}.")

    # Whoever names a precision gets it, and a run goes on in the one it began in, on another machine too.
    out = arguments.out / model
    named = any(setting.startswith("bfloat16=") for setting in arguments.set)
    falls_back = not named and getattr(config, "bfloat16", False)
    if falls_back:
        began = checkpoint.begun(out).get("bfloat16")
        falls_back = bfloat16_is_slow(place.device) if began is None else not began
    if falls_back:
        config = with_settings(config, ["bfloat16=false"])

    # What this run is. A folder of one's own images is known by its name and contents, not by its path.
    preset = family.MODELS[model][arguments.preset]
    if config.dataset not in datasets.NAMES:
        config = dataclasses.replace(config, dataset=data.name)
    command = ["python -m training", model]
    command += ["--preset", arguments.preset] if arguments.preset != "default" else []
    command += ["--seed", str(seed)] if seed else []
    before = checkpoint.past(arguments.init_from / model) if arguments.init_from else None
    command += ["--init-from", "onnx_models"] if before else []
    command += [part for setting in as_settings(config, preset) for part in ("--set", setting)]
    # Shipped weights are the end of a training of their own: both lead to these.
    command = [before.command, "&& python -m export", model, "&&", *command] if before else command
    facts = {
        "config": dataclasses.asdict(config),
        "command": " ".join(command),
        "seed": seed,
        "device": _device_name(place.device),
    }
    surroundings: dict[str, Any] = {"torch": torch.__version__}
    if place.device.type == "cpu":  # a graphics card adds in an order of its own
        surroundings["threads"] = torch.get_num_threads()
    if place.writes:
        description = {
            "model": model,
            "family": name_of(family),
            "preset": arguments.preset,
            **facts,
            "init_from": bool(arguments.init_from),
            "data_sha256": data.sha256,
            **surroundings,
        }
        checkpoint.claim(out, description)
    if (out / checkpoint.FINAL).is_file():
        if place.writes:
            print(f"{out} is finished: nothing to do. Another --out trains it afresh.", file=sys.stderr)
        return 0
    if place.writes:
        checkpoint.check_exact(out, surroundings)

    # Fresh weights come from torch's own initialisers, which know no generator but the global one: it is
    # seeded for this moment only.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = {name: network.to(place.device) for name, network in family.build(config).items()}
    if arguments.init_from:
        added = getattr(family, "ADDED", ())
        checkpoint.load_initialisers(networks, arguments.init_from / model, family.GRAPHS, added)
    averages = {
        name: copy.deepcopy(network).eval().requires_grad_(False) for name, network in networks.items()
    }
    if falls_back and place.writes:
        print("bfloat16 is slow on this machine: training in float32.", file=sys.stderr)
    images = torch.from_numpy(data.images.copy()).to(place.device)  # a copy: torch wants writable memory
    labels = torch.from_numpy(data.labels.copy()).to(place.device)
    train(
        family.stages(config, _shared(networks, place), images, labels),
        networks,
        averages,
        images,
        labels,
        out=out,
        facts=facts,
        seed=seed,
        snapshots=config.snapshots,
        place=place,
        images_before=before.images_seen if before else 0,
        seconds_before=before.seconds if before else 0.0,
        checkpoint_seconds=arguments.checkpoint_seconds,
    )
    return 0


@contextlib.contextmanager
def _place(device: str) -> Iterator[Place]:
    """Where this process computes; joins the others when torchrun started it."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: PyTorch sees no CUDA device here.")
    kind = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True  # shapes stay the same, so a search for the fastest kernels pays
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Place(torch.device(kind))
        return
    local = torch.device(kind, int(os.environ["LOCAL_RANK"])) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Place(local, torch.distributed.get_rank(), world)
    finally:
        torch.distributed.destroy_process_group()


def _shared(networks: Mapping[str, nn.Module], place: Place) -> dict[str, nn.Module]:
    """The networks as the rules see them: behind DistributedDataParallel when there are several processes."""
    if place.world == 1:
        return dict(networks)
    # Batch normalisation takes its statistics over each process's share; those of rank 0 are saved.
    return {name: DistributedDataParallel(net, broadcast_buffers=False) for name, net in networks.items()}


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _leave(code: int) -> None:
    """End the process; one of several without taking Python down: all is saved by now.

    Threads of a process group outlive it, and one that wants Python while that goes aborts the process.
    """
    if "WORLD_SIZE" in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
