#!/usr/bin/env python3
"""Times the preset fp-quant against GPTQ as it is published, in one process.

  reference.py [ROWS COLS]      (default 1024 2048)

The reference follows arXiv 2210.17323 and 2509.23202 step by step in float32:
shrink search of the scales, act-order, Cholesky factor of the inverse, columns
in blocks of 128. It uses torch if that is installed, and numpy otherwise. Both
sides count seconds of processor time, which other programs disturb less, on all
threads that their libraries start. Prints how many codes differ.
"""

import sys
import time

import numpy as np

import fp4

try:
    import torch
except ImportError:
    torch = None

GRID = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
MIDDLES = (GRID[1:] + GRID[:-1]) / 2
BLOCK, GROUP = 128, 16


def problem(rows, cols, tokens=4096):
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((tokens, cols), np.float32)
    inputs[:, 1:] += 0.7 * inputs[:, :-1]
    weights = rng.standard_normal((rows, cols), np.float32)
    return fp4.hadamard(weights, GROUP), inputs.T @ inputs / tokens


def nearest(scaled):
    """Values of E2M1, ties to the even code."""
    magnitude = np.abs(scaled)
    index = np.searchsorted(MIDDLES, magnitude, side="left")
    tie = (index < 7) & (MIDDLES[np.minimum(index, 6)] == magnitude) & (index % 2 == 1)
    return np.copysign(GRID[index + tie], scaled)


def round_e4m3(values):
    mantissa, exponent = np.frexp(np.minimum(values, 448))
    step = np.ldexp(np.float32(1), np.maximum(exponent, -5) - 4)
    return np.minimum(np.round(values / step) * step, 448).astype(np.float32)


def scales_of(weights):
    """The best of 100 shrunk scales by the norm 2.4, then E4M3."""
    blocks = weights.reshape(len(weights), -1, GROUP)
    largest = np.abs(blocks).max(-1) / np.float32(6)
    best, least = largest.copy(), np.full(largest.shape, np.inf, np.float32)
    for step in range(100):
        scale = np.float32(1 - step * 0.8 / 100) * largest
        error = np.abs(blocks - nearest(blocks / scale[..., None]) * scale[..., None])
        error = (error ** np.float32(2.4)).sum(-1)
        best = np.where(error < least, scale, best)
        least = np.minimum(least, error)
    tensor = np.float32(2688) / np.abs(weights).max()
    return round_e4m3(best * tensor) / tensor


def factor_of(hessian):
    """U of H^-1 = U^T U, in float32."""
    if torch:
        matrix = torch.from_numpy(hessian)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(matrix))
        return torch.linalg.cholesky(inverse, upper=True).numpy()
    return np.linalg.cholesky(np.linalg.inv(hessian)).T


def reference(weights, hessian):
    cols = weights.shape[1]
    scales = scales_of(weights)
    order = np.argsort(-np.diag(hessian), kind="stable")
    h = hessian[order][:, order].copy()
    h[np.diag_indices(cols)] += np.float32(0.01) * np.diag(h).mean()
    upper = factor_of(h)
    w = weights[:, order].copy()
    result = np.empty_like(w)
    for first in range(0, cols, BLOCK):
        last = min(first + BLOCK, cols)
        block, errors = w[:, first:last].copy(), np.empty_like(w[:, first:last])
        for i in range(last - first):
            scale = scales[:, order[first + i] // GROUP]
            result[:, first + i] = nearest(block[:, i] / scale)
            step = block[:, i] - result[:, first + i] * scale
            errors[:, i] = step / upper[first + i, first + i]
            block[:, i:] -= np.outer(errors[:, i], upper[first + i, first + i : last])
        w[:, last:] -= errors @ upper[first:last, last:]
    return result[:, np.argsort(order)]


def timed(function):
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def main():
    rows, cols = (int(text) for text in sys.argv[1:3]) if len(sys.argv) > 2 else (1024, 2048)
    rotated, hessian = problem(rows, cols)
    # quantize_weight rotates what it gets; the rotation is its own inverse.
    plain = fp4.hadamard(rotated, GROUP)
    plain_hessian = fp4.hadamard(fp4.hadamard(hessian, GROUP).T.copy(), GROUP)
    theirs, slow = timed(lambda: reference(rotated, hessian))
    ours, fast = timed(
        lambda: fp4.quantize_weight(plain, "nvfp4", preset="fp-quant", hessian=plain_hessian)
    )
    decoded = np.where(ours.codes & 8, -GRID[ours.codes & 7], GRID[ours.codes & 7])
    differ = np.count_nonzero(decoded != theirs)
    print(f"{rows} x {cols}: reference ({'torch' if torch else 'numpy'}) {slow:.2f} s, "
          f"fp4 {fast:.2f} s of processor time, {slow / fast:.1f} x")
    print(f"codes that differ: {differ} of {theirs.size}")


if __name__ == "__main__":
    main()
