"""Avatars: drawn the same everywhere, labelled truly, never in both sets; and what attributes measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.nn import functional

from evaluation import classify, generators
from evaluation.context import Context, answers
from onnx_models.catalog import Graph, Group, Metric, Model, Tensor
from training import avatars, classifier, datasets, randomness
from training.datasets import DatasetError


def column(name: str) -> int:
    return [attribute.name for attribute in avatars.ATTRIBUTES].index(name)


def value(attribute: str, name: str) -> int:
    return avatars.ATTRIBUTES[column(attribute)].values.index(name)


# --- which faces --------------------------------------------------------------------------------------------


def test_no_combination_is_in_both_sets() -> None:
    """Catches a held-out set that can be learned by heart: sets of draws would share some combinations."""
    train, test = (
        {tuple(face) for face in avatars.combinations(s, n)} for s, n in (("train", 30_000), ("test", 10_000))
    )
    assert len(train) > 29_900  # few repeat within a set
    assert len(test) > 9_950
    assert not train & test


def test_a_face_does_not_depend_on_how_many_are_asked_for() -> None:
    """Catches numbers drawn column by column; and pins the first faces for every machine."""
    few, many = avatars.combinations("train", 20), avatars.combinations("train", 9_000)
    assert np.array_equal(few, many[:20])
    assert few.dtype == np.int64
    assert not np.array_equal(few, avatars.combinations("test", 20))


def test_attributes_come_as_often_as_they_should_and_independently() -> None:
    """Catches a wrong cumulative sum, a value that never comes, and a hash that favours some."""
    for split, count in avatars.COUNTS.items():
        faces = avatars.combinations(split, count)
        for k, part in enumerate(avatars._PARTS):
            found = np.bincount(faces[:, k], minlength=len(part.values)) / count
            bound = 5 * np.sqrt(part.shares * (1 - part.shares) / count)
            assert (np.abs(found - part.shares) < bound).all(), (split, part.name, found)
        both = np.corrcoef(faces.T) - np.eye(faces.shape[1])
        assert np.abs(both).max() < 5 / np.sqrt(count)


def test_what_is_covered_is_called_hidden() -> None:
    """Catches eyes asked for behind dark glasses, and hair under a hat: labels nobody could learn."""
    faces = avatars.combinations("train", 2_000)
    seen = avatars.labels(faces)
    dark = faces[:, column("glasses")] == value("glasses", "sunglasses")
    assert (seen[dark, column("eyes")] == value("eyes", avatars.HIDDEN)).all()
    assert np.array_equal(seen[~dark, column("eyes")], faces[~dark, column("eyes")])
    hat = faces[:, column("top")] == value("top", "hat")
    assert (seen[hat, column("hair_colour")] == value("hair_colour", avatars.HIDDEN)).all()
    for k, attribute in enumerate(avatars.ATTRIBUTES):
        assert set(seen[:, k]) == set(range(len(attribute.values)))


# --- their pictures -----------------------------------------------------------------------------------------


def test_each_attribute_changes_the_picture_where_it_should() -> None:
    """Catches an option that the drawing ignores, and one that the seed decides after all."""
    draw = avatars.Artist()
    plain = np.zeros(len(avatars.ATTRIBUTES), np.int64)
    first = draw(plain)
    assert first.shape == (3, 64, 64)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(plain))
    assert first[:, 0, 0].tolist() == [0xEA, 0xF0, 0xF6]  # the background
    for k, part in enumerate(avatars._PARTS):
        pictures = []
        for v in range(len(part.values)):
            face = plain.copy()
            face[k] = v
            pictures.append(draw(face))
        for v in range(len(pictures)):
            for other in pictures[:v]:
                assert (pictures[v] != other).any(axis=0).sum() >= 4, (part.name, v)  # pixels


def test_pictures_are_drawn_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches drawing anew at each start, labels out of step with pictures, and a torn or damaged file."""
    monkeypatch.setattr(avatars, "COUNTS", {"train": 5, "test": 3})
    drawn = datasets.load("avatars", "train", tmp_path)
    assert drawn.images.shape == (5, 3, 64, 64)
    assert drawn.labels.dtype == np.int64
    assert np.array_equal(drawn.labels, avatars.labels(avatars.combinations("train", 5)))
    assert drawn.attributes == avatars.ATTRIBUTES
    assert "Pablo Stanley" in drawn.source

    class Refuses:
        def __init__(self) -> None:
            raise ImportError

    monkeypatch.setattr(avatars, "Artist", Refuses)
    kept = datasets.load("avatars", "train[:2]", tmp_path)
    assert np.array_equal(kept.images, drawn.images[:2])
    assert np.array_equal(kept.labels, drawn.labels[:2])
    with pytest.raises(DatasetError, match="install the train extra"):
        datasets.load("avatars", "test", tmp_path)
    (file,) = (tmp_path / "avatars").iterdir()
    file.write_bytes(b"PK")
    with pytest.raises(DatasetError, match="delete what is in it"):
        datasets.load("avatars", "train", tmp_path)


