"""What `.ci/run` makes of the tests' outcomes: two lanes, one second chance, the right exit status."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANES = ROOT / ".ci" / "lanes.py"
pytestmark = pytest.mark.skipif(not LANES.exists(), reason="a copy of the project without its .ci")

# A project of its own: nothing of it knows a browser.
CONFIGURATION = "[pytest]\nmarkers = browser: drives a browser\n"
TESTS = """
import os, pathlib, pytest

def count(name):
    with open(pathlib.Path(__file__).parent / name, "a") as file:
        file.write("x")
    return os.path.getsize(pathlib.Path(__file__).parent / name)

def test_plain():
    count("plain")

def test_no_second_chance():
    assert count("once") > 1

@pytest.mark.browser
def test_steady():
    count("steady")

@pytest.mark.browser
@pytest.mark.parametrize("value", ["a b"])
def test_shaky(value):
    assert count("shaky") > 1

@pytest.fixture
def tidy():
    yield
    assert count("tidy") > 1

@pytest.mark.browser
def test_shaky_afterwards(tidy):
    pass

@pytest.mark.browser
def test_hopeless():
    assert count("hopeless") > 2
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Path]:
    """The module, at work on a project in ``tmp_path``."""
    spec = importlib.util.spec_from_file_location("lanes", LANES)
    assert spec is not None
    assert spec.loader is not None
    lanes = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "lanes", lanes)
    spec.loader.exec_module(lanes)
    monkeypatch.setattr(lanes, "ROOT", tmp_path)
    monkeypatch.setattr(lanes, "LOGS", tmp_path / "logs")
    monkeypatch.setenv(lanes.LANE, lanes.LANES[0])  # as in `.ci/run`
    # No more than the lanes ask for: each of a dozen processes would load every plugin that is installed.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    return lanes, tmp_path


