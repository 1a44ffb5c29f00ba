"""Finds and loads libFP4.so, and declares the C functions that the package calls.

The declarations mirror include/fp4-c; nothing else in the package knows ctypes
types beyond the few that it passes through.
"""

from __future__ import annotations

import ctypes as c
import functools
import os
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from fp4._version import __version__
from fp4.errors import LibraryError


class CBlockFormat(c.Structure):
    """FP4BlockFormat."""

    _fields_ = [
        ("element", c.c_int),
        ("scale", c.c_int),
        ("block_rows", c.c_uint32),
        ("block_cols", c.c_uint32),
        ("has_tensor_scale", c.c_bool),
    ]


class CQuantizeOptions(c.Structure):
    """FP4QuantizeOptions."""

    _fields_ = [("rule", c.c_int), ("nan_policy", c.c_int), ("random", c.c_void_p)]


class CWeightReport(c.Structure):
    """FP4WeightReport."""

    _fields_ = [
        ("objective_rtn", c.c_double),
        ("objective", c.c_double),
        ("dead_columns", c.c_size_t),
        ("hadamard_block", c.c_size_t),
    ]


class CCompileOptions(c.Structure):
    """FP4CompileOptions."""

    _fields_ = [
        ("target", c.c_char_p),
        ("format", c.c_char_p),
        ("activations", c.c_char_p),
        ("activation_scale_rule", c.c_char_p),
        ("algorithm", c.c_char_p),
        ("rotation", c.c_int64),
        ("weights", c.c_char_p),
        ("hessians", c.c_char_p),
    ]


class CArray(c.Structure):
    """FP4Array."""

    _fields_ = [
        ("dtype", c.c_char_p),
        ("rank", c.c_size_t),
        ("shape", c.POINTER(c.c_int64)),
        ("data", c.c_void_p),
    ]


_FORMAT = c.POINTER(CBlockFormat)
_INT = c.POINTER(c.c_int)
_SIZE = c.POINTER(c.c_size_t)
# A char * that we must free: c_char_p would turn it into bytes and lose it.
_TEXT = c.POINTER(c.c_void_p)
_ARRAY = c.c_void_p

