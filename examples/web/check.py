"""Asks the web example, in a real Chromium, for what the other programs in examples/ do on the command line.

    python examples/web/check.py --model onnx_models/dcgan --seed 42 --out digit.png
    python examples/web/check.py --check [--model DIR | --models DIR] [--json] [--time]

It serves the page by `serve.mjs`, opens `check.html` and lets that run the graphs: onnxruntime-web from npm,
WebAssembly, one thread. `pip install playwright` and any Chromium are needed, and `npm ci` in this folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "onnx_models"
RUNTIME = "onnxruntime-web"
PACKAGE = HERE / "node_modules" / RUNTIME / "package.json"
SEED_LIMIT = 2**32
PATIENCE = 600_000
"""Milliseconds for one answer: 64 pictures of a large network on a busy machine take a while."""
FLAGS = [
    "--no-sandbox",  # containers rarely allow it, and the page is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Trouble(Exception):
    """One sentence that a person can act on."""


class Parser(argparse.ArgumentParser):
    """Bad arguments are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise it as `Trouble`."""
        raise Trouble(f"{message[:1].upper()}{message[1:]}; see --help.")


def read_arguments() -> argparse.Namespace:
    """Read the command line, or raise `Trouble`."""
    parser = Parser(prog="check.py", description="The web example from the command line, in a real Chromium.")
    parser.add_argument("--model", type=Path, metavar="DIR", help="a folder with a model.json")
    parser.add_argument("--models", type=Path, metavar="DIR", default=SHIPPED, help="all such folders in DIR")
    parser.add_argument("--seed", metavar="N", help=f"0 to {SEED_LIMIT - 1}")
    parser.add_argument(
        "--psi",
        metavar="X",
        default="0.7",
        help="of a StyleGAN: 0 (the average) to 1 (as drawn); default 0.7",
    )
    parser.add_argument("--noise-seed", metavar="N", default="0", help="of a StyleGAN's noise (default 0)")
    parser.add_argument("--label", metavar="K", default="-1", help="a class; -1 is any (default)")
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="where the picture goes")
    parser.add_argument("--check", action="store_true", help="run the test vectors of each graph")
    parser.add_argument("--json", action="store_true", help="a JSON object a graph")
    parser.add_argument("--time", action="store_true", help="and milliseconds at batch 1 and 64, one thread")
    parser.add_argument("--version", action="store_true", help="the runtime's version")
    arguments = parser.parse_args()
    if arguments.check or arguments.version:
        return arguments
    for name in ("model", "seed", "out"):
        if getattr(arguments, name) is None:
            raise Trouble(f"--{name} is missing; see --help.")
    for name in ("seed", "noise_seed"):
        text = getattr(arguments, name)
        if not text.isdecimal() or int(text) >= SEED_LIMIT:
            raise Trouble(f"A seed is a whole number from 0 to {SEED_LIMIT - 1}, not {text}.")
    try:
        if not 0 <= float(arguments.psi) <= 1:
            raise ValueError
    except ValueError:
        raise Trouble(f"psi is a number from 0 to 1, not {arguments.psi}.") from None
    if not arguments.label.removeprefix("-").isdecimal():
        raise Trouble(f"A label is a whole number, not {arguments.label}.")
    return arguments


def installed() -> str:
    """Return the runtime's version; what is missing is said with how to install it."""
    if not PACKAGE.is_file():
        raise Trouble(f"{RUNTIME} is not installed: run npm ci in examples/web.")
    if shutil.which("node") is None:
        raise Trouble("node is not installed: apt-get install nodejs npm.")
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        raise Trouble("playwright is not installed: pip install playwright.") from None
    return str(json.loads(PACKAGE.read_text("utf-8"))["version"])


