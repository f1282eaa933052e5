"""How the page is served: the socket, sessions, plain pictures, visitors behind a proxy."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import html.parser
import inspect
import io
import json
import runpy
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safehttpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from gradio import processing_utils
from gradio.blocks import BlocksConfig
from gradio_client import Client
from PIL import Image

import demo.__main__ as command
from demo import app, front, plain, server, sessions
from demo.engine import images, inference, limits, styles
from demo.engine.library import Library
from demo.kit import paper
from onnx_models.errors import LineageError
from tests import tiny
from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


# ------------------------------------------------------------------------------------------------ the socket


def _accepted(listening: socket.socket) -> socket.socket:
    with socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
    return accepted


def _waits(connection: socket.socket) -> bool:
    with connection:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_small_answers_do_not_wait_for_acknowledgements(host: str) -> None:
    """Catches Nagle's algorithm, which costs 40 ms an answer; no clock of a test should have to see it."""
    with command.listen(host, 0) as listening:
        assert not _waits(_accepted(listening))


def test_nor_do_those_of_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of ``app.py``, which is what Spaces start. Catches another way to the port there."""
    seen: list[bool] = []

    def serve(application: Any, taken: socket.socket, *more: Any, **named: Any) -> None:
        with contextlib.closing(taken):
            seen.append(_waits(_accepted(taken)))

    monkeypatch.setattr(app, "build", lambda *_, **__: None)
    monkeypatch.setattr(server, "application", lambda *_, **__: None)
    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "0")
    monkeypatch.setattr("sys.argv", ["app.py"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
    assert ended.value.code == 0
    assert seen == [False]


# ------------------------------------------------------------------------------------- a page in this process


@dataclass
class Served:
    """A page that answers over HTTP, and what it is made of."""

    url: str
    page: Any
    library: Library


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    models = tiny.write_models(tmp_path_factory.mktemp("server") / "models")
    tiny.write_model(models, "styles", tiny.stylegan(channels=3), year=2020)
    library = Library.open([models], "cpu")
    taken = command.listen("127.0.0.1", 0)
    found: list[Any] = []
    started = threading.Event()

    async def run() -> None:
        page = app.build(library)  # within a loop: Gradio would open one of its own and leave it open
        config = uvicorn.Config(server.application(library, page), log_level="warning")
        running = uvicorn.Server(config)
        found.extend([page, running])
        task = asyncio.create_task(running.serve(sockets=[taken]))
        while not running.started:
            await asyncio.sleep(0.01)
        started.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert started.wait(timeout=PATIENCE)
    yield Served(f"http://127.0.0.1:{taken.getsockname()[1]}", found[0], library)
    found[1].should_exit = True
    thread.join(timeout=PATIENCE)


def _get(url: str, **headers: str) -> tuple[int, Any, bytes]:
    asked = urllib.request.Request(
        url, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()


def _call(served: Served, name: str, *data: Any) -> Any:
    """Call an endpoint as curl does, without a session."""
    address = f"{served.url}/gradio_api/call/{name}"
    asked = urllib.request.Request(
        address, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        event = json.loads(answer.read())["event_id"]
    _, _, stream = _get(f"{address}/{event}")
    kind, text = stream.decode().strip().split("\n\n")[-1].split("\n", 1)
    found = json.loads(text.removeprefix("data: "))
    assert kind == "event: complete", found
    return found[0]


def _image(content: bytes) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        return np.asarray(image)


# --------------------------------------------------------------------------------------------- API's sessions


def test_a_call_describes_no_component_of_the_page(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a session laid out for each call: counted in components, of which a page has hundreds."""
    described: list[Any] = []
    describe = BlocksConfig.config_for_block

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        described.append(arguments[0])
        return describe(*arguments, **named) if static else describe(self, *arguments, **named)

    static = isinstance(inspect.getattr_static(BlocksConfig, "config_for_block"), staticmethod)
    monkeypatch.setattr(BlocksConfig, "config_for_block", counted)
    assert len(served.page.blocks) > 100
    _call(served, "sample", ["gan"], -1, 7, 2)
    (endpoint,) = [each for each in served.page.fns.values() if each.api_name == "sample"]
    assert set(described) <= {block._id for block in (*endpoint.inputs, *endpoint.outputs)}


