"""The package is typed: mypy --strict accepts it, and users see its types."""

from __future__ import annotations

import pathlib

import pytest

import fp4

mypy_api = pytest.importorskip("mypy.api")
PACKAGE = pathlib.Path(fp4.__file__).parent

USER = """
import fp4, numpy as np
q = fp4.quantize(np.zeros((1, 32)), "mxfp4")
reveal_type(q.scales)
reveal_type(fp4.Module.parse("").run("cse"))
fp4.quantize("zero", "mxfp4", scale_rule=3)
"""


def mypy(*arguments: str) -> str:
    config = str(PACKAGE.parent / "pyproject.toml")
    output, errors, _ = mypy_api.run(["--config-file", config, *arguments])
    return str(output + errors)


def test_strict(tmp_path: pathlib.Path) -> None:
    output = mypy("--cache-dir", str(tmp_path), str(PACKAGE))
    assert output.startswith("Success: no issues found"), output


def test_users_see_types(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYPYPATH", str(PACKAGE.parent))
    user = tmp_path / "user.py"
    user.write_text(USER)
    output = mypy("--cache-dir", str(tmp_path / "cache"), str(user))
    assert 'Revealed type is "numpy.ndarray[' in output
    assert 'Revealed type is "fp4.compiler.Module"' in output
    assert 'Argument "scale_rule" to "quantize" has incompatible type "int"' in output
