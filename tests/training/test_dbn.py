"""The Deep Belief Network against enumeration: energies, conditionals, gradients, bound; and exact resume."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from evaluation import annealing, belief
from export.models.dbn import LabelledGibbsStep, softplus
from tests import tiny
from training import __main__ as command_line
from training import checkpoint, dbn, dbn_greedy, dbn_networks, loop, randomness
from training.config import ConfigError
from training.rbm import RBM, Ascent

CODE, HIDDEN, CLASSES = 4, 3, 3
CPU = torch.device("cpu")
# Float32 sums of a few dozen terms of order one: eight digits less two.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def binary(units: int) -> Tensor:
    """All states of `units` binary units, float32 [2^units, units]."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)))


def memory(seed: int = 0) -> dbn_networks.AssociativeMemory:
    generator = torch.Generator().manual_seed(seed)
    network = dbn_networks.AssociativeMemory(CODE, HIDDEN, CLASSES)
    for parameter in network.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network


def log_joint(network: dbn_networks.AssociativeMemory) -> Tensor:
    """log of the unnormalised p(code, label), hidden states summed one by one: [2^CODE, CLASSES]."""
    table = []
    for code in binary(CODE):
        row = []
        for label in range(CLASSES):
            visible = torch.cat([code, torch.eye(CLASSES)[label]])
            energies = [
                -visible @ network.visible_bias - h @ network.hidden_bias - h @ network.weight @ visible
                for h in binary(HIDDEN)
            ]
            row.append(torch.logsumexp(-torch.stack(energies), 0))
        table.append(torch.stack(row))
    return torch.stack(table)


# --- the memory --------------------------------------------------------------------------------------------


def test_label_scores_are_negative_free_energies() -> None:
    """Catches a label weight left out, a wrong bias, a softplus of the wrong sum."""
    network = memory()
    scores, _ = network.label_scores(binary(CODE))
    torch.testing.assert_close(scores, log_joint(network), **CLOSE)


def test_a_clamped_step_leaves_the_conditional_distribution_unchanged() -> None:
    """Catches a sampler of another distribution than the one that is learned: T'p = p, by enumeration."""
    network, codes, hiddens = memory(), binary(CODE), binary(HIDDEN)
    joint = log_joint(network)
    for label in range(CLASSES):
        up = network.hidden_mean(network.with_label(codes, torch.full([len(codes)], label)))
        down = network.code_mean(hiddens)
        to_hidden = (up[:, None] * hiddens + (1 - up[:, None]) * (1 - hiddens)).prod(2)
        to_code = (down[:, None] * codes + (1 - down[:, None]) * (1 - codes)).prod(2)
        distribution = joint[:, label].softmax(0)
        torch.testing.assert_close(distribution @ to_hidden @ to_code, distribution, **CLOSE)


def test_the_ascent_follows_the_likelihood() -> None:
    """Catches a wrong sign, a phase counted twice, chains weighted wrongly: with every state as a chain,
    counted by its probability, and offsets of zero, the update is the log-likelihood's gradient.
    """
    torch.manual_seed(0)
    rbm, states = RBM(5, 4), binary(5)
    rbm.weight.mul_(50)
    data = states[[3, 7, 7, 21]]
    leaves = [parameter.clone().requires_grad_() for parameter in rbm.parameters()]

    def log_unnormalised(visible: Tensor) -> Tensor:
        weight, visible_bias, hidden_bias = leaves
        return visible @ visible_bias + functional.softplus(visible @ weight.T + hidden_bias).sum(1)

    (log_unnormalised(data).mean() - log_unnormalised(states).logsumexp(0)).backward()
    before = [parameter.clone() for parameter in rbm.parameters()]
    ascent = Ascent(rbm, offset_rate=0.0)
    ascent.offset = torch.zeros(5), torch.zeros(4)
    ascent.climb(data, states, rate=1.0, shares=(-rbm.free_energy(states)).softmax(0))
    for leaf, old, new in zip(leaves, before, rbm.parameters(), strict=True):
        torch.testing.assert_close(new - old, leaf.grad, **CLOSE)