_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # Support.h
    "fp4GetVersion": (c.c_char_p, []),
    "fp4StringFree": (None, [c.c_void_p]),
    # Numerics.h
    "fp4BlockFormatParse": (c.c_bool, [c.c_char_p, _FORMAT, _TEXT]),
    "fp4BlockFormatGetName": (c.c_char_p, [_FORMAT]),
    "fp4BlockFormatVerify": (c.c_bool, [_FORMAT, _TEXT]),
    "fp4BlockFormatGetBitsPerElement": (c.c_double, [_FORMAT]),
    "fp4BlockFormatGetDefaultScaleRule": (c.c_int, [_FORMAT]),
    "fp4ElementFormatParse": (c.c_bool, [c.c_char_p, _INT, _TEXT]),
    "fp4ScaleFormatParse": (c.c_bool, [c.c_char_p, _INT, _TEXT]),
    "fp4ScaleRuleParse": (c.c_bool, [c.c_char_p, _INT, _TEXT]),
    "fp4ElementFormatGetName": (c.c_char_p, [c.c_int]),
    "fp4ScaleFormatGetName": (c.c_char_p, [c.c_int]),
    "fp4ScaleRuleGetName": (c.c_char_p, [c.c_int]),
    "fp4ElementFormatGetBits": (c.c_uint, [c.c_int]),
    "fp4DecodeElements": (None, [c.c_int, _ARRAY, c.c_size_t, _ARRAY]),
    "fp4EncodeElements": (None, [c.c_int, _ARRAY, c.c_size_t, _ARRAY, _ARRAY]),
    "fp4DecodeScales": (None, [c.c_int, _ARRAY, c.c_size_t, _ARRAY]),
    "fp4EncodeScales": (None, [c.c_int, _ARRAY, c.c_size_t, c.c_int, _ARRAY]),
    "fp4DecodeBF16": (None, [_ARRAY, c.c_size_t, _ARRAY]),
    "fp4EncodeBF16": (None, [_ARRAY, c.c_size_t, _ARRAY]),
    "fp4AbsMax": (c.c_float, [_ARRAY, c.c_size_t]),
    "fp4TensorScale": (c.c_float, [_FORMAT, c.c_float, c.c_int]),
    "fp4Quantize": (
        c.c_bool,
        [_FORMAT, c.POINTER(CQuantizeOptions), _ARRAY, c.c_size_t, c.c_size_t]
        + [c.c_float, _ARRAY, _ARRAY, _TEXT],
    ),
    "fp4Dequantize": (
        c.c_bool,
        [_FORMAT, _ARRAY, _ARRAY, c.c_size_t, c.c_size_t, c.c_float, _ARRAY, _TEXT],
    ),
    "fp4Hadamard": (
        c.c_bool,
        [_ARRAY, c.c_size_t, c.c_size_t, _ARRAY, c.c_bool, _TEXT],
    ),
    "fp4PackedRowBytes": (c.c_bool, [c.c_int, c.c_size_t, _SIZE, _TEXT]),
    "fp4PackCodes": (
        c.c_bool,
        [c.c_int, _ARRAY, c.c_size_t, c.c_size_t, _ARRAY, _TEXT],
    ),
    "fp4UnpackCodes": (
        c.c_bool,
        [c.c_int, _ARRAY, c.c_size_t, c.c_size_t, _ARRAY, _TEXT],
    ),
    "fp4ScaleBytes128x4": (c.c_size_t, [c.c_size_t, c.c_size_t]),
    "fp4SwizzleScales128x4": (None, [_ARRAY, c.c_size_t, c.c_size_t, _ARRAY]),
    "fp4UnswizzleScales128x4": (None, [_ARRAY, c.c_size_t, c.c_size_t, _ARRAY]),
    # Quantization.h
    "fp4QuantizeWeight": (
        c.c_bool,
        [c.c_char_p, _FORMAT, _ARRAY, c.c_size_t, c.c_size_t, _ARRAY, _ARRAY]
        + [_ARRAY, c.POINTER(c.c_float), c.POINTER(CWeightReport), _TEXT],
    ),
    "fp4HessianCreate": (c.c_void_p, [c.c_size_t]),
    "fp4HessianDestroy": (None, [c.c_void_p]),
    "fp4HessianAdd": (c.c_bool, [c.c_void_p, _ARRAY, c.c_size_t, _TEXT]),
    "fp4HessianFinish": (c.c_bool, [c.c_void_p, _ARRAY, _TEXT]),
    # Compiler.h
    "fp4ModuleParse": (c.c_void_p, [c.c_char_p, c.c_size_t, c.c_char_p, _TEXT]),
    "fp4ModuleParseFile": (c.c_void_p, [c.c_char_p, _TEXT]),
    "fp4ModuleDestroy": (None, [c.c_void_p]),
    "fp4ModuleRun": (c.c_bool, [c.c_void_p, c.c_char_p, _TEXT]),
    "fp4ModulePrint": (c.c_void_p, [c.c_void_p, c.c_size_t]),
    "fp4ModuleToBytecode": (c.c_void_p, [c.c_void_p, _SIZE]),
    "fp4PhaseGetName": (c.c_char_p, [c.c_size_t]),
    "fp4ModuleCompileTo": (
        c.c_bool,
        [c.c_void_p, c.POINTER(CCompileOptions), c.c_char_p, _TEXT],
    ),
    "fp4ModuleCompileToPTX": (
        c.c_void_p,
        [c.c_void_p, c.POINTER(CCompileOptions), _TEXT],
    ),
    "fp4ModuleCompileToArtifact": (
        c.c_bool,
        [c.c_void_p, c.POINTER(CCompileOptions), c.c_char_p, _TEXT],
    ),
    # Runtime.h
    "fp4ArraysDestroy": (None, [c.c_void_p]),
    "fp4ArraysGetSize": (c.c_size_t, [c.c_void_p]),
    "fp4ArraysGet": (CArray, [c.c_void_p, c.c_size_t]),
    "fp4ArraysGetName": (c.c_char_p, [c.c_void_p, c.c_size_t]),
    "fp4ProgramCompile": (c.c_void_p, [c.c_void_p, c.c_char_p, _TEXT]),
    "fp4ProgramDestroy": (None, [c.c_void_p]),
    "fp4ProgramGetNumArguments": (c.c_size_t, [c.c_void_p]),
    "fp4ProgramGetArgumentType": (CArray, [c.c_void_p, c.c_size_t]),
    "fp4ProgramRun": (
        c.c_void_p,
        [c.c_void_p, c.POINTER(CArray), c.c_size_t, _TEXT],
    ),
    "fp4CollectHessians": (
        c.c_void_p,
        [c.c_void_p, c.c_char_p, c.POINTER(CArray), c.c_size_t, _TEXT],
    ),
    # Artifact.h
    "fp4ArtifactLoad": (c.c_void_p, [c.c_char_p, c.c_char_p, _TEXT]),
    "fp4ArtifactDestroy": (None, [c.c_void_p]),
    "fp4ArtifactGetNumInputs": (c.c_size_t, [c.c_void_p]),
    "fp4ArtifactGetInputName": (c.c_char_p, [c.c_void_p, c.c_size_t]),
    "fp4ArtifactGetInputType": (CArray, [c.c_void_p, c.c_size_t]),
    "fp4ArtifactRun": (
        c.c_void_p,
        [c.c_void_p, c.POINTER(CArray), c.c_size_t, c.c_bool, _TEXT],
    ),
}


