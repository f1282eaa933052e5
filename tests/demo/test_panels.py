"""The page without a browser: markup, words, states and what the panels answer."""

from __future__ import annotations

import ast
import asyncio
import base64
import html
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from demo import app, first, panels, theme
from demo.engine import inference, limits
from demo.engine.library import Library
from demo.kit import answers, carriers, messages, signs, sprites
from demo.kit.markup import Markup, Message, problem, say, tag
from demo.kit.paper import to_bytes
from demo.kit.state import pack, unpack
from demo.panels.draw import panel as draw
from demo.panels.dream import panel as dream
from onnx_models.errors import LineageError
from tests import tiny
from tests.demo.asking import cut, seen

ROOT = Path(__file__).resolve().parents[2]
PLACE = re.compile(r"\{(\w+)(?::[\d%.+])?\}")

# Raised before there is a page, or to callers of the API, who get the English sentence.
NOT_ON_THE_PAGE = {
    "argument.layout",
    "argument.models",
    "deploy.checkout",
    "deploy.gpu",
    "deploy.login",
    "deploy.name",
    "deploy.network",
    "deploy.refused",
    "deploy.size",
    "image.form",
    "models.directory",
    "plain.none",
    "recipe.vectors",
    "runtime.no_cuda",
    "runtime.two_wheels",
    "server.gradio",
    "server.mcp",
    "server.port",
    "static.folder",
    "static.size",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_models(tmp_path_factory.mktemp("panels") / "models")


@pytest.fixture(scope="module")
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


def words(language: str) -> dict[str, str]:
    return messages.own((theme.KIT / "words", *panels.folders()))[language]


def said(markup: str) -> list[list[Any]]:
    """Every message in a piece of markup, those inside other messages' values too."""
    found = []
    for packed in re.findall(r'data-say="([^"]*)"', markup):
        for message in json.loads(html.unescape(packed)).values():
            found += [
                message,
                *(value for value in (message[1:2] or [{}])[0].values() if isinstance(value, list)),
            ]
    return found


def build(library: Library) -> gr.Blocks:
    """Build the page inside an event loop: where none runs, Gradio makes one and leaves it open."""

    async def inside() -> gr.Blocks:
        return app.build(library)

    return asyncio.run(inside())


def rendered(library: Library) -> str:
    """All that the built page puts before a visitor."""
    blocks = build(library).blocks.values()
    shown = (
        " ".join(
            [*map(str, answers.opened(carriers.comes_with(block)).values()), block.props.get("markup", "")]
        )
        for block in blocks
        if isinstance(block, gr.HTML)
    )
    return " ".join(shown)


# ------------------------------------------------------------------------------------------------- markup


def test_everything_is_escaped_unless_it_is_markup() -> None:
    # Catches a title or a value from a model.json that could put an element of its own into the page.
    assert tag("p", "<b>&", title='"x"') == '<p title="&quot;x&quot;">&lt;b&gt;&amp;</p>'
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert "<script>" not in tag("p", say("any", name="<script>"))


def test_attributes_are_left_out_bare_or_written() -> None:
    assert tag("input", hidden=True, checked=False, value=None, data_row=0) == '<input hidden data-row="0">'


def test_a_message_carries_id_values_and_nested_messages() -> None:
    inner = say("model.rbm.title")
    packed = said(tag("img", alt=say("draw.rebuilt.alt", model=inner, error=2.5)))
    assert packed[0] == ["draw.rebuilt.alt", {"model": ["model.rbm.title"], "error": 2.5}]


def test_an_error_keeps_its_sentence_for_languages_that_do_not_know_it() -> None:
    error = LineageError("file.sha256", "The file differs.", file="x.onnx")
    assert problem(error) == Message("error.file.sha256", {"file": "x.onnx"}, "The file differs.")


# -------------------------------------------------------------------------------------------------- words


def test_the_languages_have_the_same_words_and_the_same_places() -> None:
    # An error's English is the sentence it was raised with; every other id must be in every file.
    english, french = words("en"), words("fr")
    assert set(english) == {key for key in french if not key.startswith("error.")}
    for key, text in english.items():
        assert set(PLACE.findall(text)) == set(PLACE.findall(french[key])), key


def test_every_error_a_visitor_can_meet_is_said_in_french_with_values_it_brings() -> None:
    raised: dict[str, set[str]] = {}
    for path in [*(ROOT / "demo").rglob("*.py"), *(ROOT / "onnx_models").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LineageError"):
                continue
            if node.args and isinstance(node.args[0], ast.Constant):
                names = {keyword.arg for keyword in node.keywords if keyword.arg}
                raised.setdefault(str(node.args[0].value), set()).update(names)
    french = {
        key.removeprefix("error."): text for key, text in words("fr").items() if key.startswith("error.")
    }
    assert set(french) == set(raised) - NOT_ON_THE_PAGE
    for code, text in french.items():
        assert set(PLACE.findall(text)) <= raised[code], code


def test_every_message_on_the_page_exists_and_gets_its_values(library: Library) -> None:
    known = theme.words(library.catalog)["en"]
    found = said(rendered(library))
    assert len(found) > 100
    for message_id, *rest in found:
        assert message_id in known
        assert set(PLACE.findall(known[message_id])) <= set(rest[0] if rest else {}), message_id


def test_words_reach_the_first_sight_as_words() -> None:
    """Catches words that are markup: a model's come from anywhere."""
    words = {language: {"x": '"</script><script>alert(1)</script>'} for language in messages.LANGUAGES}
    shown = first.spoken(tag("p", say("x")) + tag("img", alt=say("x")), words, "en")
    assert "<script" not in shown
    assert shown.count("<") == 3


def test_numbers_of_the_first_sight_are_the_language_s() -> None:
    numbers = {"{v:2}": 0.7, "{v:3}": 1234.5, "{v:0}": -1234.4, "{v:4}": 2.5, "{v:%}": 0.996, "{v}": 3.0}
    words = {"en": {"x": " ".join(numbers)}, "fr": {}}
    packed = [["x", {"v": value}] for value in numbers.values()]
    english = [first.phrase(one, words, "en").split(" ")[k] for k, one in enumerate(packed)]
    assert english == ["0.70", "1,230", "\u22121,234", "2.5", "100%", "3"]
    assert first.phrase(["x", {"v": -1234.5}], {"en": {"x": "{v:0}"}, "fr": {}}, "fr") == "\u22121\u202f235"
    signed = [first.number(value, "+", "fr") for value in (1.25, 0.0, -2)]
    assert signed == ["+1,3", "0,0", "\u22122,0"]
    assert first.number(0.5, ".", "fr") == "0,5"


@pytest.mark.parametrize(
    ("query", "accepted", "chosen"),
    [
        ("", "", "en"),
        ("", "de-DE,fr;q=0.8,en;q=0.9", "en"),
        ("", "fr-CA,en;q=0.5", "fr"),
        ("tab=draw&lang=fr", "en", "fr"),
        ("lang=de", "fr;q=x", "fr"),
    ],
)
def test_the_first_sight_is_in_the_language_that_the_page_will_have(
    query: str, accepted: str, chosen: str
) -> None:
    assert first.language(query, accepted) == chosen


def test_equations_keep_mathematics_and_lose_the_rest() -> None:
    kept = '<math display="block"><mrow><mi>v</mi><mo>&lt;</mo></mrow></math>'
    assert messages.safe_mathml(kept) == kept
    assert (
        messages.safe_mathml('<math onclick="x()"><mi href="javascript:x()">v</mi></math>')
        == "<math><mi>v</mi></math>"
    )
    assert messages.safe_mathml("<math><script>x()</script></math>") == ""
    assert messages.safe_mathml("not an equation <") == ""


# -------------------------------------------------------------------------------------------------- state


def test_a_state_survives_the_way_through_the_browser() -> None:
    state = draw.State(example=3, drawing="", damage="salt", amount=7, steps=20)
    assert unpack(draw.State, pack(state)) == state
    assert unpack(draw.State, "{}") == draw.State()


@pytest.mark.parametrize(
    "text", ["[", "[]", '"x"', '{"steps": "9"}', '{"steps": 1.5}', '{"amount": null}', '{"steps": true}']
)
def test_a_state_of_another_shape_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(LineageError) as raised:
        unpack(draw.State, text)
    assert raised.value.code == "state.unreadable"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (draw.State(example=50), "argument.range"),
        (draw.State(amount=101, damage="salt"), "argument.range"),
        (draw.State(damage="fire"), "corruption.unknown"),
        (draw.State(damage="brush", hidden="101"), "corruption.mask"),
        (draw.State(drawing="data:image/png;base64,AAAA"), "image.unreadable"),
        (draw.State(damage="brush", hidden="1" * 785), "corruption.mask"),
        (draw.State(seed=-1, damage="salt"), "seed.range"),
        (draw.State(models="rbm,nobody"), "model.unknown"),
        (draw.State(models="rbm,,pca"), "model.unknown"),
        (draw.State(models="classifier_cnn"), "model.role"),
    ],
)
def test_draw_says_what_is_wrong_where_the_answers_would_be(
    library: Library, state: draw.State, code: str
) -> None:
    assert said(seen(draw.show_answers, library, state))[0][0] == f"error.{code}"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (dream.State(model="gan", seed=2**32), "seed.range"),
        (dream.State(model="gan", count=65), "argument.range"),
        (dream.State(model="nobody"), "model.unknown"),
        (dream.State(model="rbm"), "model.role"),
    ],
)
def test_dream_says_what_is_wrong_where_the_pictures_would_be(
    library: Library, state: dream.State, code: str
) -> None:
    for show in (dream.show_sheets, dream.show_neighbours, dream.show_way):
        if show is dream.show_way and code == "argument.range":
            continue  # the way has a number of pictures of its own
        assert said(seen(show, library, state))[0][0] == f"error.{code}"


