"""Compares fp4.matmul with a float64 product of decoded matrices.

Usage: check_matmul.py FOLDER

Operands: float by float in all types, float by microscaled and microscaled by
microscaled in every format, with bias and activation, with rows known only at
run time. Two kinds of data:
- integers and powers of two, whose sums are exact in float32: the result must
  be equal;
- normal numbers: a float32 sum of K products differs from the exact one by at
  most K roundings of partial sums, each at most 2^-24 of the sum of magnitudes
  (Higham, Accuracy and Stability, equation 3.5); bias, tensor scale and
  activation add a few roundings of the result.
"""

import sys

import host
import microscaling
import numpy as np
from check_quantize import TYPES

M, N, K = 5, 6, 64
EPSILON = 2.0**-24
# With the largest derivative of each.
ACTIVATIONS = [("none", 1), ("relu", 1), ("gelu", 1.13), ("silu", 1.1), ("gelu_tanh", 1.13)]


def type_of(name, rows):
    return f"!fp4.tensor<{rows}x{K}, {TYPES.get(name, '#fp4.' + name)}>"


def quantized_program(name, activation, is_lhs_quantized):
    fmt = microscaling.FORMATS[name]
    m, n = ("?", N) if fmt.rows == 1 else (16, 16)
    w, a = type_of(name, n), type_of(name, m)
    lhs, lhs_type = ("%a", a) if is_lhs_quantized else ("%x", f"tensor<{m}x{K}xf32>")
    return f"""func.func @main(%x: tensor<{m}x{K}xf32>, %w: tensor<{n}x{K}xf32>, %bias: tensor<{n}xf32>)
    -> (tensor<{m}x{n}xf32>, {a}, {w}) {{
  %a = fp4.quantize %x : tensor<{m}x{K}xf32> -> {a}
  %b = fp4.quantize %w : tensor<{n}x{K}xf32> -> {w}
  %y = fp4.matmul {lhs}, %b bias(%bias : tensor<{n}xf32>) {{activation = #fp4.activation<{activation}>}}
      : {lhs_type}, {w} -> tensor<{m}x{n}xf32>
  return %y, %a, %b : tensor<{m}x{n}xf32>, {a}, {w}
}}
"""


def decoded_matrix(fmt, parts):
    """element * scale * tensor scale in float64, nothing rounded."""
    factor = float(parts[2]) if fmt.has_tensor_scale else 1.0
    elements = fmt.element.decode(microscaling.to_blocks(fmt, parts[0].view(np.uint8)))
    scales = fmt.scale.decode(parts[1].view(np.uint8).reshape(-1))[:, None]
    return microscaling.from_blocks(fmt, elements * scales * factor, parts[0].shape)


def bound_of(lhs, rhs, bias, slope):
    """Of a float32 result; `slope` bounds the activation's derivative."""
    magnitudes = np.abs(lhs) @ np.abs(rhs).T + np.abs(bias)
    return slope * (K + 8) * EPSILON * magnitudes


def check_quantized(name, folder, rng):
    fmt = microscaling.FORMATS[name]
    m, n = (M, N) if fmt.rows == 1 else (16, 16)
    parts = 3 if fmt.has_tensor_scale else 2
    # The sum is the formats' business, what follows it is common to them.
    for activation, slope in ACTIVATIONS if name == "nvfp4" else ACTIVATIONS[:1]:
        for is_lhs_quantized in (False, True):
            x = rng.standard_normal((m, K)).astype(np.float32)
            w = rng.standard_normal((n, K)).astype(np.float32)
            bias = rng.standard_normal(n).astype(np.float32)
            got = host.run(folder, quantized_program(name, activation, is_lhs_quantized),
                           {"x": x, "w": w, "bias": bias}, 1 + 2 * parts)
            lhs = decoded_matrix(fmt, got[1 : 1 + parts]) if is_lhs_quantized else x
            rhs = decoded_matrix(fmt, got[1 + parts :])
            expected = microscaling.matmul(lhs, rhs, bias, activation)
            what = f"{name} {'x ' + name if is_lhs_quantized else 'weight'} {activation}"
            host.expect_close(what, got[0], expected, bound_of(lhs, rhs, bias, slope))
    print(f"{name} agrees")


def check_exact(folder, rng):
    """Codes without a fraction, scales that are powers of two: sums of integers."""
    x = rng.integers(-6, 7, (M, K)).astype(np.float32)
    w = rng.choice([-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6], (N, K)).astype(np.float32)
    w[:, ::16] = 6  # every block has the largest element: scale 1
    bias = rng.integers(-100, 100, N).astype(np.float32)
    got = host.run(folder, quantized_program("mxfp4", "relu", False), {"x": x, "w": w, "bias": bias}, 5)
    expected = microscaling.matmul(x, w, bias, "relu")
    host.expect_close("integers", got[0], expected, 0)
    print("integers are exact")


def check_floats(folder, rng):
    """All float types of operands, bias and result."""
    types = ["f32", "bf16", "f16"]
    body, results = [], []
    for number, (lhs, rhs, result) in enumerate((a, b, c) for a in types for b in types for c in types):
        body.append(f"  %y{number} = fp4.matmul %x_{lhs}, %w_{rhs} bias(%b_{rhs} : tensor<{N}x{rhs}>)"
                    f" : tensor<?x{K}x{lhs}>, tensor<{N}x{K}x{rhs}> -> tensor<?x{N}x{result}>")
        results.append(f"tensor<?x{N}x{result}>")
    arguments = ", ".join(f"%x_{t}: tensor<?x{K}x{t}>, %w_{t}: tensor<{N}x{K}x{t}>, %b_{t}: tensor<{N}x{t}>"
                          for t in types)
    names = ", ".join(f"%y{i}" for i in range(len(results)))
    text = (f"func.func @main({arguments}) -> ({', '.join(results)}) {{\n" + "\n".join(body)
            + f"\n  return {names} : {', '.join(results)}\n}}\n")
    # Integers of at most eight bits are exact in all three types.
    values = {"x": rng.integers(-9, 10, (M, K)), "w": rng.integers(-9, 10, (N, K)),
              "b": rng.integers(-99, 100, N)}
    arrays = {}
    for kind, value in values.items():
        value = value.astype(np.float32)
        arrays[f"{kind}_f32"] = value
        arrays[f"{kind}_bf16"] = (host.bf16_words(value), "BF16")
        arrays[f"{kind}_f16"] = value.astype(np.float16)
    got = host.run(folder, text, arrays, len(results))
    exact = microscaling.matmul(values["x"], values["w"], values["b"])
    expected = {"f32": exact, "bf16": host.to_bf16(exact), "f16": exact.astype(np.float16)}
    for number, array in enumerate(got):
        result = types[number % 3]
        array = host.from_bf16_words(array) if result == "bf16" else array
        host.expect_same_floats(f"float case {number}", array, expected[result])
    print("float types agree")


def main(folder):
    rng = np.random.default_rng(7)
    check_exact(folder, rng)
    check_floats(folder, rng)
    for name in microscaling.FORMATS:
        check_quantized(name, folder, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
