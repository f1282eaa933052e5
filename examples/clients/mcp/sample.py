"""Ask a running page for a picture over the Model Context Protocol: ``pip install mcp``, then

    python sample.py --model gan --seed 7 --out digit.png

The page must have been started with ``python -m demo --mcp``.
"""

import argparse
import ast
import asyncio
import base64
import sys
from pathlib import Path

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


class Refused(Exception):
    """What the page said instead of an answer."""


async def sample(page: str, model: str, seed: int) -> bytes:
    """Return the PNG that ``model`` makes of ``seed``."""
    async with (
        streamable_http_client(f"{page}/gradio_api/mcp/") as (receive, send, _),
        ClientSession(receive, send) as session,
    ):
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        name = next(tool for tool in tools if tool.endswith("sample"))
        result = await session.call_tool(name, {"models": [model], "seed": seed, "count": 1})
        text = next(part.text for part in result.content if part.type == "text")
    if result.isError:
        raise Refused(text)
    answer = ast.literal_eval(text)["samples"][0]  # Gradio sends objects as Python writes them, not as JSON
    if answer["error"]:
        raise Refused(answer["error"]["sentence"])
    return base64.b64decode(answer["images"][0].partition(",")[2])


def _causes(fault: BaseException) -> list[BaseException]:
    """Return what a group of exceptions holds: tasks that ran side by side fail side by side."""
    if isinstance(fault, BaseExceptionGroup):
        return [cause for each in fault.exceptions for cause in _causes(each)]
    return [fault]


def main() -> int:
    """Write the picture; exit code 2 and one sentence where there is none."""
    parser = argparse.ArgumentParser(description="A picture from a running page, by MCP.")
    parser.add_argument("--page", default="http://127.0.0.1:7860", help="its address (default: %(default)s)")
    parser.add_argument("--model", required=True, help="id of a model that makes pictures, such as gan")
    parser.add_argument("--seed", type=int, default=7, help="0 to 4294967295 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    options = parser.parse_args()
    try:
        options.out.write_bytes(asyncio.run(sample(options.page, options.model, options.seed)))
    except Exception as fault:
        cause = _causes(fault)[0]
        if isinstance(cause, Refused):
            sentence = str(cause)
        elif isinstance(cause, httpx.HTTPError):
            sentence = f"No MCP server answers at {options.page}: start one with 'python -m demo --mcp'."
        else:
            raise
        print(sentence, file=sys.stderr)
        return 2
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
