"""Running modules on this CPU, and artifacts on any device."""

from __future__ import annotations

import ctypes as c
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from fp4._library import CArray, Text, library
from fp4.errors import CompileError
from fp4.numerics import Quantized, decode_bf16, encode_bf16

__all__ = ["Artifact", "Program", "collect_hessians", "run"]

# numpy has no bfloat16 and nothing narrower than a byte: those travel as bits.
_NUMPY_TYPES: dict[str, npt.DTypeLike] = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "U16": np.uint16,
    "I16": np.int16,
    "U32": np.uint32,
    "I32": np.int32,
    "U64": np.uint64,
    "I64": np.int64,
    "F16": np.float16,
    "BF16": np.uint16,
    "F32": np.float32,
    "F64": np.float64,
}

Argument = Union[npt.ArrayLike, Quantized]


class Program:
    """One function of a module, compiled for this CPU; see ``fp4.Module.jit``.

    Call it with arrays, one per argument of the function. Floats are converted to
    the float type that the function takes. A microscaled argument is an
    ``fp4.Quantized``, or its codes, scales and tensor scale one after the other;
    a microscaled result comes back as those arrays. bfloat16 results come back as
    float32, tensors of 4- to 8-bit floats as uint8 codes.
    """

    def __init__(self, handle: int, entry: str) -> None:
        """Takes over a program of the C API."""
        self._handle = handle
        self.entry = entry
        weakref.finalize(self, library().fp4ProgramDestroy, handle)

    @staticmethod
    def compile(module_handle: int, entry: str) -> Program:
        """Compiles ``entry`` of a module of the C API; raises ``CompileError``."""
        error = Text()
        handle = library().fp4ProgramCompile(
            module_handle, entry.encode(), error.argument
        )
        message = error.take()
        if handle is None:
            raise CompileError(message)
        return Program(handle, entry)

    @property
    def argument_types(self) -> list[tuple[str, tuple[int, ...]]]:
        """dtype ("F32", "BF16", ...) and shape (-1: dynamic) of each argument."""
        count = library().fp4ProgramGetNumArguments(self._handle)
        types = (
            library().fp4ProgramGetArgumentType(self._handle, i) for i in range(count)
        )
        return [(t.dtype.decode(), tuple(t.shape[: t.rank])) for t in types]

    def __call__(self, *arguments: Argument) -> tuple[npt.NDArray[Any], ...]:
        """Runs the program and returns its results.

        Raises ``ValueError`` if number, types or shapes of the arguments differ
        from what the function takes.
        """
        arrays = _flatten(arguments)
        dtypes = [dtype for dtype, _ in self.argument_types]
        # Too many or too few arrays are the library's to complain about.
        dtypes += ["F32"] * (len(arrays) - len(dtypes))
        converted = [_convert(a, d, i) for i, (a, d) in enumerate(zip(arrays, dtypes))]
        inputs = _CArrays(converted, dtypes)
        error = Text()
        handle = library().fp4ProgramRun(
            self._handle, inputs.argument, len(converted), error.argument
        )
        return tuple(array for _, array in _take(handle, error))

    def __repr__(self) -> str:
        return f"<fp4.Program {self.entry!r}>"