def _candidates() -> list[Path]:
    """Where the library may be, in the order of preference."""
    if named := os.environ.get("FP4_LIBRARY"):
        return [Path(named)]
    package = Path(__file__).resolve().parent
    found = [package / "libFP4.so"]
    checkout = package.parent.parent
    if (checkout / "CMakePresets.json").exists():
        found += [checkout / "build" / p / "lib/libFP4.so" for p in ("dev", "release")]
    return found


def _load() -> c.CDLL:
    candidates = _candidates()
    for path in candidates:
        if path.exists():
            try:
                return c.CDLL(str(path))
            except OSError as error:
                raise LibraryError(f"cannot load {path}: {error}") from error
    looked = ", ".join(map(str, candidates))
    raise LibraryError(
        f"cannot find libFP4.so (looked for {looked}); build the project "
        "(cmake --preset dev && ninja -C build/dev FP4) or set FP4_LIBRARY"
    )


@functools.lru_cache(maxsize=None)
def library() -> c.CDLL:
    """The loaded library with all functions declared."""
    loaded = _load()
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError as error:
            raise LibraryError(f"{loaded._name} is not libFP4.so: {error}") from error
        function.restype = result
        function.argtypes = arguments
    version = loaded.fp4GetVersion().decode()
    if version != __version__:
        raise LibraryError(
            f"{loaded._name} has version {version}, the package expects {__version__}"
        )
    return loaded


class Text:
    """A ``char **`` argument whose string is decoded and freed by ``take``."""

    def __init__(self) -> None:
        self._pointer = c.c_void_p()

    @property
    def argument(self) -> Any:
        return c.byref(self._pointer)

    def take(self) -> str:
        """The string, or "" if the function stored null."""
        return take_bytes(self._pointer.value).decode(errors="replace")


def take_bytes(address: Optional[int], length: int = -1) -> bytes:
    """Copies a string that the library returned, and frees it."""
    if not address:
        return b""
    try:
        return c.string_at(address, length)
    finally:
        library().fp4StringFree(address)


def address(array: Optional[npt.NDArray[Any]]) -> Optional[int]:
    """The data pointer of a contiguous array; None for None."""
    return None if array is None else array.ctypes.data


def contiguous(array: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """``array`` as a C-contiguous array of ``dtype``, copied only if needed."""
    return np.ascontiguousarray(array, dtype=dtype)
