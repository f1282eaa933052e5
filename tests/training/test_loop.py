"""The training room: exact resume, the learning rules against closed forms, the command line's manners.

Every run here is on a few made-up pictures; nothing needs MNIST.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny
from tests.serving import PATIENCE
from training import __main__ as command_line
from training import checkpoint, gan, loop, pca, precision, randomness, rbm, recipes
from training.config import ConfigError, as_settings, with_settings
from training.families import FAMILIES
from training.stage import Place, Rule, Stage

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).resolve().parents[2]
CONVOLUTIONS = ("generator_widths=3,2", "discriminator_widths=2,3")
SMALL = {
    "rbm": (
        "images=600",
        "snapshots=2",
        "batch=20",
        "hidden=12",
        "chains=10",
        "gibbs_steps=2",
        "ema_half_life=100",
    ),
    "autoencoder": ("images=600", "batch=20", "widths=16,8", "code=3", "ema_half_life=100"),
    "gan": (
        "images=600",
        "batch=20",
        "split=train",
        "generator_widths=16",
        "discriminator_widths=16",
        "ema_half_life=100",
    ),
    "cgan": ("images=400", "batch=20", "split=train", "generator_widths=8", "discriminator_widths=8"),
    "dcgan": ("images=200", "batch=20", *CONVOLUTIONS),
    "cdcgan": ("images=200", "batch=20", *CONVOLUTIONS),
    "acgan": ("images=200", "batch=20", *CONVOLUTIONS),
    "ssgan": ("images=400", "batch=20", "generator_widths=8", "discriminator_widths=16,8"),
    "wgan_gp": ("images=200", "batch=20", "critic_steps=2", "generator_widths=3,2", "critic_widths=2,3"),
    "stylegan2_digits": ("images=200", "batch=20", "widths=4,3,3,2", "w=6", "lazy=3", "mixing=0.5"),
    "classifier_cnn": ("images=200", "batch=20", "channels=2", "features=8"),
    "vae": ("images=600", "batch=20", "widths=16", "latents=3", "warm_up_steps=5"),
    "autoencoder_denoising": ("images=600", "batch=20", "widths=16", "code=3"),
    "classifier_mlp": ("images=600", "batch=20", "widths=16,8"),
    "classifier_fashion": ("dataset=mnist", "images=200", "batch=20", "channels=2", "features=8"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with 200 pictures to learn from and 40 to test on, in MNIST's files."""
    root = tmp_path_factory.mktemp("data")
    for prefix, count, seed in (("train", 200, 0), ("t10k", 40, 1)):
        images, labels = tiny.pictures(count, seed=seed)
        tiny.write_idx(root / "mnist" / f"{prefix}-images-idx3-ubyte.gz", images)
        tiny.write_idx(root / "mnist" / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return root


def arguments(model: str, data: Path, out: Path, settings: Sequence[str] = (), *more: str) -> list[str]:
    parts = [model, "--data-root", str(data), "--out", str(out), "--device", "cpu", *more]
    for setting in (*SMALL.get(model, ()), *settings):
        parts += ["--set", setting]
    return parts


def train(model: str, data: Path, out: Path, settings: Sequence[str] = (), *more: str) -> checkpoint.Run:
    assert command_line.main(arguments(model, data, out, settings, *more)) == 0
    return checkpoint.load_run(out / model)


def flat(weights: dict[str, dict[str, torch.Tensor]]) -> torch.Tensor:
    """All weights of a run in one vector."""
    return torch.cat([value.double().flatten() for net in weights.values() for value in net.values()])


def lines(run: checkpoint.Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.log.read_text().splitlines()]


def without_clock(run: checkpoint.Run) -> list[dict[str, object]]:
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "images_per_second")}
        for line in lines(run)
    ]


# --- resume -------------------------------------------------------------------------------------------------


class _StopAfter:
    """A rule that raises SIGINT in its own process after some steps, as Ctrl-C does."""

    def __init__(self, rule: Rule, steps: int) -> None:
        self._rule, self._left = rule, steps
        self.state_dict, self.load_state_dict, self.preview = (
            rule.state_dict,
            rule.load_state_dict,
            rule.preview,
        )

    def step(
        self, images: torch.Tensor, labels: torch.Tensor, progress: float, draw: randomness.Draw
    ) -> dict[str, torch.Tensor]:
        losses = self._rule.step(images, labels, progress, draw)
        self._left -= 1
        if self._left == 0:
            signal.raise_signal(signal.SIGINT)
        return losses


