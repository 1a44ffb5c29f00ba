"""The compiler: parse MLIR, run passes, print the result."""

from __future__ import annotations

import ctypes as c
import logging
import os
import re
import tempfile
import warnings
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from fp4._library import CCompileOptions, Text, library, take_bytes
from fp4.errors import CompileError, CompileWarning
from fp4.runtime import Program, collect_hessians

__all__ = ["CompileOptions", "Module", "phases"]

_logger = logging.getLogger("fp4")

Path = Union[str, "os.PathLike[str]"]


def phases() -> list[str]:
    """The names of the compiler's phases, in order.

    >>> phases()[0], phases()[-1]
    ('input', 'ptx')
    """
    names: list[str] = []
    while name := library().fp4PhaseGetName(len(names)):
        names.append(name.decode())
    return names


@dataclass(frozen=True)
class CompileOptions:
    """How a module becomes GPU kernels; the options of fp4-compile.

    ``target``: GPU, as ptxas spells it. ``format``: block format of weights, and of
    activations unless ``activations`` names another, or "none" to keep them float.
    ``activation_scale_rule``: one of ``fp4.numerics.SCALE_RULES``; by default the
    best that one pass over a block can compute. ``algorithm``: how constant weights are quantized, one of
    ``fp4.quantization.PRESETS``. ``rotation``: values per Hadamard rotation, 0 for
    none; by default what the algorithm asks for. ``weights``: safetensors file,
    index or folder with the weights that the module names. ``hessians``: what
    ``Module.collect_hessians`` returns, or a safetensors file of it; all
    algorithms but "rtn" need it.
    """

    target: str = "sm_120a"
    format: str = "nvfp4"
    algorithm: str = "mr-gptq"
    rotation: Optional[int] = None
    activations: Optional[str] = None
    activation_scale_rule: Optional[str] = None
    weights: Optional[Path] = None
    hessians: Union[Path, Mapping[str, npt.ArrayLike], None] = None

    @contextmanager
    def _c(self) -> Iterator[CCompileOptions]:
        """The options for a call; Hessians in memory pass through a file."""
        with tempfile.TemporaryDirectory(prefix="fp4-") as scratch:
            hessians = self.hessians
            if isinstance(hessians, Mapping):
                path = os.path.join(scratch, "hessians.safetensors")
                arrays = {
                    name: np.ascontiguousarray(value, np.float32)
                    for name, value in hessians.items()
                }
                save_file(arrays, path)
                hessians = path
            yield CCompileOptions(
                self.target.encode(),
                self.format.encode(),
                _encode(self.activations),
                _encode(self.activation_scale_rule),
                self.algorithm.encode(),
                -1 if self.rotation is None else self.rotation,
                None if self.weights is None else os.fsencode(self.weights),
                None if hessians is None else os.fsencode(hessians),
            )


def _encode(text: Optional[str]) -> Optional[bytes]:
    return None if text is None else text.encode()


