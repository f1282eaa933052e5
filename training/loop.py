"""THE training loop: one function for an RBM, a stack of them, an autoencoder or a GAN.

A run is a list of stages; a stage is a learning rule, a batch size and a number of steps. The rule knows how
to learn from one batch; the loop owns everything else: which images come when, the randomness, averaged
weights, snapshots, sample grids, checkpoints, the log and the progress bar.

Exactness. Nothing random has a state that a resumed run could lose: the order of the images is a function of
(seed, stage, epoch) and every random number a function of (seed, stage, step). So a run killed at any moment
goes on to the very weights, bit by bit, of the undisturbed one (on a CPU; a GPU may add in another order).
"""

import contextlib
import io
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed
from torch import Tensor, nn
from tqdm import tqdm

from training import checkpoint
from training.config import ConfigError
from training.grids import save_grid
from training.randomness import Draw, data_order
from training.stage import Place, Rule, Stage

LOG_LINES = 400  # lines of log.jsonl in a whole run, so that a loss curve is worth drawing and cheap to ship
SNAPSHOT_RANGE = 1000  # the first snapshot after the untrained one comes at 1/1000 of the run
EMA_WARM_UP = 0.05  # an average's half-life is at most this part of what has been seen (Karras et al. 2020)
PREVIEW_KEY = 0xFACE  # keys the noise of the sample grids, the same at every snapshot
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """The run was asked to stop, and has saved where it is."""


def snapshot_steps(steps: int, count: int) -> list[int]:
    """Steps after which weights are kept: 0 and `steps`, the rest evenly spaced on a log scale between.

    Fewer than `count` where a short run makes some of them coincide.
    """
    if count == 1 or steps == 0:
        return [steps]
    first = max(1.0, steps / SNAPSHOT_RANGE)
    spaced = np.geomspace(first, steps, count - 1).round().astype(int) if count > 2 else np.array([steps])
    return sorted({0, *spaced.tolist()})


@torch.no_grad()
def average(averaged: nn.Module, live: nn.Module, decay: float) -> None:
    """Move `averaged` towards `live`: a <- decay a + (1 - decay) w, for parameters and float buffers."""
    means, values = averaged.state_dict().values(), live.state_dict().values()
    pairs = list(zip(means, values, strict=True))
    floating = [pair for pair in pairs if pair[0].is_floating_point()]
    if floating:
        torch._foreach_lerp_(*map(list, zip(*floating, strict=True)), 1 - decay)  # one kernel, not a hundred
    for mean, value in pairs:
        if not mean.is_floating_point():
            mean.copy_(value)


