"""Writes a small safetensors file: FILE NAME:DTYPE:SHAPE:VALUES...

SHAPE and VALUES are separated by commas; values repeat to fill the shape. The
first 8 - len(header) % 8 bytes of padding keep the data aligned, as writers do.
"""

import itertools
import json
import struct
import sys


def encode(dtype, value):
    bits = struct.pack("<f", float(value))
    return {"F32": bits, "BF16": bits[2:]}.get(dtype) or struct.pack("<b", int(value))


path, tensors = sys.argv[1], sys.argv[2:]
header, data = {}, b""
for text in tensors:
    name, dtype, shape, values = text.split(":")
    shape = [int(d) for d in shape.split(",")]
    count = 1
    for d in shape:
        count *= d
    begin = len(data)
    for value in itertools.islice(itertools.cycle(values.split(",")), count):
        data += encode(dtype, value)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, len(data)]}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
