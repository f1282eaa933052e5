"""The page as a folder: whole, relative, the same twice; and stages that say nothing of a state."""

from __future__ import annotations

import base64
import functools
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo import app, panels, stages, static
from demo.kit.answers import tell
from onnx_models.errors import LineageError
from tests import players


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return players.write(tmp_path_factory.mktemp("static") / "models")


@pytest.fixture(scope="module")
def files(models: Path) -> static.Files:
    return static.build(static.chosen([models]))


def text(files: static.Files, name: str) -> str:
    content = files[name]
    assert isinstance(content, bytes)
    return content.decode()


def test_the_same_models_make_the_same_bytes(models: Path, files: static.Files) -> None:
    """Catches a time that was measured at the building, a name of memory, a set's order."""
    assert static.build(static.chosen([models])) == files


def test_every_address_is_of_a_file_in_the_folder(files: static.Files) -> None:
    """Catches a file that is forgotten, an absolute address, another host's."""
    document, script = text(files, "index.html"), next(name for name in files if name.endswith(".js"))
    asked = re.findall(r'(?:src|href)="(?!data:|\?|https?:)([^"]+)"', document)
    assert {script, "icon.svg"} <= set(asked)
    held = re.findall(r"held:(\S+?\.json)#(\d+)", document)
    said = json.loads(re.match(r"const lineageStages = (.*);", text(files, script))[1])  # type: ignore[index]
    laid = [file for panel in said["panels"].values() for _, file in panel["stages"] if file]
    folder = re.search(r'lineageKitchen = "([^"]+)"', text(files, script))
    assert folder is not None
    cooked = [f"{folder[1]}/{name}" for name in ("worker.js", "recipes.js", "cards.json", "ort.wasm.gz")]
    assert {*asked, *(name for name, _ in held), *laid, *said["drawers"].values(), *cooked} <= set(files)
    for name, place in held:
        assert place in json.loads(text(files, name))
    graphs = json.loads(text(files, f"{folder[1]}/cards.json"))
    for card in graphs.values():
        for graph in [*card["graphs"].values(), *card["snapshots"].values()]:
            assert f"kitchen/models/{graph['sha256']}.onnx" in files
    assert "gradio_api" not in document
    assert not re.search(r'\b(?:src|href|action)="(?:/|//)', document)


def test_nothing_of_what_only_a_server_does_is_left(files: static.Files) -> None:
    """Catches a button that nobody answers, and an address of a picture that nobody paints."""
    for name in files:
        if name.endswith((".html", ".json")) and not name.startswith("kitchen"):
            assert "data-served" not in text(files, name)
            assert "avatar.png" not in text(files, name)
            assert "data-send" not in text(files, name)


def test_a_stage_has_no_picture_but_real_ones(models: Path) -> None:
    """Catches a picture of one seed that would stand beside those of another."""
    library = static.chosen([models])
    page = app.build(library, served=False)
    desks = [block.desk for block in page.blocks.values() if hasattr(block, "desk")]
    assert len(desks) >= 9
    for desk in desks:
        name = desk.box.parent.elem_id.removeprefix("panel-")
        for stage in panels.stages(library, name, desk.state):
            if stage.one == stage.other or stage.pins.get("a") == "":
                continue  # the pictures of a game; a sum whose terms nobody chose
            for view in desk.views:
                show = stage.show or view.show
                answers = [next(tell(functools.partial(show, library, s))) for s in (stage.one, stage.other)]
                laid = stages.stage(*answers)
                if laid is not None:
                    assert pictures(json.loads(laid)) == set(), (name, stage.pins)


def pictures(envelope: dict[str, Any]) -> set[str]:
    """The pictures of a stage that are not clear, but for those that stay real."""
    markup = envelope.get("markup") or envelope.get("data", {}).get("stage", "")
    found: set[str] = set()

    def look(element: Any) -> None:
        if isinstance(element, str) or "data-lasts" in element.attributes:
            return
        for value in element.attributes.values():
            found.update(re.findall(r"data:image/png;base64,([^\")]+)", value))
        for child in element.children:
            look(child)

    look(stages._read(markup))
    return {uri for uri in found if np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))).any()}


def test_models_are_picked_with_their_judges(models: Path) -> None:
    library = static.chosen([models], ["gan", "rbm"])
    assert [model.id for model in library.catalog.models if model.kind != "judge"] == ["rbm", "gan"]
    assert any(model.kind == "judge" for model in library.catalog.models)
    with pytest.raises(LineageError, match="no model called 'gun'"):
        static.chosen([models], ["gun"])


def test_a_folder_is_replaced_and_another_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a copy that leaves old files, takes others with it, or writes over somebody's own."""
    made = {"index.html": b"one", "kitchen/a.onnx": b"two"}
    monkeypatch.setattr(static, "build", lambda library: made)
    monkeypatch.setattr(static, "chosen", lambda *_: None)
    out = tmp_path / "out"
    assert static.main([str(out)]) == 0
    assert "2 files" in capsys.readouterr().out
    (out / "CNAME").write_text("example.org")
    made = {"index.html": b"three"}
    assert static.main([str(out)]) == 0
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == {"index.html", "CNAME", static.WRITTEN}
    assert (out / "index.html").read_bytes() == b"three"
    made = {"large.onnx": bytes(static.LIMIT_BYTES)}
    assert static.main([str(out)]) == 2
    assert "large.onnx has 10.0 MB" in capsys.readouterr().err
    assert (out / "index.html").read_bytes() == b"three"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "letter.txt").write_text("Dear")
    assert static.main([str(tmp_path / "own")]) == 2
    assert "is not empty" in capsys.readouterr().err


def said(words: object) -> str:
    return html.escape(json.dumps({"text": ["seed", words]}))


STYLE = '<i class="{}" style="--w:1;--x:url(data:a;{})">{}</i>'


@pytest.mark.parametrize(
    ("one", "other", "left"),
    [
        (f'<p data-say="{said(7)}"></p>', f'<p data-say="{said(8)}"></p>', "<p></p>"),
        (f'<dd data-say="{said(7)}"></dd>', f'<dd data-say="{said(8)}"></dd>', "<dd>–</dd>"),
        ("<p>a &lt; b</p>", "<p>a &lt; b</p>", "<p>a &lt; b</p>"),
        (STYLE.format("a b", "c", 1), STYLE.format("b", "d", 2), '<i class="b" style="--w:1"></i>'),
        ("<p><b data-measured>1</b><i>1</i></p>", "<p><b data-measured>2</b><i>1</i></p>", "<p><i>1</i></p>"),
        ("<p><b data-lasts>1</b></p>", "<p><b data-lasts>2</b></p>", '<p><b data-lasts="">1</b></p>'),
        ('<ol><li data-set="1"></li></ol>', "<ol></ol>", "<ol></ol>"),
    ],
)
def test_what_differs_is_left_out(one: str, other: str, left: str) -> None:
    assert stages.common(one, other, made=True) == left


def test_what_is_served_is_said_instead() -> None:
    markup = '<div><a data-served>x</a><p data-served="game.served">y</p></div>'
    said = '<div><p class="note" data-say="{&quot;text&quot;: [&quot;game.served&quot;]}"></p></div>'
    assert stages.common(markup, markup) == said
