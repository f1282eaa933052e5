"""What Hugging Face Spaces starts: the page on the address and port that it sets, else on 0.0.0.0:7860."""

import os

from demo.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main(["--host", os.environ.get("GRADIO_SERVER_NAME") or "0.0.0.0"]))
