"""Decodes every element code under every scale code of one format.

Usage: check_dequantize.py FORMAT FOLDER

One block per scale code and per run of element codes. The program packs plain
tensors, decodes them to f32, bf16 and f16, and unpacks them again.
"""

import sys

import host
import microscaling
import numpy as np
from check_quantize import TYPES

SCALE_TYPES = {"ue5m3fnu": "i8", "ue5m3gc": "i8"}
# Element types with a safetensors dtype of one byte.
CODE_DTYPES = {"f8E4M3FN": "F8_E4M3", "f8E5M2": "F8_E5M2", "f8E8M0FNU": "F8_E8M0", "i8": "U8"}


def storage_types(name, fmt):
    element = next(key for key, value in microscaling.ELEMENTS.items() if value is fmt.element)
    scale = next(key for key, value in microscaling.SCALES.items() if value is fmt.scale)
    return element, SCALE_TYPES.get(scale, scale)


def program(name, fmt, rows, cols):
    element, scale = storage_types(name, fmt)
    q = f"!fp4.tensor<{rows}x{cols}, {TYPES.get(name, '#fp4.' + name)}>"
    e = f"tensor<{rows}x{cols}x{element}>"
    s = f"tensor<{rows // fmt.rows}x{cols // fmt.cols}x{scale}>"
    factor = ", %t: f32" if fmt.has_tensor_scale else ""
    use = " tensor_scale(%t)" if fmt.has_tensor_scale else ""
    parts = "%e2, %s2, %t2" if fmt.has_tensor_scale else "%e2, %s2"
    types = f"{e}, {s}, f32" if fmt.has_tensor_scale else f"{e}, {s}"
    f32, bf16, f16 = (f"tensor<{rows}x{cols}x{t}>" for t in ("f32", "bf16", "f16"))
    return f"""func.func @main(%e: {e}, %s: {s}{factor}) -> ({f32}, {bf16}, {f16}, {types}) {{
  %q = fp4.pack %e, %s{use} : {e}, {s} -> {q}
  %x = fp4.dequantize %q : {q} -> {f32}
  %b = fp4.dequantize %q : {q} -> {bf16}
  %h = fp4.dequantize %q : {q} -> {f16}
  {parts} = fp4.unpack %q : {q} -> {types}
  return %x, %b, %h, {parts} : {f32}, {bf16}, {f16}, {types}
}}
"""


def main(name, folder):
    fmt = microscaling.FORMATS[name]
    width = getattr(fmt.element, "width", 8)
    cols = max(2**width, fmt.cols)
    rows = 256 * fmt.rows
    codes = np.tile((np.arange(cols) % 2**width).astype(np.uint8), (rows, 1))
    scales = np.repeat(np.arange(256, dtype=np.uint8)[:, None], cols // fmt.cols, 1)
    tensor_scale = np.float32(0.0375 if fmt.has_tensor_scale else 1)
    element, scale = storage_types(name, fmt)
    # NumPy has no 8-bit floats; safetensors does.
    arrays = {"e": (codes, CODE_DTYPES.get(element, "U8")), "s": (scales, CODE_DTYPES[scale])}
    if fmt.has_tensor_scale:
        arrays["t"] = tensor_scale
    got = host.run(folder, program(name, fmt, rows, cols), arrays, 6 if fmt.has_tensor_scale else 5)

    x = microscaling.dequantize(fmt, codes, scales, tensor_scale)
    host.expect_same_floats(f"{name} f32", got[0], x)
    host.expect_same_floats(f"{name} bf16", host.from_bf16_words(got[1]), host.to_bf16(x))
    with np.errstate(over="ignore"):
        host.expect_same_floats(f"{name} f16", got[2], x.astype(np.float16))
    host.expect_same_codes(f"{name} elements", got[3], codes)
    host.expect_same_codes(f"{name} scales", got[4], scales)
    print(f"{name}: {codes.size} codes agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
