"""What every measurement shares: the shipped models, real data, and a graph run over thousands of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from onnx_models import seeds
from onnx_models.catalog import Catalog, Graph, Model
from onnx_models.runtime import Runtime
from training import datasets

Array = NDArray[Any]
T = TypeVar("T")
BATCH = 500
QUICK_IMAGES = 1_000


class NotMeasuredError(Exception):
    """A figure that cannot be had here; the message says why in one sentence."""


class Context:
    """Models, data, seed and effort of one run of the evaluation.

    Parameters
    ----------
    catalog : Catalog
        Where a model's judge is looked for.
    runtime : Runtime
        On the CPU, so that a figure does not depend on the machine's GPU.
    data_root : Path or None
        See `training.datasets.data_root`.
    seed : int
        All randomness of all figures comes from it.
    quick : bool
        1,000 images and samples at most and a coarse annealing: to see that all works, not to report.

    """

    def __init__(
        self, catalog: Catalog, runtime: Runtime, data_root: Path | None, seed: int, quick: bool
    ) -> None:
        self.catalog = catalog
        self.runtime = runtime
        self.seed = seeds.check_seed(seed)
        self.quick = quick
        self._data_root = data_root
        self._remembered: dict[tuple[str, ...], Any] = {}

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """Return what ``make`` gave for this key before, or make it now: what several models share."""
        if key not in self._remembered:
            self._remembered[key] = make()
        found: T = self._remembered[key]
        return found

    def at_most(self, count: int) -> int:
        """Return how many of ``count`` images or samples this run takes."""
        return min(count, QUICK_IMAGES) if self.quick else count

    def whole(self, model: Model, split: str) -> datasets.Dataset:
        """Return all real images of the model's data set in that split, uint8 [n, c, h, w].

        Raises
        ------
        NotMeasuredError
            There is no such data set, or its images are not of the model's size.
        training.datasets.DatasetError
            The files are missing; the message says how to get them.

        """
        name = model.dataset["id"]
        if name not in datasets.NAMES:
            raise NotMeasuredError(f"there is no data set {name!r} to measure it on")
        data = self.once(("data", name, split), lambda: datasets.load(name, split, self._data_root))
        expected = tuple(model.image[axis] for axis in ("channels", "height", "width"))
        if data.images.shape[1:] != expected:
            raise NotMeasuredError(f"its images are {expected}, those of {name} are {data.images.shape[1:]}")
        return data

    def data(self, model: Model, split: str) -> datasets.Dataset:
        """Return the images of `whole` that this run takes: all, or the first of them in a quick one."""
        data = self.whole(model, split)
        count = self.at_most(len(data))
        return replace(data, images=data.images[:count], labels=data.labels[:count])

    def judge(self, model: Model) -> Model:
        """Return the shipped judge of the model's data set.

        Raises
        ------
        NotMeasuredError
            There is none.

        """
        judge = self.catalog.judge(model.dataset["id"], model.image)
        if judge is None:
            raise NotMeasuredError(f"no judge of {model.dataset['id']} is among the models")
        return judge

    def judged_data(self, model: Model, split: str) -> tuple[Array, Array]:
        """Return features float32 [n, d] and the `answers` of the model's judge on real images."""
        judge = self.judge(model)
        return self.once(
            ("features", judge.id, model.dataset["id"], split),
            lambda: self.judged(judge, as_images(self.data(model, split).images), split),
        )

    def judged(self, judge: Model, images: Array, title: str) -> tuple[Array, Array]:
        """Return features float32 [n, d] and the judge's `answers` on any images."""
        seen = self.run(judge.graphs["classify"], {"image": images}, f"{judge.id} looks at {title}")
        return seen["features"], answers(judge.graphs["classify"], seen["class_logits"])

    def run(self, graph: Graph, inputs: Mapping[str, Array], title: str) -> dict[str, Array]:
        """Run a graph over any number of rows, batch by batch: outputs by name, rows in order."""
        count = len(next(iter(inputs.values())))
        parts = [
            self.runtime.run(graph, {name: rows[start : start + BATCH] for name, rows in inputs.items()})
            for start in progress(range(0, count, BATCH), title)
        ]
        return {
            output.name: np.concatenate([part[output.name] for part in parts]) for output in graph.outputs
        }

    def generator(self, purpose: int) -> np.random.Generator:
        """Return numpy's generator for what no other runtime has to repeat, such as AIS chains."""
        return np.random.Generator(np.random.SFC64([self.seed, purpose]))


def answers(classify: Graph, class_logits: Array) -> NDArray[np.int64]:
    """Return the likeliest class int64 [n]; [n, groups] where the graph answers several questions."""
    groups = classify.output("class_logits").groups
    if not groups:
        return class_logits.argmax(axis=1)
    ends = np.cumsum([len(group.values) for group in groups])[:-1]
    return np.stack([part.argmax(axis=1) for part in np.split(class_logits, ends, axis=1)], axis=1)


def as_images(pixels: Array) -> NDArray[np.float32]:
    """Turn bytes into what graphs take: float32 in [0, 1], same shape."""
    return pixels.astype(np.float32) / np.float32(255)


def progress(batches: Iterable[int], title: str) -> Iterable[int]:
    """Show a bar of batches on a terminal, gone when done."""
    return tqdm(batches, desc=title, unit="batch", leave=False, disable=None)
