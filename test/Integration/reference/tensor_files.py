"""The safetensors format in a few lines, for tests."""

import json
import struct

import numpy as np


def write_safetensors(path, tensors):
    """`tensors`: name -> (array of the right byte width, dtype of the format)."""
    header, data = {}, b""
    for name, (array, dtype) in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": list(np.shape(array)),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    """name -> float32 array; only F32 tensors."""
    with open(path, "rb") as file:
        content = file.read()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            raw = content[8 + length + first : 8 + length + last]
            arrays[name] = np.frombuffer(raw, np.float32).reshape(entry["shape"])
    return arrays
