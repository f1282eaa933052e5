"""How much of a test image a network keeps: squared error, as in Hinton & Salakhutdinov, Science 2006."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.context import Context, as_images
from evaluation.figures import figure
from onnx_models.catalog import Metric, Model


def applies(model: Model) -> bool:
    """Whether the model rebuilds images."""
    return model.has("reconstruct")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `reconstruction_squared_error` over the test images."""
    graph = model.graphs["reconstruct"]
    images = as_images(context.data(model, "test").images)
    outputs = context.run(graph, {"image": images}, f"{model.id} rebuilds test images")
    errors = squared_errors(images, outputs["reconstruction"])
    return [
        figure(
            model,
            "reconstruction_squared_error",
            errors.mean(),
            error=float(errors.std(ddof=1) / np.sqrt(len(errors))),
            unit="per image",
            protocol=f"squared error summed over pixels in [0, 1], mean over {len(images):,} test images, "
            f"code of {outputs['code'].shape[1]}; ± standard error",
            source="Hinton & Salakhutdinov 2006",
            measured_on=[graph],
            units=outputs["code"].shape[1],
        )
    ]


def squared_errors(images: NDArray[np.float32], reconstructions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared error of each image, summed over its pixels: two [n, ...] in [0, 1] -> [n]."""
    difference = images.astype(np.float64) - reconstructions
    return np.square(difference).reshape(len(images), -1).sum(axis=1)
