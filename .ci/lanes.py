"""Run every test once, in two lanes side by side: the rooms, and the pages, which a browser visits.

``python .ci/lanes.py [PYTEST ARGUMENT ...]``; what a lane prints goes to ``build/ci/LANE.log``, then here.
A browser test that fails is run once more, alone, when both lanes are through: where it passes then, a line
``flaky: NODE ID`` says so. No other test is run twice. The exit status is 0 where all is well.

pytest loads this file as its plugin too (``-p lanes``), to write down which tests did what.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "ci"
LANES = ("rooms", "pages")
"""Each a pytest process; `lane_of` gives every test to one of them."""
ALONGSIDE = ("tests/page/test_style.py",)
"""Visits that share the lane of the rooms: so both end at about one time."""
COUNTED = ("failed", "passed", "skipped", "xfailed", "xpassed", "error")
SECOND_CHANCES = 10
"""With more failures than that something is broken: running them all again would only take time."""
REPORT, LANE = "LANES_REPORT", "LANES_LANE"
NOTHING_RUN = 5
"""pytest's exit status where no test was chosen."""
HEARTBEAT = 60.0


@dataclass
class Outcome:
    """What became of a pytest process: its exit status, and the names of tests by what they did."""

    status: int
    tests: dict[str, list[str]] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        """Tests that failed, or whose preparation or clearing up did, each once."""
        return list(dict.fromkeys([*self.tests.get("failed", []), *self.tests.get("error", [])]))

    @property
    def broken(self) -> bool:
        """Whether the process ended otherwise than by running its tests: then no list of names is whole."""
        return self.status not in (0, 1, NOTHING_RUN)


# ------------------------------------------------------------------------------------- the plugin of pytest


visits: list[str] = []
"""The names of the tests that take the browser."""


def lane_of(item: Any) -> str:
    """The lane in which a test runs."""
    visits = item.get_closest_marker("browser") is not None and not item.nodeid.startswith(ALONGSIDE)
    return LANES[1] if visits else LANES[0]


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep the tests of this lane; refuse one that takes the browser and does not say so."""
    for item in items:
        if item.get_closest_marker("browser") is not None:
            visits.append(item.nodeid)
        elif "browser" in getattr(item, "fixturenames", ()):
            raise ValueError(f"{item.nodeid} needs the marker 'browser'.")
    if LANE in os.environ:
        others = [item for item in items if lane_of(item) != os.environ[LANE]]
        items[:] = [item for item in items if lane_of(item) == os.environ[LANE]]
        config.hook.pytest_deselected(items=others)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write the names of the tests by outcome, and of those with a browser, where `start` asked for them."""
    stats = terminalreporter.stats
    names = {kind: [report.nodeid for report in stats.get(kind, [])] for kind in COUNTED}
    if REPORT in os.environ:
        Path(os.environ[REPORT]).write_text(json.dumps(names | {"browser": visits}), "utf-8")


# ---------------------------------------------------------------------------------------------- the lanes


def start(name: str, arguments: Sequence[str], lane: str | None = None) -> subprocess.Popen[bytes]:
    """Start one pytest process in the checkout, for a lane or for all of them; `finish` waits for it."""
    report, log = LOGS / f"{name}.json", LOGS / f"{name}.log"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "lanes", "-n", "0", "--color=no", *arguments]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    told = {"PYTHONPATH": path, REPORT: str(report)} | ({LANE: lane} if lane else {})
    # Where lanes are tested, a lane is around them.
    around = {name: value for name, value in os.environ.items() if name != LANE}
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=around | told,
        )


def finish(name: str, process: subprocess.Popen[bytes]) -> Outcome:
    """Wait for a process that `start` started."""
    status, report = process.wait(), LOGS / f"{name}.json"
    if not report.exists():
        return Outcome(status if status not in (0, 1) else 3)
    return Outcome(status, json.loads(report.read_text("utf-8")))


def run_lanes(arguments: Sequence[str]) -> dict[str, Outcome]:
    """Run all lanes at once; every minute a line says how far they are."""
    running = {name: start(name, ["-m", "", "--durations=30", *arguments], name) for name in LANES}
    began = said = time.monotonic()
    try:
        while any(process.poll() is None for process in running.values()):
            time.sleep(0.2)
            if time.monotonic() - said > HEARTBEAT:
                said = time.monotonic()
                print(f"{said - began:.0f} s:", *(f"{name} {_far(name)}" for name in running), flush=True)
        return {name: finish(name, process) for name, process in running.items()}
    finally:
        for process in running.values():
            if process.poll() is None:
                process.terminate()


def second_chance(failed: Sequence[str]) -> list[str]:
    """Run each test once more, alone; those that passed."""
    passed = []
    for number, test in enumerate(failed):
        name = f"again-{number}"
        outcome = finish(name, start(name, ["-m", "browser", test]))
        _print_log(name)
        if outcome.status == 0:
            passed.append(test)
    return passed


def judge(outcomes: dict[str, Outcome], flaky: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Return how many tests did what, and what is wrong; a flaky test has passed."""
    counts = {kind: sum(len(o.tests.get(kind, [])) for o in outcomes.values()) for kind in COUNTED}
    wrong = [test for outcome in outcomes.values() for test in outcome.failed if test not in flaky]
    wrong += [f"the lane {name} (exit status {o.status})" for name, o in outcomes.items() if o.broken]
    passed = {test for outcome in outcomes.values() for test in outcome.tests.get("passed", [])}
    counts["passed"] += len(set(flaky) - passed)  # one that failed in its clearing up has passed before
    counts["failed"], counts["error"] = len(wrong), 0
    return counts, wrong


def main(arguments: Sequence[str]) -> int:
    """Run the tests, print what they said, and write the counts to ``build/ci/counts``."""
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = run_lanes(arguments)
    for name in outcomes:
        _print_log(name)
    failed = [
        test for outcome in outcomes.values() for test in outcome.failed if test in outcome.tests["browser"]
    ]
    flaky = second_chance(failed) if len(failed) <= SECOND_CHANCES else []
    counts, wrong = judge(outcomes, flaky)
    if not counts["passed"] + counts["skipped"] + len(wrong):
        wrong = ["no test was run"]
    for test in flaky:
        print(f"flaky: {test}")
    for test in wrong:
        print(f"failed: {test}")
    (LOGS / "counts").write_text(", ".join(f"{n} {kind}" for kind, n in counts.items() if n), "utf-8")
    return 1 if wrong else 0


def _far(name: str) -> str:
    """The last share of all tests that pytest printed."""
    words = (LOGS / f"{name}.log").read_text("utf-8", "replace").split()
    marks = [word for word in words if word.endswith("%]")]
    return marks[-1].strip("[") if marks else "starts"


def _print_log(name: str) -> None:
    print(f"\n-- {name}\n{(LOGS / f'{name}.log').read_text('utf-8', 'replace')}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
