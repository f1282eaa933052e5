"""A picture from a seed in OpenVINO, and the test vectors of every shipped graph. See README.md.

python examples/openvino/generate.py --model onnx_models/dcgan --seed 42 --out digit.png
python examples/openvino/generate.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout: nothing has to be installed

try:
    import numpy  # noqa: F401 - named here so that its absence is one sentence too
    import onnx  # noqa: F401
    import openvino
    import PIL  # noqa: F401
except ImportError as missing:
    print(f"{missing.name} is missing: pip install openvino numpy pillow onnx", file=sys.stderr)
    sys.exit(2)

from examples import common
from onnx_models.catalog import Graph

CORE = openvino.Core()
CONFIGURATION = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,  # tied to one core, a thread waits while others idle
    "INFERENCE_PRECISION_HINT": "f32",  # else a processor with bfloat16 may leave the tolerance
}


def open_graph(graph: Graph) -> common.Run:
    """Compile a file for the CPU; its batch axis stays dynamic."""
    compiled = CORE.compile_model(CORE.read_model(graph.path), "CPU", CONFIGURATION)
    request = compiled.create_infer_request()

    def run(inputs: Mapping[str, common.Array]) -> dict[str, common.Array]:
        found = request.infer(dict(inputs))
        return {tensor.name: found[tensor.name] for tensor in graph.outputs}

    return run


if __name__ == "__main__":
    version = openvino.get_version().split("-")[0]
    sys.exit(common.main(common.Engine("openvino", version, open_graph)))
