"""Official checkpoints, from the bytes of a pickle to the page: converted, opened, asked over the API."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from demo.engine import styles
from demo.engine.library import Library
from demo.kit import paper
from demo.panels.style import panel as style
from export import __main__ as command
from export.official import checkpoint
from tests import official_files, official_reference, serving
from tests.browser import Visit, address, change, sights
from tests.page.test_page import drag

pytestmark = pytest.mark.browser

PANEL = "#panel-style"
HERO = f"{PANEL} .hero .picture"
FACES, WAVES, CLASSES, MANY = "stylegan2-faces", "stylegan3-waves", "stylegan-classes", "stylegan2-imagenet"
CHECKPOINTS: dict[str, Callable[[], official_files.Module | official_files.Graph]] = {
    FACES: official_files.stylegan2_torch,
    WAVES: official_files.stylegan3,
    CLASSES: lambda: official_files.stylegan(c_dim=3),
    MANY: lambda: official_files.stylegan2_torch(c_dim=200),
}
"""A pickle of each family; of classes, few and many."""


@pytest.fixture(scope="module")
def atelier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[serving.Page, Path]]:
    """The page of what the command made of checkpoints, and where those and their graphs are."""
    folder = tmp_path_factory.mktemp("atelier")
    for name, network in CHECKPOINTS.items():
        path = folder / f"{name}.pkl"
        path.write_bytes(official_files.checkpoint(network()))
        assert command.main(["official", str(path), "--out", str(folder / "models")]) == 0
    with serving.page(folder, [folder / "models"]) as running:
        yield running, folder


def at(page: Page, part: str, model: str) -> None:
    """Until a part is on the stage."""
    page.wait_for_selector(f"{PANEL} .of-{part}[data-card={model}]")


def picture(uri: str | None) -> NDArray[np.uint8]:
    """The pixels of a PNG, uint8 [height, width, 3]."""
    assert uri is not None
    assert uri.startswith("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def expected(path: Path, seed: int, psi: float) -> NDArray[np.uint8]:
    """What the paper says of the makers' seed: the checkpoint read once more, the float64 reference."""
    network = checkpoint.read(path)
    z = np.random.RandomState(seed).randn(1, network.z_dim)
    truncation = np.full((1, network.num_ws), psi)
    ws = official_reference.mapping(network, z, truncation)
    painted = official_reference.synthesis(network, ws)[0]
    return paper.to_bytes(np.clip(painted / 2 + 0.5, 0, 1)).transpose(1, 2, 0)


@pytest.mark.parametrize("name", [FACES, WAVES])
def test_a_makers_seed_shows_the_makers_picture(
    atelier: tuple[serving.Page, Path], visit: Callable[..., Visit], name: str
) -> None:
    """Catches another z, truncation, range or orientation anywhere between the pickle and the screen."""
    site, folder = atelier
    page = visit(site).open(f"?tab=style&model={name}&seed=85&psi=0.7")
    at(page, "make", name)
    expect(page.locator("#style-seed")).to_have_value("85")
    page.wait_for_selector(f"{PANEL} a[href*='seed=85&psi=0.7']")
    client = Client(site.url, verbose=False, httpx_kwargs={"timeout": 120})
    asked = client.predict(model=name, seed=85, psi=0.7, api_name="/stylegan")["image"]
    shown = picture(page.locator(HERO).get_attribute("src"))
    np.testing.assert_array_equal(shown, picture(asked))
    difference = np.abs(shown.astype(int) - expected(folder / f"{name}.pkl", 85, 0.7))
    assert difference.max() <= 1  # a half is rounded either way
    before = page.locator(HERO).get_attribute("src")
    drag(page, page.locator("#style-psi"), 0.9)
    change(page, HERO, before)
    page.wait_for_function("() => /psi=1\\.[345]/.test(location.search)")
    psi = float(re.findall(r"psi=([\d.]+)", address(page))[0])
    page.wait_for_selector(f"{PANEL} a[href*='seed=85&psi={psi:g}&']")
    shown = picture(page.locator(HERO).get_attribute("src"))
    asked = client.predict(model=name, seed=85, psi=psi, api_name="/stylegan")["image"]
    np.testing.assert_array_equal(shown, picture(asked))


