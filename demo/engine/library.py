"""Everything the page shows, opened once and shared by all visitors: models, sessions, real digits."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from onnx_models import processors
from onnx_models.catalog import Catalog, Dataset, Model, load
from onnx_models.errors import LineageError
from onnx_models.runtime import Choice, Runtime, read_file

_CHUNK = 500 * 784  # values

T = TypeVar("T")


@dataclass(frozen=True)
class Digits:
    """Labelled real pictures."""

    images: NDArray[np.uint8]
    """uint8 [count, channels, height, width]."""
    labels: NDArray[np.integer]
    """[count]: the class of each; -1 where it has none."""

    @functools.cached_property
    def squared_lengths(self) -> NDArray[np.float32]:
        """float32 [count]: the sum of squares of each picture's bytes."""
        return np.concatenate([np.einsum("ij,ij->i", chunk, chunk) for chunk in self.chunks()])

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the pictures as float32 [some, pixels] in [0, 255], in order: 500 digits, 31 faces.

        A chunk is 1.6 MB, which a processor's cache holds, where all of MNIST is 157.
        """
        flat = self.images.reshape(len(self), -1)
        rows = max(1, _CHUNK // flat.shape[1])
        for first in range(0, len(self), rows):
            yield flat[first : first + rows].astype(np.float32)

    def pictures(self, indices: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the pictures at these positions: float32 [..., channels, height, width] in [0, 1]."""
        return self.images[indices].astype(np.float32) / np.float32(255.0)

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.images)


@dataclass(frozen=True)
class Library:
    """A catalogue, the sessions of its graphs and the real pictures that belong to it.

    Frozen: no visitor can change what another one sees. Sessions and pictures are loaded, verified, at their
    first use and kept, and so is whatever is the same for all visitors (`once`).
    """

    catalog: Catalog
    runtime: Runtime
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @classmethod
    def open(
        cls, directories: Iterable[Path | str] = (), providers: Choice = "auto", threads: int = 0
    ) -> Library:
        """Read the models of ``directories`` (default: the shipped ones) and choose an execution provider.

        ``threads`` is how many compute at the same time, for all visitors together; 0 for as many as this
        process may use. Each runs one graph, but for large ones: a pool for each of fifty graphs would be
        hundreds of threads, and the one pool that onnxruntime can share spins while it waits, which took
        three times the processor time.

        Raises
        ------
        LineageError
            ``models.directory`` or ``runtime.no_cuda``.

        """
        return cls(
            load(*directories), Runtime(providers, threads=1, at_once=threads or processors.available())
        )

    @property
    def timeline(self) -> tuple[Model, ...]:
        """The models of the story, oldest first: no yardstick, no judge."""
        return tuple(model for model in self.catalog.models if model.kind == "model")

    @property
    def reconstructors(self) -> tuple[Model, ...]:
        """What rebuilds a picture: models by year, then the baselines they are held against."""
        return self._having("reconstruct")

    @property
    def generators(self) -> tuple[Model, ...]:
        """What makes a picture from z."""
        return self._having("generate")

    @property
    def chains(self) -> tuple[Model, ...]:
        """What runs a Gibbs chain."""
        return self._having("gibbs_step")

    @property
    def scorers(self) -> tuple[Model, ...]:
        """What judges how real a picture looks: discriminators and critics."""
        return tuple(
            model for model in self.catalog.models if model.has("discriminate") or model.has("criticise")
        )

    @property
    def classifiers(self) -> tuple[Model, ...]:
        """What names the class of a picture: not what answers several questions about it."""
        return tuple(model for model in self.catalog.models if model.has("classify") and not model.questions)

    def _having(self, role: str) -> tuple[Model, ...]:
        return self.catalog.having(role) + self.catalog.having(role, kinds=("baseline",))

    def model(self, model_id: str, *roles: str) -> Model:
        """Return the model of that id which ships a graph for each of ``roles``.

        Raises
        ------
        LineageError
            ``model.unknown``, or ``model.role`` naming the models that could have done it.

        """
        model = self.catalog.model(model_id)
        if not model.has(*roles):
            able = ", ".join(other.id for other in self.catalog.models if other.has(*roles)) or "none"
            missing = ", ".join(role for role in roles if not model.has(role))
            raise LineageError(
                "model.role",
                f"{model_id} ships no graph for {missing}; the models that do are: {able}.",
                model=model_id,
                role=missing,
                able=able,
            )
        return model

    def dataset(self, dataset_id: str) -> Dataset:
        """Return the data set of that id or raise `LineageError` ``dataset.unknown``."""
        try:
            return self.catalog.datasets[dataset_id]
        except KeyError:
            known = ", ".join(self.catalog.datasets) or "none"
            raise LineageError(
                "dataset.unknown",
                f"There is no data set called {dataset_id!r}; the ones here are: {known}.",
                dataset=str(dataset_id)[:80],
                known=known,
            ) from None

    def examples(self, dataset_id: str) -> Digits:
        """Return the labelled example pictures of a data set, verified; `LineageError` where it has none."""
        return self._load(dataset_id, "examples")

    def neighbours(self, dataset_id: str) -> Digits:
        """Return the training pictures to search, verified; `LineageError` where it has none."""
        return self._load(dataset_id, "neighbours")

    def _load(self, dataset_id: str, role: str) -> Digits:
        file = self.dataset(dataset_id).file(role)
        if file is None:
            raise LineageError(
                "dataset.role",
                f"The data set {dataset_id} ships no {role}.",
                dataset=dataset_id,
                role=role,
            )
        return self.once(file, lambda: _digits(read_file(file), file.path))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what ``make`` returned when ``key`` was asked for first; a failure is not kept.

        One visitor at a time makes something, which may ask for others in turn. Nobody changes it later.
        """
        if key not in self._kept:
            with self._lock:
                if key not in self._kept:
                    self._kept[key] = make()
        value: T = self._kept[key]
        return value


def _digits(content: bytes, path: Path) -> Digits:
    """Unpack a verified ``.npz`` of `Digits`; nothing in it is executed."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            images = arrays["images"]
            # Of pictures that have attributes there is no one class to name.
            labels = arrays["labels"] if "labels" in arrays else np.full(len(images), -1, np.int64)
    except (OSError, ValueError, KeyError) as fault:
        raise LineageError(
            "file.digits",
            f"{path.name} of {path.parent.name} holds no images and labels; export the data set again.",
            dataset=path.parent.name,
            file=path.name,
        ) from fault
    if images.ndim == 3:
        images = images[:, None]  # grey ones are stored without their one channel
    elif images.shape[-1] == 3 != images.shape[1]:
        # Colours may be stored side by side, which compresses better.
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    for array in (images, labels):
        array.setflags(write=False)  # shared by all visitors
    return Digits(images, labels)
