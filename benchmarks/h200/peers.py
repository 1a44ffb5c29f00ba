"""What users have for the same product, timed like the generated kernels.

`dense` is a list of copies of an N x K bf16 weight, together larger than L2. Every
function gives microseconds per call.
"""

import torch
import triton
import triton.language as tl

from timing import timed


def time_cublas(dense, m):
    """torch.matmul in bf16."""
    x = torch.randn(m, dense[0].shape[1], device="cuda").to(torch.bfloat16)
    return timed([lambda d=d: torch.matmul(x, d.T) for d in dense])


def time_scaled_mm(dense, m):
    """torch._scaled_mm (FP8 x FP8) with one scale per tensor; M is padded to 16."""
    x = torch.randn(max(16, m), dense[0].shape[1], device="cuda").to(torch.float8_e4m3fn)
    one = torch.ones((), device="cuda")
    weights = [d.to(torch.float8_e4m3fn) for d in dense] * 2
    return timed([lambda w=w: torch._scaled_mm(x, w.T, one, one, out_dtype=torch.bfloat16) for w in weights])


@triton.jit
def dot_scaled_kernel(x, w, s, y, m_size, n_size, k_size, bm: tl.constexpr, bn: tl.constexpr, bk: tl.constexpr):
    m = tl.program_id(0) * bm + tl.arange(0, bm)
    n = tl.program_id(1) * bn + tl.arange(0, bn)
    sums = tl.zeros((bm, bn), dtype=tl.float32)
    for k in range(0, k_size, bk):
        a = tl.load(x + m[:, None] * k_size + (k + tl.arange(0, bk))[None, :], mask=m[:, None] < m_size, other=0.0)
        b = tl.load(w + n[None, :] * (k_size // 2) + (k // 2 + tl.arange(0, bk // 2))[:, None])
        e = tl.load(s + n[:, None] * (k_size // 32) + (k // 32 + tl.arange(0, bk // 32))[None, :])
        sums = tl.dot_scaled(a, None, "bf16", b, e, "e2m1", sums)
    tl.store(y + m[:, None] * n_size + n[None, :], sums.to(tl.bfloat16), mask=m[:, None] < m_size)


def time_dot_scaled(n, k, m):
    """Triton's tl.dot_scaled of bf16 by MXFP4: the best of some tiles."""
    x = torch.randn(m, k, device="cuda").to(torch.bfloat16)
    y = torch.empty(m, n, device="cuda", dtype=torch.bfloat16)
    count = max(2, -(-300_000_000 // (n * k // 2)))
    weights = [(torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8),
                torch.randint(120, 130, (n, k // 32), device="cuda", dtype=torch.uint8)) for _ in range(count)]
    tiles = [(16, 64, 256), (16, 128, 128)] if m <= 16 else [(64, 128, 128), (128, 128, 128), (128, 256, 64)]
    times = []
    for bm, bn, bk in tiles:
        grid = (-(-m // bm), n // bn)
        warps = 8 if bm * bn >= 128 * 128 else 4
        try:
            times.append(timed([lambda w=w, s=s: dot_scaled_kernel[grid](x, w, s, y, m, n, k, bm, bn, bk, num_warps=warps)
                                for w, s in weights]))
        except (triton.runtime.errors.OutOfResources, triton.compiler.errors.CompilationError):
            continue
    return min(times) if times else None
