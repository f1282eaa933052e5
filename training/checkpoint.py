"""Runs on disk: written atomically, read without running code from them, continued from shipped ONNX files.

A run's directory holds

    config.json      what is being trained, and where: a rerun must agree with it
    checkpoint.pt    everything the next step depends on
    final.pt         the weights to ship, once the run is complete
    snapshots/       the same as final.pt at log-spaced points of training, named by training images seen
    samples/         a sample grid beside each snapshot
    log.jsonl        one JSON object a line: images_seen, seconds, losses by name, images_per_second
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

CONFIG, CHECKPOINT, FINAL, LOG = "config.json", "checkpoint.pt", "final.pt", "log.jsonl"


class RunError(RuntimeError):
    """A run's directory that cannot be used as asked; the message is one sentence a person can act on."""


@dataclass(frozen=True)
class Run:
    """A run as its readers see it: the final weights, or one snapshot's."""

    config: dict[str, Any]  # config.json's "config": the fields of the family's dataclass
    weights: dict[str, dict[str, torch.Tensor]]  # network name -> state dict, on the CPU
    images_seen: int  # training images, repeats included
    seconds: float  # wall clock of training
    device: str
    command: str  # what a person types to get these weights, without a path of the machine it ran on
    seed: int
    snapshots: tuple[Path, ...]  # in order of images seen; each is readable with load_weights
    log: Path


def load_run(directory: Path) -> Run:
    """Read the finished run in `directory`.

    Raises :class:`RunError` where there is none.
    """
    if not (directory / FINAL).is_file():
        state = "has not finished yet" if (directory / CONFIG).is_file() else "does not exist"
        raise RunError(f"The run {directory} {state}: {FINAL} is missing.")
    document = load_weights(directory / FINAL)
    return Run(
        config=document["config"],
        weights=document["weights"],
        images_seen=document["images_seen"],
        seconds=document["seconds"],
        device=document["device"],
        command=document["command"],
        seed=document["seed"],
        snapshots=tuple(sorted((directory / "snapshots").glob("*.pt"))),
        log=directory / LOG,
    )


def load_weights(path: Path) -> dict[str, Any]:
    """The contents of `final.pt` or a snapshot, tensors on the CPU; code in the file is never run."""
    document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return document


def load_checkpoint(directory: Path, device: torch.device) -> dict[str, Any] | None:
    """The run's last checkpoint with its tensors on `device`, or None where none was written."""
    path = directory / CHECKPOINT
    if not path.is_file():
        return None
    document: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return document


def save(document: Mapping[str, Any], path: Path) -> None:
    """Write with torch.save so that `path` holds either its old content or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            torch.save(dict(document), file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def open_log(directory: Path, size: int) -> BinaryIO:
    """The run's log, open for appending after its first `size` bytes: lines that a killed run wrote after
    its last checkpoint are dropped, since the resumed run writes them again.
    """
    path = directory / LOG
    path.touch()
    os.truncate(path, min(size, path.stat().st_size))
    return path.open("ab")


def claim(directory: Path, description: Mapping[str, Any]) -> None:
    """Make `directory` the run that `description` (config.json) describes.

    Raises :class:`RunError`, naming what differs, where it already is another one.
    """
    path = directory / CONFIG
    if path.is_file():
        before = json.loads(path.read_text())
        differences = _differences(before, json.loads(json.dumps(description)))
        if differences:
            raise RunError(
                f"{directory} holds a run with another configuration ({'; '.join(differences)}):"
                " choose another --out, or repeat its command to resume it."
            )
        return
    directory.mkdir(parents=True, exist_ok=True)
    _write_config(path, description)


def _write_config(path: Path, description: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(description, indent=2) + "\n")
    temporary.replace(path)


def check_exact(directory: Path, surroundings: Mapping[str, Any]) -> None:
    """Raise :class:`RunError` where the unfinished run in `directory` could not go on exactly.

    `surroundings` are what its sums depend on beyond its configuration, by their names in config.json:
    another number of threads adds in another order, another PyTorch may compute otherwise. A run that has
    no checkpoint yet begins here instead; one that was begun when this was not written down goes on.
    """
    path = directory / CONFIG
    before = json.loads(path.read_text())
    if not (directory / CHECKPOINT).is_file():
        if any(before.get(name) != value for name, value in surroundings.items()):
            _write_config(path, {**before, **surroundings})
        return
    differences = [
        f"{name} {before[name]}, not {value}"
        for name, value in surroundings.items()
        if before.get(name, value) != value
    ]
    if differences:
        raise RunError(
            f"{directory} was begun with {' and '.join(differences)}, and goes on exactly only as it began:"
            " set OMP_NUM_THREADS and install the PyTorch to match, or choose another --out."
        )


def begun(directory: Path) -> Mapping[str, Any]:
    """The configuration of the run that `directory` holds; empty where there is none that can be read."""
    try:
        config: Mapping[str, Any] = json.loads((directory / CONFIG).read_text())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return config


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = ("model", "seed", "device", "init_from", "data_sha256")
    found = [
        f"{name} is {before.get(name)}, not {now[name]}" for name in names if before.get(name) != now[name]
    ]
    old, new = before["config"], now["config"]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            found.append(f"{name} is {old.get(name)}, not {new.get(name)}")
    return found


@dataclass(frozen=True)
class Past:
    """What the weights in a shipped model's folder have been through."""

    command: str
    images_seen: int
    seconds: float


