"""The encoder of a StyleGAN and the step that improves its answer: what learns, what stands still, parity."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export import check, inputs, parity
from export.graphs import Graph
from export.models import stylegan2_encoder as exported
from export.to_onnx import SlopeError, _convolution_backward, to_onnx
from training import checkpoint, classifier, randomness, stylegan2, stylegan2_encoder, stylegan2_networks
from training.config import ConfigError
from training.stylegan2_encoder import Encoder, EncoderConfig, Inversion

pytestmark = pytest.mark.usefixtures("one_registry")

CPU = torch.device("cpu")
WIDTHS = (4, 4, 3, 3, 2)
SMALL = EncoderConfig(
    batch=4, widths=WIDTHS, w=6, mapping_layers=1, banks=2, hidden=16, judge_channels=2, bfloat16=False
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Networks this small lose more to waking threads than they gain."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def images(count: int = 60) -> Tensor:
    return torch.randint(
        0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a tiny generator and a tiny judge, as training leaves them."""
    runs = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    generator = stylegan2.build(
        stylegan2.ColourConfig(
            widths=WIDTHS, w=6, mapping_layers=1, batch=4, bfloat16=False, places=True, banks=2
        )
    )
    cast(Any, generator["mapping"]).centre.fill_(0.25)
    judge = classifier.build(classifier.AttributesConfig(channels=2))
    for name, networks in (("generator", generator), ("judge", judge)):
        facts = {"config": {}, "images_seen": 0, "seconds": 0.0, "device": "cpu", "command": "", "seed": 0}
        weights = {key: network.state_dict() for key, network in networks.items()}
        checkpoint.save({**facts, "weights": weights}, runs / name / checkpoint.FINAL)
    return runs


def prepared(finished: Path, **changes: Any) -> tuple[Inversion, dict[str, nn.Module]]:
    places = {"generator": str(finished / "generator"), "judge": str(finished / "judge")}
    config = dataclasses.replace(SMALL, **(places | changes))
    torch.manual_seed(1)
    networks = stylegan2_encoder.build(config)
    (stage,) = stylegan2_encoder.stages(config, networks, images(), torch.zeros(60, 10, dtype=torch.int64))
    return cast(Inversion, stage.rule), networks


# --- training -----------------------------------------------------------------------------------------------


def test_everybody_is_given_the_centre_at_first(finished: Path) -> None:
    """Catches a start at zero, which is no face, and statistics of another network's w."""
    rule, networks = prepared(finished)
    encoder = cast(Encoder, networks["encoder"])
    with torch.no_grad():
        ws = encoder(images(3).float() / 255)
        w, centre = rule._mapping(torch.randn(20_000, 100, generator=torch.Generator().manual_seed(2)))
    assert ws.shape == (3, 10, 6)
    torch.testing.assert_close(ws, torch.full_like(ws, 0.25))
    spread = (w - centre).square().mean().sqrt()
    torch.testing.assert_close(encoder.deviation, spread, rtol=0.05, atol=0)


def test_only_the_encoder_learns(finished: Path) -> None:
    """Catches a generator or a judge that moves to meet the encoder, and a layer cut off from the loss."""
    rule, networks = prepared(finished)
    still = {"synthesis": networks["synthesis"], "mapping": rule._mapping, "judge": rule._judge}
    kept = {name: {k: v.clone() for k, v in net.state_dict().items()} for name, net in still.items()}
    before = {name: value.clone() for name, value in networks["encoder"].named_parameters()}
    for step in range(2):  # at the first one only the last layer, which starts from zeros
        losses = rule.step(images(4), torch.zeros(4, 10), 0.5, randomness.Draw([step], CPU))
        assert all(torch.isfinite(value) for value in losses.values())
    for name, value in networks["encoder"].named_parameters():
        assert not torch.equal(value, before[name]), f"{name} did not move"
    for name, network in still.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, kept[name][key]), f"{name}.{key} moved"


def test_known_styles_are_learned(finished: Path) -> None:
    """A hundred steps bring made pictures' styles well below what the centre alone gives, an error of 1:
    catches a loss of the wrong sign or between the wrong pairs.
    """
    rule, _ = prepared(finished, pixels=0.0, features=0.0, mixing=0.0, learning_rate=1e-2)
    errors = [
        float(rule.step(images(16), torch.zeros(16, 10), 0.5, randomness.Draw([step], CPU))["style"])
        for step in range(100)
    ]
    assert np.mean(errors[:3]) == pytest.approx(1.0, abs=0.3)
    assert np.mean(errors[-10:]) < 0.8 * np.mean(errors[:3])


