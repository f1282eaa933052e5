"""Pictures that a generator can paint, found again by its encoder."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import inversion
from evaluation.context import Context
from onnx_models import catalog
from onnx_models import inversion as refining
from onnx_models.runtime import Runtime
from tests import tiny
from training.datasets import Dataset

COUNT = 60  # more than a batch


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Tiny networks whose test images are of the generator's own styles, under seed 0's noise."""
    graphs = tiny.stylegan(size=64)
    size = {"channels": 3, "height": 64, "width": 64}
    tiny.edit(tiny.write_model(tmp_path, "faces", graphs, dataset="avatars"), image=size)
    encoder = tiny.write_model(tmp_path, "eyes", tiny.encoder(graphs), kind="encoder", dataset="avatars")
    tiny.edit(encoder, image=size, generator="faces")
    judge = tiny.write_model(tmp_path, "judge", tiny.attributes(), kind="judge", dataset="avatars")
    tiny.edit(judge, image=size)
    tiny.ask(judge, tiny.QUESTIONS)
    context = Context(catalog.load(tmp_path), Runtime("cpu"), None, 0, quick=False)
    refine = context.catalog.model("eyes").graphs["refine"]
    shape = refine.input("ws").shape[1:]
    ws = np.random.default_rng(1).normal(0, 0.1, (COUNT, *shape)).astype(np.float32)
    blank = np.zeros((COUNT, 3, 64, 64), np.float32)
    noise = refining.noises(refine, 0, COUNT)
    _, painted = next(refining.refined(context.runtime, refine, blank, ws, noise, 0))
    images, labels = np.rint(255 * painted).astype(np.uint8), np.zeros((COUNT, 2), np.uint8)
    data = Dataset("avatars", "test", images, labels, (), "", "")
    monkeypatch.setattr(context, "data", lambda model, split: data)
    return context


def test_steps_bring_test_pictures_closer(found: Context) -> None:
    """Catches steps that are not handed on, a batch out of order, and figures of the wrong pictures."""
    model = found.catalog.model("eyes")
    assert inversion.applies(model)
    assert not inversion.applies(found.catalog.model("faces"))
    figures = {figure.name: figure for figure in inversion.measure(model, found)}
    assert sorted(figures) == [
        f"inversion_{what}_{when}" for what in ("agreement", "error") for when in ("at_a_glance", "refined")
    ]
    glance, refined = (figures[f"inversion_error_{when}"].value for when in ("at_a_glance", "refined"))
    assert refined < 0.7 * glance
    for when in ("at_a_glance", "refined"):
        assert 0 <= figures[f"inversion_agreement_{when}"].value <= 1
        assert len(figures[f"inversion_agreement_{when}"].measured_on) == 3


def test_noise_is_one_pictures_for_all(found: Context) -> None:
    """Catches a seed that is left out, and pictures that each get their own."""
    refine = found.catalog.model("eyes").graphs["refine"]
    for seed in (None, 3):
        for name, grain in refining.noises(refine, seed, 4).items():
            assert grain.shape == (4, *refine.input(name).shape[1:])
            assert np.array_equal(grain[1:], grain[:-1])
            assert grain.any() == (seed is not None)