def test_other_pictures_have_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an old cache that passes for a changed data set."""
    before = avatars._version()
    monkeypatch.setattr(avatars, "BACKGROUND", "#000000")
    assert avatars._version() != before


# --- the judge ----------------------------------------------------------------------------------------------


def test_the_classifier_learns_each_attribute_from_its_own_outputs() -> None:
    """Catches answers split at the wrong places, and labels paired with another question."""
    torch.manual_seed(0)
    config = classifier.AttributesConfig(channels=2, batch=4, bfloat16=False, label_smoothing=0, shift=0)
    networks = classifier.build(config)
    network = networks["classifier"]
    faces = torch.from_numpy(avatars.labels(avatars.combinations("train", 4)))
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        logits, features = network.train()(images.float() / 255)
    assert logits.shape == (4, sum(len(attribute.values) for attribute in avatars.ATTRIBUTES))
    assert features.shape == (4, 16)
    start, losses = 0, []
    for k, attribute in enumerate(avatars.ATTRIBUTES):
        stop = start + len(attribute.values)
        losses.append(functional.cross_entropy(logits[:, start:stop], faces[:, k]))
        start = stop
    (stage,) = classifier.stages(config, networks, images, faces)
    found = stage.rule.step(images, faces, 0.5, randomness.Draw([0], torch.device("cpu")))
    torch.testing.assert_close(found["cross_entropy"], torch.stack(losses).mean())


# --- measured on attributes ---------------------------------------------------------------------------------

GROUPS = (Group("glasses", ("none", "some")), Group("skin", ("a", "b", "c")))
CLASSIFY = Graph(
    "classify",
    Path("classify.onnx"),
    "0" * 64,
    1,
    18,
    1e-4,
    (),
    (Tensor("class_logits", "float32", ("batch", 5), "(-inf, inf)", "answers", GROUPS),),
)
ATTRIBUTES = tuple(avatars.Attribute(group.name, group.values) for group in GROUPS)


def logits(labels: np.ndarray) -> np.ndarray:
    """Sure answers, [n, 5]; the second question's are far larger, which must not matter to the first."""
    glasses, skin = np.eye(2)[labels[:, 0]], 100 * np.eye(3)[labels[:, 1]]
    return np.concatenate([glasses, skin], axis=1).astype(np.float32)


def test_answers_are_read_group_by_group() -> None:
    """Catches one argmax over all questions."""
    labels = np.array([[0, 2], [1, 0], [1, 1]])
    assert np.array_equal(answers(CLASSIFY, logits(labels)), labels)
    (output,) = CLASSIFY.outputs
    single = replace(CLASSIFY, outputs=(replace(output, groups=()),))
    assert answers(single, logits(labels)).tolist() == [4, 2, 3]


def test_errors_are_counted_for_each_attribute() -> None:
    """Catches attributes out of order, and a mean over pictures where one over answers is meant."""
    labels = np.array([[0, 2], [1, 0], [1, 1], [0, 0]])
    seen = labels.copy()
    seen[:2, 1] = [1, 1]  # two of four skins wrong, no glasses
    pictures = np.zeros((4, 3, 2, 2), np.uint8)
    test = datasets.Dataset("toy", "test", pictures, labels, (), "none", "nobody", ATTRIBUTES)
    context: Any = SimpleNamespace(
        data=lambda model, split: test,
        run=lambda graph, inputs, title: {"class_logits": logits(seen)},
        once=lambda key, make: make(),
    )
    model: Any = SimpleNamespace(
        id="judge", graphs={"classify": CLASSIFY}, family="classifier", kind="judge", reported=()
    )
    found = {
        metric.name: metric.value for metric in classify.measure(cast(Model, model), cast(Context, context))
    }
    assert found == {"test_error": 0.25, "test_error_glasses": 0.0, "test_error_skin": 0.5}


def test_a_gap_is_the_share_that_would_have_to_change() -> None:
    """Catches a sum not halved, and shares of the wrong column."""
    real = np.array([[0, 0], [0, 1], [1, 2], [1, 2]])
    made = np.array([[0, 0], [0, 1], [0, 2], [1, 0]])
    given: list[tuple[Any, ...]] = []

    def one(*facts: Any) -> Metric:
        given.append(facts)
        return cast(Metric, facts)

    generators._gaps(ATTRIBUTES, made, real, one, "judge")
    (glasses, skin) = given
    assert glasses[:2] == ("attribute_gap_glasses", 0.25)
    assert "none 0.750 (0.500), some 0.250 (0.500)" in glasses[3]
    assert skin[:2] == ("attribute_gap_skin", 0.25)
