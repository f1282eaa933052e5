"""The panel ``latent``: a mixing desk for z."""
