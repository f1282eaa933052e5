"""Directions in w: recovered from a generator that is known, written, read and applied."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from export import __main__ as command
from export import directions, manifest, walks, words
from onnx_models import catalog
from onnx_models.catalog import Group
from onnx_models.directions import Direction, load, moved
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from tests import tiny
from training import stylegan2_networks
from training.avatars import ATTRIBUTES

ROOT = Path(__file__).resolve().parents[2]
Z, W, ROWS = 6, 5, 6
QUESTIONS = (("hat", ("no", "yes")), ("glasses", ("none", "round", "square")))


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def draw() -> np.random.Generator:
    return np.random.default_rng(3)


TRUE = np.stack([unit(one) for one in draw().normal(size=(2, W))])
"""What the last row of ws is asked for a hat, and the first one for glasses."""


def write_models(directory: Path) -> Path:
    """A generator whose pixel 0 is <TRUE[0], last row of ws>, pixel 1 <TRUE[1], first row>; a judge of both.

    w is a linear function of z, far from round: its deviations along axes differ tenfold.
    """
    mixing = draw().normal(size=(Z, W)) * np.array([0.2, 0.5, 1.0, 1.5, 2.0])
    paint = np.zeros((ROWS * W, tiny.PIXELS))
    paint[-W:, 0], paint[:W, 1] = 0.05 * TRUE[0], 0.05 * TRUE[1]
    mapping = tiny.graph(
        [
            ("MatMul", "z mixing", "w", {}),
            ("Unsqueeze", "w one", "row", {}),
            ("Unsqueeze", "psi two", "column", {}),
            ("Mul", "row column", "ws", {}),
        ],
        {"z": ("batch", Z), "psi": ("batch", ROWS)},
        {"ws": ("batch", ROWS, W)},
        {"mixing": mixing, "one": np.array([1]), "two": np.array([2])},
    )
    synthesis = tiny.graph(
        [
            ("Flatten", "ws", "flat", {}),
            ("MatMul", "flat paint", "signal", {}),
            ("Add", "signal half", "pixels", {}),
            ("Reshape", "pixels shape", "whole", {}),
            ("Mul", "noise_0 zero", "nothing", {}),
            ("Add", "whole nothing", "image", {}),
        ],
        {"ws": ("batch", ROWS, W), "noise_0": ("batch", 1, 28, 28)},
        {"image": tiny.IMAGE},
        {"paint": paint, "half": np.array(0.5), "zero": np.array(0.0), "shape": np.array([-1, 1, 28, 28])},
    )
    # hat: yes above 1/2. glasses: round above 0.52, square above 0.6, none below.
    read = np.zeros((tiny.PIXELS, 5))
    read[0, 0], read[0, 1] = -1, 1
    read[1, 3], read[1, 4] = 1, 2
    offset = np.array([0.5, -0.5, 0.0, -0.52, -1.12])
    judge = tiny.graph(
        [
            ("Flatten", "image", "flat", {}),
            ("MatMul", "flat read", "evidence", {}),
            ("Add", "evidence offset", "class_logits", {}),
            ("Relu", "class_logits", "features", {}),
        ],
        {"image": tiny.IMAGE},
        {"class_logits": ("batch", 5), "features": ("batch", 5)},
        {"read": read, "offset": offset},
    )
    tiny.write_model(directory, "faces", {"mapping": mapping, "synthesis": synthesis}, family="stylegan2")
    tiny.write_model(directory, "looker", {"classify": judge}, kind="judge")
    groups = [{"name": name, "values": list(values)} for name, values in QUESTIONS]
    for folder in (directory / "faces", directory / "looker"):
        # What a schema and a card ask for beyond what a reader does.
        document = manifest.read(folder / "model.json") | {"equation": '<math display="block"></math>'}
        for graph in document["graphs"].values():
            for tensor in (*graph["inputs"], *graph["outputs"]):
                tensor["range"] = tensor["range"].replace("real", "(-inf, inf)")
                if tensor["name"] == "class_logits":
                    tensor["groups"] = groups
        (folder / "model.json").write_text(manifest.dumps(document), "utf-8")
    return directory


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directions as the command a person types finds them."""
    out = write_models(tmp_path_factory.mktemp("models"))
    assert command.main(["directions", "faces", "--out", str(out), "--samples", "2000"]) == 0
    return out


def found(shipped: Path) -> dict[str, Direction]:
    return {direction.id: direction for direction in load(catalog.load(shipped).model("faces"))}


