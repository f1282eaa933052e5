"""The page: layout in `panels`, pure inference beside it, no torch anywhere."""

import os

# Gradio reads this when it is imported, and every import of it in this room passes here first: the page makes
# no request to anybody, at start or in use.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
