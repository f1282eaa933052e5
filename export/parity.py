"""Proof that a file computes what its PyTorch module does, at several batch sizes, within the tolerance."""

from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from export import inputs
from export.graphs import Graph
from export.inputs import BINARY
from export.tolerance import TOLERANCE, difference

Arrays = dict[str, NDArray[Any]]

BATCHES = (1, 3, 64)
MARGIN = 0.01  # how far seeded noise is kept from the probability it is compared with


class ParityError(Exception):
    """A file is further from its module than the tolerance; names graph, output, difference, tolerance."""


def prove(name: str, graph: Graph, content: bytes) -> float:
    """Compare `content` with `graph.module` on seeded inputs; return the largest :func:`difference` found.

    The module keeps its own float32 weights, so that what rounding them to half precision costs is measured
    too. Sampled states are left out: a probability may fall on either side of its noise.

    Raises :class:`ParityError`.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    allowed = TOLERANCE[graph.storage]
    worst = 0.0
    for batch in BATCHES if graph.inputs else BATCHES[:1]:
        given, expected = reference(graph, batch, seed=batch)
        found = dict(zip(expected, session.run(list(expected), given), strict=True))
        for tensor in graph.outputs:
            if tensor.range == BINARY:
                continue
            distance = difference(
                found[tensor.name], expected[tensor.name], graph.storage, graph.role, tensor.name
            )
            worst = max(worst, distance)
            if distance > allowed:
                raise ParityError(
                    f"{name}: {graph.role} gives {tensor.name} {distance:.2e} away from PyTorch at batch "
                    f"{batch}, the tolerance is {allowed:.0e}."
                )
    return worst


def reference(graph: Graph, batch: int, seed: int) -> tuple[Arrays, Arrays]:
    """Seeded inputs, and what the module makes of them, by name.

    Noise that falls close to the probability it decides about is moved, so that no rounding, here or in
    another runtime, flips a unit on which later outputs depend.
    """
    given = inputs.draw(graph.inputs, batch, seed)
    expected = _run(graph, given)
    for name in given:
        mean = expected.get(name.replace("_noise", "_mean"))
        if name.endswith("_noise") and mean is not None:
            close = np.abs(given[name] - mean) < MARGIN
            given[name] = np.where(close, (given[name] + np.float32(0.5)) % 1, given[name]).astype(np.float32)
            expected = _run(graph, given)  # the units sampled next depend on these
    return given, expected


def _run(graph: Graph, given: Arrays) -> Arrays:
    with torch.no_grad():
        outputs = graph.module.eval()(*(torch.from_numpy(array) for array in given.values()))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {tensor.name: output.numpy() for tensor, output in zip(graph.outputs, outputs, strict=True)}
