"""A shipped StyleGAN on one thread: onnxruntime beside PyTorch, which it was exported from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from onnx_models import catalog, seeds
from training import checkpoint, stylegan2

SHIPPED = Path(catalog.__file__).parent
STYLES = [name for name in stylegan2.MODELS if (SHIPPED / name).is_dir()]
ROUNDS = 9


@pytest.mark.speed
@pytest.mark.parametrize(("batch", "least"), [(1, 2.0), (16, 1.2)])
@pytest.mark.parametrize("model", STYLES)
def test_onnxruntime_paints_faster_than_eager_pytorch(
    model: str, batch: int, least: float, one_thread: None, record_property: Callable[[str, object], None]
) -> None:
    """Catches a graph that keeps what was to be folded away, and a form that onnxruntime is slow at.

    Processor time of both, in turns, the least of some rounds: a machine's other work only ever adds.
    """
    config = stylegan2.MODELS[model]["default"]
    networks = stylegan2.build(config)
    del networks["discriminator"]
    checkpoint.load_initialisers(networks, SHIPPED / model, stylegan2.GRAPHS)
    mapping, synthesis = (networks[name].eval() for name in ("mapping", "synthesis"))

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    sessions = [
        onnxruntime.InferenceSession(SHIPPED / model / f"{role}.onnx", options, ["CPUExecutionProvider"])
        for role in ("mapping", "synthesis")
    ]
    styles = 2 * len(config.widths)
    given: dict[str, np.ndarray] = {"z": seeds.normals(0, batch, 100)}
    if config.labelled:
        given["label"] = np.full(batch, -1, np.int64)
    noises = {
        f"noise_{k}": seeds.normals(k, batch, size * size).reshape(batch, 1, size, size)
        for k, size in enumerate(stylegan2.noise_sizes(len(config.widths)))
    }
    psi = np.ones((batch, styles), np.float32)

    def by_onnxruntime() -> np.ndarray:
        (ws,) = sessions[0].run(["ws"], {**given, "psi": psi})
        image: np.ndarray = sessions[1].run(["image"], {"ws": ws, **noises})[0]
        return image

    tensors = [torch.from_numpy(value) for value in given.values()]
    grains = [torch.from_numpy(value) for value in noises.values()]

    def by_pytorch() -> np.ndarray:
        with torch.inference_mode():
            w, _ = mapping(*tensors)
            image = synthesis(w[:, None].expand(-1, styles, -1), grains)[0]
            shown: np.ndarray = image.clamp(0, 1).numpy()
        return shown

    np.testing.assert_allclose(by_onnxruntime(), by_pytorch(), atol=2e-3)
    best = {by_onnxruntime: np.inf, by_pytorch: np.inf}
    for _ in range(ROUNDS):
        for paint in best:
            began = time.process_time()
            for _ in range(1 + 16 // batch):
                paint()
            best[paint] = min(best[paint], time.process_time() - began)
    ratio = best[by_pytorch] / best[by_onnxruntime]
    record_property("ratio", ratio)
    print(f"{model}, batch {batch}: {ratio:.2f} times as fast")
    assert ratio >= least
