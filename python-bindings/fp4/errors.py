"""Exceptions of the package.

Bad arguments of the numerics raise ``ValueError`` with the library's text; what
is here has no standard exception that fits.
"""

from __future__ import annotations


class Error(Exception):
    """Base of the package's own exceptions."""


class LibraryError(Error, ImportError):
    """libFP4.so is missing, does not load, or has another version."""


class CompileError(Error):
    """Parsing, verification or a pass failed.

    ``diagnostics`` has the text that mlir-opt would print: one or more lines
    with file, line and column.
    """

    def __init__(self, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics


class CompileWarning(UserWarning):
    """The diagnostics of a compilation that succeeded with warnings."""