@pytest.mark.parametrize("model", SMALL)
def test_an_interrupted_run_resumes_to_the_same_bits(
    model: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches any state that a checkpoint forgets: chains, offsets, moments, averages, batch statistics,
    the data's order, the noise, the running sums of the log.
    """
    whole = train(model, data, tmp_path / "whole")

    family = FAMILIES[model]
    stages = family.stages

    def stopping(*args: object) -> list[Stage]:
        (stage,) = stages(*args)
        return [dataclasses.replace(stage, rule=_StopAfter(stage.rule, 7))]

    with monkeypatch.context() as patched:
        patched.setattr(family, "stages", stopping)
        assert command_line.main(arguments(model, data, tmp_path / "parts")) == 130
    assert "resumes" in capsys.readouterr().err
    assert not (tmp_path / "parts" / model / checkpoint.FINAL).exists()
    parts = train(model, data, tmp_path / "parts")

    assert torch.equal(flat(whole.weights), flat(parts.weights))
    assert without_clock(whole) == without_clock(parts)
    assert [path.name for path in whole.snapshots] == [path.name for path in parts.snapshots]
    seconds = [line["seconds"] for line in lines(parts)]
    assert seconds == sorted(seconds)  # type: ignore[type-var]  # the clock goes on where it stopped


def test_a_killed_process_resumes_to_the_same_bits(data: Path, tmp_path: Path) -> None:
    """Catches a checkpoint that a kill -9 can tear, and log lines written twice after one."""
    settings = ("images=4000",)
    whole = train("rbm", data, tmp_path / "whole", settings)
    # A checkpoint after every step; the process kills itself inside the 20th, between writing and renaming.
    line = arguments("rbm", data, tmp_path / "parts", settings, "--checkpoint-seconds", "0")
    program = (
        "import os, signal, sys\n"
        "from training import __main__, checkpoint\n"
        "replace, saves = os.replace, []\n"
        "def dying(source, target):\n"
        "    saves.append(target)\n"
        "    if [str(path).endswith(checkpoint.CHECKPOINT) for path in saves].count(True) == 20:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    replace(source, target)\n"
        "os.replace = dying\n"
        "sys.exit(__main__.main(sys.argv[1:]))\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, *line],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    log = tmp_path / "parts" / "rbm" / "log.jsonl"
    assert log.read_bytes().count(b"\n") > 0
    assert not (tmp_path / "parts" / "rbm" / checkpoint.FINAL).exists()
    assert (tmp_path / "parts" / "rbm" / checkpoint.CHECKPOINT).exists()
    # What a torn write leaves behind must not matter either: a log line that no checkpoint vouches for.
    with log.open("a") as file:
        file.write('{"images_seen": 99')

    parts = train("rbm", data, tmp_path / "parts", settings)
    assert torch.equal(flat(whole.weights), flat(parts.weights))
    assert without_clock(whole) == without_clock(parts)


def test_a_stage_begins_where_the_last_one_ended(data: Path, tmp_path: Path) -> None:
    """Catches a resume that restarts a stage, or gives a stage the rule state of its neighbour."""
    images = torch.from_numpy(tiny.pictures(50)[0][:, None].copy())
    labels = torch.zeros(50, dtype=torch.int64)
    config = rbm.RBMConfig(hidden=6, chains=5, gibbs_steps=1)

    def run(out: Path, stop_after: int | None) -> torch.Tensor:
        torch.manual_seed(0)
        network, average = rbm.RBM(784, 6), rbm.RBM(784, 6)
        rules: list[Rule] = [rbm.ContrastiveDivergence(config, network, images) for _ in range(2)]
        if stop_after is not None:
            rules[1] = _StopAfter(rules[1], stop_after)
        stages = [Stage("first", rules[0], 5, 10), Stage("second", rules[1], 6, 5, 20)]
        loop.train(
            stages,
            {"rbm": network},
            {"rbm": average},
            images,
            labels,
            out=out,
            facts={},
            seed=3,
            snapshots=2,
            place=Place(torch.device("cpu")),
        )
        return average.weight

    for directory in ("whole", "parts"):
        (tmp_path / directory).mkdir()
    whole = run(tmp_path / "whole", None)
    with pytest.raises(loop.Interrupted):
        run(tmp_path / "parts", 2)
    assert torch.equal(whole, run(tmp_path / "parts", None))
    log = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in log] == ["first"] * 5 + ["second"] * 6


def test_a_finished_run_says_so_and_another_configuration_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a rerun that trains again, and two configurations mixed in one directory."""
    run = train("rbm", data, tmp_path)
    before = (tmp_path / "rbm" / "final.pt").read_bytes()
    train("rbm", data, tmp_path)
    assert "finished" in capsys.readouterr().err
    assert (tmp_path / "rbm" / "final.pt").read_bytes() == before
    assert command_line.main(arguments("rbm", data, tmp_path, ["learning_rate=0.2"])) == 2
    message = capsys.readouterr().err
    assert "learning_rate is 0.1, not 0.2" in message
    assert command_line.main(arguments("rbm", data, tmp_path, [], "--seed", "1")) == 2
    assert "seed is 0, not 1" in capsys.readouterr().err
    assert run.command.startswith("python -m training rbm --set ")
    assert str(tmp_path) not in (tmp_path / "rbm" / "config.json").read_text()


# --- what a run leaves behind -------------------------------------------------------------------------------


def test_snapshots_are_log_spaced_and_hold_what_final_holds(data: Path, tmp_path: Path) -> None:
    """Catches snapshots at other points than asked for, and a last one that is not the final weights."""
    run = train("autoencoder", data, tmp_path, ["snapshots=4"])
    seen = [int(path.stem) for path in run.snapshots]
    assert seen == [20 * step for step in loop.snapshot_steps(30, 4)] == [0, 20, 100, 600]
    for path in run.snapshots:
        assert (tmp_path / "autoencoder" / "samples" / f"{path.stem}.png").is_file()
        assert checkpoint.load_weights(path)["command"] == run.command
    last = checkpoint.load_weights(run.snapshots[-1])["weights"]["autoencoder"]
    assert all(torch.equal(last[name], value) for name, value in run.weights["autoencoder"].items())
    assert run.images_seen == 600
    assert run.config["widths"] == (16, 8)
    assert all(math.isfinite(line["squared_error"]) for line in lines(run))  # type: ignore[arg-type]


def test_the_untrained_rbm_is_the_first_snapshot_of_the_rbm(data: Path, tmp_path: Path) -> None:
    """Catches a baseline that is not the network its trained fellow started from."""
    untrained = train("rbm_untrained", data, tmp_path, ["hidden=12"])
    trained = train("rbm", data, tmp_path)
    first = checkpoint.load_weights(trained.snapshots[0])["weights"]["rbm"]
    assert torch.equal(untrained.weights["rbm"]["weight"], first["weight"])
    assert untrained.images_seen == 0


def test_averaged_weights_are_the_exponential_average() -> None:
    """Catches an average with another half-life: constant weights after a jump must approach it as 2^-t."""
    live, mean = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(mean.weight)
    torch.nn.init.ones_(live.weight)
    for _ in range(50):
        loop.average(mean, live, decay=0.5 ** (10 / 500))
    # 500 images are one half-life; float32 rounds fifty times, each by at most 6e-8.
    assert mean.weight.item() == pytest.approx(0.5, abs=5e-6)


def test_every_image_comes_once_an_epoch_in_a_new_order() -> None:
    """Catches images that a batch across the end of an epoch repeats or drops."""
    order = randomness.data_order(seed=1, stage=0, start=0, count=30, size=10)
    epochs = order.reshape(3, 10)
    assert (np.sort(epochs, axis=1) == np.arange(10)).all()
    assert not (epochs[0] == epochs[1]).all()
    pieces = [randomness.data_order(1, 0, start, 4, 10) for start in (0, 4, 8, 12)]
    assert (np.concatenate(pieces) == order[:16]).all()
    assert not (randomness.data_order(2, 0, 0, 10, 10) == order[:10]).all()
    assert not (randomness.data_order(1, 1, 0, 10, 10) == order[:10]).all()


def test_noise_of_an_image_does_not_depend_on_how_many_processes_share_the_batch() -> None:
    """Catches ranks that draw the same numbers, or others than one process would."""
    device = torch.device("cpu")
    alone = randomness.Draw([1, 2, 3], device).normal(6, 2)
    shared = [randomness.Draw([1, 2, 3], device, rank, 2).normal(3, 2) for rank in range(2)]
    assert torch.equal(alone, torch.cat(shared))


# --- the RBM against exact enumeration ----------------------------------------------------------------------


def _tiny_rbm() -> rbm.RBM:
    generator = torch.Generator().manual_seed(5)
    machine = rbm.RBM(4, 3).double()
    for parameter in machine.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return machine


def _states(units: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)), dtype=torch.float64)


