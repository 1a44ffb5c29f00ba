#!/usr/bin/env python3
"""Quantizes the MLP block with every algorithm and prints what it costs.

For each format and algorithm: compiles mlp.mlir, runs the result on the CPU path
on the held-out activations, and compares with the float32 run of the same block,

    error = ||y - y_float||^2 / ||y_float||^2.

"weights" quantizes the weights only; "weights + activations" is what the FP4
tensor cores compute. Then compiles the MR-GPTQ module for sm_120a, counts the
instructions of its PTX, runs it on the PTX emulator and checks every launch.

Usage: compare.py --tools BIN_DIR [--out DIR]. Needs numpy and rich.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = pathlib.Path(__file__).resolve().parent
HELD_OUT = f"{HERE}/activations.safetensors:held_out"
CALIBRATION = f"{HERE}/activations.safetensors:calibration"
FORMATS = {"nvfp4": 4.5, "mxfp4": 4.25}
# The rotation has the block of the format.
BLOCK = {"nvfp4": 16, "mxfp4": 32}
# Row of the table -> algorithm and whether there is a rotation.
ALGORITHMS = {
    "rtn": ("rtn", False),
    "rtn + hadamard": ("rtn", True),
    "gptq": ("gptq", False),
    "mr-gptq": ("mr-gptq", True),
    "mr-gptq-plus": ("mr-gptq-plus", True),
}


class Tools:
    """Runs the command-line tools; a failure ends the program with their message."""

    def __init__(self, directory, out):
        self.directory, self.out = directory, out

    def run(self, tool, *arguments):
        command = [str(self.directory / tool), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{result.stderr.strip()}")
        return result.stdout

    def compile(self, name, *options):
        """Compiles the block up to the quantized module; returns its path."""
        module = self.out / f"{name}.mlir"
        module.write_text(
            self.run("fp4-compile", HERE / "mlp.mlir",
                     f"--weights={HERE}/weights.safetensors", *options)
        )
        return module

    def evaluate(self, module):
        result = module.with_suffix(".npy")
        self.run("fp4-run", module, "--device=host", "--input", HELD_OUT, "--output", result)
        return np.load(result).astype(np.float64)


def relative_error(result, reference):
    return float(np.sum((result - reference) ** 2) / np.sum(reference**2))


def measure(tools, progress):
    """{(format, algorithm): (error of weights only, error of W4A4)}"""
    cases = [(fmt, name, activations) for fmt in FORMATS for name in ALGORITHMS
             for activations in ("none", fmt)]
    task = progress.add_task("float32 reference", total=2 + len(cases))
    plain = tools.compile("float", "--compile-to=input")
    reference = tools.evaluate(plain)
    progress.update(task, advance=1, description="calibration")
    hessians = tools.out / "hessians.safetensors"
    tools.run("fp4-run", plain, "--device=host", "--input", CALIBRATION,
              f"--hessians-out={hessians}")
    progress.advance(task)

    def error(case):
        fmt, name, activations = case
        algorithm, rotated = ALGORITHMS[name]
        module = tools.compile(
            f"{fmt}-{name.replace(' ', '')}-{activations}", "--compile-to=quantize",
            f"--format={fmt}", f"--activations={activations}", f"--hessians={hessians}",
            f"--algorithm={algorithm}", f"--rotation={BLOCK[fmt] if rotated else 0}")
        result = relative_error(tools.evaluate(module), reference)
        progress.update(task, advance=1, description=f"{fmt} {name}")
        return result

    # The tools use one core most of the time.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = dict(zip(cases, pool.map(error, cases)))
    return {(fmt, name): (errors[fmt, name, "none"], errors[fmt, name, fmt])
            for fmt in FORMATS for name in ALGORITHMS}


def print_errors(console, errors):
    table = Table(title="Relative output error on 512 held-out tokens (float32: 0)")
    for column in ("format", "algorithm", "weights", "weights + activations", "bits per weight"):
        table.add_column(column, justify="left" if column in ("format", "algorithm") else "right")
    for (fmt, name), (weights, both) in errors.items():
        table.add_row(fmt, name, f"{weights:.5f}", f"{both:.5f}", f"{FORMATS[fmt]:.2f}")
    console.print(table)


CHECK = re.compile(r"check \S+ \((\S+)\) \S+: ok, .*, of the largest value (\S+),")


def emulate(tools, artifact, manifest):
    """Runs the artifact on the PTX emulator and checks every launch.

    Which kernel a launch takes depends on the rows, so it runs with as many drawn rows as
    each kernel takes at most, and with one more than the largest of these limits. Returns
    {kernel: largest error, as a part of the largest value}; a launch that is outside of its
    bound, or a trap, ends the program.
    """
    limits = {alternative["at_most"] for launch in manifest["launches"]
              for alternative in launch.get("alternatives", [])}
    errors = {}
    for rows in sorted(limits | {max(limits, default=127) + 1}):
        checks = tools.run("fp4-run", artifact, "--device=emulator", "--check", f"--size=rows={rows}")
        for kernel, error in CHECK.findall(checks):
            errors[kernel] = max(float(error), errors.get(kernel, 0.0))
    return errors


def compile_kernels(tools, console):
    """Compiles to an artifact per format, runs it on the emulator and prints its kernels."""
    table = Table(title="PTX for sm_120a, each launch checked on the emulator (no Blackwell GPU here; nothing was timed)")
    for column in ("format", "kernel", "instructions", "block-scaled mma.sync", "largest error"):
        table.add_column(column, justify="left" if column in ("format", "kernel") else "right")
    files = []
    for fmt in FORMATS:
        artifact = tools.out / f"mlp-{fmt}.fp4"
        shutil.rmtree(artifact, ignore_errors=True)
        tools.run("fp4-compile", HERE / "mlp.mlir", f"--weights={HERE}/weights.safetensors",
                  f"--format={fmt}", "--algorithm=mr-gptq",
                  f"--hessians={tools.out}/hessians.safetensors", "--target=sm_120a",
                  "-o", artifact)
        manifest = json.loads((artifact / "manifest.json").read_text())
        files.append(artifact / manifest["ptx"]["file"])
        errors = emulate(tools, artifact, manifest)
        for kernel in manifest["kernels"]:
            counts = kernel["instructions"]
            mma = sum(n for opcode, n in counts["by_opcode"].items() if "block_scale" in opcode)
            table.add_row(fmt, kernel["name"], str(counts["total"]), str(mma),
                          f"{errors[kernel['name']]:.1e}")
    console.print(table)
    for file in files:
        console.print(f"PTX: {file}", soft_wrap=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", type=pathlib.Path, required=True, help="folder of fp4-compile")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/quickstart"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tools = Tools(args.tools.resolve(), args.out)
    console = Console(width=max(Console().width, 110))
    with Progress(console=Console(stderr=True)) as progress:
        errors = measure(tools, progress)
    print_errors(console, errors)
    compile_kernels(tools, console)


if __name__ == "__main__":
    main()
