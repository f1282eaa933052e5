"""Official checkpoints are read to the bit, and hostile ones are refused without anything being run."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.official import arrays, checkpoint, opcodes, records, safetensors
from export.official.errors import OfficialError
from export.official.opcodes import Budget, Reader
from tests import official_files as files
from tests.official_files import Call, Graph, Made, Module, Name, Persistent, dumps
from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., checkpoint.Network]:
    """Write bytes to a file and read the network in it."""

    def _read(content: bytes, network: str | None = None) -> checkpoint.Network:
        path = tmp_path / "network.pkl"
        path.write_bytes(content)
        return checkpoint.read(path, network)

    return _read


def _wanted(generator: Module | Graph) -> dict[str, np.ndarray]:
    """The tensors that a reader keeps: what progressive growing left is none of the network."""
    return {
        name: array
        for name, array in generator.tensors().items()
        if not name.endswith("/lod") and ("ToRGB_lod" not in name or "ToRGB_lod0/" in name)
    }


def _check_tensors(network: checkpoint.Network, wanted: dict[str, np.ndarray]) -> None:
    assert network.tensors.keys() == wanted.keys()
    for name, array in wanted.items():
        found = network.tensors[name]
        assert (found.dtype, found.shape) == (np.float32, array.shape), name
        assert found.tobytes() == array.astype(np.float32).tobytes(), name
        assert found.base is None, name  # of its own: the file can go


# What is written is read


@pytest.mark.parametrize("name", files.NETWORKS)
def test_every_network_is_read_to_the_bit(name: str, read: Callable[..., checkpoint.Network]) -> None:
    """Catches a tensor that is swapped, transposed, rounded or forgotten, in any layout and protocol."""
    generator = files.NETWORKS[name]()
    for protocol in range(6):
        network = read(files.checkpoint(generator, protocol))
        _check_tensors(network, _wanted(generator))
    family, _, rest = name.partition("-")
    assert network.family == {"ada": "stylegan2"}.get(family, family)
    assert network.origin == ("torch" if isinstance(generator, Module) else "tensorflow")
    if network.family == "stylegan2":
        assert network.variant in files.checkpoint(generator).decode("latin1")
        assert network.settings["resample_filter"] == [0.125, 0.375, 0.375, 0.125]
    if network.family == "stylegan3":
        assert network.variant == ("r" if rest == "r" else "t")
        assert [layer["up_factor"] for layer in network.settings["layers"]] == [2, 4, 2, 1]
        assert [layer["down_radial"] for layer in network.settings["layers"]] == [rest == "r"] * 2 + [
            False
        ] * 2
    assert (network.z_dim, network.w_dim, network.resolution, network.channels) == (8, 8, 16, 3)
    assert network.c_dim == (3 if rest.endswith("labels") else 0)
    assert network.settings["label"] == (
        "none"
        if not network.c_dim
        else "concat"
        if name.startswith("stylegan-") or "2-tf" in name
        else "embed"
    )
    assert network.num_ws == (5 if network.family == "stylegan3" else 6)
    assert network.settings["lrmul"] == 0.01
    assert network.source["module_src_sha256"] == records.digest(files.SOURCE)
    json.dumps(dict(network.settings))  # of plain values alone


def test_what_truncates_by_default(read: Callable[..., checkpoint.Network]) -> None:
    """Catches the makers' default of one family given to another."""
    for name, wanted in (
        ("stylegan", (0.7, 3)),
        ("stylegan2-tf-skip", (0.5, None)),
        ("stylegan3-t", (1.0, None)),
    ):
        found = read(files.checkpoint(files.NETWORKS[name]())).settings
        assert (found["truncation_psi"], found["truncation_cutoff"]) == wanted


def test_a_network_of_another_name(read: Callable[..., checkpoint.Network]) -> None:
    """Catches a name that is ignored: G is the last step, G_ema and Gs the average."""
    generators = {name: files.stylegan2_torch(seed=k).described() for k, name in enumerate(("G", "G_ema"))}
    network = read(dumps(generators), "G")
    assert network.source["network"] == "G"
    _check_tensors(network, files.stylegan2_torch(seed=0).tensors())
    with pytest.raises(OfficialError, match=r"^network.pkl: it has no network 'D', only 'G', 'G_ema': "):
        read(dumps(generators), "D")


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path) -> None:
    """Catches a bar that stops halfway."""
    path = tmp_path / "network.pkl"
    path.write_bytes(files.checkpoint(files.stylegan3()))
    done: list[int] = []
    network = checkpoint.read(path, progress=done.append)
    assert sum(done) == path.stat().st_size
    assert network.source["file"] == "network.pkl"
    path.unlink()
    assert np.isfinite(network.tensors["mapping.w_avg"]).all()


