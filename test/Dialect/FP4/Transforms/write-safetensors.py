"""Writes a small safetensors file: FILE NAME:DTYPE:SHAPE:VALUES...

SHAPE is a list of extents separated by commas. VALUES is such a list too and
repeats to fill the shape; or it is a list of settings over zeros, "diag=V" for
the diagonal of a matrix and "I=V" for the value at flat index I.
"""

import json
import math
import struct
import sys


def encode(dtype, value):
    bits = struct.pack("<f", float(value))
    return {"F32": bits, "BF16": bits[2:]}.get(dtype) or struct.pack("<b", int(value))


def expand(dtype, text, shape):
    count = math.prod(shape)
    if "=" not in text:
        pattern = [encode(dtype, value) for value in text.split(",")]
        repeated = b"".join(pattern) * (count // len(pattern) + 1)
        return repeated[: count * len(pattern[0])]
    values = [0.0] * count
    for setting in text.split(","):
        where, value = setting.split("=")
        if where == "diag":
            values[:: shape[1] + 1] = [value] * shape[0]
        else:
            values[int(where)] = value
    return b"".join(encode(dtype, value) for value in values)


path, tensors = sys.argv[1], sys.argv[2:]
header, data = {}, b""
for text in tensors:
    name, dtype, extents, values = text.split(":")
    shape = [int(extent) for extent in extents.split(",")]
    begin = len(data)
    data += expand(dtype, values, shape)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, len(data)]}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
