"""What a generator's pictures teach: a classifier learns from them alone and is asked about real ones.

The classification accuracy score of Ravuri & Vinyals, "Classification accuracy score for conditional
generative models", NeurIPS 2019: unlike precision it falls where a class is drawn in one way only, unlike
recall where it is drawn badly. The pupil is small, one hidden layer, and the same for all; what it learns
from as many real images is said beside each figure. Its settings were fixed before any figure was taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from evaluation.context import Context, NotMeasuredError, as_images, progress
from evaluation.figures import figure
from evaluation.generators import sample, sampled, takes_label
from onnx_models.catalog import Metric, Model

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

SAMPLES = 60_000
HIDDEN, EPOCHS, BATCH = 256, 8, 200
_DRAWS = 21  # a purpose of `Context.generator`


def applies(model: Model) -> bool:
    """Whether the model makes images of the class it is asked for."""
    return model.has("generate") and takes_label(model)


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `classification_accuracy_score`, the share of real test images that the pupil names right."""
    test = context.data(model, "test")
    if test.attributes:
        raise NotMeasuredError("its data have attributes instead of classes")
    count = len(test.class_names)
    questions = _flat(as_images(test.images))

    def lesson(images: Floats, labels: Labels, title: str) -> float:
        pupil = learn(images, labels, count, context.generator(_DRAWS), title)
        return float((pupil.predict(questions) == test.labels).mean())

    def from_real() -> tuple[int, float]:
        train = context.data(model, "train")
        return len(train), lesson(_flat(as_images(train.images)), train.labels, "learning from real images")

    of_real, real = context.once(("pupil of real images", model.dataset["id"]), from_real)
    asked = np.arange(context.at_most(SAMPLES)) % count
    made = _flat(sample(model, context, len(asked), asked))
    score = lesson(made, asked, f"learning from {model.id}")
    return [
        figure(
            model,
            "classification_accuracy_score",
            score,
            error=float(np.sqrt(score * (1 - score) / len(test))),
            unit="fraction",
            protocol=f"a perceptron of {HIDDEN} hidden units, {EPOCHS} epochs of Adam on "
            f"{len(made):,} samples, as many of each class, none real; {len(test):,} test images; ± binomial "
            f"standard error; {of_real:,} real images teach it {real:.4f}; seed {context.seed}",
            source="Ravuri & Vinyals 2019",
            measured_on=sampled(model),
        )
    ]


def learn(
    images: Floats, labels: Labels, classes: int, draw: np.random.Generator, title: str
) -> MLPClassifier:
    """Train the pupil on images [n, pixels] in [0, 1] and labels [n]; all chance comes from ``draw``."""
    pupil = MLPClassifier(
        (HIDDEN,), batch_size=min(BATCH, len(images)), shuffle=False, random_state=_seed(draw)
    )
    for _ in progress(range(EPOCHS), title):
        order = draw.permutation(len(images))
        pupil.partial_fit(images[order], labels[order], classes=np.arange(classes))
    return pupil


def _seed(draw: np.random.Generator) -> int:
    return int(draw.integers(2**31))


def _flat(images: Floats) -> Floats:
    return images.reshape(len(images), -1)
