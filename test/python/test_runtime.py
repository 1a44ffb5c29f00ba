"""Programs compiled for this CPU, against numpy."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import fp4

RNG = np.random.default_rng(11)


def test_matmul_of_quantized_values() -> None:
    program = fp4.Module.parse("""
      func.func @main(%x: tensor<?x64xf32>, %w: !fp4.tensor<8x64, #fp4.nvfp4>)
          -> tensor<?x8xf32> {
        %q = fp4.quantize %x : tensor<?x64xf32> -> !fp4.tensor<?x64, #fp4.nvfp4>
        %y = fp4.matmul %q, %w
            : !fp4.tensor<?x64, #fp4.nvfp4>, !fp4.tensor<8x64, #fp4.nvfp4>
              -> tensor<?x8xf32>
        return %y : tensor<?x8xf32>
      }
    """).jit()
    x = RNG.standard_normal((5, 64)).astype(np.float32)
    w = fp4.quantize(RNG.standard_normal((8, 64)), "nvfp4")
    (y,) = program(x, w)
    exact = fp4.quantize(x, "nvfp4").dequantize().astype(np.float64)
    exact = exact @ w.dequantize().astype(np.float64).T
    # float32 sums of 64 products.
    np.testing.assert_allclose(y, exact, rtol=1e-5, atol=1e-4)
    assert program.argument_types == [
        ("F32", (-1, 64)),
        ("I8", (8, 64)),
        ("I8", (8, 4)),
        ("F32", ()),
    ]


def test_result_of_microscaled_type() -> None:
    program = fp4.Module.parse("""
      func.func @q(%x: tensor<2x32xf32>) -> !fp4.tensor<2x32, #fp4.mxfp4> {
        %q = fp4.quantize %x : tensor<2x32xf32> -> !fp4.tensor<2x32, #fp4.mxfp4>
        return %q : !fp4.tensor<2x32, #fp4.mxfp4>
      }
    """).jit("q")
    x = RNG.standard_normal((2, 32)).astype(np.float32)
    codes, scales = program(x)
    expected = fp4.quantize(x, "mxfp4")
    np.testing.assert_array_equal(codes.view(np.uint8), expected.codes)
    np.testing.assert_array_equal(scales.view(np.uint8), expected.scales)


def test_bf16_arguments_and_results() -> None:
    program = fp4.Module.parse("""
      func.func @main(%x: tensor<4xbf16>) -> (tensor<4xbf16>, f32) {
        %c = arith.constant 2.5 : f32
        return %x, %c : tensor<4xbf16>, f32
      }
    """).jit()
    # 1 + 2^-9 rounds to 1 in bfloat16.
    x, scalar = program(np.array([1 + 2.0**-9, -2.0, 3.0, 0.0]))
    np.testing.assert_array_equal(x, np.array([1, -2, 3, 0], np.float32))
    assert scalar == 2.5 and scalar.shape == ()


LINEAR = """
func.func @main(%x: tensor<?x32xf32>) -> tensor<?x8xf32> {
  %w = arith.constant dense<0.5> : tensor<8x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "fc"}
      : tensor<?x32xf32>, tensor<8x32xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
"""


def test_hessians() -> None:
    module = fp4.Module.parse(LINEAR)
    before = str(module)
    x = RNG.standard_normal((100, 32)).astype(np.float32)
    hessians = module.collect_hessians(x)
    assert list(hessians) == ["fc"]
    # The rows are summed in float32.
    np.testing.assert_allclose(hessians["fc"], x.T @ x / 100, rtol=1e-4, atol=1e-5)
    assert str(module) == before


def test_program_outlives_its_module() -> None:
    program = fp4.Module.parse(LINEAR).jit()
    gc.collect()
    (y,) = program(np.ones((3, 32)))
    np.testing.assert_array_equal(y, np.full((3, 8), 16, np.float32))
    assert repr(program) == "<fp4.Program 'main'>"


def test_errors() -> None:
    module = fp4.Module.parse(LINEAR)
    with pytest.raises(fp4.CompileError, match="no public function called 'f'"):
        module.jit("f")
    program = module.jit()
    with pytest.raises(ValueError, match="expected 1 inputs for 'main', got 2"):
        program(np.ones((1, 32)), np.ones(3))
    with pytest.raises(ValueError, match="expected 1 inputs for 'main', got 0"):
        program()
    with pytest.raises(ValueError, match="input 0"):
        program(np.ones((1, 31)))
    with pytest.raises(ValueError, match="expected F32 for input 0, got complex128"):
        program(np.ones((1, 32), np.complex128))
    with pytest.raises(ValueError, match="input|argument"):
        module.collect_hessians(np.ones((1, 31)))
    parameter = LINEAR.replace("arith.constant dense<0.5>", 'fp4.parameter "w"')
    with pytest.raises(fp4.CompileError, match="parameter"):
        fp4.Module.parse(parameter).jit()
