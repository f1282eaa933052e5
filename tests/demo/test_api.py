"""The running page as other programs meet it: one process, real HTTP, no way out of the machine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from demo import app, server
from demo.engine import inference, limits
from demo.engine.library import Library
from tests import serving, tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The line-up, a model nobody has heard of, one whose file is gone and one that cannot be read."""
    directory = tiny.write_models(tmp_path_factory.mktemp("api") / "models")
    unseen = tiny.autoencoder(seed=21) | tiny.gan(seed=22)
    tiny.write_strangers(directory, unseen)
    return directory


@pytest.fixture(scope="module")
def page(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    with serving.page(tmp_path_factory.mktemp("page"), [models]) as running:
        yield running


@pytest.fixture(scope="module")
def client(page: serving.Page) -> Client:
    return Client(page.url, verbose=False, httpx_kwargs={"timeout": 120})


@pytest.fixture(scope="module")
def library(models: Path) -> Library:
    return Library.open([models], "cpu")


@pytest.fixture(scope="module")
def digit(library: Library) -> list[list[float]]:
    return (library.examples("mnist").images[3, 0] / 255.0).tolist()


def _post(url: str, body: bytes) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=serving.PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def _curl(page: serving.Page, name: str, body: str) -> tuple[str, Any]:
    """Call an endpoint as the two curl lines of `demo.api` do; the event's name and its data."""
    status, content = _post(f"{page.url}/gradio_api/call/{name}", body.encode())
    assert status == 200, content
    event = json.loads(content)["event_id"]
    with urllib.request.urlopen(
        f"{page.url}/gradio_api/call/{name}/{event}", timeout=serving.PATIENCE
    ) as stream:
        blocks = [
            block for block in stream.read().decode().split("\n\n") if block and "heartbeat" not in block
        ]
    kind, data = blocks[-1].split("\n", 1)
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def _decode(uri: str) -> np.ndarray[Any, Any]:
    head, body = uri.split(",")
    assert head == "data:image/png;base64"
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert image.format == "PNG"
    return np.asarray(image)


# --- answers -------------------------------------------------------------------------------------------


def test_the_api_has_its_names(client: Client) -> None:
    """Catches an endpoint or argument renamed: other people's programs call them."""
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    arguments = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in named.items()
    }
    assert arguments == {
        "/models": [],
        "/reconstruct": ["image", "models", "corruption", "seed", "recipe"],
        "/sample": ["models", "label", "seed", "count", "layout", "recipe"],
        "/gibbs": ["model", "start", "label", "steps", "seed", "recipe"],
        "/discriminate": ["model", "image", "label"],
        "/classify": ["model", "image"],
        "/stylegan": [
            "model",
            "seed",
            "psi",
            "cutoff",
            "label",
            "mix_seed",
            "mix_layers",
            "noise_seed",
            "directions",
            "recipe",
        ],
        "/truncation_sweep": ["model", "seed", "steps", "first", "last", "cutoff", "label", "noise_seed"],
        "/cook": ["recipe"],
        "/panel_recipes": ["panel", "state"],
    }


def test_the_first_line_says_what_runs(page: serving.Page) -> None:
    """Catches a provider that is asked for rather than the one that runs."""
    import onnxruntime

    assert "CPUExecutionProvider" in page.first_line
    assert f"onnxruntime {onnxruntime.__version__}" in page.first_line
    assert any("unreadable: model.json cannot be read" in line for line in page.errors)


def test_models_is_the_manifest(client: Client, models: Path) -> None:
    """Catches a model that needs an edit of code to be listed, and one bad file that hides the others."""
    manifest = client.predict(api_name="/models")
    listed = {model["id"]: model for model in manifest["models"]}
    assert set(listed) == {path.parent.name for path in models.glob("*/model.json")} - {"unreadable"}
    entry = json.loads((models / "unseen" / "model.json").read_text())
    assert listed["unseen"] == entry | {"metrics": []}
    assert [dataset["id"] for dataset in manifest["datasets"]] == ["mnist"]
    assert [problem["id"] for problem in manifest["problems"]] == ["unreadable"]


