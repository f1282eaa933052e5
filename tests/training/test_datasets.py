"""Data sets: the formats read back, the slices, and one clear sentence for everything that can be wrong."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import tiny
from training import datasets
from training.datasets import DatasetError


def write_mnist(folder: Path, count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    images, labels = tiny.pictures(count)
    tiny.write_idx(folder / "train-images-idx3-ubyte.gz", images)
    tiny.write_idx(folder / "train-labels-idx1-ubyte.gz", labels)
    return images, labels


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_idx_files_read_back(name: str, tmp_path: Path) -> None:
    """Catches swapped axes, a header read as pixels, labels of the wrong type."""
    images, labels = write_mnist(tmp_path / name)
    data = datasets.load(name, "train", tmp_path)
    assert data.images.shape == (30, 1, 28, 28)
    assert data.images.dtype == np.uint8
    assert data.labels.dtype == np.int64
    assert (data.images[:, 0] == images).all()
    assert (data.labels == labels).all()
    assert len(data.class_names) == 10
    assert data.licence
    assert data.source


def test_splits_are_slices_of_train(tmp_path: Path) -> None:
    """Catches a selection set that overlaps what was learned from, or loses an image."""
    images, _ = write_mnist(tmp_path / "mnist")
    first = datasets.load("mnist", "train[:20]", tmp_path)
    rest = datasets.load("mnist", "train[20:]", tmp_path)
    assert (np.concatenate([first.images, rest.images])[:, 0] == images).all()
    assert first.split == "train[:20]"
    assert first.sha256 != rest.sha256
    assert first.sha256 == datasets.load("mnist", "train[:20]", tmp_path).sha256
    for split in ("validation", "train[::2]", "train[-5:]"):
        with pytest.raises(DatasetError, match=r"train, test or a slice"):
            datasets.load("mnist", split, tmp_path)
    with pytest.raises(DatasetError, match="is empty"):
        datasets.load("mnist", "train[30:]", tmp_path)


def test_selection_split_cuts_at_50000(tmp_path: Path) -> None:
    """Catches a choice made on images that were trained on."""
    tiny.write_idx(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", np.zeros((50_010, 1, 1), np.uint8))
    tiny.write_idx(tmp_path / "mnist" / "train-labels-idx1-ubyte.gz", np.arange(50_010) % 10)
    learn, choose = datasets.selection_split(datasets.load("mnist", "train", tmp_path))
    assert (len(learn), len(choose)) == (50_000, 10)
    assert (learn.split, choose.split) == ("train[:50000]", "train[50000:]")


def test_data_root_prefers_the_argument_then_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a variable that overrules what was typed."""
    monkeypatch.setenv("LATENT_LINEAGE_DATA", "from-variable")
    assert datasets.data_root("typed") == Path("typed")
    assert datasets.data_root() == Path("from-variable")
    monkeypatch.delenv("LATENT_LINEAGE_DATA")
    assert datasets.data_root() == datasets.CHECKOUT / "data"


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"\0\0", mtime=0), gzip.compress(b"\0\0\x08\x01\0\0\0\x09ab", mtime=0)],
)
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    """Catches a traceback from gzip, struct or reshape."""
    write_mnist(tmp_path / "mnist")
    bad = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    bad.write_bytes(content)
    with pytest.raises(DatasetError, match=r"train-labels-idx1-ubyte\.gz is damaged: delete it"):
        datasets.load("mnist", "train", tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    """Catches labels of another set paired with these images."""
    write_mnist(tmp_path / "mnist")
    tiny.write_idx(tmp_path / "mnist" / "train-labels-idx1-ubyte.gz", np.zeros(29, np.uint8))
    with pytest.raises(DatasetError, match="do not belong together"):
        datasets.load("mnist", "train", tmp_path)


def test_a_file_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    """Catches training in silence on other data than the papers', whatever put it there."""
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / "SHA256SUMS").unlink()
    with pytest.raises(DatasetError, match="is not the train-images-idx3-ubyte of mnist") as caught:
        datasets.load("mnist", "train", tmp_path)
    assert "\n" not in str(caught.value)


