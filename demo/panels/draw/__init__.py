"""The panel ``draw``: one picture, and what every network that rebuilds pictures makes of it."""
