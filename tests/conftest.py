"""Shared by all tests: nothing of a developer's environment leaks in, nothing calls home."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Set before gradio or a data hub is imported anywhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny networks lose more to waking threads than they gain: on a busy machine seconds a test."""
    import torch  # not everything that is tested needs it, and it takes seconds

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