def _joint(machine: rbm.RBM) -> torch.Tensor:
    """p(v, h) of all states by the definition of the energy. [16, 8]."""
    visible, hidden = _states(4), _states(3)
    negative_energy = (
        (visible @ machine.visible_bias)[:, None]
        + hidden @ machine.hidden_bias
        + torch.einsum("vi,hj,ji->vh", visible, hidden, machine.weight)
    )
    return (negative_energy - negative_energy.logsumexp((0, 1))).exp()


def test_free_energy_is_minus_the_log_of_the_sum_over_hidden_states() -> None:
    """Catches a wrong sign, a missing bias, a softplus of the wrong thing."""
    machine = _tiny_rbm()
    marginal = _joint(machine).sum(1)
    from_free_energy = torch.softmax(-machine.free_energy(_states(4)), 0)
    assert torch.allclose(marginal, from_free_energy, rtol=1e-12, atol=0)  # float64 sums of 8 terms


def test_conditionals_are_those_of_the_joint() -> None:
    """Catches W where W' belongs, and biases of the other layer."""
    machine = _tiny_rbm()
    joint = _joint(machine)
    hidden_given_visible = joint @ _states(3) / joint.sum(1, keepdim=True)
    visible_given_hidden = joint.T @ _states(4) / joint.T.sum(1, keepdim=True)
    assert torch.allclose(machine.hidden_mean(_states(4)), hidden_given_visible, rtol=1e-12, atol=0)
    assert torch.allclose(machine.visible_mean(_states(3)), visible_given_hidden, rtol=1e-12, atol=0)


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_the_gradient_is_that_of_the_log_likelihood(offset: float) -> None:
    """Catches a wrong learning rule. With every state of the model in the negative phase in proportion to its
    probability, the plain gradient must be d log p(data) / d parameters; the centred one must be the same
    after the change of variables that Melchior et al. derive.
    """
    machine = _tiny_rbm()
    states = _states(4)
    batch = states[[1, 6, 6, 11, 15]]
    # log p of the batch by enumeration, differentiated by autograd.
    parameters = {name: value.detach().requires_grad_() for name, value in machine.named_parameters()}

    def energy(visible: torch.Tensor) -> torch.Tensor:
        drive = visible @ parameters["weight"].T + parameters["hidden_bias"]
        return -visible @ parameters["visible_bias"] - torch.nn.functional.softplus(drive).sum(1)

    likelihood = (-energy(batch)).mean() - (-energy(states)).logsumexp(0)
    exact = dict(zip(parameters, torch.autograd.grad(likelihood, list(parameters.values())), strict=True))

    # A "chain sample" that represents the model exactly: each state, repeated as its probability demands.
    probability = torch.softmax(-machine.free_energy(states), 0)
    copies = (probability * 2_000_000).round().long()
    model = states.repeat_interleave(copies, 0)
    mu, lam = torch.full([4], offset).double(), torch.full([3], offset).double()
    weight, visible_bias, hidden_bias = rbm.centred_gradient(
        (batch, machine.hidden_mean(batch)), (model, machine.hidden_mean(model)), (mu, lam)
    )
    centred_weight = (
        exact["weight"] - torch.outer(lam, exact["visible_bias"]) - torch.outer(exact["hidden_bias"], mu)
    )
    expected = (
        centred_weight,
        exact["visible_bias"] - lam @ centred_weight,
        exact["hidden_bias"] - centred_weight @ mu,
    )
    # Rounding 16 probabilities to parts of two million moves a mean by at most 16 / 4e6.
    for ours, theirs in zip((weight, visible_bias, hidden_bias), expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-5)


