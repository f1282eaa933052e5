"""Data sets as numpy arrays: MNIST, Fashion-MNIST, CIFAR-10, avatars, a folder of one's own. No torch here.

They are looked for below one data root (see :func:`data_root`):

    mnist/train-images-idx3-ubyte.gz ...          four IDX files, gzipped or not; fashion-mnist/ likewise
    MNIST/raw/, FashionMNIST/raw/                 the same, where torchvision puts them
    cifar10/cifar-10-binary.tar.gz                the official binary version, or else
    cifar10/cifar10-jpeg.zip                      train/CLASS/NNNN.jpg, test/CLASS/NNNN.jpg (lossy)
    avatars/train-DIGITS.npz ...                  drawn by training/avatars.py

What is missing is downloaded once and put there; avatars are drawn. IDX files are checked by their sha256,
whatever put them there; other ones of that form are taken where a file ``SHA256SUMS`` beside them says so.
Files that are there are never written to.
"""

import gzip
import hashlib
import os
import re
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from training import avatars
from training.avatars import Attribute

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parents[1]
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
SELECTION_SIZE = 50_000  # train[:50000] to learn from, train[50000:] to choose on
MAX_IMAGE_PIXELS = 100_000_000  # of one of the user's images: larger ones are decompression bombs or mistakes


class DatasetError(RuntimeError):
    """A data set that cannot be had; the message is one sentence a person can act on."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images in memory."""

    name: str
    split: str
    images: np.ndarray  # uint8 [n, channels, height, width]
    labels: np.ndarray  # int64 [n], or [n, attributes] where pictures are labelled by attributes
    class_names: tuple[str, ...]
    licence: str
    source: str  # who made it, and where it comes from; says so where the copy is lossy
    attributes: tuple[Attribute, ...] = ()  # of the labels' columns; empty where each picture has a class

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sha256(self) -> str:
        """Hex digest of images and labels: which data a run was trained on."""
        digest = hashlib.sha256(self.images.tobytes())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class _Idx:
    """A data set in MNIST's format."""

    mirrors: tuple[str, ...]  # addresses of the folder that holds the four files
    sha256: dict[str, str]  # of the unpacked files, which does not depend on who zipped them
    class_names: tuple[str, ...]
    licence: str
    source: str
    torchvision: str = "-"  # the folder that torchvision puts it into


