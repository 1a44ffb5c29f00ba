"""How the shared library is found, and what is said when it is not."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import fp4
from fp4 import _library

PACKAGE = pathlib.Path(fp4.__file__).parent
USE = "import fp4; print(fp4.BlockFormat.named('nvfp4').block_cols)"


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter with the variables of ``env`` added."""
    base = {key: value for key, value in os.environ.items() if key != "FP4_LIBRARY"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**base, **env},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def test_named_library(tmp_path: pathlib.Path) -> None:
    named = shutil.copy(_library.library()._name, tmp_path / "renamed.so")
    done = run(USE, PYTHONPATH=str(PACKAGE.parent), FP4_LIBRARY=str(named))
    assert (done.stdout, done.returncode) == ("16\n", 0), done.stderr


def test_missing_library(tmp_path: pathlib.Path) -> None:
    absent = tmp_path / "libFP4.so"
    done = run(USE, PYTHONPATH=str(PACKAGE.parent), FP4_LIBRARY=str(absent))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"fp4.errors.LibraryError: cannot find libFP4.so (looked for {absent}); build "
        "the project (cmake --preset dev && ninja -C build/dev FP4) or set FP4_LIBRARY"
    )


def test_unloadable_and_foreign_libraries(tmp_path: pathlib.Path) -> None:
    text = tmp_path / "libFP4.so"
    text.write_text("not a library")
    done = run(USE, PYTHONPATH=str(PACKAGE.parent), FP4_LIBRARY=str(text))
    assert f"LibraryError: cannot load {text}" in done.stderr
    foreign = next(pathlib.Path("/").glob("lib*/**/libm.so.6"))
    done = run(USE, PYTHONPATH=str(PACKAGE.parent), FP4_LIBRARY=str(foreign))
    assert "is not libFP4.so" in done.stderr


def test_other_version_is_refused(tmp_path: pathlib.Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "fp4")
    (tmp_path / "fp4" / "_version.py").write_text('__version__ = "99.0.0"\n')
    library = _library.library()._name
    done = run(USE, PYTHONPATH=str(tmp_path), FP4_LIBRARY=library)
    assert f"has version {fp4.__version__}, the package expects 99.0.0" in done.stderr


def test_wheel_carries_the_library(tmp_path: pathlib.Path) -> None:
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    shutil.copytree(PACKAGE.parent, source, ignore=ignore)
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*pip, "--no-build-isolation", "--wheel-dir", str(wheels), str(source)],
        env={**os.environ, "FP4_LIBRARY": _library.library()._name},
        check=True,
    )
    (wheel,) = wheels.iterdir()
    assert wheel.name.startswith(f"fp4-{fp4.__version__}-py3-none-linux_")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    assert (site / "fp4" / "py.typed").exists()
    done = run(USE, PYTHONPATH=str(site))
    assert (done.stdout, done.returncode) == ("16\n", 0), done.stderr