def test_the_label_gradient_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a term missing from Larochelle & Bengio's gradient: compared with autograd's."""
    monkeypatch.setattr(dbn_greedy, "CLASSES", CLASSES)
    network, code, label = memory(), binary(CODE)[[1, 6, 11]], torch.tensor([0, 2, 1])
    twin = memory().requires_grad_(True)
    functional.cross_entropy(twin.label_scores(code)[0], label).backward()
    before = [parameter.clone() for parameter in network.parameters()]
    ascent = dbn_greedy.MemoryAscent(
        dbn.DBNConfig(label_weight=1.0), network, torch.full([CLASSES], 1 / CLASSES)
    )
    ascent._climb_label(code, label, rate=1.0)
    for old, new, other in zip(before, network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(new - old, -other.grad, **CLOSE)


def test_chains_count_as_often_as_their_class_occurs() -> None:
    """Catches a rare class whose chains weigh as much as a frequent one's: its fixed point would be off."""
    shares = torch.tensor([0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03])
    config = dbn.DBNConfig(chains=30)
    ascent = dbn_greedy.MemoryAscent(config, dbn_networks.AssociativeMemory(CODE, HIDDEN), shares)
    by_class = torch.zeros(10).index_add(0, ascent._label, ascent._shares)
    torch.testing.assert_close(by_class, shares, **CLOSE)


def test_the_delta_rule_follows_the_likelihood() -> None:
    """Catches a transposed or mis-scaled wake or sleep update: compared with autograd's gradient."""
    torch.manual_seed(0)
    linear, given, target = torch.nn.Linear(3, 2), binary(3)[:5], torch.randint(0, 2, (5, 2)).float()
    loss = functional.binary_cross_entropy_with_logits(linear(given), target, reduction="sum") / len(given)
    gradients = torch.autograd.grad(loss, list(linear.parameters()))
    before = [parameter.detach().clone() for parameter in linear.parameters()]
    with torch.no_grad():
        dbn.learn(linear, given, target, rate=1.0)
    for old, new, gradient in zip(before, linear.parameters(), gradients, strict=True):
        torch.testing.assert_close(new.detach() - old, -gradient, **CLOSE)


def test_fresh_layers_start_at_the_datas_log_odds() -> None:
    """Catches the zero biases that left a bright spurious mode behind."""
    data = torch.zeros(8, 5)
    data[:6, 0] = 1
    rbm = RBM(5, 4)
    Ascent(rbm, 0.01).start(data, fresh=True)
    assert torch.sigmoid(rbm.visible_bias[0]).item() == pytest.approx(7 / 10)  # (6 + 1) / (8 + 2)
    assert torch.sigmoid(rbm.visible_bias[1]).item() == pytest.approx(1 / 10)


# --- the graph ---------------------------------------------------------------------------------------------


class _Holder(torch.nn.Module):
    """What LabelledGibbsStep reads of a network: its memory, and how hard a held label pulls."""

    def __init__(self, network: dbn_networks.AssociativeMemory, gains: Sequence[float]) -> None:
        super().__init__()
        self.memory = network
        self.register_buffer("label_gain", torch.tensor(gains))

    gain = dbn_networks.DeepBeliefNetwork.gain


def step(
    network: dbn_networks.AssociativeMemory,
    visible: Tensor,
    label: Tensor,
    gains: Sequence[float] = (1.0,) * CLASSES,
) -> tuple[Tensor, ...]:
    draw = randomness.Draw([0], CPU)
    noise = [draw.uniform(len(visible), units) for units in (HIDDEN, CODE, CLASSES)]
    outputs: tuple[Tensor, ...] = LabelledGibbsStep(_Holder(network, gains))(visible, label, *noise)
    return outputs


def test_the_graphs_softplus_is_softplus() -> None:
    """Catches an overflow in either tail, and a sign lost where x is negative."""
    x = torch.linspace(-200, 200, 4001)
    # A logarithm of a number just below 1 is off by an ulp of 1 or so, whatever the size of x.
    eps = torch.finfo(torch.float32).eps
    # An exponential, a logarithm and a sum, of 1 or 2 ulp each.
    torch.testing.assert_close(
        softplus(x), functional.softplus(x.double()).float(), rtol=8 * eps, atol=4 * eps
    )


