"""How often a classifier is wrong, and one that learned from a hundred labels: on average over which ones."""

from __future__ import annotations

import numpy as np

from evaluation.context import Array, Context, answers, as_images
from evaluation.figures import figure
from onnx_models.catalog import Metric, Model


def applies(model: Model) -> bool:
    """Whether the model names what it sees."""
    return model.has("classify")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `test_error`, the share of test images named wrongly; see `measure_attributes` for several."""
    test = context.data(model, "test")
    if test.attributes:
        return measure_attributes(model, context)
    wrong = errors(model, context) / len(test)
    return [
        figure(
            model,
            "test_error",
            wrong,
            error=float(np.sqrt(wrong * (1 - wrong) / len(test))),
            unit="fraction",
            protocol=f"{len(test):,} test images, as they are; ± binomial standard error",
            source="the usual test split",
            measured_on=[model.graphs["classify"]],
        )
    ]


def measure_attributes(model: Model, context: Context) -> list[Metric]:
    """Return the share of wrong answers over all attributes, `test_error`, and that of each attribute."""
    test = context.data(model, "test")
    wrong = wrongly(model, context).mean(axis=0)

    def one(name: str, value: float, count: int, asked: str) -> Metric:
        return figure(
            model,
            name,
            value,
            error=float(np.sqrt(value * (1 - value) / count)),
            unit="fraction",
            protocol=f"{len(test):,} test images, {asked}; ± binomial standard error",
            source="this project",
            measured_on=[model.graphs["classify"]],
        )

    names = [attribute.name for attribute in test.attributes]
    return [
        one("test_error", float(wrong.mean()), len(test) * len(names), f"mean over {', '.join(names)}"),
        *(one(f"test_error_{n}", float(w), len(test), n) for n, w in zip(names, wrong, strict=True)),
    ]


def learned_from_few_labels(model: Model) -> bool:
    """Whether the model stands for its family, of classifiers that were given a hundred labels."""
    return model.family == "ssgan" and model.kind == "model" and model.has("classify")


def measure_few_labels(model: Model, context: Context) -> list[Metric]:
    """Return `test_errors_100_labels`, the mean count over the shipped subsets of labels.

    The model itself learned from subset 0; its family's other classifiers are the same run with other labels.
    """
    classifiers = context.catalog.having("classify", kinds=("model", "exhibit"))
    fellows = sorted((f for f in classifiers if f.family == model.family), key=lambda fellow: fellow.id)
    counts = [errors(fellow, context) for fellow in fellows]
    total = len(context.data(model, "test"))
    listed = ", ".join(f"{count} of {fellow.id}" for fellow, count in zip(fellows, counts, strict=True))
    return [
        figure(
            model,
            "test_errors_100_labels",
            float(np.mean(counts)),
            error=float(np.std(counts, ddof=1)) if len(counts) > 1 else None,
            unit=f"errors in {total:,}",
            protocol=f"mean ± standard deviation over {len(counts)} random class-balanced subsets of 100 "
            f"labels: {listed}",
            source="Salimans et al. 2016",
            measured_on=[fellow.graphs["classify"] for fellow in fellows],
        )
    ]


def errors(model: Model, context: Context) -> int:
    """Return how many test images the model names wrongly."""
    return int(wrongly(model, context).sum())


def wrongly(model: Model, context: Context) -> Array:
    """Return which answers on test images are wrong, bool [n] or [n, attributes]."""

    def compare() -> Array:
        test = context.data(model, "test")
        graph = model.graphs["classify"]
        outputs = context.run(graph, {"image": as_images(test.images)}, f"{model.id} reads test images")
        found: Array = answers(graph, outputs["class_logits"]) != test.labels
        return found

    return context.once(("test errors", model.id), compare)
