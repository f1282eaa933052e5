"""The public web API: stable names, the same arguments give the same bytes, a refusal is one sentence.

A picture goes in as a ``data:image/png;base64,...`` URI, as a file that ``gradio_client.handle_file`` sends,
or as rows of numbers in [0, 1]; addresses are refused, so that the server never fetches anything. Pictures
come back as ``data:`` URIs of lossless 8-bit PNG. Answers hold no times: they would differ between calls.

    curl -s http://127.0.0.1:7860/gradio_api/call/sample -H 'Content-Type: application/json' \\
         -d '{"data": [["gan"], -1, 7, 4]}'                    # {"event_id": "..."}
    curl -sN http://127.0.0.1:7860/gradio_api/call/sample/EVENT_ID
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import numpy as np
from gradio.block_function import BlockFunction
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

from demo import panels
from demo.engine import images, inference, limits, styles
from demo.engine.corruption import Corruption
from demo.engine.library import Library
from demo.kit import paper
from onnx_models import cookbook, recipes
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]
Function = TypeVar("Function", bound=Callable[..., Any])

_LAYOUTS = ("pictures", "sheet")
_COLUMNS = 8


class Page(gr.Blocks):
    """A page whose endpoints fill in what a caller leaves off at the end.

    Gradio's clients do that themselves; curl does not, and an argument that is added must not break its
    calls.
    """

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Add the defaults that are missing to ``inputs``, then check them as Gradio does."""
        if len(inputs) < len(block_fn.inputs) and getattr(block_fn.fn, "endpoint", False):
            defaults = [parameter.default for parameter in inspect.signature(block_fn.fn).parameters.values()]
            missing = defaults[len(inputs) :]
            if inspect.Parameter.empty not in missing:
                inputs.extend(missing)
        super().validate_inputs(block_fn, inputs)


