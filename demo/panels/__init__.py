"""One builder a panel: layout only, inference lives in `demo.inference`."""
