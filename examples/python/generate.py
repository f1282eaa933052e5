"""A picture from a seed in onnxruntime, and the test vectors of every shipped graph. See README.md.

python examples/python/generate.py --model onnx_models/dcgan --seed 42 --out digit.png
python examples/python/generate.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the checkout: nothing has to be installed

try:
    import numpy  # noqa: F401 - named here so that its absence is one sentence too
    import onnx  # noqa: F401
    import onnxruntime
    import PIL  # noqa: F401
except ImportError as missing:
    print(f"{missing.name} is missing: pip install onnxruntime numpy pillow onnx", file=sys.stderr)
    sys.exit(2)

from examples import common
from onnx_models.catalog import Graph


def open_graph(graph: Graph) -> common.Run:
    """Make a session of a file, on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised, and said once
    session = onnxruntime.InferenceSession(graph.path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, common.Array]) -> dict[str, common.Array]:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


if __name__ == "__main__":
    sys.exit(common.main(common.Engine("onnxruntime", onnxruntime.__version__, open_graph)))