def test_the_rbm_agrees_with_scikit_learn() -> None:
    """Catches conventions that differ from the field's: shapes, biases, the sign of the free energy."""
    from sklearn.neural_network import BernoulliRBM

    images = (tiny.pictures(60)[0].reshape(60, -1) > 127).astype(np.float64)
    theirs = BernoulliRBM(n_components=7, n_iter=2, random_state=0).fit(images)
    ours = rbm.RBM(784, 7).double()
    ours.weight.copy_(torch.from_numpy(theirs.components_))
    ours.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
    ours.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    visible = torch.from_numpy(images)
    # Both in float64; sums of 784 terms differ in their order only.
    np.testing.assert_allclose(ours.hidden_mean(visible), theirs.transform(images), rtol=1e-9)
    np.testing.assert_allclose(ours.free_energy(visible), theirs._free_energy(images), rtol=1e-9)


def test_a_new_rbm_starts_at_the_log_odds_and_a_trained_one_is_left_alone() -> None:
    """Catches biases from zero, which dig modes that chains never visit, and ones that overwrite learning."""
    images = torch.tensor([0, 0, 0, 255], dtype=torch.uint8).view(4, 1, 1, 1).expand(4, 1, 2, 2)
    draw = randomness.Draw([0], torch.device("cpu"))
    config = rbm.RBMConfig(hidden=2, chains=4, batch=4, learning_rate=0.0)
    for before, after in ((0.0, math.log(1 / 3)), (0.5, 0.5)):
        machine = rbm.RBM(4, 2)
        machine.visible_bias.fill_(before)
        rbm.ContrastiveDivergence(config, machine, images).step(images, images, 0.0, draw)
        assert machine.visible_bias.tolist() == pytest.approx([after] * 4, rel=1e-5)  # float32's logit


