"""The real pictures that ship beside the models: examples to pick from, and what generators were trained on.

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
from export.entry import AVATARS, CIFAR10, FASHION_MNIST, MNIST
from onnx_models import seeds
from training import datasets

MADE_BY = "python -m export datasets"
NAMES = {about["id"]: about["name"] for about in (MNIST, FASHION_MNIST, CIFAR10, AVATARS)}
PER_CLASS = 20  # examples
FEW = 1_000  # labelled pictures in a file, up to which it is kept by deflate
UNCLASSED = 200  # examples of a data set without classes
# What `gan` saw; see the Parzen protocol. 50,000 clothes or photographs are no file of under 10 MB; of 30,000
# avatars a third keeps the page under 130 MB of memory.
TRAINED_ON = {"mnist": "train[:50000]", "avatars": "train[:10000]"}
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
    chosen = examples(test.labels) if test.class_names else shuffled(len(test.images))[:UNCLASSED]
    files = {"examples.npz": npz(_shipped(test, chosen) | {"indices": chosen})}
    if name in TRAINED_ON:
        train = datasets.load(name, TRAINED_ON[name], root)
        files["neighbours.npz"] = npz(_shipped(train, np.arange(len(train.images))))
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
    order = shuffled(len(labels))
    classes = range(int(labels.max()) + 1)
    return np.concatenate([order[labels[order] == label][:PER_CLASS] for label in classes]).astype(np.int64)


def shuffled(count: int) -> NDArray[np.int64]:
    """The indices of `count` images in the order of seed 0."""
    return np.argsort(seeds.uniforms(0, 1, count, seeds.Stream.CHOICE)[0], kind="stable")


def _shipped(data: datasets.Dataset, chosen: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What a file holds of these images: labels where they are classes, no channel axis where there is one.

    Drawn pictures are repetitive: with the colours of a pixel side by side, 10,000 of them are a third
    smaller.
    """
    images = data.images[chosen]
    if not data.class_names:
        return {"images": images.transpose(0, 2, 3, 1)}
    images = images[:, 0] if images.shape[1] == 1 else images
    return {"images": images, "labels": data.labels[chosen].astype(np.uint8)}


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a compressed ``.npz``, without the time it was made at.

    Where pictures are many or have no labels they are kept by LZMA, which finds what they share: deflate
    forgets after 32 KB, three avatars of 64 x 64. A few labelled ones stay readable to whom deflate is all.
    """
    few = "labels" in arrays and len(arrays["labels"]) <= FEW
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED if few else zipfile.ZIP_LZMA
            with io.BytesIO() as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
                archive.writestr(member, file.getvalue())
    return buffer.getvalue()
