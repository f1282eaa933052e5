"""What Hugging Face Spaces starts: the page on the address and port that it sets."""

from demo.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main(["--host", "0.0.0.0"]))
