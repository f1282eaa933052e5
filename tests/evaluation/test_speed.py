"""`python -m evaluation speed`: prints ratios; nobody asserts on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evaluation import __main__ as command
from onnx_models import catalog
from tests import tiny


def test_ratios_are_printed_for_both_batches(capsys: pytest.CaptureFixture[str], one_thread: None) -> None:
    """Catches a network that is built otherwise than its file, for which a ratio would mean nothing."""
    if not (catalog.DIRECTORY / "stylegan2_digits").is_dir():
        pytest.skip("no StyleGAN ships here")
    assert command.main(["speed", "stylegan2_digits", "dcgan", "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for line, start in zip(lines, ("stylegan2_digits, batch 1", "stylegan2_digits, batch 16"), strict=False):
        assert re.fullmatch(start + r": onnxruntime [\d.]+ ms, PyTorch [\d.]+ ms, [\d.]+ times as fast", line)


def test_what_torch_cannot_build_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], one_thread: None
) -> None:
    directory = tiny.write_models(tmp_path)
    assert command.main(["speed", "rbm", "--models", str(directory)]) == 2
    assert capsys.readouterr().err == "rbm is neither a StyleGAN nor a DCGAN of this project.\n"