def test_a_path_is_no_drawing(library: Library, tmp_path: Path) -> None:
    # Catches a way to look at pictures that lie on the server.
    path = tmp_path / "private.png"
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(path)
    for drawing in (str(path), path.as_uri(), "http://127.0.0.1/picture.png"):
        answer = seen(draw.show_answers, library, draw.State(drawing=drawing))
        assert said(answer)[0][0] == "error.state.unreadable"


def test_a_broken_discriminator_leaves_the_pictures(tmp_path: Path) -> None:
    directory = tiny.write_models(tmp_path / "models")
    (directory / "gan" / "discriminate.onnx").write_bytes(b"broken")
    sheets = dream.show_sheets(Library.open([directory], "cpu"), dream.State(model="gan"))
    assert sheets.count('role="img"') == 50
    assert "error.file.sha256" in sheets


def test_more_gibbs_steps_than_the_panel_allows_are_refused(library: Library) -> None:
    # The API allows more; a chain that long at every stroke would make the others wait.
    answer = seen(draw.show_chains, library, draw.State(steps=draw.MOST_STEPS + 1))
    assert said(answer)[0][0] == "error.argument.range"


# ------------------------------------------------------------------------------------------------ answers


def test_cards_come_in_the_order_of_years_then_baselines(library: Library) -> None:
    asked = draw.State(models="pca,autoencoder,rbm_untrained,rbm")  # in no order at all
    answers = draw.show_answers(library, asked)
    assert re.findall(r'data-card="(\w+)"', answers) == ["rbm", "autoencoder", "pca", "rbm_untrained"]
    assert re.findall(r'data-verdict="(\w+)"', answers) == ["classifier_cnn"]