@contextmanager
def served(models: Path) -> Iterator[str]:
    """Serve the page with `models` and yield its address."""
    command = ["node", str(HERE / "serve.mjs"), "--port", "0", "--models", str(models)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait(timeout=30)
        server.stdout.close()


class Page:
    """The page `check.html`, which answers questions."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def ask(self, question: str, *details: Any) -> Any:
        """Return the answer of `check.mjs`, or raise its trouble."""
        said = self.page.evaluate("(all) => window.lineage(...all)", [question, *details])
        if "trouble" in said:
            raise Trouble(said["trouble"])
        return said["answer"]


@contextmanager
def opened(models: Path) -> Iterator[Page]:
    """Open the page in a Chromium: the system's, else Playwright's own."""
    from playwright.sync_api import sync_playwright

    with served(models) as address, sync_playwright() as playwright:
        found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
        path = next(found, playwright.chromium.executable_path)
        if not Path(path).exists():
            raise Trouble("There is no Chromium: apt-get install chromium.")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(address + "check.html")
        page.wait_for_function("() => window.lineage")
        yield Page(page)
        browser.close()


def folders(arguments: argparse.Namespace) -> list[Path]:
    """Return the models asked for, all of one folder."""
    if arguments.model is not None:
        found = [arguments.model.resolve()]
        if not (found[0] / "model.json").is_file():
            raise Trouble(f"There is no model {found[0].name}: its model.json is missing or unreadable.")
        return found
    found = sorted(path.parent for path in arguments.models.resolve().glob("*/model.json"))
    if not found:
        raise Trouble(
            f"There are no models in {arguments.models}: "
            "--models takes a folder of folders with a model.json."
        )
    return found


def picture(arguments: argparse.Namespace) -> None:
    """Write the picture of a seed."""
    from PIL import Image

    (folder,) = folders(arguments)
    wish = {
        "seed": int(arguments.seed),
        "noiseSeed": int(arguments.noise_seed),
        "psi": float(arguments.psi),
        "label": int(arguments.label),
    }
    with opened(folder.parent) as page:
        made = page.ask("picture", folder.name, wish)
    mode = "L" if made["channels"] == 1 else "RGB"
    image = Image.frombytes(mode, (made["width"], made["height"]), bytes(made["bytes"]))
    try:
        image.save(arguments.out, "PNG")
    except OSError:
        raise Trouble(f"{arguments.out} cannot be written; choose a folder that exists.") from None


def check(arguments: argparse.Namespace) -> bool:
    """Print a line for each graph; whether all are within their tolerance."""
    models = folders(arguments)
    sound, largest = True, 0.0
    with opened(models[0].parent) as page:
        # A broken file is said before anything is reported.
        roles = {folder: page.ask("verify", folder.name) for folder in models}
        for folder in models:
            for role in roles[folder]:
                row = page.ask("check", folder.name, role, arguments.time)
                sound = sound and row["error"] is None and row["difference"] <= row["tolerance"]
                largest = max(largest, row["difference"] or 0.0)
                print(json.dumps(row) if arguments.json else sentence(row), flush=True)
    if not arguments.json:
        print(f"largest difference {largest:.1e}")
    return sound


def sentence(row: dict[str, Any]) -> str:
    """Return a row for people."""
    name = f"{row['model']}/{row['graph']}".ljust(40)
    if row["error"]:
        return f"{name} failed: {row['error']}"
    verdict = "ok" if row["difference"] <= row["tolerance"] else "TOO FAR"
    times = row["milliseconds"]
    timed = f"  {times['1']:.2f} ms, {times['64']:.1f} ms for 64" if times else ""
    return f"{name} {row['difference']:.1e} of {row['tolerance']} {verdict}{timed}"


def main() -> int:
    """Return the exit code: 0 fine, 1 a graph is too far or failed, 2 something is missing or wrong."""
    try:
        arguments = read_arguments()
        version = installed()
        if arguments.version:
            print(RUNTIME, version)
        elif arguments.check:
            return 0 if check(arguments) else 1
        else:
            picture(arguments)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except Exception as error:  # Playwright's and the system's own; a trace helps nobody who runs an example
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        print(f"Something unforeseen went wrong: {first[0].rstrip('.')}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
