"""fp4: an MLIR compiler for 4-bit microscaled inference.

>>> import numpy as np, fp4
>>> q = fp4.quantize(np.arange(32.0).reshape(1, 32), "mxfp4")
>>> q.codes.shape, q.scales.shape, float(q.dequantize()[0, -1])
((1, 32), (1, 1), 24.0)
"""

from fp4._version import __version__
from fp4.compiler import CompileOptions, Module
from fp4.errors import CompileError, CompileWarning, Error, LibraryError
from fp4.numerics import BlockFormat, Quantized, dequantize, hadamard, quantize
from fp4.quantization import Hessian, quantize_weight
from fp4.runtime import Artifact, Program, run

__all__ = [
    "Artifact",
    "BlockFormat",
    "CompileError",
    "CompileOptions",
    "CompileWarning",
    "Error",
    "Hessian",
    "LibraryError",
    "Module",
    "Program",
    "Quantized",
    "__version__",
    "dequantize",
    "hadamard",
    "quantize",
    "quantize_weight",
    "run",
]