_IDX = {
    "mnist": _Idx(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        class_names=tuple("0123456789"),
        licence="CC BY-SA 3.0",
        source="LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/",
        torchvision="MNIST",
    ),
    "fashion-mnist": _Idx(
        mirrors=(
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        sha256={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        class_names=(
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        licence="MIT",
        source="Zalando Research, https://github.com/zalandoresearch/fashion-mnist",
        torchvision="FashionMNIST",
    ),
}

_CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR10_SOURCE = "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

NAMES = (*_IDX, "cifar10", "avatars")


def data_root(argument: str | Path | None = None) -> Path:
    """Where data sets live: the argument, else $LATENT_LINEAGE_DATA, else `data/` in the checkout."""
    return Path(argument or os.environ.get("LATENT_LINEAGE_DATA") or CHECKOUT / "data")


def load(
    name: str,  # one of NAMES, or the path of a folder of images
    split: str = "train",  # "train", "test", or a slice of either: "train[:50000]", "train[50000:]"
    root: str | Path | None = None,  # see data_root
    size: int = 28,  # height and width that a folder's images are brought to, pixels
    channels: int = 1,  # of a folder's images: 1 grey, 3 RGB
) -> Dataset:
    """The images and labels of one split. Raises :class:`DatasetError`."""
    match = re.fullmatch(r"(train|test)(?:\[(\d*):(\d*)\])?", split)
    if not match:
        raise DatasetError(f"A split is train, test or a slice such as train[:50000], not {split!r}.")
    part, first, last = match.groups()
    if name in _IDX:
        whole = _load_idx(name, part, data_root(root) / name)
    elif name == "cifar10":
        whole = _load_cifar10(part, data_root(root) / name)
    elif name == "avatars":
        whole = _load_avatars(part, data_root(root) / name)
    elif Path(name).is_dir():
        if part != "train":
            raise DatasetError(f"A folder of images has no {part} split: ask for train.")
        whole = load_folder(name, size, channels)
    else:
        raise DatasetError(f"{name!r} is neither a data set ({', '.join(NAMES)}) nor a folder of images.")
    chosen = slice(int(first) if first else None, int(last) if last else None)
    images, labels = whole.images[chosen], whole.labels[chosen]
    if len(images) == 0:
        raise DatasetError(f"{split} of {name} is empty: it holds {len(whole)} images in all.")
    return replace(whole, split=split, images=images, labels=labels)


def selection_split(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """train[:50000] to learn from and train[50000:] to choose recipes on, of a data set's train split."""
    return tuple(  # type: ignore[return-value]  # two of them
        replace(dataset, split=name, images=dataset.images[part], labels=dataset.labels[part])
        for name, part in (
            (f"train[:{SELECTION_SIZE}]", slice(None, SELECTION_SIZE)),
            (f"train[{SELECTION_SIZE}:]", slice(SELECTION_SIZE, None)),
        )
    )


def load_folder(path: str | Path, size: int, channels: int) -> Dataset:
    """One's own images: cropped to their central square, resized to `size` x `size`, grey or RGB.

    Images in subfolders are labelled by the subfolder's rank in alphabetical order; images in the folder
    itself, where there are no subfolders, are all labelled 0. Raises :class:`DatasetError` naming the first
    file that cannot be read.
    """
    path = Path(path)
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    labelled = [(file, label) for label, folder in enumerate(folders) for file in _image_files(folder)]
    if not labelled:
        folders, labelled = [], [(file, 0) for file in _image_files(path)]
    if not labelled:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DatasetError(f"{path} holds no images ({kinds}), neither in itself nor in its subfolders.")
    files = _progress([file for file, _ in labelled], f"reading {path.name}")
    images = np.stack([_read_image(file, size, channels) for file in files])
    return Dataset(
        name=path.resolve().name,
        split="train",
        images=images,
        labels=np.array([label for _, label in labelled], np.int64),
        class_names=tuple(folder.name for folder in folders) or (path.resolve().name,),
        licence="the user's own",
        source=f"a folder of {len(images)} images",
    )


def _image_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)


def _read_image(file: Path, size: int, channels: int) -> np.ndarray:
    """uint8 [channels, size, size]."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the check below says it better
            opened = Image.open(file)
        with opened as image:
            width, height = image.size
            if width * height > MAX_IMAGE_PIXELS:
                raise DatasetError(
                    f"{file} has {width} x {height} pixels: shrink it, or take it out of the folder."
                )
            image.draft("RGB", (size, size))
            pixels = image.convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DatasetError(
            f"{file} cannot be read as an image: replace it, or take it out of the folder."
        ) from error
    side = min(pixels.size)
    left, top = (pixels.width - side) // 2, (pixels.height - side) // 2
    square = pixels.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
    return np.asarray(square).reshape(size, size, channels).transpose(2, 0, 1)


def _load_idx(name: str, part: str, folder: Path) -> Dataset:
    about = _IDX[name]
    prefix = "train" if part == "train" else "t10k"
    arrays = []
    for kind in ("images-idx3", "labels-idx1"):
        stem = f"{prefix}-{kind}-ubyte"
        places = (folder, folder.parent / about.torchvision / "raw")
        there = [place / file for place in places for file in (f"{stem}.gz", stem)]
        path = next((file for file in there if file.is_file()), there[0])
        if not path.is_file():
            addresses = [f"{mirror}{path.name}" for mirror in about.mirrors]
            _download(addresses, path, about.sha256[stem], unpack=True)
        arrays.append(_read_idx(path, name, stem))
    images, labels = arrays
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DatasetError(f"The {prefix} files in {folder} do not belong together: fetch them again.")
    return Dataset(
        name, part, images[:, None], labels.astype(np.int64), about.class_names, about.licence, about.source
    )


def _read_idx(path: Path, name: str, stem: str) -> np.ndarray:
    """The array in an IDX file: two zero bytes, the type (8: uint8), rank, sizes, values."""
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is damaged: delete it and run again to fetch it anew.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != _IDX[name].sha256[stem] and found not in _allowed(path.parent):
        known = [
            f"the {other_stem} of {other}"
            for other, about in _IDX.items()
            for other_stem, digest in about.sha256.items()
            if digest == found
        ]
        if known:
            raise DatasetError(f"{path} is {known[0]}, not the {stem} of {name}: put it where it belongs.")
    try:
        zero, kind, rank = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{rank}I", data, 4)
        if zero != 0 or kind != 8:
            raise ValueError("not an IDX file of bytes")
        array = np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (ValueError, struct.error) as error:
        raise DatasetError(f"{path} is damaged: delete it and run again to fetch it anew.") from error
    if found != _IDX[name].sha256[stem] and found not in _allowed(path.parent):
        raise DatasetError(
            f"{path} is not the {stem} of {name} (its sha256 is another): delete it and run again to fetch it"
            " anew, or add its sha256 to SHA256SUMS beside it if it is meant."
        )
    return array


def _allowed(folder: Path) -> set[str]:
    """The sha256 of unpacked files that whoever put them there vouches for, as sha256sum writes them."""
    try:
        lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return set()
    return {line.split()[0].lower() for line in lines if line.strip()}


def _load_cifar10(part: str, folder: Path) -> Dataset:
    official, jpeg = folder / "cifar-10-binary.tar.gz", folder / "cifar10-jpeg.zip"
    if jpeg.is_file() and not official.is_file():
        images, labels = _read_cifar10_jpeg(jpeg, part)
        source = f"{_CIFAR10_SOURCE}; a JPEG copy, lossy"
    else:
        if not official.is_file():
            _download([_CIFAR10_URL], official, _CIFAR10_SHA256, unpack=False)
        images, labels = _read_cifar10_binary(official, part)
        source = _CIFAR10_SOURCE
    return Dataset("cifar10", part, images, labels, _CIFAR10_CLASSES, "none stated; cite the report", source)


def _read_cifar10_jpeg(path: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(n for n in archive.namelist() if n.startswith(f"{part}/") and n.endswith(".jpg"))
            images = np.empty((len(names), 3, 32, 32), np.uint8)
            for index, name in enumerate(_progress(names, f"reading {path.name}")):
                with archive.open(name) as member, Image.open(member) as image:
                    images[index] = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
            labels = np.array([_CIFAR10_CLASSES.index(name.split("/")[1]) for name in names], np.int64)
    except (zipfile.BadZipFile, OSError, ValueError, IndexError) as error:
        raise DatasetError(
            f"{path} is damaged: replace it, or delete it to fetch the official files."
        ) from error
    # The members are sorted by class; a slice such as train[:50000] should hold all of them.
    order = np.random.Generator(np.random.Philox(key=0)).permutation(len(images))
    return images[order], labels[order]


def _read_cifar10_binary(path: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] if part == "train" else ["test_batch.bin"]
    try:
        with tarfile.open(path) as archive:
            members = {PurePosixPath(member.name).name: member for member in archive if member.isfile()}
            files = [archive.extractfile(members[name]) for name in names]
            data = b"".join(file.read() for file in files if file is not None)
        rows = np.frombuffer(data, np.uint8).reshape(
            -1, 1 + 3 * 32 * 32
        )  # label, then red, green, blue planes
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError, zlib.error) as error:
        raise DatasetError(f"{path} is damaged: delete it and run again to fetch it anew.") from error
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].astype(np.int64)


def _load_avatars(part: str, folder: Path) -> Dataset:
    try:
        images, labels = avatars.load(part, folder)
    except ImportError as error:
        raise DatasetError(
            "Drawing avatars takes dicebear-core, dicebear-styles and resvg-py: install the train extra."
        ) from error
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"The avatars cannot be kept in {folder} or read from there ({error}): delete what is in it, or"
            " name a folder that can be written to with --data-root or LATENT_LINEAGE_DATA."
        ) from error
    return Dataset(
        "avatars", part, images, labels, (), avatars.LICENCE, avatars.SOURCE, attributes=avatars.ATTRIBUTES
    )


def _download(addresses: Sequence[str], path: Path, sha256: str, unpack: bool) -> None:
    """Fetch `path` from the first address that answers; `sha256` is of the file, or of what it unpacks to."""
    import pooch  # only a missing data set needs it

    pooch.get_logger().setLevel("WARNING")
    arrived = path.with_name(f"{path.name}.unverified")
    for address in addresses:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pooch.retrieve(address, known_hash=None, fname=arrived.name, path=path.parent, progressbar=True)
            data = arrived.read_bytes()
            found = hashlib.sha256(gzip.decompress(data) if unpack else data).hexdigest()
            if found == sha256:
                arrived.replace(path)
                return
        except (OSError, EOFError, ValueError, zlib.error):  # requests' errors are OSErrors
            pass
        finally:
            arrived.unlink(missing_ok=True)
    raise DatasetError(
        f"{path} is missing and could not be downloaded: put {path.name} from {addresses[0]} there,"
        " or name the folder that has it with --data-root or LATENT_LINEAGE_DATA."
    )


def _progress(items: Sequence[T], title: str) -> Iterable[T]:
    """A progress bar where there is more than a moment's work."""
    return tqdm(items, desc=title, unit="img", leave=False, disable=len(items) < 5_000)
