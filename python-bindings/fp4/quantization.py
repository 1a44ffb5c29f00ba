"""Weight quantization against calibration data: RTN, GPTQ and MR-GPTQ.

The weight ``W`` of ``y = x @ W.T`` has shape (outputs, inputs). A Hessian is
``X.T @ X`` of the layer's inputs, times any positive number.
"""

from __future__ import annotations

import ctypes as c
import weakref
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from fp4._library import CWeightReport, Text, address, contiguous, library
from fp4.numerics import Floats, FormatLike, Quantized, _checked, _format

__all__ = ["PRESETS", "TOOL_PRESETS", "Hessian", "QuantizedWeight", "quantize_weight"]

#: The presets, from the cheapest to the best. Those of published tools, up to
#: the order of float32 sums inside BLAS, are in TOOL_PRESETS.
PRESETS = ("rtn", "gptq", "mr-gptq", "mr-gptq-plus")
TOOL_PRESETS = ("fp-quant", "llmcompressor", "modelopt")


@dataclass(frozen=True)
class QuantizedWeight(Quantized):
    """A quantized weight and what quantization did to the layer's output.

    ``objective``: relative squared error of the output on the calibration inputs;
    ``objective_rtn``: that of rounding to nearest. ``hadamard_block``: the block
    of the rotation that the weight got and that the activations need
    (``fp4.hadamard(x, block)``), or 0.
    """

    objective: float
    objective_rtn: float
    dead_columns: int
    hadamard_block: int


class Hessian:
    """Adds ``X.T @ X / tokens`` over batches of inputs with ``cols`` columns.

    >>> h = Hessian(2)
    >>> h.add(np.array([[1.0, 2.0], [3.0, 0.0]]))
    >>> h.finish()
    array([[5., 1.], [1., 2.]], dtype=float32)
    """

    def __init__(self, cols: int) -> None:
        if cols < 1:
            raise ValueError(f"expected at least one column, got {cols}")
        self._cols = cols
        self._handle = library().fp4HessianCreate(cols)
        weakref.finalize(self, library().fp4HessianDestroy, self._handle)

    def add(self, activations: npt.ArrayLike) -> None:
        """Adds inputs of shape (..., cols).

        Raises ``ValueError`` on NaN or infinity, and then adds nothing.
        """
        data = contiguous(activations, np.float32)
        if data.ndim == 0 or data.shape[-1] != self._cols:
            raise ValueError(
                f"expected inputs of {self._cols} columns, got shape {data.shape}"
            )
        error = Text()
        tokens = data.size // self._cols
        ok = library().fp4HessianAdd(
            self._handle, address(data), tokens, error.argument
        )
        _checked(ok, error)

    def finish(self) -> Floats:
        """The cols x cols matrix; raises ``ValueError`` before the first input."""
        matrix = np.empty((self._cols, self._cols), np.float32)
        error = Text()
        ok = library().fp4HessianFinish(self._handle, address(matrix), error.argument)
        _checked(ok, error)
        return matrix


def quantize_weight(
    weights: npt.ArrayLike,
    format: FormatLike = "nvfp4",
    *,
    preset: str = "mr-gptq",
    hessian: Optional[npt.ArrayLike] = None,
) -> QuantizedWeight:
    """Quantizes a weight matrix (outputs, inputs) with one of ``PRESETS`` or of
    ``TOOL_PRESETS``.

    ``hessian``: (inputs, inputs), of the inputs before any rotation; only "rtn"
    and "modelopt" do without. Raises ``ValueError`` on an unknown preset, wrong shapes, and NaN
    or infinity in the weights.

    >>> w = np.eye(16, 32)
    >>> q = quantize_weight(w, "mxfp4", preset="rtn")
    >>> bool((q.dequantize() == w).all()), q.hadamard_block
    (True, 0)
    """
    fmt = _format(format)
    data = contiguous(weights, np.float32)
    if data.ndim != 2:
        raise ValueError(f"expected a weight matrix, got shape {data.shape}")
    rows, cols = data.shape
    matrix = None
    if hessian is not None:
        matrix = contiguous(hessian, np.float32)
        if matrix.shape != (cols, cols):
            raise ValueError(
                f"expected a Hessian of shape {(cols, cols)}, got {matrix.shape}"
            )
    codes = np.empty(data.shape, np.uint8)
    scales = np.empty(fmt.scales_shape(data.shape), np.uint8)
    scale = c.c_float()
    report = CWeightReport()
    error = Text()
    ok = library().fp4QuantizeWeight(
        preset.encode(),
        c.byref(fmt._c()),
        address(data),
        rows,
        cols,
        address(matrix),
        address(codes),
        address(scales),
        c.byref(scale),
        c.byref(report),
        error.argument,
    )
    _checked(ok, error)
    return QuantizedWeight(
        fmt,
        codes,
        scales,
        scale.value,
        objective=report.objective,
        objective_rtn=report.objective_rtn,
        dead_columns=report.dead_columns,
        hadamard_block=report.hadamard_block,
    )