class Module:
    """An MLIR module with a context of its own, for one thread at a time.

    >>> module = Module.parse('''
    ...   func.func @f(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
    ...     %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
    ...     %1 = fp4.hadamard %0 block 16 : tensor<4x32xf32>
    ...     return %1 : tensor<4x32xf32>
    ...   }
    ... ''')
    >>> print(module.run("func.func(canonicalize)"))
    module {
      func.func @f(%arg0: tensor<4x32xf32>) -> tensor<4x32xf32> {
        return %arg0 : tensor<4x32xf32>
      }
    }

    A step that succeeds with warnings issues them as ``CompileWarning``; remarks
    alone, such as the error of a quantized layer, go to the logger "fp4".
    """

    def __init__(self, handle: int, name: str) -> None:
        """Takes over a module of the C API; use ``parse`` or ``load``."""
        self._handle = handle
        self._name = name
        weakref.finalize(self, library().fp4ModuleDestroy, handle)

    @staticmethod
    def parse(source: Union[str, bytes], name: str = "<string>") -> Module:
        """Parses and verifies MLIR text or bytecode.

        ``name`` stands for the file in diagnostics. Raises ``CompileError``.
        """
        data = source.encode() if isinstance(source, str) else source
        text = Text()
        handle = library().fp4ModuleParse(
            data, len(data), name.encode(), text.argument
        )
        return _module(handle, name, text)

    @staticmethod
    def load(path: Union[str, os.PathLike[str]]) -> Module:
        """Parses and verifies a file of MLIR text or bytecode.

        Raises ``CompileError``, also if the file cannot be read.
        """
        text = Text()
        handle = library().fp4ModuleParseFile(os.fsencode(path), text.argument)
        return _module(handle, os.fspath(path), text)

    def run(self, pipeline: str) -> Module:
        """Runs passes in place and returns the module itself.

        ``pipeline`` has the syntax of ``mlir-opt --pass-pipeline``; the enclosing
        ``builtin.module(...)`` may be left out. Raises ``CompileError`` if the
        pipeline is malformed or a pass fails; the module is then unchanged.
        """
        text = Text()
        ok = library().fp4ModuleRun(self._handle, pipeline.encode(), text.argument)
        _report(ok, text)
        return self

    def jit(self, entry: str = "main") -> Program:
        """Compiles a public function for this CPU; the module stays as it is.

        Raises ``CompileError``.

        >>> module = Module.parse('''
        ...   func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
        ...     %0 = fp4.hadamard %x block 4 : tensor<?x4xf32>
        ...     return %0 : tensor<?x4xf32>
        ...   }
        ... ''')
        >>> module.jit()([[1.0, 2.0, 3.0, 4.0]])
        (array([[ 5., -1., -2.,  0.]], dtype=float32),)
        """
        return Program.compile(self._handle, entry)

    def collect_hessians(
        self, *inputs: npt.ArrayLike, entry: str = "main"
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Runs the float program on calibration inputs.

        Returns ``X.T @ X / rows`` of the inputs X of each linear layer, by the
        layer's name. Inputs whose first dimension is dynamic in the program are
        cut into batches of rows, which must not depend on each other. Raises
        ``ValueError`` if the inputs do not suit, or the program cannot run.
        """
        return collect_hessians(self._handle, entry, inputs)

    def compile_to(
        self, phase: str, options: CompileOptions = CompileOptions()
    ) -> Module:
        """Runs the phases up to ``phase`` in place and returns the module itself.

        Raises ``CompileError``; the module is then unchanged.
        """
        text = Text()
        with options._c() as c_options:
            ok = library().fp4ModuleCompileTo(
                self._handle, c.byref(c_options), phase.encode(), text.argument
            )
        _report(ok, text)
        return self

    def compile_to_ptx(self, options: CompileOptions = CompileOptions()) -> str:
        """The PTX text of the module's kernels; raises ``CompileError``."""
        text = Text()
        with options._c() as c_options:
            address = library().fp4ModuleCompileToPTX(
                self._handle, c.byref(c_options), text.argument
            )
        _report(address is not None, text)
        return take_bytes(address).decode()

    def compile(self, path: Path, options: CompileOptions = CompileOptions()) -> None:
        """Writes the directory ``path``: PTX, manifest and prepacked weights.

        Raises ``CompileError`` and then writes nothing.
        """
        text = Text()
        with options._c() as c_options:
            ok = library().fp4ModuleCompileToArtifact(
                self._handle, c.byref(c_options), os.fsencode(path), text.argument
            )
        _report(ok, text)

    def text(self, elide_above: Optional[int] = None) -> str:
        """The module as MLIR text.

        With ``elide_above``, constants of more elements (resources: of more
        characters) are replaced by a placeholder, for reading only.
        """
        address = library().fp4ModulePrint(self._handle, elide_above or 0)
        return take_bytes(address).decode()

    def bytecode(self) -> bytes:
        """The module as MLIR bytecode, which ``parse`` and fp4-opt read."""
        length = c.c_size_t()
        address = library().fp4ModuleToBytecode(self._handle, c.byref(length))
        return take_bytes(address, length.value)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<fp4.Module {self._name!r}>"


def _module(handle: Optional[int], name: str, text: Text) -> Module:
    _report(handle is not None, text)
    assert handle is not None
    return Module(handle, name)


def _report(ok: bool, text: Text) -> None:
    diagnostics = text.take().rstrip()
    if not ok:
        raise CompileError(diagnostics)
    if re.search(r"(^|: )warning: ", diagnostics, re.MULTILINE):
        warnings.warn(diagnostics, CompileWarning, stacklevel=3)
    elif diagnostics:
        _logger.info("%s", diagnostics)
