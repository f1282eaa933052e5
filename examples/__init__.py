"""One short program for each runtime that plays the shipped files: see README.md."""
