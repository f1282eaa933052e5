"""What every panel is laid out with: markup, words, controls, carriers. No model runs here."""