def train(
    stages: Sequence[Stage],
    networks: Mapping[str, nn.Module],  # the bare modules (never wrapped), by the name they are saved under
    averages: Mapping[
        str, nn.Module
    ],  # modules of the same make: they receive the averaged weights, and ship
    images: Tensor,  # uint8 [n, channels, height, width], the whole training set
    labels: Tensor,  # int64 [n]
    *,
    out: Path,  # the run's directory
    facts: Mapping[str, Any],  # what final.pt says beside the weights: config, command, seed, device
    seed: int,
    snapshots: int,  # how many; see snapshot_steps
    place: Place,
    images_before: int = 0,  # what the first weights have seen, where they are another run's
    seconds_before: float = 0.0,  # and how long that took: both are counted on
    checkpoint_seconds: float = 120.0,  # wall clock between two checkpoints
) -> None:
    """Train `stages` one after another, resuming from `out/checkpoint.pt` where there is one.

    Raises :class:`ConfigError` before the first step where a schedule cannot work, and :class:`Interrupted`
    after SIGINT or SIGTERM, once the checkpoint is on disk.
    """
    # Everything that can be wrong is found before the first step.
    if len(images) == 0:
        raise ConfigError("The training set holds no image.")
    for stage in stages:
        if stage.batch % place.world:
            raise ConfigError(
                f"A batch of {stage.batch} images does not divide among {place.world} processes."
            )
    total = sum(stage.steps for stage in stages)
    keep_after = set(snapshot_steps(total, snapshots))
    log_every = max(1, total // LOG_LINES)

    # Continue where the last checkpoint was written, or start.
    step, images_seen, log_bytes = 0, images_before, 0
    sums: dict[str, Tensor] = {}
    saved = checkpoint.load_checkpoint(out, place.device)
    if saved is not None:
        step, images_seen = saved["step"], saved["images_seen"]
        seconds_before, log_bytes, sums = saved["seconds"], saved["log_bytes"], saved["sums"]
        for name, network in networks.items():
            network.load_state_dict(saved["networks"][name])
            averages[name].load_state_dict(saved["averages"][name])
    index, first_step = _stage_at(stages, step)
    if saved is not None and index < len(stages):
        stages[index].rule.load_state_dict(saved["rule"])
    began = last_checkpoint = last_line = time.monotonic()

    def seconds() -> float:
        return round(seconds_before + time.monotonic() - began, 2)

    def keep(path: Path) -> None:
        weights = {name: network.state_dict() for name, network in averages.items()}
        document = {**facts, "weights": weights, "images_seen": images_seen, "seconds": seconds()}
        checkpoint.save(document, path)

    def keep_snapshot(rule: Rule) -> None:
        keep(out / "snapshots" / f"{images_seen:010d}.pt")
        with torch.no_grad():
            pictures = rule.preview(averages, Draw([seed, PREVIEW_KEY], place.device))
        if pictures is not None:
            save_grid(pictures, out / "samples" / f"{images_seen:010d}.png")

    def save_checkpoint() -> None:
        log.flush()
        os.fsync(log.fileno())  # the checkpoint vouches for this many bytes of the log
        checkpoint.save(
            {
                "step": step,
                "images_seen": images_seen,
                "seconds": seconds(),
                "log_bytes": log.tell(),
                "sums": sums,
                "networks": {name: network.state_dict() for name, network in networks.items()},
                "averages": {name: network.state_dict() for name, network in averages.items()},
                "rule": stages[index].rule.state_dict() if index < len(stages) else {},
            },
            out / checkpoint.CHECKPOINT,
        )

    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(_stop_signal())
        log = stack.enter_context(checkpoint.open_log(out, log_bytes) if place.writes else io.BytesIO())
        bar = stack.enter_context(
            tqdm(
                total=sum(stage.steps * stage.batch for stage in stages),
                initial=images_seen - images_before,
                unit="img",
                unit_scale=True,
                mininterval=0.5,
                dynamic_ncols=True,
                disable=not place.writes,
            )
        )
        if place.writes and step == 0 and 0 in keep_after and stages:
            keep_snapshot(stages[0].rule)

        while index < len(stages):
            stage = stages[index]
            bar.set_description(stage.name, refresh=False)
            position = step - first_step
            if position == 0:
                for name, network in networks.items():  # a stage's average starts at its first weights
                    average(averages[name], network, decay=0.0)

            # One step: the batch, the rule, the average.
            chosen = data_order(seed, index, position * stage.batch, stage.batch, len(images))
            mine = torch.from_numpy(chosen).chunk(place.world)[place.rank].to(place.device)
            draw = Draw([seed, index, position], place.device, place.rank, place.world)
            losses = stage.rule.step(images[mine], labels[mine], position / stage.steps, draw)
            step, images_seen = step + 1, images_seen + stage.batch
            seen_in_stage = (position + 1) * stage.batch
            half_life = min(stage.ema_half_life, EMA_WARM_UP * seen_in_stage)
            # Without averaging, copies are made only when they are about to be looked at.
            if stage.ema_half_life or step in keep_after or position + 1 == stage.steps:
                decay = 0.5 ** (stage.batch / half_life) if stage.ema_half_life else 0.0
                for name, network in networks.items():
                    average(averages[name], network, decay)
            if position + 1 == stage.steps:
                index, first_step = index + 1, step

            # What a person sees of it.
            bar.update(stage.batch)
            for name, value in losses.items():
                sums[name] = sums[name] + value if name in sums else value.detach().clone()
            if step % log_every == 0 or step == total:
                count = (step - 1) % log_every + 1
                means = {name: round(float(value) / count, 6) for name, value in sums.items()}
                now = time.monotonic()
                rate = round(count * stage.batch / max(now - last_line, 1e-9), 1)
                line = {"images_seen": images_seen, "seconds": seconds(), "stage": stage.name, **means}
                log.write((json.dumps({**line, "images_per_second": rate}) + "\n").encode())
                log.flush()
                bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
                sums, last_line = {}, now

            # What outlives the process.
            if place.writes and step in keep_after:
                keep_snapshot(stage.rule)
            asked_to_stop = _agreed(stop, place)
            if place.writes and (asked_to_stop or time.monotonic() - last_checkpoint >= checkpoint_seconds):
                save_checkpoint()
                last_checkpoint = time.monotonic()
            if asked_to_stop:
                raise Interrupted
        if place.writes:
            save_checkpoint()
            keep(out / checkpoint.FINAL)


def _stage_at(stages: Sequence[Stage], step: int) -> tuple[int, int]:
    """The stage that makes step number `step` of the run, and the number of its own first step."""
    first = 0
    for index, stage in enumerate(stages):
        if step < first + stage.steps:
            return index, first
        first += stage.steps
    return len(stages), first


@contextlib.contextmanager
def _stop_signal() -> Iterator[list[bool]]:
    """A list that turns non-empty on SIGINT or SIGTERM, so that a step is never cut in half."""
    asked: list[bool] = []
    before = {number: signal.signal(number, lambda *_: asked.append(True)) for number in STOP_SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _agreed(stop: list[bool], place: Place) -> bool:
    """Whether any process was asked to stop: all of them then stop after the same step."""
    if place.world == 1:
        return bool(stop)
    flag = torch.tensor(float(bool(stop)), device=place.device)
    torch.distributed.all_reduce(flag, torch.distributed.ReduceOp.MAX)
    return bool(flag)
