"""Ask a running page for a picture: ``pip install gradio_client``, then

python sample.py --model gan --seed 7 --out digit.png
"""

import argparse
import base64
import sys
from pathlib import Path

import httpx
from gradio_client import Client
from gradio_client.exceptions import AppError


def sample(page: str, model: str, seed: int) -> bytes:
    """Return the PNG that ``model`` makes of ``seed``; `AppError` says why the page would not."""
    client = Client(page, verbose=False)
    answer = client.predict(models=[model], seed=seed, count=1, api_name="/sample")["samples"][0]
    if answer["error"]:
        raise AppError(answer["error"]["sentence"])
    return base64.b64decode(answer["images"][0].partition(",")[2])


def main() -> int:
    """Write the picture; exit code 2 and one sentence where there is none."""
    parser = argparse.ArgumentParser(description="A picture from a running page, by gradio_client.")
    parser.add_argument("--page", default="http://127.0.0.1:7860", help="its address (default: %(default)s)")
    parser.add_argument("--model", required=True, help="id of a model that makes pictures, such as gan")
    parser.add_argument("--seed", type=int, default=7, help="0 to 4294967295 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args()
    try:
        options.out.write_bytes(sample(options.page, options.model, options.seed))
    except AppError as refused:
        print(refused, file=sys.stderr)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):  # ValueError: there is something, but no page
        print(f"No page answers at {options.page}: start one with 'python -m demo'.", file=sys.stderr)
    except OSError as fault:
        print(f"{options.out} cannot be written: {fault.strerror}.", file=sys.stderr)
    else:
        print(options.out)
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main())
