"""The panel ``time``: how a generator learned."""
