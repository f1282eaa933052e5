"""The real pictures that ship beside the models: examples to pick from, and all digits a GAN was trained on.

Each file is a NumPy ``.npz`` that ``numpy.load`` reads without anything else, with a fixed date inside, so
that the same data gives the same bytes.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export import manifest
from export.entry import CIFAR10, FASHION_MNIST, MNIST
from onnx_models import seeds
from training import datasets

MADE_BY = "python -m export datasets"
NAMES = {about["id"]: about["name"] for about in (MNIST, FASHION_MNIST, CIFAR10)}
PER_CLASS = 20  # examples
# What `gan` saw; see the Parzen protocol. 50,000 clothes or photographs are no file of under 10 MB.
TRAINED_ON = {"mnist": "train[:50000]"}
FRENCH = {
    "fashion-mnist": (
        "T-shirt",
        "pantalon",
        "pull",
        "robe",
        "manteau",
        "sandale",
        "chemise",
        "basket",
        "sac",
        "bottine",
    ),
    "cifar10": (
        "avion",
        "voiture",
        "oiseau",
        "chat",
        "cerf",
        "chien",
        "grenouille",
        "cheval",
        "bateau",
        "camion",
    ),
}  # names of the classes, in their order; a digit is its own


def build(name: str, root: Path | None = None) -> tuple[manifest.Document, dict[str, bytes]]:
    """Make the dataset.json and the files of one data set.

    Raises :class:`training.datasets.DatasetError` where the data cannot be had.
    """
    test = datasets.load(name, "test", root)
    chosen = examples(test.labels)
    files = {
        "examples.npz": npz(
            {
                "images": _without_grey_axis(test.images[chosen]),
                "labels": test.labels[chosen].astype(np.uint8),
                "indices": chosen,
            }
        )
    }
    if name in TRAINED_ON:
        train = datasets.load(name, TRAINED_ON[name], root)
        files["neighbours.npz"] = npz(
            {"images": _without_grey_axis(train.images), "labels": train.labels.astype(np.uint8)}
        )
    document = {
        "id": name,
        "name": NAMES[name],
        "licence": test.licence,
        "source": test.source,
        "classes": {"en": list(test.class_names), "fr": list(FRENCH.get(name, test.class_names))},
        "files": [
            {
                "role": Path(file).stem,
                "file": file,
                "sha256": manifest.sha256(content),
                "bytes": len(content),
                "licence": test.licence,
                "made_by": MADE_BY,
            }
            for file, content in files.items()
        ],
    }
    return document, files


def examples(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of `PER_CLASS` images of each class, class after class, chosen by seed 0."""
    order = np.argsort(seeds.uniforms(0, 1, len(labels), seeds.Stream.CHOICE)[0], kind="stable")
    classes = range(int(labels.max()) + 1)
    return np.concatenate([order[labels[order] == label][:PER_CLASS] for label in classes]).astype(np.int64)


def _without_grey_axis(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[count, 1, height, width] -> [count, height, width]; colours as they are."""
    return images[:, 0] if images.shape[1] == 1 else images


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a compressed ``.npz``, without the time it was made at."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            with io.BytesIO() as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
                archive.writestr(member, file.getvalue())
    return buffer.getvalue()
