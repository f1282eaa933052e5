"""Shared by all tests: nothing of a developer's environment leaks in, nothing calls home."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Set before gradio or a data hub is imported anywhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("GRADIO_TEMP_DIR", None)
# A proxy is for other machines: no test may ask it for a page of this one.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests import serving
    from tests.browser import Visit


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tiny networks lose more to waking threads than they gain: on a busy machine seconds a test."""
    import torch  # not everything that is tested needs it, and it takes seconds

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def one_registry() -> Iterator[None]:
    """PyTorch's exporter parses the source of 497 operators for every graph, two thirds of what a small one
    takes; here it does so once.
    """
    import functools

    from torch.onnx._internal.exporter._registration import ONNXRegistry

    kept = functools.cache(ONNXRegistry.from_torchlib)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            ONNXRegistry, "from_torchlib", classmethod(lambda _, opset_version: kept(opset_version))
        )
        yield


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models that ship; tiny ones in a checkout that has none yet."""
    from onnx_models import catalog
    from tests import tiny

    if catalog.load().having("reconstruct") and catalog.load().having("generate"):
        return catalog.DIRECTORY
    return tiny.write_models(tmp_path_factory.mktemp("shipped") / "models")


@pytest.fixture(scope="session")
def site(shipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """The page of what ships, one for all tests of a process: a start takes ten seconds."""
    from tests import serving

    with serving.page(tmp_path_factory.mktemp("site"), [shipped]) as running:
        yield running


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """The page of tiny models of every kind, for what is about the page and not about its networks."""
    from tests import serving, tiny

    folder = tmp_path_factory.mktemp("small")
    with serving.page(folder / "page", [tiny.write_models(folder / "models")]) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium. Not one for all modules: while Playwright runs, its thread has no room for another loop."""
    from tests.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Send visitors to a site; none of them may meet an error in the console or leave the machine."""
    from tests.browser import Visit

    visitors: list[Visit] = []

    def send(site: serving.Page, **options: Any) -> Visit:
        visitors.append(Visit(browser, site.url, **options))
        return visitors[-1]

    yield send
    for visitor in visitors:
        # Taken before the page goes: a stream that closes with it complains of just that.
        complaints, unsaid = list(visitor.complaints), visitor.unsaid()
        visitor.context.close()
        assert complaints == []
        assert unsaid == []
        assert visitor.outside == []
