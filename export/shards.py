"""The real digits that ship beside the models: examples to pick from, and all that a GAN was trained on.

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
from onnx_models import seeds
from training import datasets

MADE_BY = "python -m export datasets"
TITLES = {"mnist": "MNIST"}
PER_CLASS = 20  # examples
TRAINED_ON = "train[:50000]"  # what `gan` saw; see the Parzen protocol


def build(name: str, root: Path | None = None) -> tuple[manifest.Document, dict[str, bytes]]:
    """Make the dataset.json and the files of one data set.

    Raises :class:`training.datasets.DatasetError` where the data cannot be had.
    """
    test, train = datasets.load(name, "test", root), datasets.load(name, TRAINED_ON, root)
    chosen = examples(test.labels)
    files = {
        "examples.npz": npz(
            {
                "images": test.images[chosen, 0],
                "labels": test.labels[chosen].astype(np.uint8),
                "indices": chosen,
            }
        ),
        "neighbours.npz": npz({"images": train.images[:, 0], "labels": train.labels.astype(np.uint8)}),
    }
    document = {
        "id": name,
        "name": TITLES[name],
        "licence": test.licence,
        "source": test.source,
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
