"""`python -m evaluation speed`: the shipped networks in onnxruntime beside PyTorch, which they came from.

The one module here that loads torch: as a peer, with the very weights of the files. A ratio of two times
says something of files and runtimes only where both were taken in turns, on one thread, in one run; so it is
printed and nowhere asserted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evaluation.arguments import BAD_ARGUMENTS, INTERRUPTED
from onnx_models import catalog, seeds
from onnx_models.catalog import Model
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from training import checkpoint, dcgan, stylegan2

Paint = Callable[[], NDArray[Any]]
Z = 100
BATCHES = (1, 16)
TOLERANCE = 2e-3
"""Of a pixel: that both paint the same picture is seen before anything is timed. Weights ship in halves."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    runtime = Runtime("cpu", threads=1)
    try:
        known = catalog.load(options.models)
        chosen = [known.model(model_id) for model_id in options.model] or [
            model for model in known.models if _paints(model)
        ]
        for model in chosen:
            for batch in BATCHES:
                print(ratio(model, runtime, batch, options.rounds), flush=True)
    except (LineageError, checkpoint.RunError) as fault:
        print(fault, file=sys.stderr)
        return BAD_ARGUMENTS
    except KeyboardInterrupt:
        print("Interrupted: the ratios above stand.", file=sys.stderr)
        return INTERRUPTED
    return 0


def ratio(model: Model, runtime: Runtime, batch: int, rounds: int) -> str:
    """Time both in turns, the least processor time of some rounds: a machine's other work only ever adds.

    Raises
    ------
    LineageError
        ``model.role``: it is no network that this command knows how to build; ``speed.picture``: the two do
        not paint the same.

    """
    if not _paints(model):
        raise LineageError("model.role", f"{model.id} is neither a StyleGAN nor a DCGAN of this project.")
    peers = (
        _stylegan(model, runtime, batch) if model.id in stylegan2.MODELS else _dcgan(model, runtime, batch)
    )
    away = float(np.abs(peers[0]() - peers[1]()).max())
    if not away <= TOLERANCE:
        raise LineageError("speed.picture", f"{model.id}: the two runtimes paint {away:.2g} apart.")
    best = [np.inf, np.inf]
    for _ in range(rounds):
        for k, paint in enumerate(peers):
            began = time.process_time()
            for _ in range(1 + 16 // batch):
                paint()
            best[k] = min(best[k], (time.process_time() - began) / (1 + 16 // batch))
    ours, theirs = (1000 * seconds for seconds in best)
    return (
        f"{model.id}, batch {batch}: onnxruntime {ours:.1f} ms, PyTorch {theirs:.1f} ms,"
        f" {theirs / ours:.2f} times as fast"
    )


def _paints(model: Model) -> bool:
    """Whether it is one of our own networks, whose configuration torch needs to build it once more."""
    return model.id in stylegan2.MODELS or model.id in dcgan.MODELS


def _stylegan(model: Model, runtime: Runtime, batch: int) -> tuple[Paint, Paint]:
    config, networks = stylegan2.shipped(model.id, model.folder)
    mapping, synthesis = networks["mapping"], networks["synthesis"]
    styles = 2 * len(config.widths)
    given: dict[str, NDArray[Any]] = {"z": seeds.normals(0, batch, Z)}
    if config.labelled:
        given["label"] = np.full(batch, -1, np.int64)
    noises = {
        f"noise_{k}": seeds.normals(k, batch, size * size).reshape(batch, 1, size, size)
        for k, size in enumerate(stylegan2.noise_sizes(len(config.widths)))
    }
    psi = np.ones((batch, styles), np.float32)
    tensors = [torch.from_numpy(value) for value in given.values()]
    grains = [torch.from_numpy(value) for value in noises.values()]

    def by_onnxruntime() -> NDArray[Any]:
        ws = runtime.run(model.graphs["mapping"], {**given, "psi": psi})["ws"]
        return runtime.run(model.graphs["synthesis"], {"ws": ws, **noises})["image"]

    def by_torch() -> NDArray[Any]:
        with torch.inference_mode():
            w, _ = mapping(*tensors)
            image = synthesis(w[:, None].expand(-1, styles, -1), grains)[0]
            shown: NDArray[Any] = image.clamp(0, 1).numpy()
        return shown

    return by_onnxruntime, by_torch


def _dcgan(model: Model, runtime: Runtime, batch: int) -> tuple[Paint, Paint]:
    networks = dcgan.build(dcgan.MODELS[model.id]["default"])
    del networks["discriminator"]
    checkpoint.load_initialisers(networks, model.folder, dcgan.GRAPHS)
    generator = networks["generator"].eval()
    z = seeds.normals(0, batch, Z)

    def by_onnxruntime() -> NDArray[Any]:
        return runtime.run(model.graphs["generate"], {"z": z})["image"]

    def by_torch() -> NDArray[Any]:
        with torch.inference_mode():
            image: NDArray[Any] = generator(torch.from_numpy(z)).numpy()
        return image

    return by_onnxruntime, by_torch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation speed",
        description="Time the shipped StyleGANs and DCGANs in onnxruntime and in PyTorch, on one thread.",
    )
    parser.add_argument("model", nargs="*", metavar="MODEL", help="ids of models (default: all of that kind)")
    parser.add_argument(
        "--models",
        type=Path,
        default=catalog.DIRECTORY,
        metavar="DIR",
        help="directory of <id>/model.json folders (default: the shipped onnx_models)",
    )
    parser.add_argument(
        "--rounds", type=int, default=9, metavar="N", help="turns of each (default: %(default)s)"
    )
    return parser