def test_calls_without_a_session_push_nobody_out(served: Served) -> None:
    """Catches a thousand calls by which everybody who looks at the page is forgotten."""
    before = dict(served.page.state_holder.session_data)
    for seed in range(3):
        _call(served, "sample", ["gan"], -1, seed, 1)
    assert served.page.state_holder.session_data == before


def test_a_caller_with_a_session_keeps_it(served: Served) -> None:
    client = Client(served.url, verbose=False)
    for _ in range(2):
        client.predict(models=["gan"], api_name="/sample")
    assert client.session_hash in served.page.state_holder


def test_another_gradio_is_noticed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an upgrade that renames what is replaced: the doors would be open again in silence."""
    with pytest.raises(LineageError, match=r"knows no sessions of Gradio .*: install the one") as refused:
        sessions.install(FastAPI(), served.page)
    assert refused.value.code == "server.gradio"
    for module, name in (
        (processing_utils, "async_ssrf_protected_get"),
        (safehttpx, "async_validate_url"),
    ):
        with monkeypatch.context() as patched:
            patched.delattr(module, name)
            with pytest.raises(LineageError, match=rf"{name} is not there to be shut") as refused:
                server.refuse_addresses()
            assert not hasattr(module, name)
            assert refused.value.code == "server.gradio"


# ---------------------------------------------------------------------------------------------- what is asked


def test_what_is_left_off_at_the_end_has_its_default(served: Served) -> None:
    """Catches an argument added to an endpoint breaking the calls of curl, which sends them by position."""
    full = _call(served, "sample", ["gan"], -1, 0, 16, "pictures")
    assert _call(served, "sample", ["gan"]) == full
    assert _call(served, "sample", ["gan"], -1, 0, 16) == full


@pytest.mark.parametrize(("model", "count"), [("gan", 11), ("gan", 3)])
def test_a_sheet_holds_all_pictures(served: Served, model: str, count: int) -> None:
    """Catches pictures out of order, a gap, and one file a picture where one was asked for."""
    pictures = _call(served, "sample", [model], -1, 7, count)["samples"][0]["images"]
    sheet = _call(served, "sample", [model], -1, 7, count, "sheet")["samples"][0]
    whole = _image(base64.b64decode(sheet["sheet"].partition(",")[2]))
    assert set(sheet) == {"model", "sheet", "columns", "count", "error"}
    assert whole.shape == (28 * -(-count // 8), 28 * min(count, 8))
    for k, uri in enumerate(pictures):
        y, x = 28 * (k // sheet["columns"]), 28 * (k % sheet["columns"])
        np.testing.assert_array_equal(
            whole[y : y + 28, x : x + 28], _image(base64.b64decode(uri.partition(",")[2]))
        )


def test_pictures_are_encoded_beside_the_next_requests_model(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a turn at the networks that lasts until the file is written: of two callers each goes on with
    its own only when the other has come as far, and networks run one at a time.
    """
    encode, both = paper.to_data_uri, threading.Barrier(2)

    def together(image: images.Bytes) -> str:
        both.wait(timeout=PATIENCE)
        return encode(image)

    monkeypatch.setattr(paper, "to_data_uri", together)
    monkeypatch.setattr(served.library.runtime, "_turns", threading.Semaphore(1))
    callers = [
        threading.Thread(target=_call, args=(served, "sample", ["gan"], -1, seed, 9, "sheet"))
        for seed in (1, 2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not both.broken


def test_another_layout_is_one_sentence(served: Served) -> None:
    with pytest.raises(AssertionError, match="layout must be pictures or sheet, got 'wall'"):
        _call(served, "sample", ["gan"], -1, 7, 1, "wall")


# --------------------------------------------------------------------------------------------- plain pictures


def test_a_picture_has_an_address(served: Served) -> None:
    """Catches another picture than the seed's, and one that is sent again to who has it."""
    status, headers, content = _get(f"{served.url}/picture.png?model=gan&seed=7")
    assert (status, headers["content-type"]) == (200, "image/png")
    expected = inference.sample(served.library, "gan", 7, 1, -1).images[0]
    np.testing.assert_array_equal(_image(content), paper.as_image(expected))
    tag = headers["etag"]
    for wanted in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        status, headers, nothing = _get(f"{served.url}/picture.png?model=gan&seed=7", if_none_match=wanted)
        assert (status, nothing, headers["etag"]) == (304, b"", tag)
    assert _get(f"{served.url}/picture.png?model=gan&seed=7", if_none_match='"another"')[0] == 200
    assert _get(f"{served.url}/picture.png?model=gan&seed=8")[1]["etag"] != tag
    assert _get(f"{served.url}/picture.png?seed=7&model=gan")[2] == content


def test_a_grid_has_an_address(served: Served) -> None:
    content = _get(f"{served.url}/grid.png?model=gan&seed=7&count=10&columns=4")[2]
    expected = inference.sample(served.library, "gan", 7, 10, -1).images
    np.testing.assert_array_equal(_image(content), paper.grid(expected, 4))
    assert _image(_get(f"{served.url}/grid.png")[2]).shape == (2 * 30 - 2, 8 * 30 - 2)


def test_styles_have_addresses(served: Served) -> None:
    """A network of colours, of styles alone. Catches psi lost, and colours that cannot be laid out."""
    painter = styles.painter(served.library, "styles")
    for query, expected in (
        ("", inference.sample(served.library, "styles", 5, 1).images[0]),  # as /sample has it
        ("&psi=0.3", styles.portrait(served.library, painter, 5, styles.Look(psi=0.3))),
    ):
        content = _get(f"{served.url}/picture.png?model=styles&seed=5{query}")[2]
        np.testing.assert_array_equal(_image(content), paper.as_image(expected))
    sheet = _image(_get(f"{served.url}/grid.png?model=styles&seed=5&psi=0.3&count=3&columns=2")[2])
    height, width, channels = sheet.shape
    assert channels == 3
    first = sheet[: (height - 2) // 2, : (width - 2) // 2]
    np.testing.assert_allclose(first.astype(int), paper.as_image(expected), atol=1)  # another batch


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("picture.png?model=nobody", "There is no model called 'nobody'"),
        ("picture.png?model=rbm", "rbm ships no graph for generate"),
        ("picture.png?seed=-1", "seed must be a whole number from 0 to 4294967295, got -1."),
        ("picture.png?seed=x", "seed must be a whole number"),
        ("picture.png?label=10", "label must be a whole number from -1 to 9"),
        ("picture.png?model=gan&psi=0.5", "gan ships no graph for mapping, synthesis"),
        ("picture.png?size=9", "picture.png takes model, seed, label and psi, got 'size'."),
        ("grid.png?count=65", "count must be a whole number from 1 to 64, got 65."),
        ("grid.png?columns=0", "columns must be a whole number from 1 to 64, got 0."),
        ("card.png?seed=1", "card.png takes no arguments, got 'seed'."),
    ],
)
def test_a_wrong_picture_is_one_sentence(served: Served, address: str, sentence: str) -> None:
    status, _, content = _get(f"{served.url}/{address}")
    assert status == 400
    said = json.loads(content)["detail"]
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


def test_where_no_network_makes_pictures_there_are_none(tmp_path: Path) -> None:
    models = tiny.write_model(tmp_path / "models", "rbm", tiny.rbm()).parent
    answer = TestClient(_pictures(Library.open([models], "cpu"), plain.picture)).get("/picture.png")
    assert answer.status_code == 404


def _pictures(library: Any, paint: Any) -> FastAPI:
    web = FastAPI()
    web.get("/picture.png")(plain.Pictures(library).answer(paint, "picture.png", "seed"))
    return web


def test_a_picture_is_painted_once() -> None:
    """Catches a cache that forgets, and one that never does; counted in pictures painted."""
    painted: list[str] = []

    def paint(_: Any, asked: Any) -> images.Bytes:
        painted.append(asked["seed"])
        noise = np.random.Generator(np.random.Philox(int(asked["seed"])))
        return noise.integers(0, 256, (1000, 1000), np.uint8)  # does not get smaller as a PNG

    client = TestClient(_pictures(None, paint))
    contents = [client.get(f"/picture.png?seed={seed}").content for seed in (1, 1, 2, 1)]
    assert painted == ["1", "2"]
    assert contents[0] == contents[1] == contents[3] != contents[2]
    for seed in range(3, 3 + limits.KEPT_BYTES // 1_000_000):
        client.get(f"/picture.png?seed={seed}")
    client.get("/picture.png?seed=1")
    assert painted.count("1") == 2


def test_pictures_are_bounded_as_the_queue_is() -> None:
    """Catches a flood of plain pictures past all limits, and one visitor who keeps the others waiting."""
    release = threading.Event()
    at_once, most, lock = 0, 0, threading.Lock()

    def paint(_: Any, asked: Any) -> images.Bytes:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        release.wait(timeout=PATIENCE)
        with lock:
            at_once -= 1
        return np.zeros((2, 2), np.uint8)

    answer = plain.Pictures(None).answer(paint, "picture.png", "seed")  # type: ignore[arg-type]

    async def ask(host: str, seed: int) -> int:
        scope = {
            "type": "http", "method": "GET", "path": "/picture.png", "headers": [], "client": (host, 5),
            "query_string": f"seed={seed}".encode(),
        }  # fmt: skip
        return (await answer(Request(scope))).status_code

    async def flood() -> tuple[list[int], int, list[int]]:
        visitors = limits.QUEUE // limits.WAITING
        tasks = [
            asyncio.create_task(ask(f"10.0.0.{visitor}", 1000 * visitor + k))
            for visitor in range(visitors)
            for k in range(limits.WAITING)
        ]
        await asyncio.sleep(0)  # all have been counted
        one_more = await ask("10.0.0.0", 999_999)
        another = await ask("10.0.1.1", 999_998)
        release.set()
        return await asyncio.gather(*tasks), one_more, [another, await ask("10.0.1.1", 999_997)]

    answered, one_more, another = asyncio.run(flood())
    assert set(answered) == {200}
    assert one_more == 429
    assert another == [503, 200]
    assert most <= limits.CONCURRENCY


# ------------------------------------------------------------------------------------------- who is asking


@pytest.mark.parametrize(
    ("peer", "header", "trusted", "space", "seen"),
    [
        # Without a proxy nobody is believed.
        ("203.0.113.7", "198.51.100.1", None, False, "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", None, False, "10.0.0.1"),
        # This machine's own proxy is; what the visitor wrote into the header before it counts for nothing.
        ("127.0.0.1", "198.51.100.1", None, False, "198.51.100.1"),
        ("127.0.0.1", "1.1.1.1, 198.51.100.1", None, False, "198.51.100.1"),
        ("127.0.0.1", None, None, False, "127.0.0.1"),
        # Named proxies alone, a row of them too.
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", ["10.0.0.0/8"], False, "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.2.3.4", ["10.0.0.0/8"], False, "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1", ["10.0.0.0/8"], False, "127.0.0.1"),
        ("192.0.2.9", "198.51.100.1", ["192.0.2.9/32"], False, "198.51.100.1"),
        # On a Space the proxy lives in a private network.
        ("10.16.3.2", "1.1.1.1, 198.51.100.1", None, True, "198.51.100.1"),
        ("203.0.113.7", "198.51.100.1", None, True, "203.0.113.7"),
    ],
)
def test_visitors_behind_a_proxy_are_told_apart(
    peer: str,
    header: str | None,
    trusted: list[str] | None,
    space: bool,
    seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches one visitor's full queue being held against all, and visitors who name themselves."""
    found: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            found.append(scope["client"][0])

    def answer_one(self: uvicorn.Server, sockets: Any = None) -> None:
        self.config.load()
        headers = [] if header is None else [(b"x-forwarded-for", header.encode())]
        scope = {"type": "http", "client": (peer, 1), "headers": headers, "scheme": "http"}

        async def ask() -> None:
            await self.config.loaded_app(scope, None, None)  # type: ignore[arg-type]

        asyncio.run(ask())

    monkeypatch.setattr(uvicorn.Server, "run", answer_one)
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    if space:
        monkeypatch.setenv("SPACE_ID", "ada/latent-lineage")
    server.serve(page, None, trusted)  # type: ignore[arg-type]
    assert found == [seen]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--trusted-proxy", "10.0.0.1/8"],
            "trusted-proxy must be an address or a network such as 10.0.0.0/8",
        ),
        (["--trusted-proxy", "*"], "trusted-proxy must be an address"),
        (["--root-path", "lineage"], "root-path must begin with / or be an address with http"),
        (["--root-path", "/a?b"], "root-path must begin with /"),
        (["--threads", "0"], "threads must be a whole number from 1 to 1024, got '0'"),
        (["--threads", "many"], "threads must be a whole number"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_root_path_comes_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ROOT_PATH", "/lineage/")
    assert command._parser().parse_args([]).root_path == "/lineage"
    assert (
        command._parser().parse_args(["--root-path", "https://a.example/b"]).root_path
        == "https://a.example/b"
    )


def test_a_page_under_a_path_says_so(library: Library) -> None:
    """Catches an option that stops half-way: scripts, calls and the picture of a link are asked for there."""

    async def build() -> Any:
        return server.application(library, app.build(library), root_path="/lineage")

    client = TestClient(asyncio.run(build()))
    assert client.get("/config").json()["root"] == "http://testserver/lineage"
    assert 'content="http://testserver/lineage/card.png"' in client.get("/").text


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.open([tiny.write_models(tmp_path_factory.mktemp("library") / "models")], "cpu")


# -------------------------------------------------------------------------------------------- how it is shown


class Head(html.parser.HTMLParser):
    """What other programs read in a page: its names, its picture, its icon."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.named: list[tuple[str, str]] = []
        self.links: list[dict[str, str | None]] = []
        self.titles: list[str] = []
        self._title = False
        self.feed(page.partition("</head>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "meta":
            self.named.append((facts.get("property") or facts.get("name") or "", facts.get("content") or ""))
        elif tag == "link":
            self.links.append(facts)
        self._title = tag == "title"

    def handle_data(self, data: str) -> None:
        if self._title and data.strip():
            self.titles.append(data.strip())


def test_a_link_to_the_page_shows_the_page(served: Served) -> None:
    """Catches a card that says Gradio, a picture of another project or none, two titles that contradict."""
    head = Head(_get(served.url)[2].decode())
    named = dict(head.named)
    assert head.titles == ["Latent Lineage"]
    for kind in ("og", "twitter"):
        assert named[f"{kind}:title"] == "Latent Lineage"
        assert "generative networks" in named[f"{kind}:description"]
        assert named[f"{kind}:image"] == f"{served.url}/card.png"
    names = [name for name, _ in head.named if name.startswith(("og:", "twitter:"))]
    assert len(names) == len(set(names))
    assert not [text for text in [*named.values(), *named] if "gradio" in text.lower()]
    picture = _image(_get(named["og:image"])[2])
    assert picture.shape == (int(named["og:image:height"]), int(named["og:image:width"]), 3)
    assert len(np.unique(picture)) > 20  # something is on it


def test_the_icon_is_ours(served: Served) -> None:
    head = Head(_get(served.url)[2].decode())
    (icon,) = [link for link in head.links if link.get("rel") == "icon"]
    assert icon["href"] == "./favicon.ico"
    _, headers, content = _get(f"{served.url}/favicon.ico")
    assert headers["content-type"].startswith("image/svg+xml")
    assert content == front.ICON.read_bytes()
    assert not [link for link in head.links if link.get("rel") == "manifest"]


def test_a_name_in_a_request_is_no_markup(served: Served) -> None:
    """Catches an address taken from a header straight into the page."""
    page = _get(served.url, x_forwarded_host='a"><script>alert(1)</script>')[2].decode()
    assert '"><script>alert(1)' not in page.partition("window.gradio_config")[0]


@pytest.mark.parametrize("address", ["/", "/config", "/gradio_api/info"])
def test_what_is_long_is_compressed(served: Served, address: str) -> None:
    """Catches 1.6 MB on the wire; and what was not asked for so."""
    _, headers, packed = _get(served.url + address, accept_encoding="gzip, deflate, br")
    assert headers["content-encoding"] == "gzip"
    _, bare, text = _get(served.url + address)
    assert "content-encoding" not in bare
    assert gzip.decompress(packed) == text
    assert len(packed) < len(text) / 2
    assert int(headers["content-length"]) == len(packed)
    assert "Accept-Encoding" in headers["vary"]
    assert "content-encoding" not in _get(served.url + address, accept_encoding="gzip;q=0, br")[1]


def test_a_stream_arrives_event_by_event(served: Served) -> None:
    """Catches events held back until a block of them can be compressed."""
    address = f"{served.url}/gradio_api/heartbeat/nobody"
    asked = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as stream:
        assert "content-encoding" not in stream.headers
        assert stream.readline().startswith(b"data:")  # while it goes on