def test_a_generator_that_does_not_fit_is_said_before_the_first_step(finished: Path, tmp_path: Path) -> None:
    """Catches a traceback, or a run that trains for random weights."""
    with pytest.raises(checkpoint.RunError, match=r"do not fit this configuration"):
        prepared(finished, widths=(5, 4, 3, 3, 2))
    with pytest.raises(checkpoint.RunError, match=r"mapping\.onnx is needed in"):
        prepared(finished, generator=str(tmp_path))
    with pytest.raises(ConfigError, match="4 widths make pictures of 32 pixels"):
        dataclasses.replace(SMALL, widths=(4, 4, 4, 4)).validate()
    with pytest.raises(ConfigError, match="judge takes a path relative"):
        dataclasses.replace(SMALL, judge=str(tmp_path)).validate()


def test_the_sample_grid_has_each_picture_above_its_rebuilt_one(finished: Path) -> None:
    """Catches pictures and their rebuilt ones in the wrong order."""
    rule, networks = prepared(finished)
    grid = rule.preview(networks, randomness.Draw([0], CPU))
    assert grid is not None
    assert grid.shape == (100, 3, 64, 64)
    torch.testing.assert_close(grid[:10], images()[:10].float() / 255)
    torch.testing.assert_close(grid[20:30], images()[10:20].float() / 255)


# --- the graphs ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    """Of a network of 16x16 pixels, its weights random."""
    torch.manual_seed(0)
    synthesis = stylegan2_networks.SynthesisNetwork(5, (4, 3, 2), 3, places=True, banks=6)
    encoder = Encoder((4, 3, 2), 5, 3, 8)
    nn.init.normal_(encoder.offsets.weight)
    encoder.centre.copy_(torch.linspace(-1, 1, 5))
    encoder.deviation.fill_(0.7)
    for parameter in [*encoder.parameters(), *synthesis.parameters()]:
        parameter.requires_grad_(False)
        parameter.add_(0.1)  # biases and strengths that are zero would hide a wrong place
    made = exported.graphs({"encoder": encoder.eval(), "synthesis": synthesis.eval()})
    return {graph.role: graph for graph in made}


@pytest.fixture(scope="module")
def files(graphs: dict[str, Graph]) -> dict[str, bytes]:
    return {role: to_onnx(graph) for role, graph in graphs.items()}