def test_reconstruct_answers_as_the_functions_do(client: Client, library: Library, digit: list[Any]) -> None:
    """Catches a picture lost or changed between the model and the caller; one broken file silences nobody."""
    corruption = {"kind": "salt", "amount": 0.2}
    got = client.predict(image=digit, corruption=corruption, seed=9, api_name="/reconstruct")
    answers = {answer["model"]: answer for answer in got["answers"]}
    picture = np.array(digit, np.float32)[None]
    wanted = inference.reconstruct(
        library, picture, corruption=inference.Corruption.parse(corruption), seed=9
    )
    assert list(answers) == [answer.model_id for answer in wanted.answers]
    assert {"rbm", "autoencoder", "unseen", "gone", "pca", "rbm_untrained"} == set(answers)
    np.testing.assert_array_equal(_decode(got["original"]), np.rint(picture[0] * 255))
    assert (_decode(got["shown"]) == 255).mean() > 0.15
    for answer in wanted.answers:
        sent = answers[answer.model_id]
        if answer.model_id == "gone":
            assert sent["error"]["code"] == "file.missing"
            assert "reconstruct.onnx of gone is missing" in sent["error"]["sentence"]
            continue
        assert answer.image is not None
        shown = np.rint(np.clip(answer.image[0], 0, 1) * 255)
        np.testing.assert_array_equal(_decode(sent["image"]), shown)
        assert sent["squared_error"] == pytest.approx(answer.squared_error, rel=1e-6)  # 7 digits are sent


def test_sample_takes_any_generator(client: Client, library: Library) -> None:
    """Catches a model named in code: one that was never heard of is sampled beside the others."""
    got = client.predict(seed=5, count=3, api_name="/sample")
    assert [entry["model"] for entry in got["samples"]] == ["gan", "unseen"]
    wanted = inference.sample(library, "unseen", 5, 3).images
    sent = np.stack([_decode(uri) for uri in got["samples"][1]["images"]])
    np.testing.assert_array_equal(sent, np.rint(wanted[:, 0] * 255))


def test_gibbs_discriminate_and_classify(client: Client, library: Library, digit: list[Any]) -> None:
    """Catches an endpoint wired to another function or argument."""
    chain = client.predict(model="rbm", start=digit, steps=4, seed=2, api_name="/gibbs")
    picture = np.array(digit, np.float32)[None]
    wanted = inference.gibbs(library, "rbm", picture, 4, 2)
    np.testing.assert_allclose(chain["free_energy"], wanted.free_energy[:, 0], rtol=1e-6)
    sent = np.stack([_decode(uri) for uri in chain["visible_means"]])
    np.testing.assert_array_equal(sent, np.rint(wanted.visible_means[:, 0, 0] * 255))
    score = client.predict(model="gan", image=digit, api_name="/discriminate")["score"]
    assert score == pytest.approx(inference.scores(library, "gan", picture[None]).values[0], rel=1e-6)
    judged = client.predict(model="classifier_cnn", image=digit, api_name="/classify")
    assert judged["label"] == inference.classify(library, "classifier_cnn", picture[None]).labels[0]
    assert sum(judged["probabilities"]) == pytest.approx(1, abs=1e-5)  # ten numbers of 7 digits


