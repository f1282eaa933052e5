"""The panel ``compare``: the numbers, ours and the papers'."""
