"""A visitor who uses everything: each endpoint at its largest, each panel with each model, over HTTP."""

from __future__ import annotations

import base64
import io
import itertools
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from demo.engine import limits
from tests.serving import PATIENCE

_PLAYS = ("walk", "way", "sum")


@dataclass
class Visit:
    """What was asked and how it went."""

    panels: int = 0
    calls: int = 0
    failed: list[str] = field(default_factory=list)


def use_everything(url: str, visitors: int = 4) -> Visit:
    """Ask a running page for all that it offers, ``visitors`` at a time."""
    config = json.loads(_read(f"{url}/config"))
    visit = Visit()
    manifest = call(url, "models", [])["models"]
    datasets = sorted({model["dataset"]["id"] for model in manifest})
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    jobs: list[tuple[int, list[Any]]] = []
    for event in config["dependencies"]:
        if not event["targets"]:
            continue  # an endpoint: called by its name below
        sent = [values[each] for each in event["inputs"]]
        jobs.append((event["id"], sent))
        # A change of a control is asked with every model; what is kept as a file, once.
        if sent and any(kind == "input" for _, kind in event["targets"]):
            jobs += [(event["id"], [other]) for other in _others(sent[0], manifest, datasets)]
    with ThreadPoolExecutor(visitors) as pool:
        for number, problem in pool.map(lambda job: (job[0], _event(url, *job)), jobs):
            visit.panels += 1
            if problem:
                visit.failed.append(f"event {number}: {problem}")
        for name, problem in pool.map(lambda job: (job[0], _try(url, *job)), _calls(manifest)):
            visit.calls += 1
            if problem:
                visit.failed.append(f"/{name}: {problem}")
    return visit


def call(url: str, name: str, data: list[Any]) -> Any:
    """Call an endpoint as curl does; its answer, or RuntimeError with the sentence of the refusal."""
    event = json.loads(_read(f"{url}/gradio_api/call/{name}", {"data": data}))["event_id"]
    blocks = _read(f"{url}/gradio_api/call/{name}/{event}").decode().strip().split("\n\n")
    kind, _, content = blocks[-1].partition("\ndata: ")
    if kind != "event: complete":
        raise RuntimeError(content)
    return json.loads(content)[0]


def _others(text: Any, manifest: list[dict[str, Any]], datasets: list[str]) -> Iterator[str]:
    """Yield other states of a panel: every model, every data set, every way to play."""
    if not isinstance(text, str) or not text.startswith("{"):
        return
    state = json.loads(text)
    ids = [model["id"] for model in manifest]
    other: dict[str, list[Any]] = {
        "model": ids,
        # Two side by side, as the time machine has them, and all, as the drawing board has them.
        "models": [",".join(pair) for pair in itertools.zip_longest(ids[::2], ids[1::2], fillvalue=ids[0])],
        "dataset": datasets,
        "play": list(_PLAYS),
    }
    for name, choices in other.items():
        if name in state:
            yield from (json.dumps(state | {name: choice}) for choice in choices)


def _calls(manifest: list[dict[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    ink = np.zeros((28, 28))
    ink[4:24, 12:16] = 1.0  # a one
    digit = ink.tolist()
    grey = [model for model in manifest if model["image"]["channels"] == 1]
    # The largest picture that is decoded: a few kilobytes to send, 16 million pixels to prepare.
    side = int(limits.PIXELS**0.5)
    content = io.BytesIO()
    canvas = Image.new("L", (side, side), 255)
    canvas.paste(0, (side // 2, side // 8, side // 2 + side // 10, side - side // 8))
    canvas.save(content, "PNG")
    large = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    rebuilding = [model["id"] for model in manifest if "reconstruct" in model["graphs"]]
    yield "reconstruct", [digit, rebuilding[: limits.MODELS.highest], "salt", 1]
    yield "reconstruct", [large, rebuilding[:1], None, 1]
    for model in manifest:
        roles = model["graphs"]
        if "generate" in roles:
            yield "sample", [[model["id"]], -1, 7, limits.COUNT.highest]
        if "gibbs_step" in roles:
            yield "gibbs", [model["id"], None, -1, limits.STEPS.highest, 7]
        if ("discriminate" in roles or "criticise" in roles) and model in grey:
            yield "discriminate", [model["id"], digit, -1]
        if "classify" in roles:
            yield "classify", [model["id"], digit]
        if "synthesis" in roles:
            yield "stylegan", [model["id"], 7, 0.7, None, -1, 42, "coarse", 0, None]
            yield "truncation_sweep", [model["id"], 7, 20, -1, 1, None, -1, 0]


def _event(url: str, number: int, data: list[Any]) -> str:
    """Do what a control of the page does; what went wrong, or nothing."""
    session = uuid.uuid4().hex
    _read(f"{url}/gradio_api/queue/join", {"data": data, "fn_index": number, "session_hash": session})
    address = f"{url}/gradio_api/queue/data?session_hash={session}"
    with urllib.request.urlopen(address, timeout=PATIENCE) as events:
        for line in events:
            if line.startswith(b"data: "):
                message = json.loads(line[6:])
                if message["msg"] == "process_completed":
                    return "" if message["success"] else str(message["output"])
    return "the stream ended without an answer"


def _try(url: str, name: str, data: list[Any]) -> str:
    try:
        call(url, name, data)
    except (RuntimeError, OSError) as fault:
        return str(fault)
    return ""


def _read(address: str, body: dict[str, Any] | None = None) -> bytes:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return bytes(answer.read())