def _plain(content: bytes) -> Any:
    return Reader(memoryview(content), 0, records.ALLOWED, Budget()).read()


TENSORS = {
    "float": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7,
    "half": torch.linspace(-3, 3, 10).half(),
    "double": torch.linspace(-3, 3, 10).double(),
    "long": torch.arange(5),
    "truth": torch.tensor([True, False, True]),
    "scalar": torch.tensor(0.3),
    "none": torch.zeros(0, 3),
    "turned": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).permute(2, 0, 1),
    "part": torch.arange(40, dtype=torch.float32).reshape(5, 8)[1:4, 2:7:2],
    "channels last": torch.arange(48, dtype=torch.float32)
    .reshape(2, 3, 2, 4)
    .to(memory_format=torch.channels_last),
}


def test_tensors_as_torch_writes_them() -> None:
    """Catches fixtures and reader being wrong about torch's files in the same way: these are torch's own."""
    parameters = {name: torch.nn.Parameter(TENSORS[name]) for name in ("float", "turned")}
    for protocol in range(2, 6):
        found = _plain(pickle.dumps({**TENSORS, "parameters": parameters}, protocol))
        for name, wanted in TENSORS.items():
            np.testing.assert_array_equal(found[name].array(), wanted.numpy(), strict=True)
        for name, wanted in parameters.items():
            np.testing.assert_array_equal(
                found["parameters"][name].array(), wanted.detach().numpy(), strict=True
            )


@pytest.mark.parametrize("zipped", [False, True])
def test_files_as_torch_writes_them(zipped: bool) -> None:
    """Catches the same of whole files of torch.save, in both formats; in these, tensors share storages."""
    shared = torch.arange(12, dtype=torch.float32)
    content = io.BytesIO()
    tensors = {**TENSORS, "all": shared, "some": shared[3:7]}
    torch.save(tensors, content, _use_new_zipfile_serialization=zipped)
    data = memoryview(content.getvalue())
    assert arrays.is_torch_file(data)
    found = arrays.read_torch_file(data, {**records.ALLOWED, **arrays.STORAGE_TYPES}, Budget())
    for name, wanted in tensors.items():
        np.testing.assert_array_equal(found[name].array(), wanted.numpy(), strict=True)


def test_torch_reads_the_fixtures() -> None:
    """Catches a fixture that torch itself could not read. (This unpickles, but only what is written here.)"""
    array = files.Random(3)(5, 4)
    for protocol in (2, 4):
        loaded = pickle.loads(
            dumps({"trained": files.parameter(array), "kept": files.tensor(array)}, protocol)
        )
        assert isinstance(loaded["trained"], torch.nn.Parameter)
        for tensor in loaded.values():
            np.testing.assert_array_equal(tensor.detach().numpy(), array, strict=True)


def test_arrays_as_numpy_writes_them() -> None:
    """Catches a numpy that pickles otherwise than the fixtures do."""
    wanted = {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "sizes": np.array([16, 16]),
        "scalar": np.array(0.25),
    }
    for protocol in range(6):
        found = _plain(pickle.dumps({**wanted, "rate": np.float64(0.3)}, protocol))
        assert found.pop("rate") == 0.3
        for name, array in wanted.items():
            np.testing.assert_array_equal(found[name].array(), array, strict=True)


def test_a_whole_file_of_torch_save(read: Callable[..., checkpoint.Network], tmp_path: Path) -> None:
    """Catches a checkpoint that was saved by torch.save, whose storages lie beside the pickle."""
    generator = files.stylegan2_torch("resnet")
    stored: list[np.ndarray] = []

    def write(array: np.ndarray) -> Call:
        stored.append(array)
        identity = ("storage", Name("torch", "FloatStorage"), str(len(stored) - 1), "cpu", array.size)
        return files.tensor(array, Persistent(identity))

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("network/data.pkl", files.torch_checkpoint(generator, 2, write))
        archive.writestr("network/byteorder", "little")
        for k, array in enumerate(stored):
            archive.writestr(f"network/data/{k}", array.tobytes())
    _check_tensors(read(content.getvalue()), generator.tensors())


@pytest.mark.parametrize("name", ["stylegan", "ada-tf-labels", "stylegan2-skip", "stylegan3-r"])
def test_safetensors_and_back(name: str, read: Callable[..., checkpoint.Network], tmp_path: Path) -> None:
    """Catches anything that sharing a network without its pickle would lose."""
    network = read(files.checkpoint(files.NETWORKS[name]()))
    path = tmp_path / "shared.safetensors"
    safetensors.write(network, path)
    again = checkpoint.read(path)
    _check_tensors(again, dict(network.tensors))
    assert {**vars(again), "tensors": None} == {**vars(network), "tensors": None}
    with pytest.raises(OfficialError, match="no G: leave"):
        checkpoint.read(path, "G")


