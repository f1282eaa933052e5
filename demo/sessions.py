"""Sessions of visitors that cost nothing until they are used, in place of Gradio's.

Gradio begins each session by describing every component of the page, about 20 ms, and begins one for every
call of the API that brings none, which then pushes out the state of somebody who is looking at the page. What
it describes serves links to a page's state, which this page has in its address instead.
"""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.state_holder import SessionState, StateHolder
from starlette.routing import Mount

from onnx_models.errors import LineageError


class Session(SessionState):
    """A visitor's state; a component is described when its value changes, not before."""

    def __init__(self, page: gr.Blocks) -> None:
        # Gradio describes the components that are on the page: here, none yet.
        super().__init__(SimpleNamespace(default_config=page.default_config, blocks=()))


class Sessions(StateHolder):
    """The sessions of a page by their names; a call that brings no name gets one that is not kept."""

    def __getitem__(self, session_id: str) -> SessionState:
        """Return the session of that name, begun now if there is none."""
        if session_id not in self.session_data:
            session = Session(self.blocks)
            # The queue names a call that brings no session after the call itself: nobody else asks for it.
            if session_id in self.blocks._queue.event_ids_to_events:
                return session
            self.session_data[session_id] = session
        self.update(session_id)
        self.time_last_used[session_id] = datetime.datetime.now()
        return self.session_data[session_id]


def install(outer: FastAPI, page: gr.Blocks) -> None:
    """Give a mounted page these sessions.

    Raises
    ------
    LineageError
        ``server.gradio``: this Gradio has no such sessions to replace.

    """
    try:
        mounted: Any = next(
            route.app for route in outer.routes if isinstance(route, Mount) and route.path == ""
        )
        known = mounted.state_holder is page.state_holder and type(page.state_holder) is StateHolder
        known = known and Session(page).config_values == {}
        known = known and page._queue.event_ids_to_events == {}
    except (AttributeError, TypeError, StopIteration):
        known = False
    if not known:
        raise LineageError(
            "server.gradio",
            f"This page knows no sessions of Gradio {gr.__version__}: install the one that requirements.txt "
            "names.",
            version=gr.__version__,
        )
    mounted.state_holder = Sessions()
    mounted.state_holder.set_blocks(page)