def test_a_recipe_cooks_what_the_answer_showed(client: Client, digit: list[Any]) -> None:
    """Catches an answer whose recipe is another picture's, and one that does not survive JSON."""

    def cooked(recipe: Any) -> Any:
        return client.predict(recipe=json.loads(json.dumps(recipe)), api_name="/cook")

    made = client.predict(seed=5, count=3, recipe=True, api_name="/sample")["samples"]
    for entry in made:
        assert cooked(entry["recipe"]) == {"images": entry["images"], "numbers": {}}
    for start in (None, digit):
        for steps in (0, 3):
            arguments = {"model": "rbm", "start": start, "steps": steps, "seed": 4, "recipe": True}
            chain = client.predict(**arguments, api_name="/gibbs")
            assert cooked(chain["recipe"])["images"] == chain["visible_means"][-1:]
    got = client.predict(image=digit, corruption="salt", recipe=True, api_name="/reconstruct")["answers"]
    for answer in got:
        if answer["error"] is not None:
            assert answer["recipe"] is None
            continue
        again = cooked(json.dumps(answer["recipe"]))  # as text too
        assert again == {"images": [answer["image"]], "numbers": {"rebuilt.code": [answer["code"]]}}


def test_a_picture_comes_as_file_uri_or_numbers(client: Client, digit: list[Any], tmp_path: Path) -> None:
    """Catches a way in that reads the same picture differently."""
    path = tmp_path / "digit.png"
    Image.fromarray(np.rint(np.array(digit) * 255).astype(np.uint8)).save(path)
    uri = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    answers = [
        client.predict(image=image, models=["pca"], api_name="/reconstruct")
        for image in (digit, uri, handle_file(path))
    ]
    assert answers[0] == answers[1] == answers[2]


def test_the_same_arguments_give_the_same_bytes(page: serving.Page) -> None:
    """Catches a time stamp, a global generator or a lossy picture; called as curl does."""
    for name, body in {
        "sample": '{"data": [["gan"], -1, 7, 4]}',
        "gibbs": '{"data": ["rbm", null, -1, 5, 3]}',
        "models": '{"data": []}',
    }.items():
        first, second = _curl(page, name, body), _curl(page, name, body)
        assert first[0] == "complete"
        assert first == second


# --- refusals ------------------------------------------------------------------------------------------

SEVENTEEN = json.dumps(["pca"] * (limits.MODELS.highest + 1))
BIG = base64.b64encode(b"x" * limits.UPLOAD_BYTES).decode()


