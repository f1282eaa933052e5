"""Whether matrix products in bfloat16 are worth having on this machine.

A processor without instructions for bfloat16 (AVX2 and no more, say) computes it in software, tens of times
slower than float32; asking for it there would turn minutes into hours.
"""

import torch


def bfloat16_is_slow(device: torch.device) -> bool:
    """Whether `device` would have to compute products in bfloat16 without instructions for them.

    Looked up, not timed: a run's precision must be a matter of its machine and not of what else the machine
    is busy with, or the same command would not give the same weights twice.
    """
    if device.type == "cuda":
        return not torch.cuda.is_bf16_supported(including_emulation=False)
    # Of x86 (avx512_bf16, amx_bf16) as of Arm (bf16, sve_bf16).
    return not any(bool(has) for name, has in torch.cpu.get_capabilities().items() if "bf16" in name)
