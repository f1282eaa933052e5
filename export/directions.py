"""Which way to push a style so that a face gets glasses: directions in w, found in the files that ship.

Three ways of finding them. No PyTorch: the graphs are run by onnxruntime, and who learns walks is handed in.

*Separators* (Shen et al. 2020, "Interpreting the latent space of GANs for semantic face editing"). Faces are
made of many w, the judge of their data set says what it sees on each, and for each answer a hyperplane is
fitted between the w that have it and those that have not. Its normal is the direction. How far to go and
which layers to move are chosen on some seeds, for the largest share of asked answers less the mean share of
others that change; both shares are then measured on other seeds, 0 to 99, and those figures ship.

*Walks* (Jahanian, Chai & Isola 2020, "On the 'steerability' of generative adversarial networks"). The move
itself is learned, by what the judge says of the faces at its end (walks.py). Of a separator and a walk to the
same answer the one ships that is worth more, on the seeds that strength and layers are chosen on.

*Factors* (Shen & Zhou 2021, "Closed-form factorization of latent semantics in GANs"). A style is A w + b, so
the unit vectors n that change styles most, maximising |A n|^2, are the eigenvectors of A^T A. Nothing is
labelled; what each does is only told by what the judge sees change.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import load_model_from_string, numpy_helper
from tqdm import tqdm

from export import manifest, words
from export.onnx_file import SCALE
from onnx_models import processors, seeds
from onnx_models.catalog import Catalog, Group, Model
from onnx_models.directions import FARTHEST, ROLE, Direction, is_of, moved
from onnx_models.runtime import Runtime, read_verified

Floats = NDArray[np.float64]
Answers = NDArray[np.int64]  # [n, questions]

FILE = "directions.json"
FIRST = 2**20  # of the samples of seed 0 that are learned from: no seed that a person types shows them
TEST_SHARE = 5  # one sample in so many is kept from the fit, to measure it
FEWEST = 20  # samples with and without an answer; of less nothing can be learned
RIDGE = 1e-3  # on coefficients of standardised w, beside a mean loss in nats
CHOOSING = 24  # seeds that strength and layers are chosen on: those behind the measured ones
MEASURING = 100  # seeds, 0 to 99
STRENGTHS = (2.0, 3.5, 5.0)  # standard deviations, to choose from
WALKED = ("all", "middle and fine")  # layers that walks are learned on: with and without the head's shape
LENGTHS = (1.0, 1.5, 2.0, 3.0)  # of a learned walk, to choose from
LEAST = 0.1  # share of those seeds that a direction must win for its answer, or it is no slider
FACTOR_STRENGTH = 3.0
FACTORS = 3  # of each range of layers
BATCH = 100
NOTHING = ("none",)  # an answer that says that there is none of the thing asked for
HIDDEN = ("hidden",)  # one that says that it cannot be seen
DIGITS = 6  # significant ones, of a vector's values
# How training/stylegan2_networks.py names the weights that turn w into a layer's styles.
AFFINE = re.compile(r"(up|stay|rgb)\.(\d+)\.convolution\.style\.weight")


Walk = Callable[[int, Sequence[int], Sequence[int]], Floats]
"""Question, indices of its wanted answers, layers -> what to add to w on these, [w]."""
Learner = Callable[["Studio", Floats, Answers], Walk | None]
"""Who looks, w [n, w] and what the judge sees of each -> who learns walks from there, if anybody can."""


def suits(model: Model, known: Catalog) -> bool:
    """Whether directions can be found: styles without a label, and a judge of attributes of such pictures."""
    judge = known.judge(model.dataset["id"], model.image)
    return (
        model.has("mapping", "synthesis")
        and all(tensor.name in ("z", "psi") for tensor in model.graphs["mapping"].inputs)
        and judge is not None
        and bool(judge.graphs["classify"].output("class_logits").groups)
        and model.graphs["synthesis"].output("image").shape == judge.graphs["classify"].input("image").shape
    )


def find(
    model: Model, known: Catalog, runtime: Runtime, samples: int, learner: Learner | None = None
) -> manifest.Document:
    """The contents of ``directions.json`` of a model that :func:`suits`; without a learner, no walks.

    Raises :class:`onnx_models.errors.LineageError` where a graph cannot be run.
    """
    studio = Studio(model, known, runtime)
    w = np.concatenate([studio.w(start, samples) for start in _bar(range(0, samples, BATCH), "drawing w")])
    answers = np.concatenate(
        [
            studio.answers(studio.repeated(w[start : start + BATCH]))
            for start in _bar(range(0, samples, BATCH), "looking at faces")
        ]
    )
    tests = np.concatenate([studio.styles(seeds.normals(k, 1, studio.latent)) for k in range(MEASURING)])
    trials = np.concatenate(
        [studio.styles(seeds.normals(MEASURING + k, 1, studio.latent)) for k in range(CHOOSING)]
    )
    measured, tried = (tests, studio.answers(tests)), (trials, studio.answers(trials))

    walk = learner and learner(studio, w, answers)
    with ThreadPoolExecutor(processors.available()) as pool:

        def way(target: tuple[int, tuple[str, ...]]) -> Direction | None:
            return _best(studio, target, w, answers, walk, tried, measured)

        asked = list(targets(studio.groups))
        found = [
            one for one in tqdm(pool.map(way, asked), "looking for ways", len(asked), leave=False) if one
        ]

    content = read_verified(model.graphs["synthesis"].path, model.graphs["synthesis"].sha256)
    affine = affine_weights(content)
    parts = {part: layers for part, layers in ranges(studio.rows).items() if part in _FACTORED}
    for part, layers in parts.items() if affine else ():
        for k, vector in enumerate(factors([affine[row] for row in layers], FACTORS), start=1):
            base = Direction(
                id=f"factor-{part.replace(' ', '-')}-{k}",
                name={"en": f"factor {k}, {part} layers", "fr": f"facteur {k}, {_FACTORED[part]}"},
                method="factor",
                attribute=None,
                values=(),
                vector=_rounded(vector),
                layers=layers,
                deviation=float((w @ vector).std()),
                strength=FACTOR_STRENGTH,
                balanced_accuracy=None,
                before=None,
                success=None,
                changes={},
            )
            found.append(studio.measured(base, layers, FACTOR_STRENGTH, *measured))

    return {
        "model": model.id,
        "judge": studio.judge.id,
        "graphs": {
            **{role: model.graphs[role].sha256 for role in ("mapping", "synthesis")},
            "classify": studio.judge.graphs["classify"].sha256,
        },
        "samples": samples,
        "seeds": MEASURING,
        "psi": 1.0,
        "attributes": {group.name: words.attribute(group.name) for group in studio.groups},
        "directions": [_entry(direction) for direction in found],
    }


Seen = tuple[NDArray[np.float32], Answers]
"""Ws of some seeds [n, rows, w], and what the judge sees of them."""


def _best(
    studio: "Studio",
    target: tuple[int, tuple[str, ...]],
    w: Floats,
    answers: Answers,
    walk: Walk | None,
    tried: Seen,
    measured: Seen,
) -> Direction | None:
    """The way to some answers, chosen on some seeds and measured on others; None where no way leads there."""
    column, values = target
    group = studio.groups[column]
    visible = np.array([value not in HIDDEN for value in group.values])[answers[:, column]]
    indices = [group.values.index(value) for value in values]
    wanted = np.isin(answers[:, column], indices)
    held_out = np.arange(len(w)) % TEST_SHARE == 0
    learn, check = visible & ~held_out, visible & held_out
    rarer = min(wanted[learn].sum(), (~wanted[learn]).sum())
    if rarer < FEWEST or wanted[check].all() or not wanted[check].any():
        return None  # a generator that never makes it, or nothing else
    normal, offset = separator(w[learn], wanted[learn])
    base = Direction(
        id=re.sub("[^a-z0-9]+", "-", f"{group.name} {values[0] if len(values) == 1 else 'any'}".lower()),
        name=words.attribute(group.name) if len(values) > 1 else words.value(group.name, values[0]),
        method="separator",
        attribute=group.name,
        values=values,
        vector=_rounded(normal),
        layers=(),
        deviation=float((w @ normal).std()),
        strength=0.0,
        balanced_accuracy=balanced_accuracy(w[check] @ normal + offset > 0, wanted[check]),
        before=None,
        success=None,
        changes={},
    )
    ways = [
        (base, layers, strength)
        for layers in dict.fromkeys(ranges(studio.rows).values())
        for strength in STRENGTHS
    ]
    if walk:
        ways += _walks(base, w, {layers: walk(column, indices, layers) for layers in walked(studio.rows)})
    best = max((studio.measured(*way, *tried) for way in ways), key=worth)
    if (best.success or 0.0) - (best.before or 0.0) < LEAST:
        return None
    return studio.measured(best, best.layers, best.strength, *measured)


def write(model: Model, document: manifest.Document) -> None:
    """Put ``directions.json`` into the model's folder and list it in its model.json."""
    content = _dumps(document)
    description = manifest.read(model.folder / "model.json")
    description["files"] = [file for file in description["files"] if file["role"] != ROLE]
    description["files"].append(_listed(model.id, model.licence, content))
    manifest.write(model.folder, description, {FILE: content}, "model.json")