def _png(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("sample", '[["nope"], -1, 0, 1]', "no model called 'nope'"),
        ("sample", '["nope", -1, 0, 1]', "no model called 'nope'"),
        ("sample", '[["rbm"], -1, 0, 1]', "rbm ships no graph for generate"),
        ("sample", '[3, -1, 0, 1]', "models must be a list"),
        ("sample", '[null, -1, -1, 1]', "seed must be a whole number from 0 to 4294967295, got -1"),
        ("sample", '[null, -1, 4294967296, 1]', "seed must be a whole number"),
        ("sample", '[null, -1, NaN, 1]', "seed must be a whole number"),
        ("sample", '[null, -1, "a", 1]', "seed must be a whole number"),
        ("sample", '[null, -1, 0, 65]', "count must be a whole number from 1 to 64, got 65"),
        ("sample", '[null, -1, 0, 1e300]', "count must be a whole number from 1 to 64"),
        ("sample", '[null, 10, 0, 1]', "label must be a whole number from -1 to 9, got 10"),
        ("gibbs", '["rbm", null, -1, 301, 0]', "steps must be a whole number from 0 to 300, got 301"),
        ("gibbs", '["rbm", null, -1, -1, 0]', "steps must be a whole number from 0 to 300, got -1"),
        ("gibbs", '["rbm", null, -1, 2.5, 0]', "steps must be a whole number from 0 to 300, got 2.5"),
        ("gibbs", '["rbm", null, 10, 1, 0]', "label must be a whole number from -1 to 9, got 10"),
        ("gibbs", '["rbm", null, -2, 1, 0]', "label must be a whole number from -1 to 9, got -2"),
        ("gibbs", '["rbm", null, "7", 1, 0]', "label must be a whole number from -1 to 9, got '7'"),
        ("gibbs", '["rbm", null, -1, 1, -5]', "seed must be a whole number from 0 to 4294967295, got -5"),
        ("gibbs", '["nope", null, -1, 1, 0]', "no model called 'nope'; the ones here are: pca, "),
        ("gibbs", '["gan", null, -1, 1, 0]', "gan ships no graph for gibbs_step"),
        ("classify", '["nope", [[0, 1], [1, 0]]]', "no model called 'nope'; the ones here are: pca, "),
        ("classify", '["gone", [[0, 1], [1, 0]]]', "gone ships no graph for classify; the models that do"),
        ("discriminate", '["gan", [[0, 1], [1, 0]], 10]', "label must be a whole number from -1 to 9"),
        ("reconstruct", '[[[0, 1], [1, 0]], ["nope"], null, 0]', "There is no model called 'nope'"),
        ("reconstruct", '[[[0, 1], [1, 0]], ["gan"], null, 0]', "gan ships no graph for reconstruct"),
        ("reconstruct", f'[[[0, 1], [1, 0]], {SEVENTEEN}, null, 0]', "from 1 to 16, got 17"),
        ("reconstruct", '[[[0, 1], [1, 0]], null, null, 1.5]', "seed must be a whole number from 0 to"),
        ("reconstruct", '[[[NaN, 1], [0, 0]], null, null, 0]', "NaN or infinity"),
        ("reconstruct", '[[[0, 0], [0, 0]], null, null, 0]', "picture is empty"),
        ("reconstruct", '[null, null, null, 0]', "picture is empty"),
        ("reconstruct", '["data:image/png;base64,AAAA", null, null, 0]', "no picture that can be read"),
        ("reconstruct", '["/etc/hostname", null, null, 0]', "paths are not followed"),
        ("reconstruct", '["http://example.org/a.png", null, null, 0]', "addresses and paths are not"),
        ("reconstruct", f'["{_png(5000, 4000)}", null, null, 0]', "at most 16 megapixels"),
        ("reconstruct", '[[[0, 1], [1, 0]], null, "blur", 0]', "no corruption called 'blur'"),
        ("cook", '[null]', "The recipe cannot be read at its top: an object is wanted"),
        ("cook", '["{"]', "The recipe cannot be read at its top: an object is wanted"),
        ("cook", '[{"recipe": 1, "steps": []}]', "The recipe cannot be read at its top: a list of steps"),
    ],
)  # fmt: skip
def test_a_wrong_argument_gets_one_sentence(page: serving.Page, name: str, body: str, sentence: str) -> None:
    """Catches a trace, a null, and a value that is quietly replaced."""
    kind, data = _curl(page, name, f'{{"data": {body}}}')
    assert kind == "error"
    assert sentence in data["error"]
    assert data["error"].endswith(".")
    assert "\n" not in data["error"]


def test_uploads_are_judged_by_their_content(client: Client, tmp_path: Path) -> None:
    """Catches a file taken at its name."""
    fake = tmp_path / "digit.png"
    fake.write_text("<svg onload='alert(1)'/>")
    with pytest.raises(Exception, match="no picture that can be read"):
        client.predict(image=handle_file(fake), api_name="/reconstruct")


def test_a_request_that_is_too_large_is_refused(page: serving.Page) -> None:
    """Catches a body that fills the memory before anybody looks at it."""
    status, content = _post(f"{page.url}/gradio_api/call/reconstruct", f'{{"data": ["{BIG}"]}}'.encode())
    assert status == 413
    assert json.loads(content) == {"detail": "The request is too large: at most 10 MB, please."}


