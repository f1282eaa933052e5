"""Shared by all tests: nothing of a developer's environment leaks in, nothing calls home."""

from __future__ import annotations

import os

# Set before gradio or a data hub is imported anywhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
