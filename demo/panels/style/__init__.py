"""The panel ``style``: the desk of the StyleGANs."""
