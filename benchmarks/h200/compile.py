#!/usr/bin/env python3
"""Compiles the kernels that bench.py times: needs fp4-compile, no GPU.

    python3 benchmarks/h200/compile.py --fp4-compile build/dev/bin/fp4-compile --out artifacts

One artifact per format, shape and schedule, rows known at launch only, weights
left to the caller; the folder's index.json lists them.
"""

import argparse
import json
import os
import subprocess
import sys

# Linear layers of Llama-3.1 8B and 70B (fused qkv and gate_up too) and 8192 x 8192.
SHAPES = ["4096x4096", "1024x4096", "6144x4096", "14336x4096", "28672x4096", "4096x14336", "8192x8192",
          "10240x8192", "28672x8192", "57344x8192", "8192x28672"]


def module(fmt, n, k, schedule):
    x, w, y = f"tensor<?x{k}xbf16>", f"!fp4.tensor<{n}x{k}, #fp4.{fmt}>", f"tensor<?x{n}xbf16>"
    return f"""func.func @linear(%x: {x}, %w: {w}) -> {y} {{
  %y = fp4.matmul %x, %w {{fp4gpu.schedule = #fp4gpu.schedule<{schedule}>}} : {x}, {w} -> {y}
  return %y : {y}
}}
"""


def schedules(fmt, n, k):
    """Every schedule worth timing."""
    units = k // 64
    unit = 2304 if fmt == "nvfp4" else 2176
    for rows in (8, 16, 32):
        for warps in (8, 16):
            for split in (1, 2):
                if units < warps * split or (split == 2 and n // 64 > 132):
                    continue
                stage = warps * (rows * 128 + unit) + 1023 & ~1023
                room = 227 * 1024 - warps * rows * 272 - rows * 512 - 256
                stages = min(6, room // stage)
                if stages >= 2:
                    yield (f"tile = {rows}x64x{64 * warps}, stages = {stages}, warps = 1x1"
                           + (", split = 2" if split == 2 else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fp4-compile", default="fp4-compile")
    parser.add_argument("--out", required=True)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--formats", default="nvfp4,mxfp4")
    parser.add_argument("--ptxas", help="check every kernel for spills with this assembler")
    arguments = parser.parse_args()
    index = []
    for shape in arguments.shapes.split(","):
        n, k = map(int, shape.split("x"))
        for fmt in arguments.formats.split(","):
            for number, schedule in enumerate(schedules(fmt, n, k)):
                name = f"{fmt}-{shape}-{number}"
                path = os.path.join(arguments.out, name)
                subprocess.run([arguments.fp4_compile, "-", "--target=sm_90a", "--activations=none", "--rotation=0", "-o", path],
                               input=module(fmt, n, k, schedule).encode(), check=True)
                if arguments.ptxas:
                    ptxas = subprocess.run([arguments.ptxas, "-arch=sm_90a", "-v", f"{path}/kernels.sm_90a.ptx", "-o", "/dev/null"],
                                           capture_output=True, text=True, check=True)
                    if "0 bytes spill stores, 0 bytes spill loads" not in ptxas.stderr:
                        sys.exit(f"{name} ({schedule}) spills registers:\n{ptxas.stderr}")
                index.append({"artifact": name, "format": fmt, "n": n, "k": k, "schedule": schedule})
    with open(os.path.join(arguments.out, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
    print(f"{len(index)} kernels in {arguments.out}")


if __name__ == "__main__":
    main()