def test_one_network_of_each_family_answers_unasked_and_no_baseline(library: Library) -> None:
    cards = re.findall(r'data-card="(\w+)"', draw.show_answers(library, draw.State()))
    assert cards == ["rbm", "autoencoder"]


def test_the_same_state_gives_the_same_pictures(library: Library) -> None:
    # Catches randomness that is not in the state: a permalink would not show what was shared.
    state = dream.State(model="gan", seed=11)
    first, again, other = (
        np.stack(cut(dream.show_sheets(library, one))) for one in (state, state, replace(state, seed=12))
    )
    assert len(first) == 50
    assert (first == again).all()
    assert all((mine != theirs).any() for mine, theirs in zip(first[:25], other[:25], strict=True))


def test_the_pictures_are_cut_from_one_file_a_sheet(library: Library) -> None:
    """Catches a file for each picture, and a picture that is cut one place or one pixel aside."""
    markup = dream.show_sheets(library, dream.State(model="gan", seed=11))
    assert markup.count("data:image/png") == 2
    made = inference.sample(library, "gan", 11, 25).images
    for shown, image in zip(cut(markup)[:25], made, strict=True):
        assert (shown[..., -1] == to_bytes(image[0])).all()


def test_a_film_strip_starts_at_the_picture_and_ends_at_the_last_step(library: Library) -> None:
    strip = draw.show_chains(library, draw.State(steps=37))
    moments = [int(text) for text in re.findall(r'class="moment">(\d+)<', strip)]
    assert moments[0] == 0
    assert moments[-1] == 37
    assert len(moments) == draw.FRAMES
    assert (
        len(re.findall(r'points="([^"]*)"', strip)[0].split()) == 38
    )  # every step's free energy is in the curve