@pytest.mark.parametrize("persistent", [True, False])
def test_contrastive_divergence_raises_the_likelihood(persistent: bool) -> None:
    """Catches a rule that descends, and chains that do not follow the model."""
    pattern = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]], dtype=torch.uint8) * 255
    images = pattern.repeat(25, 1)[:, None, None]
    torch.manual_seed(0)
    machine = rbm.RBM(4, 3)
    config = rbm.RBMConfig(
        hidden=3, chains=50, batch=50, persistent=persistent, gibbs_steps=2, learning_rate=1.0, bfloat16=False
    )
    rule = rbm.ContrastiveDivergence(config, machine, images)
    for step in range(200):
        rule.step(images, images, step / 200, randomness.Draw([0, step], torch.device("cpu")))
    states = _states(4).float()
    probability = torch.softmax(-machine.free_energy(states), 0)
    learned = sum(probability[(states == p / 255).all(1)].item() for p in pattern)
    # Two of 16 states hold all of the data; an untrained machine gives them 2/16. Three seeds reached 0.93.
    assert learned > 0.8


# --- the other families -------------------------------------------------------------------------------------


def test_pca_agrees_with_scikit_learn() -> None:
    """Catches components that are not the leading ones, not centred, or not orthonormal."""
    from sklearn.decomposition import PCA

    images = tiny.pictures(300)[0].reshape(300, -1) / 255
    mean, components = pca.principal_components(images, 5)
    theirs = PCA(5, svd_solver="full").fit(images)
    np.testing.assert_allclose(mean, theirs.mean_, atol=1e-12)
    np.testing.assert_allclose(components @ components.T, np.eye(5), atol=1e-10)
    # Eigenvectors are the same up to sign; the ten blots' eigenvalues lie well apart.
    np.testing.assert_allclose(np.abs((components * theirs.components_).sum(1)), 1, atol=1e-8)


def test_pca_command_reconstructs_as_well_as_theory_says(data: Path, tmp_path: Path) -> None:
    """Catches a decoder that does not invert the encoder: the error is the sum of the dropped eigenvalues."""
    run = train("pca", data, tmp_path, ["images=200", "batch=200", "code=4"])
    network = pca.PCA(784, 4)
    network.load_state_dict(run.weights["pca"])
    images = tiny.pictures(200, seed=0)[0].reshape(200, -1).astype(np.float64) / 255
    eigenvalues = np.linalg.eigvalsh(np.cov(images.T, bias=True))
    reconstruction, code = network(torch.from_numpy(images).float())
    error = (reconstruction - torch.from_numpy(images)).square().sum(1).mean()
    assert code.shape == (200, 4)
    assert float(error) == pytest.approx(eigenvalues[:-4].sum(), rel=1e-5)  # the network computes in float32


