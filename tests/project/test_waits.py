"""No test knows how fast the machine is: none asserts on a clock, none waits in a browser for a time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1]
TESTS = sorted(HOUSE.rglob("*.py"))
CLOCKS = {"perf_counter", "process_time", "monotonic", "thread_time", "perf_counter_ns", "process_time_ns"}
MEASURED = {"milliseconds", "seconds", "images_per_second", "elapsed", "took"}
"""Names under which the project keeps what a clock said."""


def read_off_a_clock(node: ast.AST, tainted: set[str]) -> bool:
    """Whether an expression calls a clock, or holds a name that has been given what one said."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id in tainted:
            return True
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            of_time = isinstance(part.func.value, ast.Name) and part.func.value.id == "time"
            if part.func.attr in CLOCKS or (of_time and part.func.attr in {"time", "time_ns"}):
                return True
    return False


def measured(node: ast.AST) -> bool:
    """Whether an expression reads a figure that the project took with a clock."""
    return any(
        (isinstance(part, ast.Attribute) and part.attr in MEASURED)
        or (isinstance(part, ast.Subscript) and ast.unparse(part.slice).strip("'\"") in MEASURED)
        for part in ast.walk(node)
    )


def timed_assertions(source: str) -> Iterator[str]:
    """Yield the assertions that depend on how long something took; above zero is no matter of speed."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        tainted: set[str] = set()
        # Twice: a loop may use above what it assigns below.
        for node in [*ast.walk(function), *ast.walk(function)]:
            if isinstance(node, ast.Assign | ast.AugAssign) and read_off_a_clock(node.value, tainted):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    inner = target
                    while isinstance(inner, ast.Subscript | ast.Attribute):
                        inner = inner.value
                    tainted |= {each.id for each in ast.walk(inner) if isinstance(each, ast.Name)}
        for node in ast.walk(function):
            if not isinstance(node, ast.Assert):
                continue
            sides = [
                (left, right)
                for compare in ast.walk(node.test)
                if isinstance(compare, ast.Compare)
                for left, sign, right in zip(
                    [compare.left, *compare.comparators], compare.ops, compare.comparators, strict=False
                )
                if isinstance(sign, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            ]
            ordered = any(
                (measured(left) or measured(right)) and "0" not in (ast.unparse(left), ast.unparse(right))
                for left, right in sides
            )
            if ordered or read_off_a_clock(node.test, tainted):
                yield ast.unparse(node)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_nobody_asserts_on_a_clock(path: Path) -> None:
    """Catches a budget of seconds: a slower processor would be red. Count work, or print a ratio."""
    assert list(timed_assertions(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_nobody_waits_in_a_browser_for_a_fixed_time(path: Path) -> None:
    """Catches a wait that assumes an answer by then: see tests/browser.py for what to wait for instead."""
    source = path.read_text("utf-8")
    if path == Path(__file__).resolve() or not re.search(r"playwright|from tests\.browser", source):
        return
    waits = re.findall(r"\.wait_for_timeout\(|\bsleep\(|expect\.set_options\(timeout=\d", source)
    assert waits == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("start = time.perf_counter()\n    took = time.perf_counter() - start\n    assert took < 2", 1),
        ("best = {}\n    best['a'] = 1000 * time.process_time()\n    assert max(best.values()) < 3", 1),
        ("assert time.monotonic() < 5", 1),
        ("assert row.milliseconds['1'] < row.milliseconds['64']", 1),
        ("assert 0 < answer.milliseconds < 10", 1),
        ("assert answer.milliseconds > 0", 0),
        ("start = time.perf_counter()\n    print(time.perf_counter() - start)\n    assert runs == 3", 0),
    ],
)
def test_the_search_sees_a_clock(source: str, count: int) -> None:
    """Catches a search that finds nothing whatever is written."""
    assert len(list(timed_assertions(f"def test() -> None:\n    {source}\n"))) == count