def keep(folder: Path, document: manifest.Document, files: manifest.Files) -> None:
    """List the directions that are already in `folder` in a new model.json, if they are still its graphs'."""
    path = folder / FILE
    if not path.is_file():
        return
    content = path.read_bytes()
    graphs = {role: graph["sha256"] for role, graph in document["graphs"].items()}
    try:
        fresh = is_of(json.loads(content), graphs)
    except (ValueError, KeyError, TypeError):
        return
    if fresh:
        files[FILE] = content
        document["files"].append(_listed(document["id"], document["licence"], content))


def faults(folder: Path, document: Mapping[str, Any], shipped: Sequence[str]) -> Iterator[str]:
    """Say what is wrong with the directions of a model; `shipped`: the sha256 of every graph there is."""
    for file in document.get("files", ()):
        path = folder / file["file"]
        if file["role"] != ROLE or not path.is_file():
            continue
        try:
            found = manifest.read(path)
        except ValueError as error:
            yield f"{file['file']} cannot be read: {error}"
            continue
        wrong = list(manifest.schema_faults(found, "directions"))
        yield from (f"{file['file']}: {fault}" for fault in wrong)
        if wrong:
            continue
        graphs = {role: graph["sha256"] for role, graph in document["graphs"].items()}
        if not is_of(found, graphs) or found["graphs"]["classify"] not in shipped:
            command = f"python -m export directions {document['id']}"
            yield f"{file['file']} was found in other graphs: run `{command}`."
            continue
        _, rows, width = document["graphs"]["mapping"]["outputs"][0]["shape"]
        for direction in found["directions"]:
            vector = np.asarray(direction["vector"])
            if len(vector) != width or abs(np.linalg.norm(vector) - 1) > 1e-4:
                yield f"{file['file']}: {direction['id']} is no unit vector of {width} values."
            if max(direction["layers"]) >= rows:
                yield f"{file['file']}: {direction['id']} moves a layer that is not there."


