"""Puts the built libFP4.so into the wheel; everything else is in pyproject.toml.

The library is the one that FP4_LIBRARY names, or that of the source tree's
build/ folder. Without either the wheel has no library, and the package looks
for one when it is first used.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py


def find_library() -> Path | None:
    if named := os.environ.get("FP4_LIBRARY"):
        return Path(named)
    build = Path(__file__).resolve().parent.parent / "build"
    candidates = (build / preset / "lib" / "libFP4.so" for preset in ("release", "dev"))
    return next((path for path in candidates if path.exists()), None)


class BuildWithLibrary(build_py):
    def run(self) -> None:
        super().run()
        if library := find_library():
            target = Path(self.build_lib) / "fp4" / "libFP4.so"
            shutil.copyfile(library, target)


class PlatformWheel(bdist_wheel):
    """The library speaks C, so one wheel serves every Python of the platform."""

    def get_tag(self) -> tuple[str, str, str]:
        _, _, platform = super().get_tag()
        return "py3", "none", platform


class PlatformDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return find_library() is not None


setup(
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
    distclass=PlatformDistribution,
)