def test_pictures_are_ink_without_a_ground() -> None:
    # Catches a lossy format, a swapped tone and a picture that would show as a grey block in dark mode.
    image = np.zeros((1, 28, 28), np.float32)
    image[0, 3, 5] = 1.0
    image[0, 4, 5] = 0.5
    content = base64.b64decode(sprites.ink_uri(image).partition(",")[2])
    decoded = np.asarray(Image.open(io.BytesIO(content)))
    assert decoded.shape == (28, 28, 2)
    assert (decoded[..., 0] == sprites.INK).all()
    assert decoded[3, 5, 1] == 255
    assert decoded[4, 5, 1] == 128
    assert np.count_nonzero(decoded[..., 1]) == 2


def test_a_colour_that_is_no_colour_does_not_reach_the_style(library: Library) -> None:
    model = replace(library.catalog.models[0], colour="red;background:url(//x)")
    assert re.fullmatch(r"--era:#[0-9a-f]{6}", signs.era(model))


def test_the_scripts_and_styles_ask_nobody_outside() -> None:
    for path in (*theme.files("js"), *theme.files("css")):
        # The name of a drawing's language is no address that anybody asks, nor whom a message is for.
        assert not re.search(
            r"https?://(?!www\.w3\.org/2000/svg|huggingface\.co)|@import|url\((?!data:)",
            path.read_text("utf-8"),
        ), path.name


@pytest.mark.parametrize("folder", [*panels.folders(), theme.KIT], ids=lambda folder: folder.name)
def test_a_panel_says_its_own_words_and_the_kits(folder: Path) -> None:
    """Catches a word borrowed of another panel, which would change with it."""
    others = "|".join({*panels.ORDER} - {folder.name})
    for path in (*folder.glob("*.py"), *folder.glob("*.js")):
        borrowed = re.findall(rf"""["'`](?:{others})\.[a-z{{][^"'` ]*["'`]""", path.read_text("utf-8"))
        assert borrowed == [], path.name
    for path in folder.glob("*.json"):
        assert [
            name for name in json.loads(path.read_text("utf-8")) if not name.startswith(folder.name)
        ] == []


def test_what_one_panel_styles_no_other_panel_has() -> None:
    """Catches two stylesheets that choose the same class: one would bend the panel of the other."""
    owner: dict[str, Path] = {}
    for path in theme.files("css"):
        rules = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
        for selector in re.findall(r"([^{};@]+)\{", rules):
            for one in re.split(r",(?![^()]*\))", selector):
                outermost = re.search(r"#panel-|\.(?!gradio-container|dark)[a-z][\w-]*", one)
                if outermost is not None and outermost.group() != "#panel-":
                    assert owner.setdefault(outermost.group(), path.parent) == path.parent, one.strip()


