"""Example inputs and outputs beside each graph, in the form of the ONNX model zoo.

A model ships several graphs, so each has its own folder: ``test_data_set_0/<role>/{input,output}_K.pb``, K in
the order of the graph's signature, each a serialised ``TensorProto``. Graphs without inputs have none: what
they return are their own initialisers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

FOLDER = "test_data_set_0"
BATCH = 2  # more than one row, to show which axis is the batch; and small files

Arrays = Mapping[str, NDArray[Any]]


def names(role: str, inputs: int, outputs: int) -> list[str]:
    """File names, relative to the model's folder, of the vectors of a graph of so many inputs and outputs."""
    if not inputs:
        return []
    ends = (("input", inputs), ("output", outputs))
    return [f"{FOLDER}/{role}/{end}_{k}.pb" for end, count in ends for k in range(count)]


def serialise(role: str, given: Arrays, expected: Arrays) -> dict[str, bytes]:
    """The files' contents by name."""
    files = names(role, len(given), len(expected))
    tensors = [*given.items(), *expected.items()] if files else []
    return {
        file: numpy_helper.from_array(array, name).SerializeToString(deterministic=True)
        for file, (name, array) in zip(files, tensors, strict=True)
    }


def read(folder: Path, files: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays in `files` of a model's `folder`, by the name each tensor bears."""
    tensors = [TensorProto.FromString((folder / file).read_bytes()) for file in files]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