def test_a_request_without_a_length_is_cut_off(page: serving.Page) -> None:
    """Catches a body sent in chunks slipping past the limit."""
    host, port = page.url.removeprefix("http://").split(":")
    with contextlib.closing(
        http.client.HTTPConnection(host, int(port), timeout=serving.PATIENCE)
    ) as connection:
        chunks = (b"x" * 1_000_000 for _ in range(limits.UPLOAD_BYTES // 1_000_000 + 1))
        connection.request("POST", "/gradio_api/call/models", chunks, encode_chunked=True)
        assert connection.getresponse().status == 400


def test_no_visitor_fills_the_queue_alone() -> None:
    """Catches one address keeping all others waiting; the others must not notice."""

    def event(host: str) -> SimpleNamespace:
        return SimpleNamespace(request=SimpleNamespace(client=SimpleNamespace(host=host)))

    waiting = [event("10.0.0.1")] * limits.WAITING + [event("10.0.0.2")] * (limits.WAITING - 1)
    queue: Any = SimpleNamespace(event_queue_per_concurrency_id={"inference": SimpleNamespace(queue=waiting)})

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def status(host: str, path: str) -> int:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "path": path, "headers": [], "client": (host, 5)}
        await server.Guard(inside, queue)(scope, receive, send)
        return int(sent[0]["status"])

    for path in ("/gradio_api/queue/join", "/gradio_api/call/sample"):
        assert asyncio.run(status("10.0.0.1", path)) == 429
        assert asyncio.run(status("10.0.0.2", path)) == 200
    assert asyncio.run(status("10.0.0.1", "/gradio_api/queue/data")) == 200


def test_the_limits_reach_gradio(library: Library) -> None:
    """Catches a bound that stands in the table and nowhere else, so that idle state is kept for ever."""

    async def build() -> Any:  # within a loop: Gradio would open one of its own and leave it open
        built = app.build(library)
        server.application(library, built)
        return built

    built = asyncio.run(build())
    assert built.delete_cache == limits.CACHE_SECONDS
    assert built.max_file_size == limits.UPLOAD_BYTES
    assert built.state_session_capacity == limits.SESSIONS
    assert built._queue.max_size == limits.QUEUE
    assert not built.analytics_enabled
    bounded = [function.concurrency_limit for function in built.fns.values() if function.queue]
    assert bounded
    assert None not in bounded


@pytest.mark.parametrize("route", ["run", "api"])
def test_nobody_passes_the_queue_by(page: serving.Page, route: str) -> None:
    """Catches the routes that run at once, however many run already."""
    status, _ = _post(f"{page.url}/gradio_api/{route}/sample", b'{"data": [null, -1, 0, 1]}')
    assert status == 404


@pytest.mark.parametrize("host", ["example.org", "huggingface.co"])
def test_the_server_follows_no_address(page: serving.Page, host: str) -> None:
    """Catches a file object whose URL the server would fetch for a caller, and the same by GET."""
    file = {"path": f"http://{host}/a.png", "meta": {"_type": "gradio.FileData"}}
    kind, data = _curl(page, "reconstruct", json.dumps({"data": [file, None, None, 0]}))
    assert kind == "error"
    assert data["error"] == "Addresses are not followed: upload the file itself."
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{page.url}/gradio_api/file=http://{host}/a.png", timeout=serving.PATIENCE)
    with refused.value:
        assert refused.value.code == 403


@pytest.mark.parametrize("path", ["/etc/hostname", str(Path(__file__).resolve())])
def test_no_file_of_the_server_can_be_named(page: serving.Page, path: str) -> None:
    """Catches a file object that makes the server read what was never uploaded."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    kind, _ = _curl(page, "reconstruct", json.dumps({"data": [file, None, None, 0]}))
    assert kind == "error"
    kind, data = _curl(page, "reconstruct", json.dumps({"data": [{"path": path}, None, None, 0]}))
    assert kind == "error"
    assert "paths are not followed" in data["error"]


# --- many visitors, and none outside -------------------------------------------------------------------


def test_32_callers_at_once_get_the_same(page: serving.Page) -> None:
    """Catches a session that cannot be shared, a queue that is too short, an error sent to somebody else.

    Every fourth caller asks for something wrong.
    """
    right, wrong = '{"data": [["gan", "unseen"], -1, 7, 16]}', '{"data": [["gan"], -1, -7, 16]}'
    barrier = threading.Barrier(32)

    def call(number: int) -> tuple[str, Any]:
        barrier.wait(timeout=serving.PATIENCE)
        return _curl(page, "sample", wrong if number % 4 == 0 else right)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(call, range(32)))
    expected = _curl(page, "sample", right)
    for number, answer in enumerate(answers):
        if number % 4 == 0:
            assert answer[0] == "error"
            assert "got -7" in answer[1]["error"]
        else:
            assert answer == expected


def test_headers_keep_the_visitor_private(page: serving.Page) -> None:
    """Catches a policy dropped: a visitor's browser must talk to this server alone."""
    with urllib.request.urlopen(page.url, timeout=serving.PATIENCE) as answer:
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert b"Latent Lineage" in answer.read()
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "*" not in policy


def test_nothing_is_asked_of_other_machines(page: serving.Page, client: Client, digit: list[Any]) -> None:
    """Catches analytics, version checks, fonts, hubs: every connection and look-up is refused and noted.

    The other tests of this file used the same page, so all endpoints and refusals have been through it by
    the time this one, which stands last but two, looks.
    """
    client.predict(image=digit, api_name="/reconstruct")
    client.predict(api_name="/sample")
    assert page.outside_attempts() == []


def test_the_guard_of_these_tests_sees_an_attempt(tmp_path: Path) -> None:
    """Catches a guard that is blind, which would make the test above pass whatever the page does."""
    code = "import socket\ntry: socket.create_connection(('example.org', 80))\nexcept OSError: pass"
    subprocess.run(
        [sys.executable, "-c", code], env=serving.environment(tmp_path), check=True, timeout=serving.PATIENCE
    )
    assert "example.org" in (tmp_path / "attempts").read_text()


def test_nothing_of_it_all_was_a_crash(page: serving.Page) -> None:
    """Catches a traceback in the log: every refusal above was meant."""
    assert page.process.poll() is None
    crashes = [line for line in page.errors if line.startswith("Traceback")]
    assert crashes == [], "".join(page.errors)


# --- start and stop ------------------------------------------------------------------------------------


def _start(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        serving.command(*arguments),
        cwd=serving.ROOT, env=serving.environment(tmp_path), capture_output=True, text=True,
        timeout=serving.PATIENCE, check=False,
    )  # fmt: skip


def test_a_port_in_use_is_said_in_one_sentence(tmp_path: Path) -> None:
    """Catches a traceback, a long wait, and a page that moves to another port in silence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = _start(tmp_path, "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    # onnxruntime may say something of its own, of a graphics card that it cannot read.
    (said,) = [line for line in done.stderr.splitlines() if "onnxruntime" not in line]
    assert said.startswith(f"Port {port} of 127.0.0.1 cannot be used (Address already in use)")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "http"], "port must be a whole number from 0 to 65535, got 'http'"),
        (["--port", "65536"], "port must be a whole number from 0 to 65535"),
        (["--port", "0", "--models", "no/such/directory"], "There is no directory no"),
        (["--providers", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_a_wrong_command_line_exits_with_2(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    """Catches a traceback where a sentence would do."""
    done = _start(tmp_path, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_both_wheels_are_mentioned_at_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches the warning getting lost: with both wheels installed the last one wins silently."""
    from demo import __main__ as command
    from onnx_models import runtime

    monkeypatch.setattr(runtime, "_installed", lambda distribution: True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert command.main(["--port", str(taken.getsockname()[1])]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("Both onnxruntime and onnxruntime-gpu are installed")
    assert second.startswith("Port")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise on Windows")
def test_ctrl_c_ends_it_cleanly(page: serving.Page) -> None:
    """Catches a traceback or a hang on Ctrl-C, the way everybody leaves; the last test to use this page."""
    with urllib.request.urlopen(page.url, timeout=serving.PATIENCE) as answer:
        answer.read()
    page.process.send_signal(signal.SIGINT)
    assert page.process.wait(timeout=serving.PATIENCE) == 0
    assert not any("Traceback" in line for line in page.errors), "".join(page.errors)