def past(directory: Path) -> Past:
    """The training of the shipped model in `directory`, by its model.json.

    Raises :class:`RunError` where that is missing or says nothing of it.
    """
    try:
        training = json.loads((directory / "model.json").read_text("utf-8"))["training"]
        return Past(str(training["command"]), int(training["images_seen"]), float(training["seconds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{directory} has no model.json that says how its weights were trained.") from error


def initialisers(directory: Path, roles: Sequence[str]) -> dict[str, np.ndarray]:
    """What the shipped ONNX files of these graph roles in `directory` hold, by name, as it is stored.

    Raises :class:`RunError` where a file is not there.
    """
    from onnx import load, numpy_helper  # only what starts from shipped files needs the onnx package

    found: dict[str, np.ndarray] = {}
    for role in roles:
        path = directory / f"{role}.onnx"
        if not path.is_file():
            raise RunError(f"{path.name} is needed in {directory}, which does not hold it.")
        found |= {i.name: numpy_helper.to_array(i) for i in load(path).graph.initializer}
    return found


def load_initialisers(
    networks: Mapping[str, nn.Module],
    directory: Path,
    graphs: Mapping[str, Sequence[str]],
    added: Sequence[str] = (),
) -> None:
    """Fill `networks` from the initialisers of the shipped ONNX files in `directory`.

    `graphs` says which graph roles hold each network's parameters; an initialiser bears the full name of its
    parameter within the network. Parameters and modules of the names `added` may be missing, and stay as they
    are: what a network gets after it has begun to learn. Storage in fewer bits is widened. Raises
    :class:`RunError` that names what is missing or has another shape; nothing is loaded then.
    """
    loaded: dict[str, dict[str, torch.Tensor]] = {}
    for name, network in networks.items():
        found = initialisers(directory, graphs[name])
        # Batch normalisation counts its steps in an integer that no graph needs.
        wanted = {
            key: value
            for key, value in network.state_dict().items()
            if value.is_floating_point() and (key in found or not {*key.split(".")} & {*added})
        }
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise RunError(f"{directory} has no values for {', '.join(missing)} of the {name}.")
        for key, value in wanted.items():
            if (scale := f"{key}.scale") in found:  # of integers
                found[key] = found[key] * found[scale]
            if tuple(value.shape) != found[key].shape:
                raise RunError(
                    f"{key} of the {name} is {list(found[key].shape)} in {directory},"
                    f" but this configuration needs {list(value.shape)}."
                )
        loaded[name] = {key: torch.tensor(found[key]).to(value) for key, value in wanted.items()}
    for name, network in networks.items():
        network.load_state_dict(network.state_dict() | loaded[name])
