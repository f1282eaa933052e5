"""The panel ``map``: codes of two numbers as maps."""
