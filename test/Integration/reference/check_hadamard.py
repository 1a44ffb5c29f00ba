"""Compares fp4.hadamard and fp4.rotate_quantize with the explicit matrix.

Usage: check_hadamard.py BLOCK FOLDER

Integers of -8..8 make every sum of the fast transform exact; for blocks of a
power of four the factor 1/sqrt(block) is a power of two as well, and the result
must be exact. For others the one rounding of the factor and the one of the
product bound the relative error by 2^-23. Normal numbers are compared with the
bound of the fast transform, log2(block) + 2 roundings of values that are at most
the sum of the magnitudes.
"""

import math
import sys

import host
import microscaling
import numpy as np

ROWS, COLS = 16, 1024
EPSILON = 2.0**-24  # of one float32 rounding


def program(block, signs):
    x = f"tensor<{ROWS}x{COLS}xf32>"
    q = f"!fp4.tensor<{ROWS}x{COLS}, #fp4.mxfp4>"
    signs = ", ".join(map(str, signs))
    return f"""func.func @main(%x: {x}) -> ({x}, {x}, {x}, {q}, {q}) {{
  %plain = fp4.hadamard %x block {block} : {x}
  %signed = fp4.hadamard %x block {block} signs [{signs}] : {x}
  %inverse = fp4.hadamard %x block {block} signs [{signs}] inverse : {x}
  %two = fp4.quantize %signed : {x} -> {q}
  %one = fp4.rotate_quantize %x block {block} signs [{signs}] : {x} -> {q}
  return %plain, %signed, %inverse, %one, %two : {x}, {x}, {x}, {q}, {q}
}}
"""


def bounds(block, x, expected):
    """The allowed difference for each element: integers above, normal numbers below."""
    levels = int(math.log2(block))
    exact = np.zeros_like(expected) if levels % 2 == 0 else 2 * EPSILON * np.abs(expected)
    sums = np.abs(x).astype(np.float64).reshape(-1, block).sum(1) / math.sqrt(block)
    rounded = np.repeat(sums, block).reshape(x.shape) * (levels + 2) * EPSILON
    return np.where(np.arange(ROWS)[:, None] < ROWS // 2, exact, rounded)


def main(block, folder):
    block = int(block)
    rng = np.random.default_rng(6)
    half = (ROWS // 2, COLS)
    x = np.concatenate([rng.integers(-8, 9, half), rng.standard_normal(half)]).astype(np.float32)
    signs = np.where(np.arange(block) * 7 % 5 < 2, -1, 1)
    got = host.run(folder, program(block, signs), {"x": x}, 7)
    expected = [
        microscaling.hadamard(x, block),
        microscaling.hadamard(x, block, signs),
        microscaling.hadamard(x, block, signs, inverse=True),
    ]
    for what, values, reference in zip(("plain", "signed", "inverse"), got, expected):
        host.expect_close(f"block {block} {what}", values, reference, bounds(block, x, reference))
    for what, one, two in (("elements", got[3], got[5]), ("scales", got[4], got[6])):
        host.expect_same_codes(f"block {block} rotate_quantize {what}", one, two.view(np.uint8))
    print(f"block {block} agrees")


if __name__ == "__main__":
    main(*sys.argv[1:])
