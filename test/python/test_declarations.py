"""The ctypes declarations agree with the C headers and with the library."""

from __future__ import annotations

import pathlib
import re

import pytest

from fp4 import _library

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include/fp4-c"
FUNCTION = re.compile(r"FP4_CAPI_EXPORTED\s+([\w\s*]+?)\b(fp4\w+)\(([^)]*)\);")
POINTER_RESULTS = {"const char": "c_char_p", "char": "c_void_p"}


def declared() -> dict[str, tuple[str, int]]:
    """Result type and number of arguments of every function without mlir-c types."""
    found = {}
    for header in HEADERS.glob("*.h"):
        text = re.sub(r"//.*", "", header.read_text())
        for result, name, arguments in FUNCTION.findall(text):
            words = " ".join(arguments.split())
            count = 0 if words in ("", "void") else words.count(",") + 1
            found[name] = (" ".join(result.split()), count)
    return found


def test_headers_are_understood() -> None:
    assert declared()["fp4GetVersion"] == ("const char *", 0)
    assert declared()["fp4Quantize"] == ("bool", 9)


@pytest.mark.parametrize("name", sorted(_library._FUNCTIONS))
def test_declaration(name: str) -> None:
    result, count = declared()[name]
    ctype, arguments = _library._FUNCTIONS[name]
    assert len(arguments) == count
    if result.endswith("*"):
        # What the caller frees must stay an address; literals become bytes.
        kind = result.removesuffix("*").strip()
        assert ctype.__name__ == POINTER_RESULTS.get(kind, "c_void_p")
    else:
        assert (ctype is None) == (result == "void")


def test_every_declared_function_is_exported() -> None:
    missing = [n for n in declared() if not hasattr(_library.library(), n)]
    assert not missing
