"""Compares the Hessians that fp4-run collects with float64 ones.

Usage: check_calibration.py calibration.mlir FOLDER

The accumulation is float32 per chunk of tokens: a relative error of 1e-6 of the
norm is what that leaves on sums of like sign.
"""

import pathlib
import subprocess
import sys

import microscaling
import numpy as np
from tensor_files import read_safetensors

W1 = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 3, 1], [0, 0, 0, 4]], np.float64)


def main(program, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    x = np.random.default_rng(8).standard_normal((2500, 4)).astype(np.float32)
    np.save(folder / "x.npy", x)
    np.save(folder / "offset.npy", np.ones((1, 4), np.float32))
    subprocess.run(["fp4-run", program, "--input", f"x={folder}/x.npy",
                    "--input", f"offset={folder}/offset.npy",
                    f"--hessians-out={folder}/h.safetensors"], check=True)
    got = read_safetensors(folder / "h.safetensors")
    rotated = microscaling.hadamard(x, 4)
    squared = (rotated @ W1.T + x.astype(np.float64) @ W1.T) ** 2
    expected = {"first": x, "same.input": x, "linear2": squared}
    if set(got) != set(expected):
        sys.exit(f"expected layers {sorted(expected)}, got {sorted(got)}")
    for layer, inputs in expected.items():
        inputs = inputs.astype(np.float64)
        reference = inputs.T @ inputs / len(inputs)
        error = np.linalg.norm(got[layer] - reference) / np.linalg.norm(reference)
        if not error < 1e-6:
            sys.exit(f"{layer}: relative error {error}")
    print("calibration agrees")


if __name__ == "__main__":
    main(*sys.argv[1:])
