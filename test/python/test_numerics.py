"""Quantization of arrays against a reference that shares no code with it.

The reference enumerates the values of a format from its definition and rounds by
looking for the nearest one in float64.
"""

from __future__ import annotations

import numpy as np
import pytest

import fp4
from fp4 import numerics

# (exponent bits, mantissa bits, bias, largest magnitude)
FLOATS = {
    "E2M1": (2, 1, 1, 6.0),
    "E2M3": (2, 3, 1, 7.5),
    "E3M2": (3, 2, 3, 28.0),
    "E4M3": (4, 3, 7, 448.0),
    "E5M2": (5, 2, 15, 57344.0),
}


def magnitudes(element: str) -> np.ndarray:
    """The non-negative finite values in the order of their codes."""
    if element == "MXINT8":
        return np.arange(128) / 64.0
    exponents, mantissas, bias, largest = FLOATS[element]
    values = []
    for code in range(2 ** (exponents + mantissas)):
        exponent, mantissa = divmod(code, 2**mantissas)
        fraction = mantissa / 2**mantissas
        if exponent == 0:
            values.append(fraction * 2.0 ** (1 - bias))
        else:
            values.append((1 + fraction) * 2.0 ** (exponent - bias))
    return np.array([value for value in values if value <= largest])


def round_to(grid: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Nearest value of the grid, ties to the even position, saturating."""
    target = np.minimum(np.abs(values), grid[-1])
    above = np.clip(np.searchsorted(grid, target), 1, len(grid) - 1)
    low, high = grid[above - 1], grid[above]
    middle = (low + high) / 2
    take_high = (target > middle) | ((target == middle) & (above % 2 == 0))
    return np.sign(values) * np.where(take_high, high, low)


def reference(values: np.ndarray, fmt: fp4.BlockFormat) -> np.ndarray:
    grid = magnitudes(fmt.element)
    blocks = values.reshape(-1, fmt.block_cols)
    amax = np.abs(blocks).max(axis=1, keepdims=True)
    if fmt.scale == "E8M0":
        _, exponent = np.frexp(amax)
        _, largest = np.frexp(grid[-1])
        scale = np.ldexp(1.0, np.clip(exponent - largest, -127, 127))
        scale = scale.astype(np.float32)
    else:
        tensor = np.float32(np.abs(values).max()) / np.float32(grid[-1] * 448)
        wanted = (amax / np.float32(grid[-1])) / tensor
        scale = np.maximum(round_to(magnitudes("E4M3"), wanted), 2.0**-9)
        scale = scale.astype(np.float32) * tensor
    codes = round_to(grid, (blocks / scale).astype(np.float64)).astype(np.float32)
    return (codes * scale).reshape(values.shape)


@pytest.mark.parametrize("name", numerics.FORMATS)
def test_quantize_matches_reference(name: str) -> None:
    fmt = fp4.BlockFormat.named(name)
    rng = np.random.default_rng(7)
    values = (rng.standard_normal((64, 256)) * np.exp(rng.normal(size=(64, 1)))).astype(
        np.float32
    )
    decoded = fp4.quantize(values, name).dequantize()
    np.testing.assert_array_equal(decoded, reference(values, fmt))


@pytest.mark.parametrize("name", numerics.FORMATS)
def test_codes_survive_packing(name: str) -> None:
    rng = np.random.default_rng(3)
    quantized = fp4.quantize(rng.standard_normal((2, 3, 64)), name)
    packed = quantized.packed()
    assert packed.shape == (2, 3, 64 * quantized.format.element_bits // 8)
    unpacked = numerics.unpack(packed, quantized.format.element)
    np.testing.assert_array_equal(unpacked, quantized.codes)
    assert quantized.nbytes == packed.nbytes + quantized.scales.nbytes


@pytest.mark.parametrize("element", [*FLOATS, "MXINT8"])
def test_element_codes(element: str) -> None:
    grid = magnitudes(element)
    codes = np.arange(len(grid))
    np.testing.assert_array_equal(numerics.decode_elements(codes, element), grid)
    np.testing.assert_array_equal(numerics.encode_elements(grid, element), codes)


def test_stochastic_rounding_uses_the_random_words() -> None:
    # 1.25 lies halfway between 1 (code 2) and 1.5 (code 3): up iff the word is in
    # the upper half.
    values = np.full(2, 1.25, np.float32)
    random = np.array([0x7FFFFFFF, 0x80000000], np.uint32)
    codes = numerics.encode_elements(values, "E2M1", random=random)
    assert codes.tolist() == [2, 3]
    # The same through blocks: amax 4 gives scale 2^(2-2) = 1.
    block = np.array([4.0] + [1.25] * 31, np.float32)
    words = np.zeros(32, np.uint32)
    words[31] = 0xFFFFFFFF
    quantized = fp4.quantize(block, "mxfp4", random=words)
    assert quantized.codes[[1, 31]].tolist() == [2, 3]


def test_two_dimensional_blocks() -> None:
    fmt = fp4.BlockFormat("E2M1", "UE4M3", 16, block_rows=16, tensor_scale=True)
    values = np.zeros((2, 32, 32), np.float32)
    values[1, 16:, 16:] = 6.0
    quantized = fp4.quantize(values, fmt)
    assert quantized.scales.shape == (2, 2, 2)
    np.testing.assert_array_equal(quantized.dequantize(), values)
    assert fmt.name is None


def test_bf16_round_trip() -> None:
    values = np.array([1.0, -3.140625, 2.0**100], np.float32)
    bits = numerics.encode_bf16(values)
    np.testing.assert_array_equal(bits, values.view(np.uint32) >> 16)
    np.testing.assert_array_equal(numerics.decode_bf16(bits), values)


def test_hadamard_matches_the_matrix() -> None:
    h = np.array([[1.0]])
    while len(h) < 16:
        h = np.block([[h, h], [h, -h]])
    rng = np.random.default_rng(1)
    values = rng.integers(-8, 8, (3, 32)).astype(np.float32)
    signs = rng.choice([-1, 1], 16)
    expected = ((values.reshape(-1, 16) * signs) @ h / 4).reshape(3, 32)
    # Sixteen small integers over 4 are exact in float32.
    rotated = fp4.hadamard(values, 16, signs=signs)
    np.testing.assert_array_equal(rotated, expected)
    back = fp4.hadamard(rotated, 16, signs=signs, inverse=True)
    np.testing.assert_array_equal(back, values)


def test_inputs_are_not_modified_and_may_be_strided() -> None:
    values = np.arange(128, dtype=np.float64).reshape(2, 64)[:, ::2]
    kept = values.copy()
    fp4.hadamard(values, 32)
    strided = fp4.quantize(values, "mxfp4")
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(strided.codes, fp4.quantize(kept, "mxfp4").codes)


def test_nan_and_infinity() -> None:
    values = np.ones((4, 16), np.float32)
    values[1, 3] = np.nan
    values[2, 5] = -np.inf
    decoded = fp4.quantize(values, "nvfp4").dequantize()
    np.testing.assert_array_equal(np.isnan(decoded).all(axis=1), [0, 1, 1, 0])
    np.testing.assert_array_equal(decoded[[0, 3]], values[[0, 3]])
    saturated = fp4.quantize(
        values[2:3], "nvfp4", nan_policy="saturate_inf", tensor_scale=1.0
    ).dequantize()
    # The largest float over 6 saturates the block scale at 448, its code at 6.
    assert saturated[0, 5] == -6 * 448


def test_scales_swizzle() -> None:
    scales = np.arange(130 * 5, dtype=np.uint32).astype(np.uint8).reshape(130, 5)
    swizzled = numerics.swizzle_scales(scales)
    # Two row tiles of two column tiles; (129, 4) is tile 3, row 1.
    assert swizzled.shape == (4 * 512,)
    assert swizzled[3 * 512 + 16] == scales[129, 4]
    back = numerics.unswizzle_scales(swizzled, 130, 5)
    np.testing.assert_array_equal(back, scales)


def test_empty_arrays() -> None:
    quantized = fp4.quantize(np.empty((0, 32)), "nvfp4")
    assert quantized.scales.shape == (0, 2)
    assert quantized.dequantize().shape == (0, 32)
    assert fp4.hadamard(np.empty((0, 32)), 32).shape == (0, 32)


X = np.zeros((4, 48), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp4.quantize(X, "nvfp5"), "unknown format 'nvfp5', expected one of"),
        (lambda: fp4.quantize(X, "mxfp4"), "multiple of the block size 32, got 48"),
        (lambda: fp4.quantize(np.float32(1), "mxfp4"), "at least 1 dimensions, got 0"),
        (lambda: fp4.quantize(X, scale_rule="floor"), "scale rule 'floor' does not"),
        (lambda: fp4.quantize(X, scale_rule="up"), "unknown scale rule 'up'"),
        (lambda: fp4.quantize(X, nan_policy="no"), "unknown NaN policy 'no'"),
        (lambda: fp4.quantize(X, tensor_scale=-1), "positive and finite tensor scale"),
        (
            lambda: fp4.quantize(X[:, :32], "mxfp4", tensor_scale=1.0),
            "this format has no tensor scale",
        ),
        (
            lambda: fp4.quantize(X, random=np.zeros(3, np.uint32)),
            r"random words of shape \(4, 48\), got \(3,\)",
        ),
        (lambda: fp4.BlockFormat("E9M9", "E8M0", 32), "unknown element format 'E9M9'"),
        (lambda: fp4.BlockFormat("E2M1", "E9M0", 32), "unknown scale format 'E9M0'"),
        (lambda: fp4.BlockFormat("E2M1", "E8M0", 24), "power of two in 4..1024, got 24"),
        (lambda: fp4.BlockFormat("E2M1", "E8M0", -4), "block size in 1..1024, got -4"),
        (lambda: fp4.hadamard(X, 32), "multiple of the block 32"),
        (lambda: fp4.hadamard(X, 24), "power of two in 2..1024"),
        (lambda: fp4.hadamard(X, -4), "power of two in 2..1024"),
        (lambda: fp4.hadamard(X, 16, signs=[1]), "expected 16 signs"),
        (lambda: fp4.hadamard(X, 2, signs=[1, 3]), "signs of 1 and -1, got 3 at 1"),
        (lambda: numerics.pack([[1]], "E2M1"), "whole number of bytes"),
        (lambda: numerics.unpack([[1, 2]], "E3M2"), "whole E3M2 groups, got 2 bytes"),
        (lambda: numerics.swizzle_scales([1]), "matrix of scales"),
        (lambda: numerics.unswizzle_scales([1], 1, 1), "expected 512 bytes"),
        (lambda: numerics.encode_scales([1], "E8M0", rounding="up"), "unknown rounding"),
    ],
)
def test_errors(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()


def test_mismatched_scales() -> None:
    quantized = fp4.quantize(np.zeros((2, 32)), "mxfp4")
    broken = fp4.Quantized(quantized.format, quantized.codes, quantized.codes, 1.0)
    with pytest.raises(ValueError, match=r"expected scales of shape \(2, 1\)"):
        broken.dequantize()