def test_safetensors_of_others_are_refused(read: Callable[..., checkpoint.Network], tmp_path: Path) -> None:
    """Catches trust in a file because it holds no pickle."""
    from safetensors.numpy import save_file

    network = read(files.checkpoint(files.stylegan3()))
    path = tmp_path / "shared.safetensors"
    safetensors.write(network, path)
    content = path.read_bytes()
    for broken in (b"", content[:100], content[:-4], b"\xff" * 64, content.replace(b"ayers", b"xxxxx", 1)):
        path.write_bytes(broken)
        with pytest.raises(OfficialError):
            checkpoint.read(path)
    described = {**vars(network), "tensors": {}}
    for change in (
        {"resolution": 1 << 30},
        {"family": "pickle"},
        {"settings": {**network.settings, "layers": []}},
        {"settings": {**network.settings, "lrmul": "much"}},
        {"source": {**network.source, "class": "<script>"}},
    ):
        document = {name: value for name, value in (described | change).items() if name != "tensors"}
        metadata = {"format": safetensors.FORMAT, "network": json.dumps(document, default=dict)}
        save_file(dict(network.tensors), path, metadata)
        with pytest.raises(OfficialError):
            checkpoint.read(path)
    save_file(dict(network.tensors), path, {"format": safetensors.FORMAT, "network": "[" * 100_000})
    with pytest.raises(OfficialError):
        checkpoint.read(path)


# What was changed is refused


def _torch(change: Callable[[Module], object], variant: str = "stylegan2-skip") -> bytes:
    generator = files.NETWORKS[variant]()
    assert isinstance(generator, Module)
    change(generator)
    return files.checkpoint(generator)


def _tensorflow(change: Callable[[Graph], object], variant: str = "stylegan2-tf-skip") -> bytes:
    generator = files.NETWORKS[variant]()
    assert isinstance(generator, Graph)
    change(generator)
    return files.checkpoint(generator)


def _attribute(path: str, **values: object) -> Callable[[Module], object]:
    return lambda generator: generator.at(path).attributes.update(values)


CHANGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a keyword argument": (
        lambda: _torch(lambda g: g.made_with.update(attention=True)),
        r"G_ema\S* has 'attention', which is not known",
    ),
    "a keyword argument within": (
        lambda: _torch(lambda g: g.made_with["synthesis_kwargs"].update(sigma=1)),
        "'sigma'",
    ),
    "a missing tensor": (
        lambda: _torch(lambda g: g.at("synthesis.b8.conv1").parameters.pop("bias")),
        "lacks 'synthesis.b8.conv1.bias'",
    ),
    "an extra tensor": (
        lambda: _torch(lambda g: g.at("synthesis").buffers.update(extra=np.ones(2, np.float32))),
        "has 'synthesis.extra', which the official one has not",
    ),
    "an extra layer without tensors": (
        lambda: _torch(lambda g: g.at("synthesis.b8").modules.update(dropout=Module("Dropout"))),
        "'synthesis.b8.dropout'",
    ),
    "a shape": (
        lambda: _torch(lambda g: g.at("synthesis.b8.conv1").parameters.update(bias=np.ones(7, np.float32))),
        r"'synthesis.b8.conv1.bias' of shape \(7,\), where \(6,\) is needed",
    ),
    "whole numbers for weights": (
        lambda: _torch(lambda g: g.at("mapping").buffers.update(w_avg=np.ones(8, np.int64))),
        "'mapping.w_avg' of type int64",
    ),
    "values that are none": (
        lambda: _torch(lambda g: g.at("mapping").buffers.update(w_avg=np.full(8, np.nan, np.float32))),
        "not finite",
    ),
    "a class": (
        lambda: _torch(lambda g: setattr(g.at("synthesis.b8"), "class_name", "Block")),
        "of class 'Block'",
    ),
    "another generator": (
        lambda: _torch(lambda g: setattr(g, "class_name", "SuperresGenerator")),
        "Superres",
    ),
    "an activation": (
        lambda: _torch(_attribute("synthesis.b16.conv0", activation="swish")),
        "G_ema.synthesis.b16.conv0 has activation 'swish'",
    ),
    "clamps that differ": (lambda: _torch(_attribute("synthesis.b16.conv0", conv_clamp=64)), "conv_clamp 64"),
    "a gain": (lambda: _torch(_attribute("mapping.fc1", weight_gain=1.0)), "weight_gain 1.0"),
    "another version": (lambda: _torch(lambda g: setattr(g, "version", 5)), "of version 5 and 6 is known"),
    "a filter": (
        lambda: _torch(
            lambda g: g.at("synthesis.b16").buffers.update(resample_filter=np.ones((4, 4), np.float32) / 16)
        ),
        "different resampling filters",
    ),
    "stylegan3's padding": (
        lambda: _torch(_attribute("synthesis.L1_24_5", padding=[9, 9, 9, 9]), "stylegan3-t"),
        "its layer 1 has padding",
    ),
    "stylegan3's sizes": (
        lambda: _torch(_attribute("synthesis.L1_24_5", in_size=np.array([20, 20])), "stylegan3-t"),
        "in_size",
    ),
    "stylegan3's configuration": (
        lambda: _torch(_attribute("synthesis.L1_24_5", conv_kernel=1), "stylegan3-t"),
        "neither of configuration t",
    ),
    "level of detail": (
        lambda: _tensorflow(
            lambda g: g.components["synthesis"].variables.update(lod=np.asarray(np.float32(1.5))), "stylegan"
        ),
        "Gs is at lod 1.5",
    ),
    "TensorFlow's keyword argument": (
        lambda: _tensorflow(lambda g: g.made_with.update(sigma=2)),
        r"Gs\S* has 'sigma'",
    ),
    "TensorFlow's function": (
        lambda: _tensorflow(
            lambda g: setattr(g.components["synthesis"], "function", "G_synthesis_stylegan_revised")
        ),
        "G_synthesis_stylegan_revised",
    ),
    "TensorFlow's extra variable": (
        lambda: _tensorflow(
            lambda g: g.components["synthesis"].variables.update(
                {"8x8/Attention/weight": np.ones(2, np.float32)}
            )
        ),
        "has 'G_synthesis/8x8/Attention/weight'",
    ),
    "TensorFlow's missing variable": (
        lambda: _tensorflow(lambda g: g.variables.pop("dlatent_avg")),
        "lacks 'dlatent_avg'",
    ),
    "TensorFlow's resolution": (
        lambda: _tensorflow(
            lambda g: [n.made_with.update(resolution=48) for n in (g, *g.components.values())]
        ),
        "resolution 48",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_network_is_refused_by_what_was_changed(
    name: str, read: Callable[..., checkpoint.Network]
) -> None:
    """Catches a picture of something else, made without a word."""
    write, said = CHANGED[name]
    with pytest.raises(OfficialError, match=said) as caught:
        read(write())
    _check_sentence(str(caught.value))


def _check_sentence(said: str) -> None:
    assert said.isascii()
    assert said.isprintable()
    assert said.endswith(".")
    assert len(said) < 500


# What is hostile is refused, and nothing is run

CANARY = "canary"
SYSTEM = Call(Name("posix", "system"), (f"touch {CANARY}",))
A10GB = 10 << 30


def _generator(**changed: object) -> bytes:
    """A checkpoint in which something was put into the generator's attributes."""
    return _torch(lambda generator: generator.attributes.update(changed))


def _tensor(**changed: object) -> bytes:
    return _generator(extra=files.tensor(np.ones((3, 4), np.float32), **changed))


def _storage(**changed: object) -> bytes:
    content = files.legacy_storage(np.ones(4, np.float32), **changed)
    return _generator(extra=Call(Name("torch.storage", "_load_from_bytes"), (content,)))


def _loading(content: bytes) -> bytes:
    return _generator(extra=Call(Name("torch.storage", "_load_from_bytes"), (content,)))


def _zip(**content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(
        file, "w", zipfile.ZIP_DEFLATED if "bomb" in content else zipfile.ZIP_STORED
    ) as archive:
        for name, part in content.items():
            archive.writestr(f"a/{name}".replace("_", "."), part)
    return file.getvalue()


def _shared_module(width: int, depth: int) -> bytes:
    module = Module("Leaf").described()
    for _ in range(depth):
        state = {"_parameters": {}, "_buffers": {}, "_modules": {f"m{k}": module for k in range(width)}}
        meta = {"type": "class", "version": 6, "module_src": "", "class_name": "Generator", "state": state}
        module = Call(Name("torch_utils.persistence", "_reconstruct_persistent_obj"), (meta,))
    return dumps({"G_ema": module})


def _one_storage_for_all() -> bytes:
    """Every large weight is the same storage: a network of 60 MB in a file of three."""
    widths = {2**k: 256 for k in range(2, 8)}
    generator = files.stylegan2_torch(resolution=128, widths=widths)
    shared: dict[int, Call] = {}

    def write(array: np.ndarray) -> Call:
        if array.size < 1 << 16:
            return files.tensor(array)
        storage = Call(Name("torch.storage", "_load_from_bytes"), (files.legacy_storage(array),))
        return files.tensor(array, shared.setdefault(array.size, storage))

    return files.torch_checkpoint(generator, 4, write)


def _array(**changed: Any) -> bytes:
    """A numpy array whose state lies."""
    dtype = files.kind_of(np.dtype(np.float32))
    state = {"shape": (2, 2), "dtype": dtype, "data": bytes(16)} | changed
    inner = dumps((1, state["shape"], state["dtype"], False, state["data"]), 2)[2:-1]
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    return b"\x80\x03" + head + inner + b"b."


def _html() -> bytes:
    return b"<!doctype html><title>Quota exceeded</title>"


HOSTILE: dict[str, Callable[[], bytes]] = {
    # calls
    "os.system": lambda: dumps(SYSTEM),
    "os.system of protocol 2": lambda: dumps(SYSTEM, 2),
    "os.system as an attribute": lambda: _generator(extra=SYSTEM),
    "eval": lambda: dumps(Call(Name("builtins", "eval"), (f"open({CANARY!r}, 'w')",))),
    "exec": lambda: dumps(Call(Name("builtins", "exec"), (f"open({CANARY!r}, 'w')",)), 2),
    "getattr": lambda: dumps(
        Call(Name("builtins", "getattr"), (Name("collections", "OrderedDict"), "fromkeys"))
    ),
    "a dotted name": lambda: dumps(Name("collections", "OrderedDict.fromkeys")),
    "a dotted name of a module": lambda: dumps(
        Call(Name("torch.storage", "_load_from_bytes.__globals__"), ())
    ),
    "a dotted name of numpy": lambda: dumps(Name("numpy", "core.multiarray._reconstruct"), 2),
    "torch.load": lambda: dumps(Call(Name("torch", "load"), (CANARY,))),
    "pickle.loads": lambda: dumps(Call(Name("pickle", "loads"), (pickle.dumps(1),))),
    "numpy's load": lambda: dumps(Call(Name("numpy", "load"), (CANARY,))),
    "a pickle as a storage": lambda: _loading(dumps(SYSTEM)),
    "a storage's file with a call": lambda: _storage(root=SYSTEM),
    "a storage's file with a nested one": lambda: _storage(
        root=Call(Name("torch.storage", "_load_from_bytes"), (dumps(SYSTEM),))
    ),
    "a storage's file with a call among its keys": lambda: _loading(
        files.legacy_storage(np.ones(4, np.float32)).replace(pickle.dumps(["94857"], 2), dumps(SYSTEM, 2))
    ),
    "a zip file with a call": lambda: _zip(data_pkl=dumps(SYSTEM)),
    "a zip file with a call, as a storage": lambda: _loading(_zip(data_pkl=dumps(SYSTEM))),
    "old instances": lambda: b"(X\x0c\x00\x00\x00touch canaryiposix\nsystem\n.",
    "old objects": lambda: b"(cposix\nsystem\nX\x0c\x00\x00\x00touch canaryo.",
    "the extension registry": lambda: b"\x80\x02\x82\x01.",
    "keyword arguments": lambda: b"\x80\x04ccollections\nOrderedDict\n)}\x92.",
    "a name that is no function, called": lambda: dumps(Call(Name("numpy", "ndarray"), ((1 << 40,),))),
    "an argument too many": lambda: dumps(Call(Name("collections", "OrderedDict"), ([["a", SYSTEM]],))),
    "what is no name, called": lambda: b"\x80\x02X\x01\x00\x00\x00a)R.",
    "a state for a dictionary": lambda: b"\x80\x02}}X\x01\x00\x00\x00aNsb.",
    "a state for a function": lambda: b"\x80\x02ccollections\nOrderedDict\n}b.",
    "a state for a module": lambda: dumps({"G_ema": Made(Name("torch_utils.persistence", "Module"), {})}),
    "an object of a class that is not made so": lambda: dumps(
        Made(Name("torch.storage", "_load_from_bytes"))
    ),
    "objects in an array": lambda: _array(dtype=files.Kind(Name("numpy", "dtype"), ("O8", False, True), ())),
    "fields in a dtype": lambda: _array(
        dtype=files.Kind(Name("numpy", "dtype"), ("f4", False, True), (3, "|", None, ("a",), {}, 4, 1, 0))
    ),
    # views
    "out of bounds": lambda: _tensor(shape=(4, 4)),
    "out of bounds by its stride": lambda: _tensor(stride=(5, 1)),
    "out of bounds by its offset": lambda: _tensor(offset=1),
    "an enormous offset": lambda: _tensor(offset=1 << 62, shape=(1,), stride=(1,)),
    "a negative offset": lambda: _tensor(offset=-1),
    "a negative stride": lambda: _tensor(offset=8, stride=(-4, 1)),
    "a stride of zero": lambda: _tensor(shape=(1 << 20, 1 << 20), stride=(0, 0)),
    "a small stride of zero": lambda: _tensor(stride=(0, 1)),
    "strides that overlap": lambda: _tensor(stride=(1, 1)),
    "an enormous shape": lambda: _tensor(shape=(1 << 30, 1 << 30), stride=(1 << 30, 1)),
    "a shape with too many axes": lambda: _tensor(shape=(1,) * 1000, stride=(1,) * 1000),
    "a shape that is none": lambda: _tensor(shape=(3, "4")),
    "a tensor of no storage": lambda: _generator(extra=files.tensor(np.ones(3, np.float32), [1, 2, 3])),
    "hooks": lambda: _generator(
        extra=Call(
            Name("torch._utils", "_rebuild_parameter"), (files.tensor(np.ones(3, np.float32)), True, {"a": 1})
        )
    ),
    "one storage for all": _one_storage_for_all,
    # sizes
    "nothing": lambda: b"",
    "a page instead of the file": _html,
    "cut in half": lambda: (lambda content: content[: len(content) // 2])(
        files.checkpoint(files.stylegan3())
    ),
    "cut by a byte": lambda: files.checkpoint(files.stylegan3())[:-1],
    "a byte too many": lambda: files.checkpoint(files.stylegan3()) + b".",
    "10 GB of bytes": lambda: b"\x80\x04\x8e" + struct.pack("<Q", A10GB) + b"x" * 100,
    "10 GB of text": lambda: b"\x80\x04\x8d" + struct.pack("<Q", A10GB) + b"x" * 100,
    "4 GB of text": lambda: b"\x80\x04X\xff\xff\xff\xffxxxx",
    "10 GB of bytearray": lambda: b"\x80\x05\x96" + struct.pack("<Q", A10GB) + b"x" * 100,
    "a frame of 10 GB": lambda: b"\x80\x04\x95" + struct.pack("<Q", A10GB) + b"N.",
    "2 GB of an integer": lambda: b"\x80\x02\x8b\xff\xff\xff\x7fxxxx",
    "a negative size": lambda: b"\x80\x02\x8b\xff\xff\xff\xffxxxx",
    "an integer of a million digits": lambda: b"L" + b"9" * 1_000_000 + b"L\n.",
    "a storage of 10 GB": lambda: _storage(count=A10GB // 4, stored=A10GB // 4),
    "a storage that says two sizes": lambda: _storage(stored=5),
    "a negative storage": lambda: _storage(count=-4, stored=-4),
    "an array of 10 GB": lambda: _array(shape=(A10GB // 4,)),
    "an array of negative size": lambda: _array(shape=(-2, -2)),
    "a zip bomb": lambda: _loading(_zip(data_pkl=b".", bomb=bytes(50_000_000))),
    "a zip file of 65,535 files": lambda: (
        b"PK\x03\x04" + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 0xFFFE, 9, 0, 0)
    ),
    "a zip file that ends elsewhere": lambda: _zip(data_pkl=b"N.").replace(b"PK\x01\x02", b"PK\x01\x03"),
    "protocol 255": lambda: b"\x80\xffN.",
    # structure
    "shared lists, 2^60 in all": lambda: dumps(_doubled(60)),
    "shared lists in the generator": lambda: _generator(z_dim=_doubled(55)),
    "shared lists, 2^100000 in all": lambda: b"\x80\x02]q\x00" + b"0](h\x00h\x00eq\x00" * 100_000 + b".",
    "lists 100,000 deep": lambda: b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "tuples 400,000 deep": lambda: b"\x80\x02)" + b"\x85" * 400_000 + b".",
    "dictionaries 100,000 deep": lambda: b"\x80\x02" + b"}K\x00" * 100_000 + b"Ns" + b"s" * 99_999 + b".",
    "deep values in the generator": lambda: _generator(extra=_deep(150)),
    "marks 400,000 deep": lambda: b"\x80\x02" + b"(" * 400_000 + b".",
    "a million steps": lambda: b"\x80\x02" + b"N0" * 500_000 + b"N.",
    "a list in itself": lambda: b"\x80\x02]q\x00h\x00a.",
    "modules within themselves": lambda: _shared_module(1, 40),
    "shared modules, 200^5 in all": lambda: _shared_module(200, 5),
    "a million memories": lambda: (
        b"\x80\x02N" + b"".join(b"r" + struct.pack("<I", k) for k in range(480_000)) + b"."
    ),
    "a memory of nothing": lambda: b"\x80\x02h\x07.",
    "a memory under a negative number": lambda: b"Np-1\n.",
    "copies of a text": lambda: (
        b"\x80\x02c_codecs\nencode\nq\x00X\xa0\x86\x01\x00"
        + b"x" * 100_000
        + b"q\x01X\x06\x00\x00\x00latin1q\x02"
        + b"h\x00h\x01h\x02\x86R0" * 70_000
        + b"."
    ),
    "copies of a set": lambda: (
        b"\x80\x02cbuiltins\nset\nq\x00]("
        + b"X\x01\x00\x00\x00x" * 16
        + b"eq\x01"
        + b"h\x00h\x01\x85R" * 120_000
        + b"."
    ),
    "a source of 5 MB": lambda: _generator(extra="x" * (5 << 20)),
    "keys that collide": lambda: (
        b"\x80\x02}("
        + b"".join(
            b"\x8a\x0e" + (k * ((1 << 61) - 1) + 1).to_bytes(14, "little") + b"N" for k in range(1, 2000)
        )
        + b"u."
    ),
    "a key that is a list": lambda: b"\x80\x02}]Ns.",
    "items of a number": lambda: b"\x80\x02K\x01(NNu.",
    "more taken than there is": lambda: b"\x80\x02N00.",
    "a value below a mark": lambda: b"\x80\x02]N(a.",
    "more than one value": lambda: b"\x80\x02NN.",
    # persistent ids
    "a persistent id outside of torch": lambda: b"\x80\x02X\x01\x00\x00\x00aQ.",
    "a persistent id that is text": lambda: _storage(root=Persistent("storage")),
    "a persistent id of a module": lambda: _storage(
        root=Persistent(("module", Name("torch", "FloatStorage"), "a", "b"))
    ),
    "a persistent id with a wrong type": lambda: _storage(
        root=Persistent(("storage", "FloatStorage", "94857", "cpu", 4, None))
    ),
    "a persistent id of a path": lambda: _storage(
        root=Persistent(("storage", Name("torch", "FloatStorage"), "../" * 20 + "etc/passwd", "cpu", 4, None))
    ),
    "a persistent id with a view": lambda: _storage(
        root=Persistent(("storage", Name("torch", "FloatStorage"), "94857", "cpu", 4, ("1", 0, 4)))
    ),
    "one storage in two ways": lambda: _storage(
        root=[
            Persistent(("storage", Name("torch", kind), "94857", "cpu", 4, None))
            for kind in ("FloatStorage", "LongStorage")
        ]
    ),
    "a storage that is not there": lambda: _storage(keys=["1"]),
    "storages that are not asked for": lambda: _storage(keys=["94857", "94857"]),
    "keys of storages that are lists": lambda: _storage(keys=[["94857"]]),
    "a big-endian storage": lambda: _storage(system={"little_endian": False}),
    # what a person would see
    "a name for the terminal": lambda: dumps(Name("os\x1b[2J\x1b]0;pwned\x07", "sys\ntem" + "m" * 10_000)),
    "a class for the terminal": lambda: _torch(lambda g: setattr(g, "class_name", "\x1b[31m" * 1000)),
    "a version that is a huge number": lambda: _torch(lambda g: setattr(g, "version", 1 << 126)),
    "networks of no kind": lambda: dumps({"G_ema": {"z_dim": 4}}),
    "a text": lambda: dumps("G_ema"),
}


def _doubled(times: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


def _deep(times: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(times):
        value = [value]
    return value


MOST_CALLS = 12 * opcodes.MAX_STEPS
"""Of functions, for one file: the dearest step takes nine, and no file has more steps than that."""

# Python tells an audit hook of everything that could be execution, and a hook cannot be taken away again.
WATCHED = """
import gc, json, resource, sys
from pathlib import Path
from export.official import checkpoint
from export.official.errors import OfficialError

folder = Path(sys.argv[1])
checkpoint.read(folder / "valid.pkl")  # whatever is imported on first use
seen = []
KINDS = ("exec", "compile", "import", "pickle.", "marshal.", "os.", "subprocess.", "ctypes.", "socket.")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(KINDS) else None)
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
calls = 0  # of functions, C's among them: work that is the same on every machine

def count(frame, event, _):
    global calls
    calls += event in ("call", "c_call")

for path in sorted(folder.glob("hostile-*.pkl")):
    seen.clear()
    calls = 0
    sys.setprofile(count)
    try:
        checkpoint.read(path)
        said = "READ"
    except OfficialError as error:
        said = str(error)
    except BaseException as error:
        said = f"UNCAUGHT {type(error).__name__}: {error}"
    sys.setprofile(None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    status = Path("/proc/self/status")
    if status.exists():  # on Linux the other figure is not less than what the parent had
        peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    found = {"name": path.stem, "said": said, "calls": calls, "seen": seen, "peak": peak}
    print(json.dumps(found), flush=True)
    gc.collect()
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of every hostile file, all read by one process that is watched."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "valid.pkl").write_bytes(files.checkpoint(files.stylegan2_torch()))
    stems = {}
    for k, (name, write) in enumerate(HOSTILE.items()):
        stems[f"hostile-{k:03}"] = name
        (folder / f"hostile-{k:03}.pkl").write_bytes(write())
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(folder)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not list(folder.rglob(CANARY))
    assert sorted(path.name for path in folder.iterdir() if path.suffix != ".pkl") == []
    found = {stems[line["name"]]: line for line in map(json.loads, done.stdout.splitlines())}
    assert found.keys() == HOSTILE.keys()
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused(name: str, refusals: dict[str, dict[str, Any]]) -> None:
    """Catches anything that is run, work or memory that a small file can ask for, and a traceback."""
    found = refusals[name]
    assert found["seen"] == []
    said = found["said"]
    assert said.startswith("hostile-")
    _check_sentence(said)
    assert found["calls"] < MOST_CALLS
    assert found["peak"] < 500  # MB, the largest of all files up to this one


def test_a_folder_or_no_file_is_refused(tmp_path: Path) -> None:
    """Catches a traceback at a typing error."""
    for path in (tmp_path, tmp_path / "missing.pkl"):
        with pytest.raises(OfficialError) as caught:
            checkpoint.read(path)
        _check_sentence(str(caught.value))


def test_no_name_on_the_allowlist_is_anybody_elses() -> None:
    """Catches a function of Python's, numpy's or torch's put into the table itself."""
    for (module, name), found in records.ALLOWED.items():
        assert (module, name) == (found.module, found.name) or module in ("__builtin__", "copy_reg")
        for function in (found.call, found.new):
            assert function is None or function.__module__.startswith("export.official."), (module, name)
        assert found.data is None


# Mutations

VALID = [
    files.checkpoint(files.NETWORKS[name](), protocol)
    for name, protocol in (("stylegan", 4), ("ada-tf-labels", 2), ("stylegan2-skip", 4), ("stylegan3-r", 3))
]
VALID.append(
    _zip(data_pkl=dumps({"a": Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 1))}, 2))
)
STARTS = [
    [at for _, _, at in pickletools.genops(content) if at is not None]
    if content[:2] != b"PK"
    else list(range(len(content)))
    for content in VALID
]
OPCODES = bytes(sorted(ord(opcode.code) for opcode in pickletools.opcodes))

running = False
events: list[str] = []


def _watch(event: str, _: object) -> None:
    kinds = (
        "exec",
        "pickle.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "subprocess.",
        "ctypes.dl",
        "socket.",
    )
    if running and event.startswith(kinds):
        events.append(event)


sys.addaudithook(_watch)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Catches a path through the reader on which something other than its own error comes out."""
    which = data.draw(st.integers(0, len(VALID) - 1))
    content, starts = bytearray(VALID[which]), STARTS[which]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from(starts)) + data.draw(st.integers(0, 3))
        way = data.draw(st.sampled_from(["opcode", "byte", "delete", "repeat", "cut", "number"]))
        if way == "opcode":
            content[at : at + 1] = bytes([data.draw(st.sampled_from(OPCODES))])
        elif way == "byte":
            content[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
        elif way == "delete":
            del content[at : at + data.draw(st.sampled_from([1, 2, 10, 100]))]
        elif way == "repeat":
            other = data.draw(st.sampled_from(starts))
            content[at:at] = content[other : other + data.draw(st.sampled_from([1, 2, 10, 100]))]
        elif way == "cut" and data.draw(st.booleans()):
            del content[at:]
        else:
            content[at : at + 4] = struct.pack("<i", data.draw(st.integers(-(1 << 31), (1 << 31) - 1)))
    _read_or_refuse(bytes(content), tmp_path_factory)


PIECES = [
    *(bytes([code]) for code in OPCODES if chr(code) not in "."),
    *(b"c%s\n%s\n" % (module.encode(), name.encode()) for module, name in records.ALLOWED),
    *(
        b"ctorch\nFloatStorage\n",
        b"K\x00",
        b"K\x02",
        b"X\x01\x00\x00\x00a",
        b"C\x04\x00\x00\x80?",
        b"h\x00",
        b"q\x00",
    ),
    *(b"\x85", b"\x86", b"\x87", b")", b"]", b"}", b"(", b"R", b"R", b"\x81", b"b", b"\x94"),
]


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40))
def test_random_opcodes_are_read_or_refused(
    pieces: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Catches the same where the file has no plan at all."""
    _read_or_refuse(b"\x80\x04" + b"".join(pieces) + b".", tmp_path_factory)


def _read_or_refuse(content: bytes, factory: pytest.TempPathFactory) -> None:
    global running  # noqa: PLW0603
    path = factory.getbasetemp() / "mutated.pkl"
    path.write_bytes(content)
    events.clear()
    try:
        running = True
        checkpoint.read(path)
    except OfficialError as error:
        _check_sentence(str(error))
    finally:
        running = False
    assert events == []
