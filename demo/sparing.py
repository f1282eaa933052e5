"""Gradio without what nobody here uses, which was more than half of the time that the page took to start.

Where an upgrade has renamed what is left out, a start takes longer, and nothing else changes.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_WRITER = "gradio.component_meta"


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


def load() -> None:
    """Import Gradio, which would parse its own sources each time to write its components' stubs."""
    finder = _Stubless()
    sys.meta_path.insert(0, finder)
    try:
        import gradio  # noqa: F401
    finally:
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
