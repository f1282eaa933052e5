"""A picture from a seed in tract, which is written in Rust, and the test vectors of every shipped graph.

python examples/tract/generate.py --model onnx_models/dcgan --seed 42 --out digit.png
python examples/tract/generate.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout: nothing has to be installed

try:
    import numpy as np
    import onnx  # noqa: F401 - named here so that its absence is one sentence too
    import PIL  # noqa: F401
    import tract
except ImportError as missing:
    print(f"{missing.name} is missing: pip install tract numpy pillow onnx", file=sys.stderr)
    sys.exit(2)

from examples import common
from onnx_models.catalog import Graph

FACTS = {"float32": "f32", "int64": "i64"}


def open_graph(graph: Graph) -> common.Run:
    """Read a file; it is compiled once for every batch size, since tract plans for shapes that it knows."""
    compiled: dict[str, tract.Runnable] = {}

    def run(inputs: Mapping[str, common.Array]) -> dict[str, common.Array]:
        arrays = [np.ascontiguousarray(inputs[tensor.name]) for tensor in graph.inputs]
        facts = [",".join([*map(str, array.shape), FACTS[str(array.dtype)]]) for array in arrays]
        if (key := " ".join(facts)) not in compiled:
            compiled[key] = compile_for(graph, facts)
        found = compiled[key].run(arrays)
        return {tensor.name: value.to_numpy() for tensor, value in zip(graph.outputs, found, strict=True)}

    return run


def compile_for(graph: Graph, facts: list[str]) -> tract.Runnable:
    """Compile a file for inputs of these shapes and types, "1,100,f32" each."""
    model = tract.onnx().load(str(graph.path))
    places = {model.input_name(k): k for k in range(model.input_count())}
    if list(places) != [tensor.name for tensor in graph.inputs]:
        raise ValueError(f"it takes {', '.join(places)}")
    for k, fact in enumerate(facts):
        model.set_input_fact(k, fact)
    model.analyse()
    return model.into_model().into_runnable()


ALLOWED = (
    2.0  # without fused multiplication, which not every processor has, its sums are rounded twice as often
)


if __name__ == "__main__":
    sys.exit(common.main(common.Engine("tract", tract.version(), open_graph, ALLOWED)))
