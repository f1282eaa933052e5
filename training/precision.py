"""Whether matrix products in bfloat16 are worth having on this machine.

A processor without instructions for bfloat16 (AVX2 and no more, say) computes it in software, tens of times
slower than float32; asking for it there would turn minutes into hours.
"""

import time

import torch
from torch import Tensor


def bfloat16_is_slow(device: torch.device) -> bool:
    """Whether a product in bfloat16 takes over one and a half times as long as in float32 on `device`.

    Timed, not looked up: no list of processors stays complete. The two differ by far, either way, wherever
    they have been seen to differ, so the answer does not change from one run to the next.
    """
    if device.type == "cuda":
        return not torch.cuda.is_bf16_supported(including_emulation=False)
    left, right = torch.ones(128, 512), torch.ones(512, 512)
    return _seconds(left.bfloat16(), right.bfloat16()) > 1.5 * _seconds(left, right)


def _seconds(left: Tensor, right: Tensor) -> float:
    """The least time of a product; the least, since other programs only ever add to it."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - start)
    return min(times)