def test_only_a_browser_test_has_a_second_chance_and_it_is_named(
    project: tuple[ModuleType, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a flake that is silent, red or counted twice, a third try, and a test run again for nothing."""
    lanes, folder = project
    (folder / "test_it.py").write_text(TESTS)
    assert lanes.main([]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("flaky: ")] == [
        "flaky: test_it.py::test_shaky[a b]",
        "flaky: test_it.py::test_shaky_afterwards",
    ]
    assert [line for line in said if line.startswith("failed: ")] == [
        "failed: test_it.py::test_no_second_chance",
        "failed: test_it.py::test_hopeless",
    ]
    assert (folder / "logs" / "counts").read_text() == "2 failed, 4 passed"
    runs = {
        name: len((folder / name).read_text()) for name in ("plain", "once", "steady", "shaky", "hopeless")
    }
    assert runs == {"plain": 1, "once": 1, "steady": 1, "shaky": 2, "hopeless": 2}


def test_a_lane_that_breaks_off_is_red(
    project: tuple[ModuleType, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches green where pytest died in one lane, or refused a test that hides its browser."""
    lanes, folder = project
    (folder / "test_it.py").write_text("import os\ndef test_dies():\n    os._exit(0)\n")
    assert lanes.main([]) == 1
    assert "failed: the lane rooms (exit status 3)" in capsys.readouterr().out
    (folder / "test_it.py").write_text("def test_browser(browser):\n    pass\n")
    assert lanes.main([]) == 1
    assert "needs the marker 'browser'" in capsys.readouterr().out


def test_every_test_has_one_lane_and_every_visit_a_second_chance(project: tuple[ModuleType, Path]) -> None:
    """Catches a test that no lane runs, and a visit that is not repeated since it shares the rooms' lane."""
    lanes, folder = project
    beside = folder / lanes.ALONGSIDE[0]
    beside.parent.mkdir(parents=True)
    beside.write_text(
        "import pytest\n\n@pytest.mark.browser\ndef test_beside():\n"
        "    open('beside', 'a').write('x')\n    assert False\n"
    )
    (folder / "test_it.py").write_text("def test_plain():\n    pass\n")
    assert lanes.main([]) == 1
    assert (folder / "logs" / "counts").read_text() == "1 failed, 1 passed"
    assert (folder / "beside").read_text() == "xx"
    assert "test_beside" in (folder / "logs" / "rooms.log").read_text()


def test_what_is_right_and_wrong(project: tuple[ModuleType, Path]) -> None:
    """Catches an exit status that forgets a lane, and a flake that is still a failure."""
    lanes, _ = project
    good, none = lanes.Outcome(0, {"passed": ["a", "b"], "skipped": ["c"]}), lanes.Outcome(5, {})
    shaky = lanes.Outcome(1, {"passed": ["d", "e"], "failed": ["f"], "error": ["e", "f"]})
    counted = {"failed": 0, "passed": 2, "skipped": 1, "xfailed": 0, "xpassed": 0, "error": 0}
    assert lanes.judge({"one": good, "two": none}, []) == (counted, [])
    assert lanes.judge({"one": good, "two": shaky}, ["f", "e"]) == (counted | {"passed": 5}, [])
    assert lanes.judge({"one": good, "two": shaky}, ["f"])[1] == ["e"]
    assert lanes.judge({"one": good, "two": lanes.Outcome(-9)}, [])[0]["failed"] == 1


def _bash(first: str, last: str, before: str, after: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the part of the script from ``first`` to ``last`` between two lines of one's own."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    part = script[script.index(first) : script.index(last, script.index(first))]
    line = f"{before}\n{part}\n{after}"
    return subprocess.run([bash, "-uc", line], cwd=folder, capture_output=True, text=True, check=False)


def test_what_is_kept_is_whole_right_and_little(tmp_path: Path) -> None:
    """Catches a half-made folder taken for a whole one, a broken one that stays, and a disk that fills."""

    def ask(key: str, make: str = "echo made >>made; echo yes >$fresh/yes") -> tuple[str, int]:
        (tmp_path / "made").unlink(missing_ok=True)
        before = f"cache={tmp_path}/cache\nmake_it() {{ {make}; }}\ncheck_it() {{ [ -s $folder/yes ]; }}"
        done = _bash(
            "kept() {", "make_environment() {", before, f"kept it {key} && echo got $folder", tmp_path
        )
        return done.stdout.splitlines()[-1] if done.stdout else "", (tmp_path / "made").exists()

    one = tmp_path / "cache" / "it-1"
    assert ask("1") == (f"got {one}", True)
    assert ask("1") == (f"got {one}", False)
    (one / "yes").write_text("")  # broken
    assert ask("1") == (f"got {one}", True)
    (one / ".whole").unlink()  # as a run that was ended leaves it
    assert ask("1") == (f"got {one}", True)
    assert ask("2", "echo half >$fresh/yes; false") == ("", False)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["it-1"]
    os.utime(one / ".whole", (1, 1))
    for age, key in enumerate("4325"):  # each is newer than the one before
        ask(key)
        os.utime(tmp_path / "cache" / f"it-{key}" / ".whole", (1000 + age, 1000 + age))
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"it-5", "it-2"}


def test_the_script_counts_what_is_not_a_test_too(tmp_path: Path) -> None:
    """Catches a closing line that says all passed when a step failed, and the other way round."""
    (tmp_path / "build" / "ci").mkdir(parents=True)

    def closing(counts: str, *failed: str) -> tuple[str, int]:
        (tmp_path / "build" / "ci" / "counts").write_text(counts)
        steps = " ".join(f"'{step}'" for step in failed)
        before = f"unset SECONDS; began=0; SECONDS=600; failed=({steps})"  # unset, it no longer counts
        done = _bash("close() {", "# ----", before, "close", tmp_path)
        return done.stdout.splitlines()[-1], done.returncode

    assert closing("1700 passed, 3 skipped") == ("== 1700 passed, 3 skipped in 600s ==", 0)
    assert closing("2 failed, 9 passed", "pytest") == ("== 2 failed, 9 passed in 600s ==", 1)
    assert closing("2 failed, 9 passed", "mypy", "pytest") == ("== 3 failed, 9 passed in 600s ==", 1)
    assert closing("9 passed", "ruff, layout") == ("== 1 failed, 9 passed in 600s ==", 1)
    assert closing("", "environment", "pytest") == ("== 2 failed in 600s ==", 1)
