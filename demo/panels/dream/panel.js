// Dream: its sheet under a moving hand; what else it shows is the server's (panel.py).

lineage.dishes.dream = ({ model, seed, count }, { sample }) => ({ made: sample(model, seed, count, -1) });