def test_a_known_direction_is_recovered(shipped: Path) -> None:
    """Catches a normal in the wrong coordinates (w is far from round), its opposite, and figures of another
    move than the one that ships.
    """
    hat = found(shipped)["hat-yes"]
    assert hat.vector @ TRUE[0] > 0.98
    assert hat.balanced_accuracy is not None
    assert hat.balanced_accuracy > 0.95
    assert hat.before is not None
    assert 0.3 < hat.before < 0.7
    assert hat.success is not None
    assert hat.success > 0.95
    opposite = found(shipped)["hat-no"]
    np.testing.assert_allclose(opposite.vector, -hat.vector, atol=1e-3)


def test_only_the_layers_that_matter_are_moved(shipped: Path) -> None:
    """The hat is in the last row, glasses in the first: catches a choice that does not look at what else
    changes, and a move on other rows than said.
    """
    for direction in found(shipped).values():
        rows, other = ((5,), (0, 1)) if direction.attribute == "hat" else ((0,), (4, 5))
        assert set(rows) <= set(direction.layers)
        assert not set(other) & set(direction.layers)
        assert all(share == 0 for share in direction.changes.values())
        assert direction.attribute not in direction.changes


def test_what_can_be_absent_leads_from_none_to_some(shipped: Path) -> None:
    """Catches a slider that ends at "none", a group of answers that counts as one of them, and a slider to
    what lies between two other answers, past which every straight way leads.
    """
    assert set(found(shipped)) == {
        "hat-no", "hat-yes", "glasses-any", "glasses-square",
    }  # fmt: skip
    some = found(shipped)["glasses-any"]
    assert some.values == ("round", "square")
    assert some.vector @ TRUE[1] > 0.98
    assert some.success is not None
    assert some.success > 0.95


def test_the_file_is_what_its_schema_and_the_check_ask_for(shipped: Path) -> None:
    """Catches a file that nobody lists, a vector cut too short, and directions of other graphs."""
    folder = shipped / "faces"
    document = manifest.read(folder / "model.json")
    hashes = [g["sha256"] for p in shipped.glob("*/model.json") for g in manifest.read(p)["graphs"].values()]
    assert list(directions.faults(folder, document, hashes)) == []
    assert not list(manifest.schema_faults(document, "model"))
    (listed,) = document["files"]
    assert manifest.sha256((folder / "directions.json").read_bytes()) == listed["sha256"]
    assert "in other graphs" in next(directions.faults(folder, document, []))


def test_a_new_export_keeps_them_while_its_graphs_are_the_same(shipped: Path) -> None:
    """Catches directions lost with every export, and ones that survive the networks they belong to."""
    folder = shipped / "faces"
    for change, kept in ((False, True), (True, False)):
        document, files = {**manifest.read(folder / "model.json"), "files": []}, {}
        if change:
            document["graphs"]["mapping"]["sha256"] = "0" * 64
        directions.keep(folder, document, files)
        assert (directions.FILE in files) == bool(document["files"]) == kept


def test_stale_directions_are_not_read(shipped: Path) -> None:
    """Catches sliders of one network on the pictures of another."""
    model = catalog.load(shipped).model("faces")
    assert load(model)
    other = catalog.replace(model.graphs["synthesis"], sha256="0" * 64)
    assert load(catalog.replace(model, graphs={**model.graphs, "synthesis": other})) == ()
    assert load(catalog.load(shipped).model("looker")) == ()


def test_moves_add_up_on_their_own_rows() -> None:
    """Catches a strength that is not in deviations, one move that undoes another, and a changed argument."""
    ws = draw().normal(size=(2, ROWS, W)).astype(np.float32)

    def direction(axis: int, layers: tuple[int, ...]) -> Direction:
        return Direction(
            "d", {"en": "d", "fr": "d"}, "factor", None, (), np.eye(W)[axis], layers, 2.0, 3.0, None, None,
            None, {},
        )  # fmt: skip

    before = ws.copy()
    after = moved(ws, [(direction(0, (1, 2)), 0.5), (direction(3, (2, 5)), -1.0)])
    expected = before.copy()
    expected[:, 1:3, 0] += 1.0
    expected[:, [2, 5], 3] -= 2.0
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, expected, atol=1e-6)
    np.testing.assert_array_equal(ws, before)
    np.testing.assert_array_equal(moved(ws, []), ws)