@pytest.mark.parametrize("label", range(CLASSES))
def test_a_clamped_label_stays_clamped(label: int) -> None:
    """Catches a label redrawn although it was given, and a free energy of another label."""
    network, codes = memory(), binary(CODE)
    _, _, hidden_mean, _, free_energy, label_mean = step(network, codes, torch.full([len(codes)], label))
    expected = network.hidden_mean(network.with_label(codes, torch.full([len(codes)], label)))
    torch.testing.assert_close(hidden_mean, expected, **CLOSE)
    torch.testing.assert_close(free_energy, -log_joint(network)[:, label], **CLOSE)
    torch.testing.assert_close(label_mean, log_joint(network).softmax(1), **CLOSE)


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_held_label_pulls_harder_by_its_gain(gain: float) -> None:
    """Catches a gain on the mean weight too, which would shift every label alike, one on the free energy, and
    another label's.
    """
    network, codes, label = memory(), binary(CODE), 1
    held = torch.full([len(codes)], label)
    _, _, hidden_mean, _, free_energy, label_mean = step(network, codes, held, (3.0, gain, 4.0))
    weights = network.weight[:, CODE:]
    middle = weights.mean(1)
    drive = codes @ network.weight[:, :CODE].T + network.hidden_bias
    expected = torch.sigmoid(drive + middle + gain * (weights[:, label] - middle))
    torch.testing.assert_close(hidden_mean, expected, **CLOSE)
    torch.testing.assert_close(free_energy, -log_joint(network)[:, label], **CLOSE)
    torch.testing.assert_close(label_mean, log_joint(network).softmax(1), **CLOSE)


def test_a_free_label_is_drawn_from_its_conditional() -> None:
    """Catches a biased draw: frequencies in 20,000 draws against p(label | code)."""
    network, count = memory(), 20_000
    code = binary(CODE)[6:7].expand(count, -1)
    _, _, hidden_mean, _, free_energy, label_mean = step(
        network, code, torch.full([count], -1), gains=(2.0, 3.0, 4.0)
    )
    by_label = network.hidden_mean(network.with_label(code[:CLASSES], torch.arange(CLASSES)))
    drawn = torch.cdist(hidden_mean, by_label).argmin(1)
    frequency = torch.bincount(drawn, minlength=CLASSES) / count
    # Five standard errors of a share of at most 1/2: 5 * 0.5 / sqrt(20,000).
    torch.testing.assert_close(frequency, label_mean[0], rtol=0, atol=0.018)
    torch.testing.assert_close(free_energy[0], -log_joint(network)[6].logsumexp(0), **CLOSE)


# --- evaluation --------------------------------------------------------------------------------------------


def as_binary_rbm(rbm: RBM) -> annealing.BinaryRbm:
    return annealing.BinaryRbm(*(parameter.numpy() for parameter in rbm.parameters()))


def test_annealing_with_label_units_finds_the_partition_function() -> None:
    """Catches label units treated as independent, in the base, on the way, or in the base's own log Z."""
    network = memory()
    exact = log_joint(network).logsumexp((0, 1)).item()
    base_bias = np.linspace(-1, 1, CODE + CLASSES).astype(np.float32)
    betas = annealing.schedule((0.0, 1.0, 300))
    draw = np.random.default_rng(0)
    estimate = annealing.ais(as_binary_rbm(network), base_bias, betas, 2_000, draw, classes=CLASSES)
    assert abs(estimate.value - exact) < 5 * estimate.standard_error
    assert estimate.standard_error < 0.05  # or the line above would say little


def test_the_bound_is_below_the_exact_log_probability_and_tight_for_an_exact_posterior() -> None:
    """Catches a term of the variational bound with the wrong sign or layer."""
    torch.manual_seed(0)
    layer, top = RBM(5, CODE), memory()
    layer.weight.mul_(80)
    stack = belief.Stack((as_binary_rbm(layer),), as_binary_rbm(top), CLASSES)
    visible, codes = binary(5), binary(CODE)
    log_z = log_joint(top).logsumexp((0, 1))
    log_code = log_joint(top).logsumexp(1) - log_z  # [codes]
    mean = layer.visible_mean(codes)
    log_visible = (visible[:, None] * mean.log() + (1 - visible[:, None]) * (1 - mean).log()).sum(2)
    exact = (log_visible + log_code).logsumexp(1)  # [visible]

    draw = np.random.default_rng(0)
    bound = stack.log_bound(visible.numpy(), log_z.item(), 2_000, draw)
    posterior = layer.hidden_mean(visible)
    log_q = (codes * posterior[:, None].log() + (1 - codes) * (1 - posterior[:, None]).log()).sum(2)
    expected = exact - (log_q.exp() * (log_q - (log_visible + log_code - exact[:, None]))).sum(1)
    assert (expected <= exact).all()
    # 2,000 samples of terms whose spread is a few nats: a standard error of about 0.05, five of them.
    np.testing.assert_allclose(bound, expected.numpy(), atol=0.25)