def test_files_of_another_set_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches clothes learned as digits, and the test set as the training set."""
    write_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / "SHA256SUMS").unlink()
    content = gzip.decompress((tmp_path / "mnist" / "train-images-idx3-ubyte.gz").read_bytes())
    digests = datasets._IDX["fashion-mnist"].sha256
    monkeypatch.setitem(digests, "train-images-idx3-ubyte", hashlib.sha256(content).hexdigest())
    sentence = "is the train-images-idx3-ubyte of fashion-mnist, not the train-images-idx3-ubyte of mnist"
    with pytest.raises(DatasetError, match=sentence):
        datasets.load("mnist", "train", tmp_path)


def test_a_truncated_file_is_one_sentence(tmp_path: Path) -> None:
    """Catches half a download, packed or not, taken for the whole."""
    write_mnist(tmp_path / "mnist")
    packed = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="is damaged: delete it"):
        datasets.load("mnist", "train", tmp_path)
    packed.unlink()
    packed.with_suffix("").write_bytes(gzip.decompress(whole)[:-100])
    with pytest.raises(DatasetError, match="is damaged: delete it"):
        datasets.load("mnist", "train", tmp_path)


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
@pytest.mark.parametrize("packed", [True, False])
def test_the_files_of_torchvision_are_found(name: str, folder: str, packed: bool, tmp_path: Path) -> None:
    """Catches a second download of what is there, unpacked as torchvision leaves it."""
    raw = tmp_path / folder / "raw"
    images, labels = write_mnist(raw)
    if not packed:
        for path in list(raw.glob("*.gz")):
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
    data = datasets.load(name, "train", tmp_path)
    assert (data.images[:, 0] == images).all()
    assert (data.labels == labels).all()
    assert not (tmp_path / name).exists()


# --- downloads ----------------------------------------------------------------------------------------------


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine, and the folder it serves."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", folder
        finally:
            server.shutdown()
            thread.join()


def _point_mnist_at(monkeypatch: pytest.MonkeyPatch, mirrors: tuple[str, ...], folder: Path) -> None:
    digests = {
        path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        for path in folder.glob("*.gz")
    }
    about = datasets._Idx(mirrors, digests, tuple("0123456789"), "a licence", "a source")
    monkeypatch.setitem(datasets._IDX, "mnist", about)


def test_what_is_missing_is_downloaded_once_and_checked(
    mirror: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a download from a dead first mirror that gives up, one that is repeated, one put elsewhere."""
    address, folder = mirror
    images, _ = write_mnist(folder)
    _point_mnist_at(monkeypatch, (f"{address}gone/", address), folder)
    root = tmp_path / "root"
    assert (datasets.load("mnist", "train", root).images[:, 0] == images).all()
    for path in folder.iterdir():
        path.unlink()
    assert len(datasets.load("mnist", "train", root)) == 30
    assert sorted(path.name for path in (root / "mnist").iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]