def register(library: Library) -> None:
    """Add the endpoints to the page that is being built."""
    manifest = _manifest(library)

    def models() -> dict[str, Any]:
        """All that is known here: models, graphs with their signatures, figures, data sets."""
        return manifest

    def reconstruct(
        image: Any,
        models: list[str] | None = None,
        corruption: Any = None,
        seed: int = 0,
        recipe: bool = False,
    ) -> dict[str, Any]:
        """Rebuild a picture with several models, after damage if wanted.

        Args:
            image: data URI, uploaded file or rows of numbers in [0, 1]; 28 x 28 is taken as it is, any other
                size is prepared as a drawing
            models: ids, default all that rebuild pictures
            corruption: none, salt, occlude_top, occlude_bottom, occlude_left, occlude_right, or an object
                {"kind", "amount" in [0, 1], "mask": rows of 0 and 1}
            seed: of the salt, 0 to 4294967295
            recipe: true for the recipe of each answer as well
        """
        chosen = _choose(library, models, library.reconstructors, "reconstruct")
        result = inference.reconstruct(library, _picture(image), chosen, Corruption.parse(corruption), seed)
        return {
            "original": _png(result.original),
            "shown": _png(result.shown),
            "answers": [
                _answer(answer) | _recipe(recipe, _rebuilt, library, answer, result.shown)
                for answer in result.answers
            ],
        }

    def sample(
        models: list[str] | None = None,
        label: int = -1,
        seed: int = 0,
        count: int = limits.COUNT.default,
        layout: str = "pictures",
        recipe: bool = False,
    ) -> dict[str, Any]:
        """Make pictures from a seed.

        Args:
            models: ids, default all that make pictures
            label: class asked of conditional models, 0 to 9; -1 for none
            seed: 0 to 4294967295; picture i does not depend on count
            count: pictures a model, 1 to 64
            layout: pictures for a list of them; sheet for one picture that holds them all, in rows of 8 with
                nothing between
            recipe: true for the recipe of each model's pictures as well
        """
        count, label = limits.COUNT.check(count), limits.LABEL.check(label)
        if layout not in _LAYOUTS:
            raise LineageError(
                "argument.layout", f"layout must be {' or '.join(_LAYOUTS)}, got {str(layout)[:40]!r}."
            )
        chosen = _choose(library, models, library.generators, "generate")
        return {
            "samples": [
                _sample(library, model_id, seed, count, label, layout)
                | _recipe(recipe, cookbook.sample, library.model(model_id), seed, count, label)
                for model_id in chosen
            ]
        }

    def gibbs(
        model: str,
        start: Any = None,
        label: int = -1,
        steps: int = limits.STEPS.default,
        seed: int = 0,
        recipe: bool = False,
    ) -> dict[str, Any]:
        """Run a Gibbs chain.

        Args:
            model: id of a model with a gibbs_step graph
            start: picture as for /reconstruct; null for a random one
            label: class the label units are clamped to, 0 to 9; -1 for none
            steps: 0 to 300
            seed: 0 to 4294967295
            recipe: true for the recipe of the last picture as well
        """
        first = None if start is None else _picture(start)
        chain = inference.gibbs(library, model, first, steps, seed, label)
        return {
            "model": model,
            "visible_means": [_png(picture[0]) for picture in chain.visible_means],
            "free_energy": _numbers(chain.free_energy[:, 0]),
        } | _recipe(
            recipe,
            cookbook.gibbs,
            library.model(model),
            None if first is None else first[None],
            steps,
            seed,
            label,
        )

    def discriminate(model: str, image: Any, label: int = -1) -> dict[str, Any]:
        """Ask a discriminator or critic how real a picture looks.

        Args:
            model: id of a model with a discriminate or criticise graph
            image: picture as for /reconstruct
            label: class shown to conditional discriminators, 0 to 9; -1 for none
        """
        result = inference.scores(library, model, _picture(image)[None], label)
        return {"model": model, "score": _number(result.values[0])}

    def classify(model: str, image: Any) -> dict[str, Any]:
        """Ask a judge which class a picture shows, or about each of its attributes.

        Args:
            model: id of a model with a classify graph
            image: picture as for /reconstruct; for a judge of colours its middle, shrunk to the size it takes
        """
        judge = library.model(model, "classify")
        picture = _picture(image, judge)[None]
        if judge.questions:
            answers = inference.answers(library, model, picture)
            return {
                "model": model,
                "attributes": {
                    question.name: {
                        "value": question.values[int(answers[question.name][0].argmax())],
                        "probabilities": dict(
                            zip(question.values, _numbers(answers[question.name][0]), strict=True)
                        ),
                    }
                    for question in judge.questions
                },
            }
        result = inference.classify(library, model, picture)
        return {
            "model": model,
            "label": int(result.labels[0]),
            "probabilities": _numbers(result.probabilities[0]),
        }

    def stylegan(
        model: str,
        seed: int = 0,
        psi: float = styles.PSI,
        cutoff: Any = None,
        label: int = -1,
        mix_seed: Any = None,
        mix_layers: str = "coarse",
        noise_seed: Any = styles.NOISE_SEED,
        directions: Any = None,
        recipe: bool = False,
    ) -> dict[str, Any]:
        """Paint a picture from styles: truncated, mixed with another's, moved, under any noise.

        Args:
            model: id of a model with mapping and synthesis graphs
            seed: of z, 0 to 4294967295
            psi: truncation, -2 to 2; 1 is none, 0 the centre of all styles
            cutoff: how many styles it applies to, from the coarsest; null for all
            label: class asked of conditional models, 0 to 9; -1 for none
            mix_seed: of the z that lends some styles; null for nobody
            mix_layers: which ones: coarse, middle, fine, none, or numbers from 0 such as 0-3,6
            noise_seed: 0 to 4294967295; null for no noise
            directions: object of strengths by id, in standard deviations, -30 to 30; null for the strength
                that a direction was measured at; the ids are in the model's directions.json
            recipe: true for the picture's recipe as well
        """
        painter = styles.painter(library, model)
        look = _look(painter, psi, cutoff, label, noise_seed)
        along = styles.moves(library, painter, {} if directions is None else directions)
        mix = None if mix_seed is None else (mix_seed, styles.layers(painter, mix_layers))
        written = styles.recipe(painter, seed, look, mix, along)
        cooked = recipes.cook(written, library.catalog, library.runtime)
        return {"model": model, "image": _png(cooked.pictures[0])} | _recipe(recipe, lambda: written)

    def truncation_sweep(
        model: str,
        seed: int = 0,
        steps: int = limits.SWEEP.default,
        first: float = -1,
        last: float = 1,
        cutoff: Any = None,
        label: int = -1,
        noise_seed: Any = styles.NOISE_SEED,
    ) -> dict[str, Any]:
        """Paint one seed under evenly spaced truncations, both ends included.

        Args:
            model: id of a model with mapping and synthesis graphs
            seed: of z, 0 to 4294967295
            steps: 2 to 60, fewer of large pictures; there is one picture more than steps
            first: truncation of the first picture, -2 to 2; below 0 lies the opposite of a style
            last: truncation of the last picture, -2 to 2
            cutoff: how many styles it applies to, from the coarsest; null for all
            label: class asked of conditional models, 0 to 9; -1 for none
            noise_seed: 0 to 4294967295; null for no noise
        """
        painter = styles.painter(library, model)
        most = styles.affordable(painter, limits.SWEEP.highest + 1, limits.SWEEP.lowest + 1) - 1
        steps = limits.Bound("steps", limits.SWEEP.lowest, most, limits.SWEEP.default).check(steps)
        start = limits.check_number("first", first, *limits.PSI)
        stop = limits.check_number("last", last, *limits.PSI)
        look = _look(painter, 1.0, cutoff, label, noise_seed)
        psi = np.linspace(start, stop, steps + 1, dtype=np.float32)
        pictures = styles.paint(library, painter, styles.sweep(library, painter, seed, look, psi), look)
        return {"model": model, "psi": _numbers(psi), "images": [_png(image) for image in pictures]}

    def cook(recipe: Any) -> dict[str, Any]:
        """Make the pictures of a recipe, and the numbers that it lists; see onnx_models/RECIPES.md.

        Args:
            recipe: an object, or its JSON as text
        """
        cooked = recipes.cook(_parsed(recipe), library.catalog, library.runtime)
        recipes.check_bound("numbers", sum(array.size for array in cooked.numbers.values()), limits.NUMBERS)
        return {
            "images": [_png(picture) for picture in cooked.pictures],
            "numbers": {name: _nested(array) for name, array in cooked.numbers.items()},
        }

    def panel_recipes(panel: str, state: Any = "") -> dict[str, Any]:
        """Return what the pictures of a panel are made of: recipes by name, as `/cook` takes them.

        Args:
            panel: its name in the page's address (`tab`)
            state: its state, as an object or its JSON as text, the model always named
        """
        text = state if isinstance(state, str) else json.dumps(state)
        found = panels.recipes(library, panel, text)
        return {name: cookbook.plain(recipe) for name, recipe in found.items()}

    endpoints = (
        models, reconstruct, sample, gibbs, discriminate, classify, stylegan, truncation_sweep, cook,
        panel_recipes,
    )  # fmt: skip
    for endpoint in endpoints:
        gr.api(
            _refusing(endpoint),
            api_name=endpoint.__name__,
            concurrency_limit=limits.CONCURRENCY,
            concurrency_id="inference",
        )