# --- the run -----------------------------------------------------------------------------------------------

SMALL = ("images=600", "batch=20", "code=12", "memory=16", "chains=10", "label_rows=5", "snapshots=2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    images, labels = tiny.pictures(120, seed=0)
    tiny.write_idx(root / "mnist" / "train-images-idx3-ubyte.gz", images)
    tiny.write_idx(root / "mnist" / "train-labels-idx1-ubyte.gz", labels)
    return root


def command(data: Path, out: Path, model: str = "dbn") -> list[str]:
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return [model, "--data-root", str(data), "--out", str(out), "--device", "cpu", *settings]


def test_a_run_stopped_in_every_stage_resumes_to_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches chains, offsets or moments that a checkpoint forgets, and a stage that starts over."""
    assert command_line.main(command(data, tmp_path / "whole")) == 0
    whole = checkpoint.load_run(tmp_path / "whole" / "dbn")
    logged = [json.loads(line)["stage"] for line in whole.log.read_text().splitlines()]
    assert list(dict.fromkeys(logged)) == list(dbn_greedy.STAGES)

    taken = itertools.count(1)
    original = loop._agreed
    # Stopped after every fourth step: several times within each of the five stages.
    monkeypatch.setattr(loop, "_agreed", lambda stop, place: next(taken) % 4 == 0 or original(stop, place))
    for _ in range(40):
        code = command_line.main(command(data, tmp_path / "parts"))
        if code == 0:
            break
        assert code == 130
    capsys.readouterr()
    parts = checkpoint.load_run(tmp_path / "parts" / "dbn")
    assert next(taken) > 25
    for name, network in whole.weights.items():
        for key, value in network.items():
            assert torch.equal(value, parts.weights[name][key]), (name, key)


def test_without_the_greedy_stages_only_the_classifier_is_built() -> None:
    """Catches a baseline that ships, or starts from, weights that were never trained."""
    config = dbn.MODELS["dbn_random"]["default"]
    networks = dbn.build(config)
    assert list(networks) == ["classifier"]
    (stage,) = dbn.stages(config, networks, torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    assert (stage.name, stage.steps) == ("backprop", config.images // config.batch)


def test_the_classifier_starts_from_the_greedy_weights() -> None:
    """Catches a layer left random: its hidden activities are those of the stack, layer by layer."""
    config = dbn.DBNConfig(code=12, memory=16)
    networks = dbn.build(config)
    stack, classifier = networks["greedy"], networks["classifier"]
    assert isinstance(stack, dbn_networks.GreedyStack)
    assert isinstance(classifier, dbn_networks.ForwardNetwork)
    classifier.start_from(stack)
    image = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    code = stack.layer(1).hidden_mean(stack.layer(0).hidden_mean(image.flatten(1)))
    no_label = torch.zeros(3, dbn_networks.CLASSES)
    with torch.no_grad():
        _, features = classifier(image)
    torch.testing.assert_close(features, stack.memory.hidden_mean(torch.cat([code, no_label], 1)), **CLOSE)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shares": (0.5, 0.5)}, "shares"),
        ({"shares": (0.5, 0.5, 0.5, 0.0, 0.0)}, "shares"),
        ({"chains": 15}, "chains"),
        ({"hidden_dropout": 1.0}, "hidden_dropout"),
        ({"memory": 0}, "memory"),
    ],
)
def test_a_configuration_that_cannot_train_is_refused(change: dict[str, object], word: str) -> None:
    """Catches a mistake found in the middle of a run instead of before it."""
    with pytest.raises(ConfigError, match=word):
        dbn.DBNConfig(**change).validate()  # type: ignore[arg-type]
