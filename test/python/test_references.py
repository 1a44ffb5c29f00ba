"""Presets that follow a published tool, against implementations written from its
description in numpy: FP-Quant (arXiv 2509.23202 and its quantizer.py, gptq.py),
llm-compressor with compressed-tensors (helpers.py, gptq_quantize.py) and NVIDIA
Model-Optimizer (nvfp4_tensor.py, mxfp4_tensor.py).
"""

from __future__ import annotations

import numpy as np
import pytest

import fp4

ROWS, COLS, TOKENS = 48, 256, 2048
F = np.float32
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], F)
E4M3 = np.array(
    [m / 512 for m in range(8)]
    + [(1 + m / 8) * 2.0 ** (e - 7) for e in range(1, 16) for m in range(8)][:-1], F
)


def nearest_even(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Index of the nearest value of a grid, the even one of two, saturating."""
    middles = (grid[1:].astype(np.float64) + grid[:-1]) / 2
    index = np.searchsorted(middles, values, side="left")
    is_tie = (index < len(middles)) & (middles[np.minimum(index, len(middles) - 1)] == values)
    return index + (is_tie & (index % 2 == 1))


def codes(scaled: np.ndarray) -> np.ndarray:
    """E2M1 codes; a negative value that rounds to zero is code 8."""
    return (nearest_even(np.abs(scaled), E2M1) + 8 * (scaled < 0)).astype(np.uint8)


def decode(code: np.ndarray) -> np.ndarray:
    return np.where(code & 8, -E2M1[code & 7], E2M1[code & 7]).astype(F)


def blocks_of(w: np.ndarray, size: int) -> np.ndarray:
    return w.reshape(len(w), -1, size)


def problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A weight and the Hessian of correlated inputs."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((COLS, COLS)) / 16 + np.diag(rng.lognormal(0, 1, COLS))
    inputs = rng.laplace(size=(TOKENS, COLS)) @ mixing
    w = rng.laplace(size=(ROWS, COLS)).astype(F)
    return w, (inputs.T @ inputs / TOKENS).astype(F)


def gptq(w: np.ndarray, hessian: np.ndarray, scale: np.ndarray, size: int) -> np.ndarray:
    """Codes of GPTQ in static act-order, column by column, with the inverse of H
    as the tools have it; `scale` is that of each block."""
    order = np.argsort(-np.diag(hessian), kind="stable")
    h = hessian[order][:, order].astype(np.float64)
    h += 0.01 * np.diag(h).mean() * np.eye(COLS)
    factor = np.linalg.cholesky(np.linalg.inv(h)).T
    w = w[:, order].astype(np.float64)
    result = np.zeros(w.shape, np.uint8)
    for i in range(COLS):
        step = scale[:, order[i] // size]
        result[:, order[i]] = codes(w[:, i].astype(F) / step)
        rounded = decode(result[:, order[i]]) * step
        w[:, i:] -= np.outer((w[:, i] - rounded) / factor[i, i], factor[i, i:])
    return result


def mse_scales(blocks: np.ndarray) -> np.ndarray:
    """The best of 100 shrunk scales by the norm 2.4."""
    largest = np.abs(blocks).max(-1) / F(6)
    best, least = largest.copy(), np.full(largest.shape, np.inf, F)
    for i in range(100):
        scale = F(1 - i * 0.8 / 100) * largest
        rounded = decode(codes(blocks / scale[..., None])) * scale[..., None]
        error = (np.abs(blocks - rounded) ** F(2.4)).sum(-1)
        best = np.where(error < least, scale, best)
        least = np.minimum(least, error)
    return best


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fp_quant_nvfp4(seed: int) -> None:
    w, hessian = problem(seed)
    q = fp4.quantize_weight(w, "nvfp4", preset="fp-quant", hessian=hessian)
    w = fp4.hadamard(w, 16)
    rotated = fp4.hadamard(fp4.hadamard(hessian, 16).T, 16).T
    g = F(2688) * (F(1) / np.abs(w).max())
    scale_codes = nearest_even(mse_scales(blocks_of(w, 16)) * g, E4M3)
    np.testing.assert_array_equal(q.scales, scale_codes)
    assert q.tensor_scale == F(1) / g
    scale = E4M3[scale_codes] * (F(1) / g)
    expected = gptq(w, rotated, scale, 16)
    # Zeros have the code 8 there.
    expected[expected == 0] = 8
    np.testing.assert_array_equal(q.codes, expected)


@pytest.mark.parametrize("seed", [4, 5])
def test_fp_quant_mxfp4(seed: int) -> None:
    w, hessian = problem(seed)
    w *= F(2.0) ** np.arange(ROWS)[:, None].astype(F) / F(1 << 20)
    q = fp4.quantize_weight(w, "mxfp4", preset="fp-quant", hessian=hessian)
    w = fp4.hadamard(w, 32)
    rotated = fp4.hadamard(fp4.hadamard(hessian, 32).T, 32).T
    exponent = np.floor(np.log2(np.abs(blocks_of(w, 32)).max(-1))).astype(int)
    np.testing.assert_array_equal(q.scales, exponent + 127)
    assert q.tensor_scale == F(1) / F(3)
    expected = gptq(w, rotated, (F(2.0) ** (exponent - 2) / F(0.75)).astype(F), 32)
    expected[expected == 0] = 8
    np.testing.assert_array_equal(q.codes, expected)


@pytest.mark.parametrize("seed", [6, 7])
def test_llmcompressor_nvfp4(seed: int) -> None:
    w, hessian = problem(seed)
    w[3, 32:48] = 0
    q = fp4.quantize_weight(w, "nvfp4", preset="llmcompressor", hessian=hessian)
    g = F(2688) / np.abs(w).max()
    scale = E4M3[nearest_even(g * (np.abs(blocks_of(w, 16)).max(-1) / F(6)), E4M3)]
    scale[scale == 0] = 0.125
    np.testing.assert_array_equal(E4M3[q.scales], scale)
    np.testing.assert_array_equal(q.codes, gptq(w, hessian, scale / g, 16))


@pytest.mark.parametrize("seed", [8, 9])
def test_llmcompressor_mxfp4(seed: int) -> None:
    w, hessian = problem(seed)
    q = fp4.quantize_weight(w, "mxfp4", preset="llmcompressor", hessian=hessian)
    # The largest weight, rounded to bfloat16 and up where its fraction is at
    # least 3/4, decides about the exponent.
    bits = (np.abs(blocks_of(w, 32)).max(-1)).view(np.uint32)
    exponent = ((bits + 0x200000) >> 23).astype(int) - 127 - 2
    np.testing.assert_array_equal(q.scales, exponent + 127)
    np.testing.assert_array_equal(
        q.codes, gptq(w, hessian, F(2.0) ** exponent.astype(F), 32)
    )


def test_modelopt_nvfp4() -> None:
    w, _ = problem(10)
    w[5, 16:32] = 0
    q = fp4.quantize_weight(w, "nvfp4", preset="modelopt")
    t = np.abs(w).max() / F(2688)
    scale = np.abs(blocks_of(w, 16)).max(-1) / (F(6) * t)
    scale[scale == 0] = 1
    scale = E4M3[nearest_even(np.maximum(scale, F(2.0**-9)), E4M3)]
    np.testing.assert_array_equal(E4M3[q.scales], scale)
    assert q.tensor_scale == t
    expected = codes(w / np.repeat(scale * t, 16, axis=1))
    np.testing.assert_array_equal(q.codes, expected)


def test_modelopt_mxfp4() -> None:
    w, _ = problem(11)
    w = np.round(w * 8) / F(8)  # zeros and ties
    q = fp4.quantize_weight(w, "mxfp4", preset="modelopt")
    exponent = np.ceil(np.log2(np.abs(blocks_of(w, 32)).max(-1) / F(6))).astype(int)
    np.testing.assert_array_equal(q.scales, exponent + 127)
    scaled = w / np.repeat(F(2.0) ** exponent.astype(F), 32, axis=1)
    bounds = (E2M1[1:] + E2M1[:-1]) / 2
    magnitude = (np.abs(scaled)[..., None] > bounds).sum(-1)
    assert (np.abs(scaled)[..., None] == bounds).any(), "no tie in the example"
    expected = (magnitude + 8 * (scaled <= 0)).astype(np.uint8)
    np.testing.assert_array_equal(q.codes, expected)
