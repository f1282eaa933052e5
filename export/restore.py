"""Shipped graphs stored the way the table asks for, without the runs that they were made from.

A run's checkpoints are many times larger than what ships and are not kept. When an entry comes to ask for
fewer bits, the file that ships still holds the weights in full: they are rounded from there, and the new file
is compared with PyTorch on these weights exactly as after training. A file that is already stored in fewer
bits stays as it is, to the byte; a graph that the entry no longer lists is taken away.
"""

import shlex
from collections.abc import Callable
from pathlib import Path

import torch
from onnx import ModelProto, TensorProto, load_model_from_string, numpy_helper
from torch import nn

from export import manifest, parity
from export.entry import Entry
from export.onnx_file import store_smaller
from export.tolerance import TOLERANCE
from training.__main__ import configure, parser
from training.checkpoint import RunError


def restore(
    entry: Entry, folder: Path, done: Callable[[], object] = lambda: None
) -> tuple[manifest.Document, manifest.Files]:
    """The model.json of `folder` as the entry would have it, and the graphs of it that take less room now.

    Raises :class:`export.parity.ParityError` where the rounded weights are too far from the full ones, and
    :class:`training.checkpoint.RunError` or :class:`training.config.ConfigError` where what ships does not
    fit the family's file any more.
    """
    document = manifest.read(folder / "model.json")
    arguments = parser().parse_args(shlex.split(document["training"]["command"])[3:])  # python -m training
    family, config = configure(entry.id, arguments.preset, arguments.set)
    files: manifest.Files = {}
    graphs = entry.graphs(family.build(config))
    document["graphs"] = {graph.role: document["graphs"][graph.role] for graph in graphs}
    for graph in graphs:
        described = document["graphs"][graph.role]
        model = load_model_from_string((folder / described["file"]).read_bytes())
        if graph.storage != "float32" and in_full(model):
            _take_weights(graph.module, model)
            store_smaller(model, graph.storage)
            content = model.SerializeToString(deterministic=True)
            parity.prove(entry.id, graph, content)
            files[described["file"]] = content
            described |= {
                "sha256": manifest.sha256(content),
                "bytes": len(content),
                "tolerance": TOLERANCE[graph.storage],
            }
        done()
    return document, files


def in_full(model: ModelProto) -> bool:
    """Whether no weight of a file is stored in fewer bits than it is computed in."""
    narrow = (TensorProto.FLOAT16, TensorProto.INT16, TensorProto.INT8)
    return all(initialiser.data_type not in narrow for initialiser in model.graph.initializer)


def _take_weights(module: nn.Module, model: ModelProto) -> None:
    """Give the network of a graph the weights of its file; what the graph does not read stays as it was."""
    ((_, network),) = module.named_children()
    own = network.state_dict()
    for initialiser in model.graph.initializer:
        if initialiser.name in own:
            value = torch.from_numpy(numpy_helper.to_array(initialiser).copy())
            if value.shape != own[initialiser.name].shape:
                raise RunError(
                    f"{initialiser.name} is {list(value.shape)} in {model.graph.name}.onnx, but the "
                    f"family's file makes it {list(own[initialiser.name].shape)}."
                )
            own[initialiser.name] = value
    network.load_state_dict(own)