def lines(document: manifest.Document) -> Iterator[str]:
    """What was found, a line each."""
    yield f"  {'direction':28} {'layers':7} {'sd':>4} {'fit':>6} {'before':>7} {'after':>6} {'others':>7}"
    for one in document["directions"]:
        layers = f"{min(one['layers'])}-{max(one['layers'])}"
        figures = (one["balanced_accuracy"], one["before"], one["success"])
        fit, before, after = ("" if figure is None else f"{figure:.2f}" for figure in figures)
        others = np.mean(list(one["changes"].values()))
        figures_text = f"{one['strength']:4.1f} {fit:>6} {before:>7} {after:>6} {others:7.2f}"
        yield f"  {one['id']:28} {layers:7} {figures_text}"


# --- the mathematics ----------------------------------------------------------------------------------------


def separator(w: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, float]:
    """The hyperplane normal . w + offset = 0 between the w that are `positive` and the others.

    Logistic regression with a ridge on standardised coordinates, both sides weighing as much however rare one
    is, by Newton's method (iteratively reweighted least squares), each step halved until the loss falls.

    w [n, size], positive bool [n] with both values in it -> normal [size] of length 1, offset.
    """
    mean, deviation = w.mean(0), np.maximum(w.std(0), 1e-12)
    x = np.concatenate([(w - mean) / deviation, np.ones((len(w), 1))], axis=1)
    y = positive.astype(np.float64)
    weight = np.where(positive, 0.5 / y.sum(), 0.5 / (1 - y).sum())
    ridge = np.full(x.shape[1], RIDGE)
    ridge[-1] = 0.0  # the offset is free

    def loss(beta: Floats) -> float:
        score = x @ beta
        return float(weight @ (np.logaddexp(0, score) - y * score) + ridge @ np.square(beta) / 2)

    beta = np.zeros(x.shape[1])
    now = loss(beta)
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        gradient = x.T @ (weight * (p - y)) + ridge * beta
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(ridge + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while (then := loss(beta - length * step)) > now and length > 1e-6:
            length /= 2
        beta, gained, now = beta - length * step, now - then, then
        if gained < 1e-10:
            break
    slope = beta[:-1] / deviation
    size = max(float(np.linalg.norm(slope)), 1e-300)
    return slope / size, float((beta[-1] - slope @ mean) / size)


def balanced_accuracy(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Mean of the shares of positives and of negatives that are found as such: 1/2 is chance."""
    return float((found[wanted].mean() + (~found[~wanted]).mean()) / 2)


def factors(affine: Sequence[NDArray[Any]], count: int) -> Floats:
    """The `count` unit vectors that change the styles of these layers most (Shen & Zhou 2021, equation 6).

    affine: [styles, w] each -> [count, w], by falling eigenvalue of A^T A. A vector and its opposite are the
    same factor: the one is taken whose largest value is positive.
    """
    a = np.concatenate(affine).astype(np.float64)
    _, vectors = np.linalg.eigh(a.T @ a)
    found = vectors[:, ::-1][:, :count].T
    largest = np.take_along_axis(found, np.abs(found).argmax(1)[:, None], axis=1)
    return found * np.sign(largest)


def affine_weights(content: bytes) -> dict[int, NDArray[Any]]:
    """A by row of ws, [styles of all layers that listen to it, w], from a synthesis graph's initialisers.

    Empty where the graph's parameters are not named as those of training/stylegan2_networks.py, or not all
    are there.
    """
    rows: dict[int, list[NDArray[Any]]] = {}
    stored = {
        initialiser.name: numpy_helper.to_array(initialiser)
        for initialiser in load_model_from_string(content).graph.initializer
    }
    for name, array in stored.items():
        match = AFFINE.fullmatch(name)
        if match:
            kind, k = match[1], int(match[2])
            row = {"stay": 2 * k, "up": 2 * k + 1, "rgb": 2 * k + 1}[kind]  # see SynthesisNetwork.forward
            scale = stored.get(SCALE.format(name), np.float32(1))  # of weights in integers
            rows.setdefault(row, []).append(array * scale)
    if set(rows) != set(range(len(rows))):
        return {}
    # Every weight is used times one over the root of its inputs' number, which is the same for all.
    return {row: np.concatenate(weights) for row, weights in sorted(rows.items())}


# --- what is asked, and of which layers ---------------------------------------------------------------------

_FACTORED = {  # ranges that factors are found of, in French
    "all": "toutes les couches",
    "coarse": "couches grossières",
    "middle": "couches moyennes",
    "fine": "couches fines",
}


def ranges(rows: int) -> dict[str, tuple[int, ...]]:
    """Rows of ws that a direction may be meant for, by name: all of them, each third and two of three."""
    thirds = [tuple(int(row) for row in part) for part in np.array_split(np.arange(rows), 3)]
    coarse, middle, fine = thirds
    parts = {
        "all": (*coarse, *middle, *fine),
        "coarse": coarse,
        "middle": middle,
        "fine": fine,
        "coarse and middle": (*coarse, *middle),
        "middle and fine": (*middle, *fine),
    }
    return {name: part for name, part in parts.items() if part}


def walked(rows: int) -> list[tuple[int, ...]]:
    """Layers that walks are learned on."""
    known = ranges(rows)
    return list(dict.fromkeys(known[part] for part in WALKED if part in known))


def _walks(
    base: Direction, w: Floats, moves: Mapping[tuple[int, ...], Floats]
) -> Iterator[tuple[Direction, tuple[int, ...], float]]:
    """Walks to where `base` leads, learned on some layers, as directions: with their layers and strengths."""
    for layers, move in moves.items():
        length = float(np.linalg.norm(move))
        if not length:
            continue
        vector = _rounded(move / length)
        deviation = float((w @ vector).std())
        figures = {"method": "walk", "vector": vector, "deviation": deviation, "balanced_accuracy": None}
        for times in LENGTHS:
            strength = times * length / max(deviation, 1e-12)
            if strength <= FARTHEST:
                yield Direction(**vars(base) | figures), layers, strength


def targets(groups: Sequence[Group]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """What a direction can lead to: question, and the answers that are meant.

    Each answer alone; and where one of them is that there is nothing, all others together in its place, since
    a slider from "none" to "some" says more than one that ends at "none".
    """
    for column, group in enumerate(groups):
        seen = [value for value in group.values if value not in HIDDEN]
        some = tuple(value for value in seen if value not in NOTHING)
        if len(some) < len(seen):
            yield column, some
        yield from ((column, (value,)) for value in (some if len(some) > 1 or len(some) == len(seen) else ()))


def worth(direction: Direction) -> tuple[float, float]:
    """What is chosen by: success, less the mean share of other answers that change; then the smaller move."""
    others = float(np.mean(list(direction.changes.values()))) if direction.changes else 0.0
    return (direction.success or 0.0) - others, -direction.strength


# --- the files ----------------------------------------------------------------------------------------------


class Studio:
    """A model that makes faces of w, and the judge that looks at them."""

    def __init__(self, model: Model, known: Catalog, runtime: Runtime) -> None:
        judge = known.judge(model.dataset["id"], model.image)
        if judge is None:
            raise ValueError(f"nobody judges {model.id}")
        self.model, self.judge = model, judge
        self.groups = judge.graphs["classify"].output("class_logits").groups
        self._mapping, self._synthesis = model.graphs["mapping"], model.graphs["synthesis"]
        self._classify, self._runtime = judge.graphs["classify"], runtime
        self.latent = int(self._mapping.input("z").shape[1])
        self.rows = int(self._mapping.output("ws").shape[1])
        # One noise for all faces, as in `generate`: only the style is to make a difference.
        sides = [
            (tensor.name, int(tensor.shape[2])) for tensor in self._synthesis.inputs if tensor.name != "ws"
        ]
        self.noise = {
            name: seeds.normals(0, 1, side * side, seeds.Stream.NOISE, layer=k).reshape(1, 1, side, side)
            for k, (name, side) in enumerate(sides)
        }

    def w(self, start: int, end: int) -> Floats:
        """Up to a batch of the samples that separators learn from: [n, w]."""
        z = seeds.normals(0, min(BATCH, end - start), self.latent, first=FIRST + start)
        return self.styles(z)[:, 0].astype(np.float64)

    def styles(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, z] -> ws [n, rows, w], not truncated."""
        psi = np.ones((len(z), self.rows), np.float32)
        return self._runtime.run(self._mapping, {"z": z, "psi": psi})["ws"]

    def repeated(self, w: Floats) -> NDArray[np.float32]:
        """[n, w] -> ws [n, rows, w]."""
        return np.repeat(w.astype(np.float32)[:, None], self.rows, axis=1)

    def answers(self, ws: NDArray[np.float32]) -> Answers:
        """What the judge sees, an index into each question's values: [n, questions]."""
        found = []
        for start in range(0, len(ws), BATCH):
            part = ws[start : start + BATCH]
            noise = {name: np.repeat(one, len(part), axis=0) for name, one in self.noise.items()}
            image = self._runtime.run(self._synthesis, {"ws": part, **noise})["image"]
            logits = self._runtime.run(self._classify, {"image": image})["class_logits"]
            ends = np.cumsum([len(group.values) for group in self.groups])[:-1]
            found.append(np.stack([one.argmax(1) for one in np.split(logits, ends, axis=1)], axis=1))
        return np.concatenate(found)

    def measured(
        self,
        direction: Direction,
        layers: tuple[int, ...],
        strength: float,
        ws: NDArray[np.float32],
        before: Answers,
    ) -> Direction:
        """The same direction on these layers, with what a move by `strength` does to the faces of `ws`."""
        figures = vars(direction) | {"layers": layers, "strength": strength}
        after = self.answers(moved(ws, [(Direction(**figures), strength)]))
        changed = (after != before).mean(0)
        names = [group.name for group in self.groups]
        figures["changes"] = {
            name: round(float(share), 4)
            for name, share in zip(names, changed, strict=True)
            if name != direction.attribute
        }
        if direction.attribute is not None:
            column = names.index(direction.attribute)
            wanted = [self.groups[column].values.index(value) for value in direction.values]
            figures["before"], figures["success"] = (
                round(float(np.isin(answers[:, column], wanted).mean()), 4) for answers in (before, after)
            )
        return Direction(**figures)


def _rounded(vector: Floats) -> Floats:
    """As the file will hold it, so that what is measured is what ships."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in vector])


def _entry(direction: Direction) -> manifest.Document:
    accuracy = direction.balanced_accuracy
    return {
        **vars(direction),
        "name": dict(direction.name),
        "values": list(direction.values),
        "vector": direction.vector.tolist(),
        "layers": list(direction.layers),
        "deviation": float(f"{direction.deviation:.{DIGITS}g}"),
        "balanced_accuracy": None if accuracy is None else round(accuracy, 4),
        "changes": dict(direction.changes),
    }


def _dumps(document: manifest.Document) -> bytes:
    """JSON with a line a direction."""
    head = {name: value for name, value in document.items() if name != "directions"}
    rows = ",\n".join(
        "  " + json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in document["directions"]
    )
    return (json.dumps(head, ensure_ascii=False)[:-1] + ',\n "directions": [\n' + rows + "\n]}\n").encode()


def _listed(model_id: str, licence: str, content: bytes) -> manifest.Document:
    return {
        "role": ROLE,
        "file": FILE,
        "sha256": manifest.sha256(content),
        "bytes": len(content),
        "licence": licence,
        "made_by": f"python -m export directions {model_id}",
    }


def _bar(steps: Any, title: str) -> Any:
    return tqdm(steps, desc=title, leave=False, disable=None)