class Artifact:
    """A directory that ``fp4-compile -o`` wrote, on a device.

    ``device`` is "emulator" (the PTX emulator), "cuda" (a GPU, through its driver) or
    "host" (no PTX: every launch by what its kernel means, in double precision).
    Raises ``ValueError`` if the artifact cannot be loaded there.
    """

    def __init__(self, path: Union[str, Path], device: str = "emulator") -> None:
        error = Text()
        handle = library().fp4ArtifactLoad(
            str(path).encode(), device.encode(), error.argument
        )
        message = error.take()
        if handle is None:
            raise ValueError(message)
        self._handle: int = handle
        weakref.finalize(self, library().fp4ArtifactDestroy, handle)

    @property
    def input_types(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """dtype and shape (-1: open) of each input; packed 4-bit elements are U8."""
        types = {}
        for i in range(library().fp4ArtifactGetNumInputs(self._handle)):
            name = library().fp4ArtifactGetInputName(self._handle, i).decode()
            view = library().fp4ArtifactGetInputType(self._handle, i)
            types[name] = (view.dtype.decode(), tuple(view.shape[: view.rank]))
        return types

    def run(
        self, inputs: Mapping[str, npt.ArrayLike], *, check: bool = False
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs all launches and returns the outputs by name.

        With ``check``, raises ``ValueError`` if a launch differs from what its kernel
        means, computed independently in double precision.
        """
        types = self.input_types
        if sorted(inputs) != sorted(types):
            raise ValueError(f"expected the inputs {list(types)}, got {list(inputs)}")
        dtypes = [dtype for dtype, _ in types.values()]
        converted = [_convert(inputs[n], types[n][0], i) for i, n in enumerate(types)]
        arrays = _CArrays(converted, dtypes)
        error = Text()
        handle = library().fp4ArtifactRun(
            self._handle, arrays.argument, len(converted), check, error.argument
        )
        return dict(_take(handle, error))


def run(
    path: Union[str, Path],
    inputs: Mapping[str, npt.ArrayLike],
    *,
    device: str = "emulator",
    check: bool = False,
) -> dict[str, npt.NDArray[Any]]:
    """``Artifact(path, device).run(inputs, check=check)``."""
    return Artifact(path, device).run(inputs, check=check)


def collect_hessians(
    module_handle: int, entry: str, inputs: Sequence[npt.ArrayLike]
) -> dict[str, npt.NDArray[np.float32]]:
    """See ``fp4.Module.collect_hessians``."""
    converted = [_convert(x, "F32", i) for i, x in enumerate(inputs)]
    arrays = _CArrays(converted, ["F32"] * len(converted))
    error = Text()
    handle = library().fp4CollectHessians(
        module_handle, entry.encode(), arrays.argument, len(converted), error.argument
    )
    return dict(_take(handle, error))


class _CArrays:
    """A C array of FP4Array over numpy arrays, which it keeps alive."""

    def __init__(self, arrays: list[npt.NDArray[Any]], dtypes: list[str]) -> None:
        self._arrays = arrays
        self._shapes = [(c.c_int64 * a.ndim)(*a.shape) for a in arrays]
        self.argument = (CArray * len(arrays))(
            *(
                CArray(dtype.encode(), a.ndim, shape, a.ctypes.data)
                for a, dtype, shape in zip(arrays, dtypes, self._shapes)
            )
        )


def _flatten(arguments: Sequence[Argument]) -> list[npt.ArrayLike]:
    flat: list[npt.ArrayLike] = []
    for argument in arguments:
        if isinstance(argument, Quantized):
            flat += [argument.codes, argument.scales]
            if argument.format.tensor_scale:
                flat.append(np.float32(argument.tensor_scale))
        else:
            flat.append(argument)
    return flat


def _convert(value: npt.ArrayLike, dtype: str, index: int) -> npt.NDArray[Any]:
    """``value`` as contiguous bits of ``dtype``."""
    array = np.asarray(value)
    if dtype == "BF16" and array.dtype != np.uint16:
        return encode_bf16(array).reshape(array.shape)
    wanted = np.dtype(_NUMPY_TYPES.get(dtype, np.uint8))
    if wanted.itemsize == 1 and array.dtype in (np.int8, np.uint8):
        array = array.view(wanted)
    if not np.can_cast(array.dtype, wanted, "same_kind"):
        raise ValueError(f"expected {dtype} for input {index}, got {array.dtype}")
    return np.ascontiguousarray(array, wanted).reshape(array.shape)


def _take(handle: Any, error: Text) -> list[tuple[str, npt.NDArray[Any]]]:
    """Copies the returned arrays and frees them."""
    message = error.take()
    if handle is None:
        raise ValueError(message)
    try:
        count = library().fp4ArraysGetSize(handle)
        return [(_name(handle, i), _numpy(handle, i)) for i in range(count)]
    finally:
        library().fp4ArraysDestroy(handle)


def _name(handle: int, index: int) -> str:
    return str(library().fp4ArraysGetName(handle, index).decode())


def _numpy(handle: int, index: int) -> npt.NDArray[Any]:
    view = library().fp4ArraysGet(handle, index)
    dtype = view.dtype.decode()
    result = np.empty(view.shape[: view.rank], _NUMPY_TYPES.get(dtype, np.uint8))
    if result.nbytes:
        c.memmove(result.ctypes.data, view.data, result.nbytes)
    return decode_bf16(result) if dtype == "BF16" else result
