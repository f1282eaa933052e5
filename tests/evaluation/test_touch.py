"""`python -m evaluation touch`: prints times; nobody asserts on them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from evaluation import __main__ as command
from evaluation import touch
from tests import tiny


@pytest.mark.browser
def test_times_are_printed_by_server_and_by_browser(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Catches a panel whose pictures the command does not see change: it would wait for ever."""
    if not any(map(shutil.which, touch.CHROMIUMS)):
        pytest.skip("there is no Chromium")
    directory = tiny.write_first_half(tmp_path / "models")
    asked = ["touch", "dream", "draw", "--models", str(directory), "--touches", "1", "--seconds", "0.5"]
    assert command.main(asked) == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head == touch.HEAD
    for row, panel in zip(rows, ("dream", "draw"), strict=True):
        assert re.fullmatch(panel + r"( +\d+){8}", row)


def test_without_a_chromium_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(touch.shutil, "which", lambda name: None)
    assert command.main(["touch"]) == 2
    assert capsys.readouterr().err == "This needs a Chromium: apt-get install chromium.\n"
