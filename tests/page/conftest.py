"""What several tests of the page look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import players, serving


@pytest.fixture(scope="session")
def playable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models of whatever a visitor's own browser plays."""
    return players.write(tmp_path_factory.mktemp("kitchen") / "models")


@pytest.fixture(scope="session")
def kitchen(playable: Path) -> Iterator[serving.Page]:
    """A page of them, for visitors whose browser cooks."""
    with serving.page(playable.parent, [playable]) as running:
        yield running
