"""`python -m evaluation touch`: prints times; nobody asserts on them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evaluation import __main__ as command
from evaluation import touch
from tests import tiny
from tests.browser import chromium


@pytest.mark.browser
def test_times_are_printed_by_server_and_by_browser(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Catches a panel whose pictures the command does not see change: it would wait for ever."""
    with chromium():  # a skip where there is none, a failure where continuous integration has none
        pass
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
    monkeypatch.setattr(touch, "find_chromium", lambda driver: None)
    assert command.main(["touch"]) == 2
    assert capsys.readouterr().err == "This needs a Chromium: apt-get install chromium.\n"


def test_a_panel_that_is_not_timed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a wait for ever: nothing on the map comes of a seed."""
    assert command.main(["touch", "map"]) == 2
    assert capsys.readouterr().err == "'map' is no panel that is timed: dream, latent, draw, style, onez.\n"
