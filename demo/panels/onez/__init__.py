"""The panel ``onez``: one z, many generators."""
