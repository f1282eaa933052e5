"""What a generator makes of 10,000 seeds, in the features of the shipped judge of its data set.

Where the data have attributes instead of classes, how often the judge sees each value among the samples is
compared with how often it sees it among real images, attribute by attribute.

A generator that takes a label is measured twice: without one, as any other, and asked for each class in turn,
where a judge that sees the right class may still be looking at one picture over and over. So agreement with
the label and diversity within each class are reported together.

No Inception weights are shipped, so none of these is an FID: the Frechet distance is that of our own judge's
features, is named so, and has the distance between real training and test images beside it as its scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.context import BATCH, Context, progress
from evaluation.figures import figure
from onnx_models import cookbook, recipes
from onnx_models.catalog import Catalog, Graph, Metric, Model
from onnx_models.diversity import diversity_ratio
from training.datasets import Attribute
from training.metrics import class_fractions, frechet_distance, precision_recall

SAMPLES = 10_000
NEIGHBOURS = 3
NO_LABEL = -1


def applies(model: Model) -> bool:
    """Whether the model makes images from noise."""
    return model.has("generate")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return Frechet distance, its ratio to real data, precision, recall, diversity, class or value shares.

    Of a generator that takes a label also how often it makes what was asked, and diversity class by class.
    """
    judge = context.judge(model)
    real, real_classes = context.judged_data(model, "test")
    train, _ = context.judged_data(model, f"train[:{len(real)}]")
    made, classes = context.judged(judge, sample(model, context, SAMPLES), f"{model.id}'s samples")
    graphs = [*sampled(model), judge.graphs["classify"]]
    samples = f"{len(made):,} samples{', each under its own noise' if is_styled(model) else ''}"
    judged = f"features of {judge.id}; {samples} against {len(real):,} test images"
    seed = f"seed {context.seed}"

    frechet, to_real = frechet_distance(made, real), frechet_distance(train, real)
    precision, recall = precision_recall(made, real, NEIGHBOURS)
    test = context.data(model, "test")
    count = len(test.class_names)

    def one(
        name: str, value: float, unit: str, protocol: str, source: str, error: float | None = None
    ) -> Metric:
        text = f"{protocol}; {seed}"
        return figure(
            model, name, value, unit=unit, protocol=text, source=source, measured_on=graphs, error=error
        )

    def share(name: str, value: float, which: int) -> Metric:
        protocol = (
            f"class {which} of {count} by {judge.id}, of {len(made):,} samples; ± binomial standard error"
        )
        return one(name, value, "fraction", protocol, "this project", _binomial(value, len(made)))

    figures = [
        one("frechet_classifier_features", frechet, "squared feature units", judged, "Heusel et al. 2017"),
        one(
            "frechet_ratio_to_real",
            frechet / to_real,
            "ratio",
            f"{judged}, over {to_real:.3f} of as many training images against the same",
            "Heusel et al. 2017",
        ),
        one(
            "precision_k3",
            precision,
            "fraction",
            f"{judged}; balls of the {NEIGHBOURS}rd nearest neighbour; ± binomial standard error",
            "Kynkaanniemi et al. 2019",
            _binomial(precision, len(made)),
        ),
        one(
            "recall_k3",
            recall,
            "fraction",
            f"{judged}; balls of the {NEIGHBOURS}rd nearest neighbour; ± binomial standard error",
            "Kynkaanniemi et al. 2019",
            _binomial(recall, len(real)),
        ),
        one(
            "diversity_ratio",
            diversity_ratio(made, real),
            "ratio",
            f"mean pairwise distance of {len(made):,} samples over that of {len(real):,} test images, "
            f"features of {judge.id}",
            "this project",
        ),
    ]
    if test.attributes:
        return [*figures, *_gaps(test.attributes, classes, real_classes, one, judge.id)]
    shares = class_fractions(classes, count)
    figures += [
        share("class_fraction_min", float(shares.min()), int(shares.argmin())),
        share("class_fraction_max", float(shares.max()), int(shares.argmax())),
    ]
    if not takes_label(model):
        return figures

    asked = np.arange(context.at_most(SAMPLES)) % count
    made, classes = context.judged(judge, sample(model, context, len(asked), asked), f"{model.id}'s classes")
    agreement = float((classes == asked).mean())
    labels = context.data(model, "test").labels
    within = np.array([diversity_ratio(made[asked == c], real[labels == c]) for c in range(count)])

    def spread(name: str, which: int) -> Metric:
        protocol = (
            f"class {which} of {count}: mean pairwise distance of {(asked == which).sum():,} samples asked "
            f"for it over that of its {(labels == which).sum():,} test images, features of {judge.id}"
        )
        return one(name, within[which], "ratio", protocol, "this project")

    return [
        *figures,
        one(
            "label_agreement",
            agreement,
            "fraction",
            f"{len(asked):,} samples, as many of each class, named by {judge.id}; "
            f"± binomial standard error; {judge.id} names {(real_classes == labels).mean():.4f} of the test "
            "images right",
            "this project",
            _binomial(agreement, len(asked)),
        ),
        spread("class_diversity_ratio_min", int(within.argmin())),
        spread("class_diversity_ratio_max", int(within.argmax())),
    ]


