"""How often a classifier is wrong."""

from __future__ import annotations

import numpy as np

from evaluation.context import Context, as_images
from evaluation.figures import figure
from onnx_models.catalog import Metric, Model


def applies(model: Model) -> bool:
    """Whether the model names what it sees."""
    return model.has("classify")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `test_error`, the share of test images named wrongly."""
    graph = model.graphs["classify"]
    test = context.data(model, "test")
    outputs = context.run(graph, {"image": as_images(test.images)}, f"{model.id} reads test images")
    wrong = float((outputs["class_logits"].argmax(axis=1) != test.labels).mean())
    return [
        figure(
            model,
            "test_error",
            wrong,
            error=float(np.sqrt(wrong * (1 - wrong) / len(test))),
            unit="fraction",
            protocol=f"{len(test):,} test images, as they are; ± binomial standard error",
            source="the usual test split",
            measured_on=[graph],
        )
    ]