def test_factors_are_the_longest_axes_of_the_styles() -> None:
    """Styles that stretch three known axes by 3, 2 and 1, in two layers: catches A A^T, the smallest ones
    first, and layers that are not taken together.
    """
    rng = draw()
    axes = np.linalg.qr(rng.normal(size=(W, W)))[0]
    turned = np.linalg.qr(rng.normal(size=(8, 3)))[0]  # orthonormal columns: lengths are the axes' own
    a = turned @ (np.array([3.0, 2.0, 1.0])[:, None] * axes[:3])
    vectors = directions.factors([a[:5], a[5:]], 3)
    np.testing.assert_allclose(np.abs(vectors @ axes[:3].T), np.eye(3), atol=1e-12)
    assert (np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1) > 0).all()


def test_weights_are_found_in_the_row_that_feeds_them() -> None:
    """Each row of ws is moved in turn: catches weights ascribed to a layer that listens to another row."""
    torch.manual_seed(0)
    synthesis = stylegan2_networks.SynthesisNetwork(W, (4, 3, 2), channels=3)
    weights = [
        numpy_helper.from_array(value.numpy(), name)
        for name, value in synthesis.state_dict().items()
        if name.endswith("weight")
    ]
    content = helper.make_model(helper.make_graph([], "g", [], [], weights)).SerializeToString()
    found = directions.affine_weights(content)
    heard: dict[str, torch.Tensor] = {}
    for name, module in synthesis.named_modules():
        if name.endswith("style"):
            module.register_forward_hook(
                lambda _module, given, _out, name=name: heard.__setitem__(name, given[0])  # type: ignore[misc]
            )
    ws = torch.arange(6.0)[None, :, None].expand(1, 6, W)  # each row is its own number
    synthesis(ws, [torch.zeros(1, 1, size, size) for size in synthesis.noise_sizes])
    assert set(found) == set(range(6))
    for row, weight in found.items():
        listening = [synthesis.get_submodule(name).weight for name, w in heard.items() if w[0, 0] == row]
        rows = {tuple(one) for layer in listening for one in layer.tolist()}
        assert rows == {tuple(one) for one in weight.tolist()}
    assert (
        directions.affine_weights(helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString())
        == {}
    )


def test_a_separator_weighs_both_sides_alike() -> None:
    """One in fifty is positive, off by one deviation: catches a plane that calls everything negative."""
    rng = draw()
    positive = np.arange(5000) % 50 == 0
    w = rng.normal(size=(5000, W)) + np.where(positive[:, None], 2.0, 0.0) * np.eye(W)[2]
    normal, offset = directions.separator(w, positive)
    assert normal[2] > 0.95
    assert offset / -normal[2] == pytest.approx(1.0, abs=0.2)  # half way between the two means
    assert directions.balanced_accuracy(w @ normal + offset > 0, positive) > 0.8


def seen(ws: torch.Tensor) -> torch.Tensor:
    """What the judge of `write_models` says of ws, as slopes go through it, and surer of itself."""
    true = torch.from_numpy(TRUE).float()
    hat, glasses = ws[:, -1] @ true[0], ws[:, 0] @ true[1]
    none = torch.zeros_like(hat)
    return torch.stack([-hat, hat, none, 2 * glasses - 0.8, 4 * glasses - 4.8], 1)


def walker(studio: directions.Studio, w: directions.Floats, answers: directions.Answers) -> walks.Walks:
    return walks.Walks(seen, studio.groups, w, answers, studio.rows, steps=120)


def test_a_walk_leads_to_its_answer_and_leaves_the_others() -> None:
    """Catches a walk away from what is asked, one on other rows, and one that buys its answer with others."""
    groups = [Group(name, values) for name, values in QUESTIONS]
    w = draw().normal(size=(400, W)) * np.array([0.5, 1.0, 1.5, 1.0, 2.0])
    rows = torch.from_numpy(np.repeat(w[:, None], ROWS, axis=1)).float()

    def answers(ws: torch.Tensor) -> NDArray[np.int64]:
        return np.stack([one.argmax(1).numpy() for one in seen(ws).split([2, 3], 1)], axis=1)

    before = answers(rows)
    learned = walks.Walks(seen, groups, w, before, ROWS, steps=120)
    hat = torch.from_numpy(learned(0, [1], range(ROWS))).float()
    after = answers(rows + hat)
    assert (before[:, 0] == 1).mean() < 0.6
    assert (after[:, 0] == 1).mean() > 0.9
    assert (after[:, 1] == before[:, 1]).mean() > 0.85
    assert np.abs(learned(0, [1], [0, 1])).max() < np.abs(hat.numpy()).max() / 5  # no hat in these rows
    some = torch.from_numpy(learned(1, [1, 2], [0])).float()
    moved_first = rows.clone()
    moved_first[:, 0] += some
    assert (answers(moved_first)[:, 1] > 0).mean() > 0.9


