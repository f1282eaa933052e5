"""Gradio without what nobody here uses, which was more than half of the time that the page took to start.

Where an upgrade has renamed what is left out, a start takes longer, and nothing else changes.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_WRITER = "gradio.component_meta"
_TABLES = "pandas"
"""A sixth of an import of Gradio, which asks it of any value that is kept or shown as a table: here, none."""


class _Stubless(MetaPathFinder):
    """Finds the module that writes stubs for editors into Gradio's folder, and keeps it from writing."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of that module, None for any other."""
        spec = importlib.machinery.PathFinder.find_spec(name, path, target) if name == _WRITER else None
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                module.create_or_modify_pyi = lambda *_: None

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


class _Later(MetaPathFinder):
    """Finds a package, and lets it be loaded by whoever is the first to use anything in it."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of that package, None for any other."""
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == self._package else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


class _Absent(MetaPathFinder):
    """Finds nothing, and lets nobody else find a package of a name."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise ModuleNotFoundError for that package, as if it were not installed."""
        if name == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def load(mcp: bool = False) -> None:
    """Import Gradio, which would parse its own sources each time to write its components' stubs.

    Parameters
    ----------
    mcp : whether its answers to the Model Context Protocol are wanted, whose package it imports where it can

    """
    finders: list[MetaPathFinder] = [_Stubless(), _Later(_TABLES)]
    if not mcp and "mcp" not in sys.modules:
        finders.append(_Absent("mcp"))
    sys.meta_path[:0] = finders
    try:
        import gradio  # noqa: F401
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)


@contextlib.contextmanager
def no_application() -> Iterator[None]:
    """Keep Blocks from making a web application at each turn: only the one that is mounted serves."""
    from gradio.routes import App

    make = App.__dict__.get("create_app")
    if make is None:
        yield
        return
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = make