def test_what_only_one_panel_has_no_other_file_styles() -> None:
    """Catches a rule for one panel in a file of the kit, where whoever changes that panel does not look."""

    def written(paths: Iterable[Path]) -> set[str]:
        texts = "\n".join(path.read_text("utf-8") for path in paths)
        strings = re.findall(r"""(["'`])([^"'`\n]{1,60})\1""", texts)
        return {word for _, string in strings for word in re.findall(r"[\w-]+", string)}

    def code(folder: Path) -> set[str]:
        return written([*folder.glob("*.py"), *folder.glob("*.js")])

    ours = code(theme.KIT) | code(theme.KIT.parent)
    users = [code(folder) for folder in panels.folders()]
    rules = "".join(path.read_text("utf-8") for path in theme.KIT.glob("*.css"))
    for name in re.findall(r"\.([a-z][\w-]*)(?=[^{}]*\{)", re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)):
        word = name.removeprefix("holds-")
        assert word in ours or sum(word in user for user in users) != 1, name


def test_the_dark_is_made_of_colours_alone() -> None:
    """Catches a rule of the dark that moves something: the page's layout is tested in the light."""
    rules = "".join(
        re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
        for path in sorted(theme.KIT.parent.rglob("*.css"))
    )
    dark = [body for chosen, body in re.findall(r"([^{}]+)\{([^{}]*)\}", rules) if ".dark" in chosen]
    said = [each.strip() for each in ";".join(dark).split(";") if each.strip()]
    assert len(said) > 20
    colours = re.compile(
        r"(--[\w-]+|background|color|border-color): #[0-9a-f]{6}|color-scheme: dark"
        r"|filter: invert\(1\) hue-rotate\(180deg\)|box-shadow: none"
    )
    assert [each for each in said if not colours.fullmatch(each)] == []
    assert not re.findall(r"prefers-color-scheme", rules)


def test_an_empty_catalogue_still_makes_a_page(tmp_path: Path) -> None:
    page = build(Library.open([tmp_path], "cpu"))
    assert isinstance(page, gr.Blocks)


def test_the_page_is_bounded_and_keeps_nothing_of_a_visitor(library: Library) -> None:
    # State lives in the browser; a listener without always_last would let a dragged slider queue up work.
    page = build(library)
    private = [fn for fn in page.fns.values() if fn.api_visibility == "private"]
    assert len(private) == 18  # no model here has a map; the last one is the pulse of carriers.heart
    assert all(fn.concurrency_limit for fn in private)
    live = [fn for fn in private if any(event == "input" for _, event in fn.targets) and fn.inputs]
    # A movie is long: asking anew has to reach the server and end it (demo/kit/turns.py).
    movie = [fn for fn in live if fn.trigger_mode == "multiple"]
    assert [fn.concurrency_limit for fn in movie] == [limits.MOVIES]
    assert all(fn.trigger_mode == "always_last" for fn in live if fn not in movie)
    assert not any(isinstance(block, gr.State) for block in page.blocks.values())


# ----------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('{"seed": 7, "asked": 12}', 12),
        *((text, None) for text in ('{"seed": 7}', '{"asked": "<b>"}', '{"asked": true}', "[", "3")),
    ],
)
def test_an_answer_says_which_question_it_is_of(text: str, number: int | None) -> None:
    """Catches an answer that passes for another's, and a visitor's text that gets into the page as markup."""
    (answer,) = answers.tell(lambda: Markup("<p>x</p>"), answers.number(text))
    assert answers.opened(answer).get("asked") == number


def test_an_envelope_holds_one_kind_of_answer() -> None:
    """Catches an answer whose kind only its text could tell."""
    kinds = {
        "markup": Markup('<p class="problem">{</p>'),
        "progress": answers.Progress(1, 2),
        "file": answers.File("a.png", "data:,"),
        "data": {"points": []},
    }
    for kind, given in kinds.items():
        (answer,) = answers.tell(lambda given=given: given)
        assert list(answers.opened(answer)) == [kind]
        assert "\n" not in answer
    assert list(answers.tell(lambda: None)) == ["{}"]


def test_what_goes_wrong_on_the_way_ends_the_answers() -> None:
    """Catches a stream that dies without a word, and one that goes on after it."""

    def counting() -> Iterator[Markup]:
        yield Markup("<p>1</p>")
        raise LineageError("seed.range", "No.")

    first, last = map(answers.opened, answers.tell(counting, 3))
    assert first == {"markup": "<p>1</p>", "asked": 3}
    assert said(last["problem"])[0][0] == "error.seed.range"
    assert last["asked"] == 3
