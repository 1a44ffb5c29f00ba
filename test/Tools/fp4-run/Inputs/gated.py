"""Prints a module with a gated pair of linear layers whose weights are random.

    gated.py ROWS COLUMNS DEPTH LEFT FORMAT RESULT

LEFT is a float type or a format, RESULT a float type: silu(x * gate^T + b) * (x * up^T) + r.
"""

import random
import sys

rows, columns, depth = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
left, fmt, result = sys.argv[4:]
random.seed(5)
block, first, last = (16, 0x28, 0x48) if fmt == "nvfp4" else (32, 122, 132)
weight = f"!fp4.tensor<{columns}x{depth}, #fp4.{fmt}>"
x = f"!fp4.tensor<{rows}x{depth}, #fp4.{left}>" if left.startswith(("nv", "mx")) else f"tensor<{rows}x{depth}x{left}>"
y = f"tensor<{rows}x{columns}x{result}>"


def constant(name, scale):
    def draw(count, low, high):
        return bytes(random.randrange(low, high) for _ in range(count)).hex().upper()

    elements = f'dense<"0x{draw(columns * depth // 2, 0, 256)}"> : tensor<{columns}x{depth // 2}xi8>'
    scales = f'dense<"0x{draw(columns * depth // block, first, last)}"> : tensor<{columns}x{depth // block}xi8>'
    tail = f", tensor_scale = {scale} : f32" if fmt == "nvfp4" else ""
    return f"  %{name} = fp4.constant <elements = {elements}, scales = {scales}{tail}> : {weight}"


print(f"""func.func @main(%x: {x}, %b: tensor<{columns}xf32>, %r: {y}) -> {y} {{
{constant("gate", 0.5)}
{constant("up", 0.25)}
  %u = fp4.matmul %x, %up : {x}, {weight} -> {y}
  %g = fp4.matmul %x, %gate bias(%b : tensor<{columns}xf32>) {{activation = #fp4.activation<silu>}} : {x}, {weight} -> {y}
  %h = arith.mulf %g, %u : {y}
  %y = arith.addf %h, %r : {y}
  return %y : {y}
}}""")