def test_shifts_move_whole_images_and_reach_every_offset() -> None:
    """Catches wrapping round, shifts beyond the reach, and one shift for the whole batch."""
    image = torch.zeros(1, 1, 5, 6)
    image[0, 0, 2, 3] = 1
    moved = recipes.shifted(image.expand(400, 1, 5, 6), 1, randomness.Draw([0], torch.device("cpu")))
    assert (moved.sum((1, 2, 3)) == 1).all()
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert places == set(itertools.product((1, 2, 3), (2, 3, 4)))
    corner = torch.ones(200, 1, 3, 3)
    assert recipes.shifted(corner, 1, randomness.Draw([0], torch.device("cpu"))).flatten(1).sum(1).min() == 4


def test_learning_rate_warms_up_then_falls_to_zero() -> None:
    """Catches a schedule that jumps, or ends above zero."""
    factors = [recipes.warm_up_then_cosine(progress / 1000, 0.1) for progress in range(1000)]
    assert factors[0] == 0
    assert factors[100] == 1
    assert max(np.abs(np.diff(factors))) <= 0.0101
    assert factors[-1] < 1e-5


def test_generator_gradients_do_not_reach_the_discriminator() -> None:
    """Catches a generator step that also trains D, which would make them one minimisation."""
    config = gan.GANConfig(generator_widths=(8,), discriminator_widths=(8,), batch=4)
    networks = gan.build(config)
    (stage,) = gan.stages(config, networks, torch.empty(0), torch.empty(0))
    images = torch.randint(0, 255, (4, 1, 28, 28), dtype=torch.uint8)
    before = {name: [p.clone() for p in net.parameters()] for name, net in networks.items()}
    rule = stage.rule
    assert isinstance(rule, gan.Play)
    losses = rule.step(images, images, 0.0, randomness.Draw([0], torch.device("cpu")))
    assert all(torch.isfinite(value) for value in losses.values())
    for name, network in networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True))
        assert all(parameter.requires_grad for parameter in network.parameters())


