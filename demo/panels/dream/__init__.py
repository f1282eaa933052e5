"""The panel ``dream``: sheets of made pictures beside real ones."""
