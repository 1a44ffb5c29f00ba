"""npy.py RAW DTYPE SHAPE OUT: puts a NumPy header in front of raw bytes."""

import pathlib
import struct
import sys

raw, dtype, shape, out = sys.argv[1:]
header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({shape},), }}".encode()
header += b" " * (-(len(header) + 11) % 64) + b"\n"
pathlib.Path(out).write_bytes(
    b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + pathlib.Path(raw).read_bytes()
)
