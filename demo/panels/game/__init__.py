"""The panel ``game``: who tells made from real."""