def test_of_two_ways_the_one_that_is_worth_more_ships(shipped: Path) -> None:
    """Catches walks that nobody chooses, ones that replace a better separator, and a file of another form."""
    known = catalog.load(shipped)
    model = known.model("faces")

    def lost(studio: directions.Studio, w: directions.Floats, answers: directions.Answers) -> directions.Walk:
        return lambda question, values, layers: np.ones(W)

    def found(learner: directions.Learner | None) -> manifest.Document:
        return directions.find(model, known, Runtime("cpu"), 2000, learner)

    alone, both, worse = found(None), found(walker), found(lost)
    assert {one["method"] for one in alone["directions"]} == {"separator"}
    assert worse["directions"] == alone["directions"]
    assert {one["id"] for one in both["directions"]} >= {one["id"] for one in alone["directions"]}
    assert "walk" in {one["method"] for one in both["directions"]}
    for one in both["directions"]:
        assert one["success"] > 0.9
        assert (one["balanced_accuracy"] is None) == (one["method"] == "walk")
        assert np.linalg.norm(one["vector"]) == pytest.approx(1, abs=1e-4)
    assert list(manifest.schema_faults(both, "directions")) == []


def test_a_walk_is_learned_on_the_faces_that_the_files_make() -> None:
    """Catches weights, noise or a judge that are not those of the shipped graphs."""
    known = catalog.load(ROOT / "onnx_models")
    model = known.model("stylegan2_avatars")
    studio = directions.Studio(model, known, Runtime("cpu"))
    look = walks.look(model, studio.judge, [*studio.noise.values()])
    w = studio.w(0, 12)
    rows = torch.from_numpy(studio.repeated(w))
    with torch.no_grad():
        logits = look(rows).split([len(group.values) for group in studio.groups], 1)
    answers = np.stack([one.argmax(1).numpy() for one in logits], axis=1)
    assert (answers == studio.answers(studio.repeated(w))).mean() > 0.97  # weights ship in halves
    assert walks.learnable(model, studio.judge)
    walk = walks.learn(studio, w, answers, steps=1)
    assert walk is not None
    assert np.abs(walk(0, [1], range(10))).max() > 0
    studio.model = catalog.replace(model, id="a_stranger")
    assert walks.learn(studio, w, answers, steps=1) is None
    lost = catalog.replace(model, folder=Path("nowhere"))
    with pytest.raises(LineageError, match=r"mapping|synthesis"):
        walks.look(lost, studio.judge, [])


def test_without_torch_there_are_still_separators(
    shipped: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a traceback for who has the files and nothing else."""
    monkeypatch.setitem(sys.modules, "export.walks", None)
    monkeypatch.delattr("export.walks")
    asked = ["directions", "faces", "--out", str(shipped), "--samples", "500"]
    assert command.main(asked) == 2
    assert "PyTorch" in capsys.readouterr().err
    assert command.main([*asked, "--steps", "-1"]) == 2
    assert "--steps must be 0 or more, not -1." in capsys.readouterr().err
    assert command.main([*asked, "--steps", "0"]) == 0


def test_what_cannot_be_moved_is_said(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a traceback where a judge is asked for its sliders."""
    assert command.main(["directions", "looker", "--out", str(shipped)]) == 2
    assert "looker has no mapping and synthesis graphs" in capsys.readouterr().err


def test_every_answer_about_an_avatar_has_a_name_in_both_languages() -> None:
    """Catches a value added to the avatars that the page would call by its English name in French."""
    groups = tuple(Group(attribute.name, attribute.values) for attribute in ATTRIBUTES)
    same = {
        "dreadlocks",
        "afro",
        "long",
        "auburn",
        "blond",
        "grimace",
        "hijab",
        "turban",
        "T-shirt",
        "moustache",
    }
    for column, values in directions.targets(groups):
        name = groups[column].name
        assert words.attribute(name)["fr"] != name
        for value in values:
            assert value in words.FRENCH[name]
            assert words.FRENCH[name][value] != value or value in same | {"T-shirt"}