# --- the command line ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["nobody"], "no model 'nobody'; the models are acgan"),
        (["rbm", "--preset", "best"], "no preset 'best'; its presets are default"),
        (["rbm", "--set", "size=3"], "knows no 'size'; the names are batch"),
        (["rbm", "--set", "hidden"], "name=value"),
        (["rbm", "--set", "hidden=many"], "--set hidden takes a whole number, not 'many'"),
        (["rbm", "--set", "persistent=maybe"], "--set persistent takes true or false, not 'maybe'"),
        (["rbm", "--set", "gibbs_steps=0"], "must each be at least 1"),
        (["rbm", "--set", "batch=0"], "batch must be at least 1"),
        (["gan", "--set", "r1=-1"], "r1 must be 0 or more"),
        (["rbm", "--seed", "-1"], "--seed must lie in 0 to 4294967295"),
        (["rbm", "--set", "dataset=nowhere"], "neither a data set"),
        (["rbm", "--set", "split=train[900:]"], "train[900:] of mnist is empty: it holds 200 images"),
        (["rbm", "--init-from", "nowhere"], "no model.json that says how its weights were trained"),
    ],
)
def test_bad_arguments_exit_2_with_one_sentence(
    line: list[str], says: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches tracebacks, and runs that start before they notice."""
    assert command_line.main([*line, "--data-root", str(data), "--out", str(tmp_path / "runs")]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert len(message.splitlines()) == 1
    assert not list(tmp_path.rglob("*.pt"))


def test_settings_are_typed_by_their_fields_and_written_back() -> None:
    """Catches '500' kept as text, 'false' read as true, and a command that would not repeat the run."""
    base = gan.GANConfig()
    texts = ["images=500", "bfloat16=false", "generator_rate=1e-3", "generator_widths=8,16", "split=train"]
    config = with_settings(base, texts)
    assert (config.images, config.bfloat16, config.generator_rate) == (500, False, 1e-3)
    assert config.generator_widths == (8, 16)
    assert with_settings(base, as_settings(config, base)) == config
    assert as_settings(base, base) == []
    with pytest.raises(ConfigError, match="a number"):
        with_settings(base, ["generator_rate=fast"])


@pytest.mark.parametrize(
    ("slow", "settings", "expected"),
    [(True, [], False), (True, ["bfloat16=true"], True), (False, [], True)],
)
def test_float32_stands_in_where_bfloat16_is_slow(
    slow: bool,
    settings: list[str],
    expected: bool,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches hours of emulated arithmetic, a silent change, and a card that claims the other precision."""
    monkeypatch.setattr(command_line, "bfloat16_is_slow", lambda device: slow)
    run = train("rbm", data, tmp_path, [*settings, "images=40", "batch=20"])
    assert run.config["bfloat16"] is expected
    assert ("bfloat16=false" in run.command) is not expected
    assert ("float32" in capsys.readouterr().err) is not expected


@pytest.mark.parametrize("slow", [True, False])
def test_a_run_goes_on_in_the_precision_it_began_in(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """Catches a run that cannot be resumed on a machine of the other kind."""
    command = ["vae", "--data-root", str(data), "--out", str(tmp_path), "--set", "images=40"]
    command += ["--set", "batch=20", "--set", "widths=4", "--set", "latents=2"]
    monkeypatch.setattr(command_line, "bfloat16_is_slow", lambda device: slow)
    assert command_line.main(command) == 0
    monkeypatch.setattr(command_line, "bfloat16_is_slow", lambda device: not slow)
    assert command_line.main(command) == 0
    assert checkpoint.load_run(tmp_path / "vae").config["bfloat16"] is not slow


def interrupted(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command of a run that was stopped after seven steps."""
    stages = rbm.stages

    def stopping(*args: Any) -> list[Stage]:
        (stage,) = stages(*args)
        return [dataclasses.replace(stage, rule=_StopAfter(stage.rule, 7))]

    command = arguments("rbm", data, out, ["bfloat16=false"])
    with monkeypatch.context() as patched:
        patched.setattr(rbm, "stages", stopping)
        assert command_line.main(command) == 130
    return command


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("threads", 97, "threads 97, not "), ("torch", "1.0", "torch 1.0, not ")],
)
def test_a_run_goes_on_only_where_it_can_go_on_exactly(
    name: str,
    value: object,
    said: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches sums in another order, or other kernels, behind the promise of the same bits."""
    command = interrupted(data, tmp_path, monkeypatch)
    file = tmp_path / "rbm" / checkpoint.CONFIG
    config = json.loads(file.read_text())
    assert (config["threads"], config["torch"]) == (torch.get_num_threads(), torch.__version__)
    file.write_text(json.dumps(config | {name: value}))
    capsys.readouterr()
    assert command_line.main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said + str(config[name]) in error

    # A run that was begun before this was written down goes on, and a finished one is nobody's trouble.
    file.write_text(json.dumps({key: value for key, value in config.items() if key != name}))
    assert command_line.main(command) == 0
    file.write_text(json.dumps(config | {name: value}))
    assert command_line.main(command) == 0
    assert "finished" in capsys.readouterr().err


def test_a_run_without_a_checkpoint_begins_where_it_is_started(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a run that is refused for the threads of a start that came to nothing."""
    command = interrupted(data, tmp_path, monkeypatch)
    (tmp_path / "rbm" / checkpoint.CHECKPOINT).unlink()
    file = tmp_path / "rbm" / checkpoint.CONFIG
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"threads": 97}))
    assert command_line.main(command) == 0
    assert json.loads(file.read_text()) == config


@pytest.mark.parametrize(
    ("capabilities", "slow"),
    [
        ({"architecture": "x86_64", "avx2": True, "avx512_f": True, "avx512_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"architecture": "aarch64", "neon": True, "bf16": True}, False),
        ({"architecture": "aarch64", "neon": True, "fp16_arith": True}, True),
    ],
)
def test_bfloat16_is_slow_where_a_processor_has_no_instructions_for_it(
    capabilities: dict[str, object], slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches hours of emulated arithmetic, and an answer that depends on what else the machine does."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert precision.bfloat16_is_slow(torch.device("cpu")) is slow


def test_every_model_has_a_valid_default_and_says_where_its_weights_ship() -> None:
    """Catches a family that the command line lists but cannot start."""
    # Not all of a family's networks need be in each of its models: `dbn_random` is the classifier alone.
    built: dict[str, set[str]] = {}
    shipped: dict[str, set[str]] = {}
    for model in FAMILIES:
        family, config = command_line.configure(model, "default", [])
        networks = set(family.build(config))
        assert networks
        built[family.__name__] = built.get(family.__name__, set()) | networks
        shipped[family.__name__] = set(family.GRAPHS)
    assert built == shipped


def test_a_folder_of_ones_own_images_trains(tmp_path: Path) -> None:
    """Catches a folder that only works with labels, or whose path would leak into the run's files."""
    from PIL import Image

    folder = tmp_path / "mine"
    folder.mkdir()
    for index, pixels in enumerate(tiny.pictures(23)[0]):
        Image.fromarray(pixels).resize((40, 31)).save(folder / f"{index}.png")
    run = train("autoencoder", tmp_path, tmp_path / "runs", [f"dataset={folder}"])
    assert "dataset=mine" in run.command
    assert str(tmp_path) not in run.command
    assert run.config["dataset"] == "mine"


def test_training_continues_from_shipped_files(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches initialisers that are loaded in another order, transposed, or not at all."""
    import onnx
    from onnx import helper, numpy_helper

    start = train("rbm", data, tmp_path / "first").weights["rbm"]
    folder = tmp_path / "shipped" / "rbm"
    folder.mkdir(parents=True)

    def ship(names: Sequence[str]) -> None:
        half = [numpy_helper.from_array(start[name].numpy().astype(np.float16), name) for name in names]
        onnx.save(helper.make_model(helper.make_graph([], "rbm", [], [], half)), folder / "gibbs_step.onnx")

    ship(list(start))
    line = ("--init-from", str(tmp_path / "shipped"))
    said = {"training": {"command": "python -m training rbm", "images_seen": 700, "seconds": 5e9}}
    (folder / "model.json").write_text(json.dumps(said))
    run = train("rbm", data, tmp_path / "second", ["images=0"], *line)
    for name, value in start.items():
        assert torch.equal(run.weights["rbm"][name], value.half().float())
    both = "python -m training rbm && python -m export rbm && python -m training rbm --init-from onnx_models"
    assert run.command.startswith(both)
    assert run.images_seen == 700
    assert run.seconds // 5e9 == 1  # those of the run before, carried on

    more = train("rbm", data, tmp_path / "more", ["images=40", "batch=20", "snapshots=2"], *line)
    assert more.images_seen == 740
    assert [int(path.stem) for path in more.snapshots] == [700, 740]
    assert json.loads(more.log.read_text().splitlines()[-1])["images_seen"] == 740
    assert command_line.main(arguments("rbm", data, tmp_path / "third", ["hidden=13"], *line)) == 2
    assert "weight of the rbm is [12, 784]" in capsys.readouterr().err
    ship(["weight"])
    assert command_line.main(arguments("rbm", data, tmp_path / "fourth", [], *line)) == 2
    assert "no values for hidden_bias, visible_bias" in capsys.readouterr().err


# --- several processes --------------------------------------------------------------------------------------


def _torchrun(*line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"),
            *("--local-addr", "127.0.0.1", *line),  # the machine's own name may lead nowhere
        ],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("model", "tolerance"), [("autoencoder", 1e-3), ("gan", 0.2)])
def test_two_processes_learn_what_one_learns(
    model: str, tolerance: float, data: Path, tmp_path: Path
) -> None:
    """Catches ranks that see the same half of the batch, or gradients that are summed instead of averaged."""
    settings = ["bfloat16=false", "images=200"]
    alone = train(model, data, tmp_path / "one", settings)
    done = _torchrun("-m", "training", *arguments(model, data, tmp_path / "two", settings))
    assert done.returncode == 0, done.stderr
    together = checkpoint.load_run(tmp_path / "two" / model)
    # Ten steps of float32: a mean of two halves differs from the mean of the whole in the last digits, and
    # Adam's division by a near-zero second moment magnifies that for weights that hardly move. The generator
    # normalises over each process's 10 images instead of all 20: that moved its weights 5 % apart.
    difference = (flat(alone.weights) - flat(together.weights)).abs()
    start = flat(checkpoint.load_weights(alone.snapshots[0])["weights"])
    moved = (flat(alone.weights) - start).abs()
    assert difference.mean() < tolerance * moved.mean()
    assert len(together.log.read_text().splitlines()) == 10


@pytest.mark.slow
def test_the_rbm_refuses_several_processes(data: Path, tmp_path: Path) -> None:
    """Catches two chains of updates that overwrite each other's files."""
    done = _torchrun("-m", "training", *arguments("rbm", data, tmp_path))
    assert done.returncode != 0
    assert "trains in one process" in done.stderr
    assert not list(tmp_path.rglob("*.pt"))
