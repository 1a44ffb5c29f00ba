"""Weight quantization against calibration data."""

from __future__ import annotations

import numpy as np
import pytest

import fp4
from fp4.quantization import PRESETS

ROWS, COLS, TOKENS = 32, 128, 512


def problem() -> tuple[np.ndarray, np.ndarray]:
    """A weight, and inputs whose columns are correlated."""
    rng = np.random.default_rng(5)
    mixing = rng.standard_normal((COLS, COLS)) / 8 + np.eye(COLS)
    inputs = rng.standard_normal((TOKENS, COLS)) @ mixing
    return rng.standard_normal((ROWS, COLS)).astype(np.float32), inputs


def output_error(weights: np.ndarray, inputs: np.ndarray, q: fp4.Quantized) -> float:
    """Relative squared error of the layer's output, in float64."""
    block = getattr(q, "hadamard_block", 0)
    x = fp4.hadamard(inputs, block) if block else inputs
    exact = inputs @ weights.T
    return float(((x @ q.dequantize().T - exact) ** 2).sum() / (exact**2).sum())


@pytest.mark.parametrize("name", ["nvfp4", "mxfp4"])
def test_presets_reduce_the_output_error(name: str) -> None:
    weights, inputs = problem()
    hessian = fp4.Hessian(COLS)
    hessian.add(inputs[:200])
    hessian.add(inputs[200:])
    matrix = hessian.finish()
    exact = inputs.T @ inputs / TOKENS
    # float32 sums of 512 products: 2^-24 * sqrt(512) of the diagonal.
    np.testing.assert_allclose(matrix, exact, atol=1e-5 * exact.max())

    errors = {}
    for preset in PRESETS:
        q = fp4.quantize_weight(weights, name, preset=preset, hessian=matrix)
        errors[preset] = output_error(weights, inputs, q)
        # The library reports what we measure (float32 rotation and Hessian).
        assert errors[preset] == pytest.approx(q.objective, rel=1e-3)
    assert errors["gptq"] < 0.9 * errors["rtn"]
    assert errors["mr-gptq"] < 0.9 * errors["rtn"]
    assert errors["mr-gptq-plus"] < errors["rtn"]


def test_rtn_is_quantize() -> None:
    weights, _ = problem()
    rtn = fp4.quantize_weight(weights, "nvfp4", preset="rtn")
    plain = fp4.quantize(weights, "nvfp4")
    np.testing.assert_array_equal(rtn.codes, plain.codes)
    np.testing.assert_array_equal(rtn.scales, plain.scales)
    assert rtn.tensor_scale == plain.tensor_scale


def test_dead_columns_are_counted() -> None:
    weights, inputs = problem()
    inputs[:, 3] = 0
    matrix = (inputs.T @ inputs).astype(np.float32)
    q = fp4.quantize_weight(weights, "nvfp4", preset="gptq", hessian=matrix)
    assert q.dead_columns == 1
    assert not q.dequantize()[:, 3].any()


W = np.zeros((4, 32), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fp4.quantize_weight(W, preset="best"), "'best'"),
        (lambda: fp4.quantize_weight(W, preset="gptq"), "[Hh]essian"),
        (lambda: fp4.quantize_weight(W[0]), "expected a weight matrix"),
        (lambda: fp4.quantize_weight(W, hessian=W), r"Hessian of shape \(32, 32\)"),
        (lambda: fp4.quantize_weight(W + np.nan, preset="rtn"), "[Nn]a[Nn]"),
        (lambda: fp4.Hessian(0), "at least one column"),
        (lambda: fp4.Hessian(8).add(W), "inputs of 8 columns"),
        (lambda: fp4.Hessian(32).add(W + np.inf), "nan|inf|finite"),
        (lambda: fp4.Hessian(8).finish(), "token|activation|input"),
    ],
)
def test_errors(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()
