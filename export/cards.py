"""The cards: a README.md beside each model and data set, generated from its JSON: it cannot go stale."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from export import inputs, manifest, test_vectors
from export.official.words import ABOUT_LICENCE
from export.onnx_file import OLDEST

KINDS = {
    "model": "a model of the lineage",
    "baseline": "a baseline, a yardstick for the models",
    "judge": "a judge, in whose features the models are measured",
    "exhibit": "an exhibit, which shows how a model can fail",
    "encoder": "an encoder, which finds the styles of a picture for its generator",
}
SAMPLES = {  # Python that makes an input of that range; shape and dtype are filled in
    "[0, 1]": "rng.random({shape}, dtype=numpy.float32)",
    "[0, 1)": "rng.random({shape}, dtype=numpy.float32)",
    "{0, 1}": "rng.integers(0, 2, {shape}).astype(numpy.float32)",
    "N(0, 1)": "rng.standard_normal({shape}, dtype=numpy.float32)",
    "(-inf, inf)": "rng.standard_normal({shape}, dtype=numpy.float32)",
    "[0, inf)": "rng.random({shape}, dtype=numpy.float32)",
    "{1, 2, ...}": "numpy.ones({shape}, dtype=numpy.int64)",
}
ZEROS = "numpy.zeros({shape}, dtype=numpy.int64)"  # the same, of a label
NOISE = {  # what a converted network does with it
    "const": "the checkpoint's own, a part of the graph",
    "input": "asked for, as `noise_K`",
    "none": "none",
}
CONTENTS = {  # what a data set's file holds, by its role
    "examples": "`{file}` holds 20 test pictures of each class: `images` uint8 [200, 28, 28], `labels` "
    "uint8 [200] and `indices` int64 [200], their places in the test set.",
    "neighbours": "`{file}` holds the 50,000 pictures that `gan` was trained on, in their order: `images` "
    "uint8 [50000, 28, 28] and `labels` uint8 [50000]. Nothing is quantised or left out: the nearest "
    "training picture found in it is the nearest there is.",
}


DRAWN = {  # the same, of a data set whose pictures have attributes instead of classes
    "examples": "`{file}` holds 200 test pictures: `images` uint8 [200, 64, 64, 3] and `indices` int64 "
    "[200], their places in the test set.",
    "neighbours": "`{file}` holds the first 10,000 of the 30,000 pictures that the generators were trained "
    "on: `images` uint8 [10000, 64, 64, 3], nothing quantised. The nearest one found in it is the nearest of "
    "a third of them.",
}


def write(directory: Path) -> None:
    """Write ``manifest.json`` and every card below `directory`, where their content would change."""
    for path, text in expected(directory).items():
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def expected(directory: Path) -> dict[Path, str]:
    """What the manifest and the cards must hold, by path."""
    joined = manifest.collect(directory)
    texts = {directory / manifest.MANIFEST: manifest.dumps(joined)}
    for model in joined["models"]:
        texts[directory / model["id"] / "README.md"] = model_card(model)
    for dataset in joined["datasets"]:
        texts[directory / "datasets" / dataset["id"] / "README.md"] = dataset_card(dataset)
    return texts


def model_card(model: Mapping[str, Any]) -> str:
    """Markdown of a model as the manifest describes it, its figures included."""
    if "source" in model:
        return _converted_card(model)
    paper, training = model["paper"], model["training"]
    paragraphs = [
        f"# {model['title']['en']} ({model['year']})",
        f"`{model['id']}`, {KINDS[model['kind']]}. {paper['authors']}, [{paper['title']}]({paper['url']}).",
        model["lesson"]["en"],
        f"*{model['lesson']['fr']}*",
        "## Graphs",
        *_graphs(model["graphs"]),
        *_snapshots(model["snapshots"]),
        "## Use",
        _snippet(model),
        "## Training",
        f"`{training['command']}` (seed {training['seed']}, {training['device']}) saw "
        f"{training['images_seen']:,} images of {model['dataset']['name']} "
        f"({model['dataset']['licence']}) in {training['seconds']:,.0f} s.",
        "## Figures",
        *_metrics(model["metrics"]),
        *_files(model["files"]),
        "## Licence",
        f"Weights and this card: {model['licence']}.",
    ]
    return "\n\n".join(paragraphs) + "\n"


def _converted_card(model: Mapping[str, Any]) -> str:
    """Markdown of a network that was converted from its makers' checkpoint."""
    paper, source = model["paper"], model["source"]
    psi, cutoff = source["truncation"]["psi"], source["truncation"]["cutoff"]
    rows = [
        ("checkpoint", f"`{source['file']}`"),
        ("its sha256", f"`{source['sha256']}`"),
        (
            "network",
            f"`{source['network']}`: {source['architecture']} of {source['origin']}, `{source['class']}`",
        ),
        ("sha256 of the code in it", f"`{source['module_src_sha256']}`; none of it was run"),
        ("noise", NOISE[source["noise"]]),
        ("large weights", source["storage"]),
        ("makers' truncation", f"psi {psi:g}, {'all' if cutoff is None else cutoff} layers"),
    ]
    if "rounding" in source:
        change = f"a pixel of the test vectors by {255 * source['rounding']:.2f} of 255 at most"
        rows.append(("what half precision changes", change))
    paragraphs = [
        f"# {model['title']['en']} ({model['year']})",
        f"`{model['id']}`, converted by `python -m export official`. {paper['authors']}, "
        f"[{paper['title']}]({paper['url']}).",
        model["lesson"]["en"],
        f"*{model['lesson']['fr']}*",
        "## Source",
        _table(("", ""), rows),
        "## Graphs",
        *_graphs(model["graphs"], "its test vectors, which onnxruntime made of this very file"),
        "## Use",
        _converted_snippet(model),
        *_files(model["files"]),
        "## Licence",
        ABOUT_LICENCE.format(file=source["file"]),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _converted_snippet(model: Mapping[str, Any]) -> str:
    """Python that paints the makers' seed 0, with their noise or that which is drawn here."""
    mapping, synthesis = model["graphs"]["mapping"], model["graphs"]["synthesis"]
    z, psi = (tensor for tensor in mapping["inputs"] if tensor["name"] != "label")
    truncation = model["source"]["truncation"]
    rows = "" if truncation["cutoff"] is None else f":{truncation['cutoff']}"
    lines = [
        "import numpy, onnxruntime",
        "",
        f'mapping = onnxruntime.InferenceSession("{model["id"]}/{mapping["file"]}")',
        f'synthesis = onnxruntime.InferenceSession("{model["id"]}/{synthesis["file"]}")',
        "rng = numpy.random.RandomState(0)",
        f'given = {{"z": rng.randn(1, {z["shape"][1]}).astype(numpy.float32)}}',
        f'given["psi"] = numpy.ones((1, {psi["shape"][1]}), numpy.float32)',
        f'given["psi"][:, {rows or ":"}] = {truncation["psi"]:g}',
    ]
    if len(mapping["inputs"]) > 2:
        lines.append('given["label"] = numpy.array([0])')
    lines.append('styles = {"ws": mapping.run(["ws"], given)[0]}')
    if len(synthesis["inputs"]) > 1:
        lines += [
            "for tensor in synthesis.get_inputs()[1:]:",
            "    styles[tensor.name] = rng.randn(1, *tensor.shape[1:]).astype(numpy.float32)",
        ]
    lines += [
        'image = synthesis.run(["image"], styles)[0]',
        "print(image.shape)  # [batch, channels, height, width] in [0, 1]",
    ]
    return "\n".join(["```python", *lines, "```"])


def dataset_card(dataset: Mapping[str, Any]) -> str:
    """Markdown of a data set's folder."""
    roles = {file["role"]: file["file"] for file in dataset["files"]}
    classed = bool(dataset["classes"]["en"])
    contents = CONTENTS if classed else DRAWN
    paragraphs = [
        f"# {dataset['name']}",
        f"Real pictures that stand beside the made ones. {dataset['source']}. Licence: {dataset['licence']}.",
        *_files(dataset["files"], heading=None),
        *(contents[role].format(file=file) for role, file in roles.items() if role in contents),
    ]
    if "neighbours" in roles and classed:
        lines = (
            "```python",
            "import numpy",
            "",
            f'digits = numpy.load("onnx_models/datasets/{dataset["id"]}/{roles["neighbours"]}")["images"]',
            "parts = numpy.array_split(digits, 10)  # of 5,000, to need little memory",
            "distances = [numpy.square(part / numpy.float32(255) - image).sum((1, 2)) for part in parts]",
            "print(numpy.concatenate(distances).argmin())  # the one nearest to image, [28, 28] in [0, 1]",
            "```",
        )
        paragraphs.append("\n".join(lines))
    return "\n\n".join(paragraphs) + "\n"


def _oldest(opset: int) -> str:
    """Say who can run a file, where that is known."""
    return f" (onnxruntime {OLDEST[opset]} or later)" if opset in OLDEST else ""


def _graphs(graphs: Mapping[str, Any], reference: str = "PyTorch") -> Iterator[str]:
    for role, graph in graphs.items():
        yield (
            f"**{role}**: `{graph['file']}`, {graph['bytes'] / 1e6:.2f} MB, opset {graph['opset']}"
            f"{_oldest(graph['opset'])}, within {graph['tolerance']:g} of {reference}."
        )
        rows = [("input", tensor) for tensor in graph["inputs"]] + [("output", t) for t in graph["outputs"]]
        yield _table(
            ("", "name", "shape", "range", "meaning"),
            (
                (
                    end,
                    f"`{tensor['name']}`",
                    f"{tensor['dtype']} [{', '.join(map(str, tensor['shape']))}]",
                    tensor["range"],
                    tensor["meaning"],
                )
                for end, tensor in rows
            ),
        )
    yield (
        f"`{test_vectors.FOLDER}/<graph>/` holds example inputs and outputs, one serialised TensorProto "
        f"each, for every graph that has inputs. Errors are absolute; relative to its largest magnitude "
        f"for an output that leaves [-1, 1]."
    )


def _snapshots(snapshots: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    seen = [f"{snapshot['images_seen']:,}" for snapshot in snapshots]
    if seen:
        yield f"`snapshots/` holds the same graph as it was after {', '.join(seen)} training images."


def _snippet(model: Mapping[str, Any]) -> str:
    graph = next(iter(model["graphs"].values()))
    lines = [
        "import numpy, onnxruntime",
        "",
        "rng = numpy.random.default_rng(0)",
        f'session = onnxruntime.InferenceSession("onnx_models/{model["id"]}/{graph["file"]}")',
    ]
    for tensor in graph["inputs"]:
        shape = tuple(4 if size == "batch" else size for size in tensor["shape"])
        sample = ZEROS if inputs.classes(tensor["range"]) else SAMPLES[tensor["range"]]
        lines.append(f"{tensor['name']} = {sample.format(shape=shape)}")
    given = ", ".join(f'"{tensor["name"]}": {tensor["name"]}' for tensor in graph["inputs"])
    output = graph["outputs"][0]
    lines.append(f'{output["name"]} = session.run(["{output["name"]}"], {{{given}}})[0]')
    lines.append(f"print({output['name']}.shape)")
    return "\n".join(["```python", *lines, "```"])


def _metrics(metrics: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (
            f"`{figure['name']}`",
            _number(figure["value"])
            + (f" ± {_number(figure['error'])}" if figure["error"] is not None else ""),
            figure["unit"],
            _number(figure["paper_value"]) if figure["paper_value"] is not None else "",
            f"{figure['protocol']} {figure['source']}".strip(),
        )
        for figure in metrics
        if "_after_" not in figure["name"]  # of snapshots: a curve, which the page draws
    ]
    if rows:
        yield _table(("figure", "value", "unit", "paper's", "protocol and source"), rows)
    else:
        yield "None measured on these files; `python -m evaluation` measures them."


def _files(files: Iterable[Mapping[str, Any]], heading: str | None = "## Files") -> Iterator[str]:
    rows = [
        (f"`{file['file']}`", file["role"], f"{file['bytes']:,}", file["licence"], f"`{file['made_by']}`")
        for file in files
    ]
    if rows:
        yield from [heading] if heading else []
        yield _table(("file", "role", "bytes", "licence", "made by"), rows)


def _number(value: float) -> str:
    return f"{value:.5g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