def test_a_download_that_arrives_changed_is_not_kept(
    mirror: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a mirror with other data than the papers', accepted."""
    address, folder = mirror
    write_mnist(folder)
    _point_mnist_at(monkeypatch, (address,), folder)
    tiny.write_idx(folder / "train-images-idx3-ubyte.gz", np.ones((30, 28, 28), np.uint8))
    with pytest.raises(DatasetError, match=r"not be downloaded: put train-images-idx3-ubyte\.gz from http"):
        datasets.load("mnist", "train", tmp_path / "root")
    assert not list((tmp_path / "root" / "mnist").iterdir())


def test_offline_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a stack of connection errors instead of the one thing a person can do."""
    # Port 9 of this machine: nothing listens there.
    _point_mnist_at(monkeypatch, ("http://127.0.0.1:9/",), tmp_path)
    monkeypatch.setitem(datasets._IDX["mnist"].sha256, "train-images-idx3-ubyte", "")
    with pytest.raises(DatasetError) as caught:
        datasets.load("mnist", "train", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "mnist" / "train-images-idx3-ubyte.gz") in message
    assert "--data-root" in message
    assert "\n" not in message


# --- CIFAR-10 -----------------------------------------------------------------------------------------------


def _colours(count: int) -> np.ndarray:
    """Smooth colour pictures, which JPEG keeps well. uint8 [count, 32, 32, 3]."""
    ramp = np.linspace(0, 100, 32)
    pictures = np.zeros((count, 32, 32, 3))
    for index, picture in enumerate(pictures):
        picture[...] = ramp[:, None, None] + ramp[None, :, None] / 2 + np.array([10 * index, 40, 5])
    return pictures.astype(np.uint8)


def test_cifar10_jpegs_are_read_and_called_lossy(tmp_path: Path) -> None:
    """Catches channels swapped, classes mislabelled, and a copy that passes for the original."""
    folder = tmp_path / "cifar10"
    folder.mkdir()
    pictures = _colours(10)
    with zipfile.ZipFile(folder / "cifar10-jpeg.zip", "w") as archive:
        for index, picture in enumerate(pictures):
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "JPEG", quality=95)
            archive.writestr(f"train/{datasets._CIFAR10_CLASSES[index]}/0000.jpg", buffer.getvalue())
    data = datasets.load("cifar10", "train", tmp_path)
    assert data.images.shape == (10, 3, 32, 32)
    assert "lossy" in data.source
    for image, label in zip(data.images, data.labels, strict=True):
        error = np.abs(image.astype(int) - pictures[label].transpose(2, 0, 1))
        assert error.max() <= 12  # what quality 95 costs a smooth picture, chroma subsampling included
    (folder / "cifar10-jpeg.zip").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"cifar10-jpeg.zip is damaged"):
        datasets.load("cifar10", "train", tmp_path)


def test_cifar10_official_binaries_win_over_the_lossy_copy(tmp_path: Path) -> None:
    """Catches a lossy copy used where the original lies beside it, and planes read as pixels."""
    folder = tmp_path / "cifar10"
    folder.mkdir()
    (folder / "cifar10-jpeg.zip").write_bytes(b"PK")
    pictures = _colours(5)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for index, picture in enumerate(pictures):
            row = bytes([index]) + picture.transpose(2, 0, 1).tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/data_batch_{index + 1}.bin")
            member.size = len(row)
            archive.addfile(member, io.BytesIO(row))
    data = datasets.load("cifar10", "train", tmp_path)
    assert (data.images == pictures.transpose(0, 3, 1, 2)).all()
    assert data.labels.tolist() == [0, 1, 2, 3, 4]
    assert "lossy" not in data.source
    with pytest.raises(DatasetError, match="damaged"):
        datasets.load("cifar10", "test", tmp_path)


# --- one's own images ---------------------------------------------------------------------------------------


def test_a_folder_of_images_keeps_middle_colour_and_labels(tmp_path: Path) -> None:
    """Catches squashed pictures, labels by order of reading, a lost alpha channel, a palette read as grey."""
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = (200, 100, 50)  # the central square
    Image.fromarray(wide).save(tmp_path / "cats" / "b.png")
    Image.fromarray(wide).convert("P").save(tmp_path / "dogs" / "a.gif")
    Image.new("RGBA", (10, 10), (255, 255, 255, 255)).save(tmp_path / "dogs" / "c.png")
    (tmp_path / "dogs" / "notes.txt").write_text("not an image")
    data = datasets.load_folder(tmp_path, size=16, channels=3)
    assert data.images.shape == (3, 3, 16, 16)
    assert data.labels.tolist() == [0, 1, 1]
    assert data.class_names == ("cats", "dogs")
    # Palette colours are quantised, and the filter overshoots a little at the edge of the square.
    for image in data.images[:2]:
        centre = image[:, 4:12, 4:12].reshape(3, -1).mean(1)
        assert np.abs(centre - (200, 100, 50)).max() <= 8
    assert (data.images[2] == 255).all()
    grey = datasets.load_folder(tmp_path / "cats", size=8, channels=1)
    assert grey.images.shape == (1, 1, 8, 8)
    assert grey.class_names == ("cats",)


def test_bad_folders_get_one_sentence(tmp_path: Path) -> None:
    """Catches a traceback for an empty folder, a broken picture, a split that a folder has not."""
    with pytest.raises(DatasetError, match="holds no images"):
        datasets.load(str(tmp_path))
    with pytest.raises(DatasetError, match="neither a data set"):
        datasets.load(str(tmp_path / "nowhere"))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(DatasetError, match=r"broken.png cannot be read as an image"):
        datasets.load(str(tmp_path))
    with pytest.raises(DatasetError, match="no test split"):
        datasets.load(str(tmp_path), "test")


def test_an_enormous_image_is_named_before_it_is_unpacked(tmp_path: Path) -> None:
    """Catches a picture of a few kilobytes that unpacks to gigabytes."""
    Image.new("1", (11_000, 10_000)).save(tmp_path / "huge.png")
    with pytest.raises(DatasetError, match=r"huge.png has 11000 x 10000 pixels"):
        datasets.load(str(tmp_path))
