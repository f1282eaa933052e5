"""Learned walks: the straight way in w at whose end the judge sees an answer, and the others as they were.

    Jahanian, Chai & Isola 2020, "On the 'steerability' of generative adversarial networks", equation 2

The normal of a hyperplane tells two kinds of faces apart, which does not yet say how a push along it changes
one: where the network bends, it ends among faces that nobody ever drew. So a walk d is learned by its end,

    L(d) = E_w [ -log P(answer | g(w + d)) + KEEP mean over other questions -log P(answer before | g(w + d)) ]

through the synthesis network g and the judge P of its pictures, both frozen. That judge then has a hand in
what it later counts: whoever shows a walk shows the faces beside the figures.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from export.directions import Answers, Floats, Studio
from onnx_models.catalog import Group, Model
from onnx_models.errors import LineageError
from training import checkpoint, classifier, stylegan2

KEEP = 2.0  # weight of the other questions beside the one asked
BATCH = 8
RATE = 0.05  # Adam's, in standard deviations of w, falling linearly to 0

Look = Callable[[Tensor], Tensor]
"""Ws [n, rows, w] -> the judge's logits of their faces [n, answers of all questions]."""


def learnable(model: Model, judge: Model) -> bool:
    """Whether both are networks of this project: nobody else's can be built anew to follow their slopes."""
    return model.id in stylegan2.MODELS and judge.id in classifier.MODELS


def look(model: Model, judge: Model, noise: Sequence[NDArray[np.float32]]) -> Look:
    """How the judge sees the faces of `model`, under one noise for all: as the files have it, with slopes.

    Raises :class:`onnx_models.errors.LineageError` where a file is not there, or is another network's.
    """
    judging = classifier.build(classifier.MODELS[judge.id]["default"])["classifier"]
    try:
        synthesis = stylegan2.shipped(model.id, model.folder)[1]["synthesis"]
        checkpoint.load_initialisers({"classifier": judging}, judge.folder, classifier.GRAPHS)
    except checkpoint.RunError as error:
        raise LineageError("file.weights", f"{error} Give --steps 0 to go without walks.") from error
    judging.eval().requires_grad_(False)
    grains = [torch.from_numpy(grain) for grain in noise]

    def seen(ws: Tensor) -> Tensor:
        image = synthesis(ws, [grain.expand(len(ws), -1, -1, -1) for grain in grains])[0]
        logits: Tensor = judging(image.clamp(0, 1))[0]
        return logits

    return seen


class Walks:
    """Walks from the same faces, whichever answer they lead to.

    look, groups : the judge's answers and what they are to, in the order of the logits
    w : float [n, w], the faces to walk from, in the order in which they are taken
    answers : int [n, questions], what the judge sees before
    rows : of ws
    steps : of Adam, for one walk
    """

    def __init__(
        self, look: Look, groups: Sequence[Group], w: Floats, answers: Answers, rows: int, steps: int
    ) -> None:
        self._look, self._rows, self._steps = look, rows, steps
        self._w = torch.tensor(w, dtype=torch.float32)
        self._answers = torch.from_numpy(answers)
        self._deviation = self._w.std(0)
        self._sizes = [len(group.values) for group in groups]

    def __call__(self, question: int, values: Sequence[int], layers: Sequence[int]) -> Floats:
        """What to add to w on these layers, [w], so that the answer to a question is one of `values`."""
        walk = nn.Parameter(torch.zeros_like(self._deviation))
        moved = torch.zeros(self._rows, 1)
        moved[list(layers)] = 1
        adam = torch.optim.Adam([walk], lr=RATE)
        for step in range(self._steps):
            adam.param_groups[0]["lr"] = RATE * (1 - step / self._steps)
            rows = torch.arange(step * BATCH, (step + 1) * BATCH) % len(self._w)
            logits = self._look(self._w[rows, None] + moved * walk * self._deviation).split(self._sizes, 1)
            told, before = [part.log_softmax(1) for part in logits], self._answers[rows]
            asked = -told[question][:, list(values)].logsumexp(1).mean()
            others = [functional.nll_loss(part, before[:, k]) for k, part in enumerate(told) if k != question]
            loss = asked + (KEEP * torch.stack(others).mean() if others else 0)
            adam.zero_grad()
            loss.backward()
            adam.step()
        found: Floats = (walk.detach() * self._deviation).double().numpy()
        return found


def learn(studio: Studio, w: Floats, answers: Answers, *, steps: int) -> Walks | None:
    """Who learns walks from these faces, in so many steps; nobody where that is not :func:`learnable`."""
    if not learnable(studio.model, studio.judge):
        return None
    seen = look(studio.model, studio.judge, [*studio.noise.values()])
    return Walks(seen, studio.groups, w, answers, studio.rows, steps)
