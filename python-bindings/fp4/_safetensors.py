"""Writes arrays to a safetensors file, for the options that name one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Union

import numpy as np
import numpy.typing as npt


def write_float32(
    path: Union[str, os.PathLike[str]], arrays: Mapping[str, npt.ArrayLike]
) -> None:
    """Writes ``arrays`` as F32 tensors of those names."""
    header = {}
    blobs = []
    offset = 0
    for name, value in arrays.items():
        array = np.asarray(value, np.float32)
        blobs.append(array.tobytes())
        end = offset + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    # The data starts at a multiple of eight.
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(blobs)