def test_truncation_is_laid_out(atelier: tuple[serving.Page, Path], visit: Callable[..., Visit]) -> None:
    """The moments of a sweep are what the API sweeps, and their middle is the same for every seed."""
    site, _ = atelier
    page = visit(site, reduced_motion="reduce").open(f"?tab=style&model={FACES}&part=truncate&seed=85")
    at(page, "truncate", FACES)
    moments = page.locator(f"{PANEL} .moments img")
    expect(moments).to_have_count(style.SWEEP)
    client = Client(site.url, verbose=False, httpx_kwargs={"timeout": 120})
    swept = client.predict(model=FACES, seed=85, steps=style.SWEEP - 1, api_name="/truncation_sweep")
    shown = [picture(moments.nth(k).get_attribute("src")) for k in range(style.SWEEP)]
    for one, uri in zip(shown, swept["images"], strict=True):
        np.testing.assert_array_equal(one, picture(uri))
    other = client.predict(model=FACES, seed=3, steps=2, api_name="/truncation_sweep")["images"]
    np.testing.assert_array_equal(shown[style.SWEEP // 2], picture(other[1]))
    assert np.abs(shown[0].astype(int) - shown[-1]).mean() > 5


def test_a_class_can_be_asked_for(atelier: tuple[serving.Page, Path], visit: Callable[..., Visit]) -> None:
    """Catches a class that the network does not have, and one beyond the tenth that nobody could choose."""
    site, folder = atelier
    library = Library.open([folder / "models"], "cpu")
    page = visit(site, locale="fr-FR").open(f"?tab=style&model={CLASSES}")
    panel = page.locator(PANEL)
    at(page, "make", CLASSES)
    expect(panel.get_by_text("Classe", exact=True)).to_be_visible()
    field = page.locator("#style-label")
    expect(field).to_be_hidden()
    choices = panel.locator("label:has([name=label][type=radio]):visible")
    expect(choices).to_have_text(["Libre", "0", "1", "2"])
    before = page.locator(HERO).get_attribute("src")
    choices.nth(3).click()
    change(page, HERO, before)
    shown = picture(page.locator(HERO).get_attribute("src"))
    look = styles.Look(label=2)
    painted = styles.portrait(library, library.model(CLASSES), 7, look)
    np.testing.assert_array_equal(shown, paper.to_bytes(painted).transpose(1, 2, 0))
    # Many classes have a field.
    page = visit(site, locale="fr-FR").open(f"?tab=style&model={MANY}&label=150")
    panel, field = page.locator(PANEL), page.locator("#style-label")
    choices = panel.locator("label:has([name=label][type=radio]):visible")
    at(page, "make", MANY)
    expect(field).to_have_value("150")
    expect(choices).to_have_text(["Libre"])
    before = page.locator(HERO).get_attribute("src")
    field.fill("199")
    change(page, HERO, before)
    field.fill("200")
    expect(panel.locator(".problem")).to_contain_text("-1")
    expect(panel.locator(".problem")).to_contain_text("199")
    field.fill("150")
    expect(panel.locator(".problem")).to_have_count(0)
    # The other network has no class 150.
    panel.get_by_text(re.compile(CLASSES)).first.click()
    at(page, "make", CLASSES)
    expect(panel.locator(".problem")).to_have_count(0)
    expect(panel.get_by_role("radio", name="Libre")).to_be_checked()


def test_what_a_checkpoint_lacks_is_not_offered(
    atelier: tuple[serving.Page, Path], visit: Callable[..., Visit]
) -> None:
    site, _ = atelier
    for model, offered in (
        (FACES, ["make", "truncate", "mix", "travel", "inside"]),
        (WAVES, ["make", "truncate", "mix", "travel"]),
    ):
        page = visit(site).open(f"?model={model}")
        at(page, "make", model)  # there is no other tab to open first
        expect(page.get_by_role("tab")).to_have_count(1)
        for part in style.PARTS:
            choice = page.locator(f"{PANEL} label:has([name=part][value={part}])")
            (expect(choice).to_be_visible if part in offered else expect(choice).to_be_hidden)()
        expect(page.locator("#style-noise_seed")).to_be_hidden()
        expect(page.get_by_text("Your picture", exact=True)).to_be_hidden()
        expect(page.locator(f".tile[data-model={model}] img")).to_be_visible()


@pytest.mark.slow
def test_it_fits_everywhere(atelier: tuple[serving.Page, Path], visit: Callable[..., Visit]) -> None:
    visitor = visit(atelier[0], reduced_motion="reduce")
    looked_at = [(FACES, "make"), (FACES, "truncate"), (WAVES, "mix"), (CLASSES, "make"), (MANY, "make")]
    for model, part in looked_at:
        page = visitor.open(f"?tab=style&model={model}&part={part}")
        at(page, part, model)
        for sight in sights(page, f"official-{model}-{part}", widths=(1280, 375)):
            sight.fits("#panel-style")
