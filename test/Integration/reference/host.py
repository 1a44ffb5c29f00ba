"""Runs a program with fp4-run and reads its results."""

import pathlib
import subprocess
import sys

import numpy as np
from tensor_files import write_safetensors


def run(folder, text, inputs, num_results, entry="main"):
    """The results of `entry` of the program `text`, as NumPy reads them.

    `inputs`: name -> array, or (array, safetensors dtype) where NumPy lacks it.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "program.mlir"
    program.write_text(text)
    command = ["fp4-run", program, "--device=host", f"--entry={entry}"]
    for name, value in inputs.items():
        if isinstance(value, tuple):
            path = folder / f"{name}.safetensors"
            write_safetensors(path, {name: value})
            command += ["--input", f"{name}={path}:{name}"]
        else:
            path = folder / f"{name}.npy"
            np.save(path, value)
            command += ["--input", f"{name}={path}"]
    results = [folder / f"result{i}.npy" for i in range(num_results)]
    for path in results:
        command += ["--output", path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return [np.load(path) for path in results]


def expect_same_codes(what, got, expected, ignore=None):
    got = got.view(np.uint8) if got.dtype.kind != "f" and got.dtype.itemsize == 1 else got
    differs = got != expected
    if ignore is not None:
        differs &= ~ignore
    if differs.any():
        where = tuple(map(int, np.argwhere(differs)[0]))
        sys.exit(f"{what}: {differs.sum()} differ, first at {where}: "
                 f"expected {expected[where]}, got {got[where]}")


def expect_same_floats(what, got, expected):
    """The same float32 bits, or NaN in both."""
    got, expected = got.astype(np.float32), expected.astype(np.float32)
    same = got.view(np.uint32) == expected.view(np.uint32)
    differs = ~(same | (np.isnan(got) & np.isnan(expected)))
    if differs.any():
        where = tuple(map(int, np.argwhere(differs)[0]))
        sys.exit(f"{what}: {differs.sum()} differ, first at {where}: "
                 f"expected {expected[where]}, got {got[where]}")


def expect_close(what, got, expected, bound):
    """|got - expected| <= bound, element by element."""
    excess = np.abs(got.astype(np.float64) - expected) - bound
    if not (excess <= 0).all():
        where = tuple(map(int, np.unravel_index(np.argmax(excess), excess.shape)))
        limit = np.broadcast_to(bound, excess.shape)[where]
        sys.exit(f"{what}: at {where}: expected {expected[where]} within {limit}, got {got[where]}")


def to_bf16(x):
    """Float32 values rounded to bfloat16 (ties to even), as float32."""
    exact = np.asarray(x).astype(np.float64)
    safe = np.where(np.isfinite(exact), exact, 1.0)
    # Eight significant bits, but nothing below the quantum of subnormals.
    unit = 2.0 ** np.maximum(np.frexp(safe)[1] - 8, -133)
    rounded = np.where(np.isfinite(exact), np.rint(safe / unit) * unit, exact)
    largest = (2 - 2.0**-7) * 2.0**127
    rounded = np.where(np.abs(rounded) > largest, np.copysign(np.inf, rounded), rounded)
    return rounded.astype(np.float32)


def bf16_words(x):
    """The 16-bit words of values that are bfloat16 numbers."""
    return (np.asarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def from_bf16_words(words):
    return (words.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