def _gaps(
    attributes: Sequence[Attribute],
    made: NDArray[np.int64],
    real: NDArray[np.int64],
    one: Callable[[str, float, str, str, str], Metric],
    judge: str,
) -> list[Metric]:
    """For each attribute, the share of samples that would have to change to have its values as often as real
    images: the total variation distance, both as the judge sees them, [n, attributes] each.
    """
    found = []
    for k, attribute in enumerate(attributes):
        count = len(attribute.values)
        shares, wanted = class_fractions(made[:, k], count), class_fractions(real[:, k], count)
        listed = ", ".join(
            f"{value} {share:.3f} ({of_real:.3f})"
            for value, share, of_real in zip(attribute.values, shares, wanted, strict=True)
        )
        protocol = (
            f"half the sum of differences between shares among {len(made):,} samples and, in brackets, "
        )
        protocol += f"{len(real):,} test images, both named by {judge}: {listed}"
        gap = float(np.abs(shares - wanted).sum() / 2)
        found.append(one(f"attribute_gap_{attribute.name}", gap, "fraction", protocol, "this project"))
    return found


def has_snapshots(model: Model) -> bool:
    """Whether earlier generators of the model's training ship with it."""
    return any(snapshot.graph.role == "generate" for snapshot in model.snapshots)


def measure_snapshots(model: Model, context: Context) -> list[Metric]:
    """Return `frechet_ratio_to_real` of every snapshot that has seen an image: the way training took."""
    judge = context.judge(model)
    real, _ = context.judged_data(model, "test")
    train, _ = context.judged_data(model, f"train[:{len(real)}]")
    to_real = frechet_distance(train, real)
    found = []
    for snapshot in model.snapshots:
        if snapshot.graph.role != "generate" or not snapshot.images_seen:
            continue
        title = f"{model.id} after {snapshot.images_seen:,}"
        noise = ", all under one noise" if is_styled(model) else ""
        images = sample(model, context, SAMPLES, graph=snapshot.graph)
        made, _ = context.judged(judge, images, title)
        found.append(
            figure(
                model,
                f"frechet_ratio_to_real_after_{snapshot.images_seen}",
                frechet_distance(made, real) / to_real,
                unit="ratio",
                protocol=f"after {snapshot.images_seen:,} training images; features of {judge.id}; "
                f"{len(made):,} samples{noise} against {len(real):,} test images, over {to_real:.3f} of as "
                f"many training images against the same; seed {context.seed}",
                source="Heusel et al. 2017",
                measured_on=[snapshot.graph, judge.graphs["classify"]],
            )
        )
    return found


def takes_label(model: Model) -> bool:
    """Whether the generator can be asked for a class."""
    return any(tensor.name == "label" for tensor in model.graphs["generate"].inputs)


def is_styled(model: Model) -> bool:
    """Whether samples are painted from styles under noise of their own, as StyleGAN's papers measure them.

    The graph `generate` of such a model holds one noise for all its pictures, and pictures under one noise
    are one small change of a population: which noise it is moves the Frechet distance by a fifth.
    """
    return model.has("mapping", "synthesis")


def sampled(model: Model) -> list[Graph]:
    """Return the graphs that `sample` runs."""
    roles = ("mapping", "synthesis") if is_styled(model) else ("generate",)
    return [model.graphs[role] for role in roles]


def sample(
    model: Model,
    context: Context,
    count: int,
    labels: NDArray[np.int64] | None = None,
    graph: Graph | None = None,
) -> NDArray[np.float32]:
    """Return images [count, c, h, w] of samples 0, 1, 2, ... of the context's seed, of the given classes.

    Without classes the label is left free. Fewer of them in a quick run. ``graph`` is a snapshot of the
    model's own.
    """
    count = context.at_most(count)
    seen = None if graph is None else next(one.images_seen for one in model.snapshots if one.graph is graph)
    height, width = model.image["height"], model.image["width"]
    parts = []
    for first in progress(range(0, count, BATCH), f"{model.id} makes images"):
        some = min(BATCH, count - first)
        asked = NO_LABEL if labels is None else labels[first : first + some].tolist()
        if graph is None and is_styled(model):
            z = cookbook.latents(model, context.seed, some, first)
            style = cookbook.style(model, z, cookbook.truncation(model, 1), asked)
            # Sample k is painted under noise k of the seed.
            recipe = cookbook.paint(
                model, {"of": "style.ws"}, cookbook.noise(model, context.seed, some, first), [style]
            )
        else:
            recipe = cookbook.sample(model, context.seed, some, asked, seen, first)
        image = recipes.cook(recipe, Catalog((model,)), context.runtime, recipes.TRUSTED).pictures
        top, left = (image.shape[2] - height) // 2, (image.shape[3] - width) // 2  # a StyleGAN's margin
        parts.append(image[:, :, top : top + height, left : left + width])
    return np.concatenate(parts)


def _binomial(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))