def _refusing(function: Function) -> Function:
    """Turn a `LineageError` into the one sentence that Gradio sends to the caller."""

    @functools.wraps(function)
    def endpoint(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except LineageError as error:
            raise gr.Error(str(error), print_exception=False) from error

    endpoint.endpoint = True  # type: ignore[attr-defined]  # for `Page`
    return endpoint  # type: ignore[return-value]


def _manifest(library: Library) -> dict[str, Any]:
    """Join what each ``model.json`` says with the figures that are not stale, as in ``manifest.json``."""
    catalog = library.catalog
    entries = []
    for model in catalog.models:
        entry = json.loads((model.folder / "model.json").read_text("utf-8"))
        entries.append(entry | {"metrics": [vars(metric) for metric in model.metrics]})
    datasets = [
        json.loads((dataset.files[0].path.parent / "dataset.json").read_text("utf-8"))
        for dataset in catalog.datasets.values()
        if dataset.files
    ]
    problems = [{"id": problem.id, "error": _error(problem.error)} for problem in catalog.problems]
    return {"models": entries, "datasets": datasets, "problems": problems}


def _choose(library: Library, wanted: Any, default: Sequence[Model], role: str) -> list[str]:
    if wanted is None:
        return [model.id for model in default]
    if isinstance(wanted, str):
        wanted = [wanted]
    if not isinstance(wanted, list):
        raise LineageError("argument.models", "models must be a list of model ids, or null for all of them.")
    limits.MODELS.check(len(wanted))
    return [library.model(str(model_id), role).id for model_id in wanted]


def _look(painter: Model, psi: Any, cutoff: Any, label: Any, noise_seed: Any) -> styles.Look:
    most = styles.rows(painter)
    cutoff = most if cutoff is None else limits.Bound("cutoff", 0, most, most).check(cutoff)
    return styles.Look(psi, cutoff, label, noise_seed)


def _picture(payload: Any, model: Model | None = None) -> Array:
    """Read an untrusted picture argument; float32 [1, 28, 28], or what a model of colours takes."""
    if payload is None:
        raise LineageError("image.empty", "The picture is empty: draw something, or pick an example.")
    if isinstance(payload, dict):
        payload = _uploaded(payload)
    elif isinstance(payload, str) and not payload.startswith("data:"):
        raise _bad_form()
    if model is not None and model.image["channels"] == 3:
        return images.prepare_colours(payload, model.image["height"], model.image["width"])
    return images.prepare_picture(payload)


def _uploaded(payload: dict[str, Any]) -> str | Path:
    """The data URI or the uploaded file that a Gradio file object names; no other file, and no address."""
    url, path = payload.get("url"), payload.get("path")
    if isinstance(url, str) and url.startswith("data:"):
        return url
    folder = Path(get_upload_folder()).resolve()
    if isinstance(path, str) and path and Path(path).resolve().is_relative_to(folder):
        return Path(path)
    raise _bad_form()


def _bad_form() -> LineageError:
    return LineageError(
        "image.form",
        "A picture must be a data: URI, an uploaded file or rows of numbers; addresses and paths are not "
        "followed.",
    )


def _answer(answer: inference.Answer) -> dict[str, Any]:
    if answer.error is not None or answer.image is None or answer.code is None:
        return {"model": answer.model_id, "error": _error(answer.error)}
    return {
        "model": answer.model_id,
        "image": _png(answer.image),
        "squared_error": _number(answer.squared_error),
        "free_energy": _number(answer.free_energy),
        "code": _numbers(answer.code),
        "error": None,
    }


def _sample(
    library: Library, model_id: str, seed: Any, count: int, label: int, layout: str
) -> dict[str, Any]:
    """One broken file must not keep the other models from answering; a wrong argument is everybody's."""
    try:
        samples = inference.sample(library, model_id, seed, count, label)
    except LineageError as error:
        if error.code.startswith("file."):
            return {"model": model_id, "error": _error(error)}
        raise
    if layout == "sheet":
        columns = min(count, _COLUMNS)
        sheet = paper.to_data_uri(paper.grid(samples.images, columns, gap=0))
        return {"model": model_id, "sheet": sheet, "columns": columns, "count": count, "error": None}
    return {"model": model_id, "images": [_png(image) for image in samples.images], "error": None}


def _recipe(wanted: Any, write: Callable[..., cookbook.Recipe | None], *arguments: Any) -> dict[str, Any]:
    """Return what an answer says of its recipe: nothing, unless it is asked for."""
    return {"recipe": cookbook.plain(write(*arguments))} if wanted is True else {}


def _rebuilt(library: Library, answer: inference.Answer, shown: Array) -> cookbook.Recipe | None:
    """Return the recipe of one answer; none where the model gave none."""
    return None if answer.error else cookbook.reconstruct(library.model(answer.model_id), shown[None])


def _parsed(recipe: Any) -> Any:
    """Read a recipe that comes as text; whatever else it is, the kitchen says what is wrong with it."""
    try:
        return json.loads(recipe) if isinstance(recipe, str) else recipe
    except (ValueError, RecursionError):
        return None


def _error(error: LineageError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "sentence": str(error)}


def _png(image: Array) -> str:
    return paper.to_data_uri(paper.as_image(image))


def _number(value: float | None) -> float | None:
    """Seven significant digits, all that float32 has: the same number whatever the JSON writer."""
    return None if value is None else float(f"{value:.7g}")


def _nested(values: NDArray[Any]) -> list[Any]:
    """Return numbers in lists of lists, as an array of any number of axes has them."""
    return _numbers(values) if values.ndim == 1 else [_nested(one) for one in values]


def _numbers(values: Array) -> list[float | None]:
    return [_number(float(value)) for value in values]
