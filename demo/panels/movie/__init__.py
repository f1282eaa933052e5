"""The panel ``movie``: a Gibbs chain, frame by frame."""