def run(content: bytes, given: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def test_both_graphs_compute_what_their_modules_do(graphs: dict[str, Graph], files: dict[str, bytes]) -> None:
    """At batches of 1, 3 and 64. Catches a gradient whose sizes were fixed when it was written down."""
    for role, graph in graphs.items():
        parity.prove("tiny", graph, files[role])


def test_a_step_is_adams_on_the_gradient_that_autograd_finds(graphs: dict[str, Graph]) -> None:
    """Two steps against torch.optim.Adam: catches a wrong bias correction, a mean over the batch in the loss,
    and a pull that is not in deviations.
    """
    module = cast(Any, graphs["refine"].module)
    given = {
        name: torch.from_numpy(array)
        for name, array in inputs.draw(graphs["refine"].inputs, batch=2, seed=4).items()
    }
    rate, pull = 0.03, 0.2
    zeros = torch.zeros_like(given["ws"])
    noise = [value for name, value in given.items() if name.startswith("noise")]
    state = (given["ws"], zeros, zeros)
    expected = given["ws"].clone().requires_grad_()
    adam = torch.optim.Adam([expected], lr=rate * module.deviation)
    centre = torch.linspace(-1, 1, 5)
    for step in (1, 2):
        picture = module.network(expected, noise)[0]
        apart = (picture - given["image"]).square().flatten(1).mean(1)
        away = ((expected - centre) / 0.7).square().flatten(1).mean(1)
        loss = apart + pull * away
        adam.zero_grad()
        loss.sum().backward()
        adam.step()
        knobs = (torch.full((2,), step), torch.full((2,), rate), torch.full((2,), pull))
        *state, found, _ = module(given["image"], *state, *knobs, *noise)  # type: ignore[assignment]
        torch.testing.assert_close(found, loss.detach())
        torch.testing.assert_close(state[0], expected.detach(), atol=1e-5, rtol=1e-4)


def test_steps_lead_to_the_picture(graphs: dict[str, Graph], files: dict[str, bytes]) -> None:
    """Thirty steps in onnxruntime, a target that the network can paint: catches a step uphill, moments that
    are not handed on, and a row that depends on its neighbour.
    """
    given = inputs.draw(graphs["refine"].inputs, batch=2, seed=5)
    painted = run(files["refine"], given | {"ws": given["ws"][::-1].copy() * np.float32(0.3)})["picture"]
    given |= {
        "image": painted,
        "ws": np.zeros_like(given["ws"]),
        "first": np.zeros_like(given["ws"]),
        "second": np.zeros_like(given["ws"]),
        "rate": np.full(2, 0.05, np.float32),
        "pull": np.zeros(2, np.float32),
    }
    alone = {name: array[1:] for name, array in given.items()}
    losses = []
    for step in range(1, 31):
        for state in (given, alone):
            state["step"] = np.full(len(state["ws"]), step)
            found = run(files["refine"], state)
            state |= {name: found[f"new_{name}"] for name in ("ws", "first", "second")}
            losses += [found["loss"]] if state is given else []
    assert (losses[-1] < 0.5 * losses[0]).all(), (losses[0], losses[-1])
    np.testing.assert_allclose(alone["ws"], given["ws"][1:], atol=1e-4)


def test_weights_bear_the_names_of_the_generators_own(
    graphs: dict[str, Graph], files: dict[str, bytes], tmp_path: Path
) -> None:
    """What lets the check compare the two files: catches a step that paints with other weights."""
    path = tmp_path / "refine.onnx"
    path.write_bytes(files["refine"])
    synthesis = cast(Any, graphs["refine"].module).network
    stored = check._weights(path)
    for name, value in synthesis.state_dict().items():
        if "." in name:
            assert np.array_equal(stored[name], value.numpy()), name
    assert {node.op_type for node in onnx.load(path).graph.node}.isdisjoint({"Loop", "Scan", "If"})


def test_a_step_for_another_generator_is_found_out(files: dict[str, bytes], tmp_path: Path) -> None:
    """Catches an encoder left beside a generator that was trained again."""
    (tmp_path / "g").mkdir()
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "refine.onnx").write_bytes(files["refine"])
    documents = {
        tmp_path / "e" / "model.json": {
            "id": "e", "generator": "g", "graphs": {"refine": {"file": "refine.onnx"}},
        },
        tmp_path / "g" / "model.json": {"id": "g", "graphs": {"synthesis": {"file": "synthesis.onnx"}}},
    }  # fmt: skip
    path = tmp_path / "e" / "model.json"
    model = onnx.load_model_from_string(files["refine"])
    for moved in (False, True):
        if moved:
            weight = next(i for i in model.graph.initializer if i.name == "stay.0.convolution.weight")
            weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) + 1, weight.name))
        (tmp_path / "g" / "synthesis.onnx").write_bytes(model.SerializeToString())
        faults = list(check._generator(path, documents[path], documents))
        assert len(faults) == moved
    del documents[tmp_path / "g" / "model.json"]
    assert list(check._generator(path, documents[path], documents)) == ["its generator g does not ship."]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("groups", "dilation", "size"), [(1, 1, 8), (2, 1, 9), (1, 2, 10)])
def test_a_convolution_hands_its_slope_on(
    stride: int, transposed: bool, groups: int, dilation: int, size: int
) -> None:
    """Catches a size that a stride has rounded away, and a kernel's inputs and outputs swapped."""
    draw = torch.Generator().manual_seed(0)
    given = torch.randn(2, 4, size, size, generator=draw)
    weight = torch.randn(4 if transposed else 6, (6 if transposed else 4) // groups, 3, 3, generator=draw)
    options = ([stride] * 2, [1, 1], [dilation] * 2, transposed, [stride - 1] * 2 if transposed else [0, 0])
    made = torch.ops.aten.convolution(given, weight, None, *options, groups)
    slope = torch.randn(made.shape, generator=draw)
    rest = (slope, given, weight, [0], *options, groups)
    expected = torch.ops.aten.convolution_backward(*rest, [True, False, False])[0]
    found = _convolution_backward(*rest, [True, False, False])[0]
    torch.testing.assert_close(found, expected)
    with pytest.raises(SlopeError, match="weights"):
        _convolution_backward(*rest, [True, True, False])
