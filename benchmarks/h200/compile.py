#!/usr/bin/env python3
"""Compiles the kernels that bench.py times: needs fp4-compile, no GPU.

    python3 benchmarks/h200/compile.py --fp4-compile build/dev/bin/fp4-compile --out artifacts

One artifact per format, shape and number of rows, with the schedule that the
compiler chooses, weights left to the caller; the folder's index.json lists them.
With --explore one per schedule worth timing instead, rows known at launch only.
A format is that of the weight and, behind a dash, that of the activations if they
are not bf16.
"""

import argparse
import json
import os
import re
import subprocess

# Linear layers of Llama-3.1 8B and 70B (fused qkv and gate_up too) and 8192 x 8192.
SHAPES = ["4096x4096", "1024x4096", "6144x4096", "14336x4096", "28672x4096", "4096x14336", "8192x8192",
          "1024x8192", "10240x8192", "28672x8192", "57344x8192", "8192x28672"]
ROWS = "1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192"
FORMATS = "nvfp4,mxfp4,mxfp4-e4m3,nvfp4-nvfp4,mxfp4-mxfp4"


def chosen_schedule(compiler, text):
    """The schedule of the product of a module."""
    gpu = subprocess.run([compiler, "-", "--target=sm_90a", "--activations=none", "--rotation=0", "--compile-to=gpu"],
                         input=text, capture_output=True, text=True, check=True).stdout
    return re.search(r"fp4gpu.kernel @matmul[^\n]*\n *schedule <([^>]*)>", gpu).group(1)


def schedules(fmt, n, k, kinds):
    """Every schedule worth timing."""
    if "stream" in kinds and fmt in ("nvfp4", "mxfp4"):
        yield from stream_schedules(fmt, n, k)
    if "warpgroup" in kinds:
        yield from warpgroup_schedules(fmt, n, k)


def module(fmt, n, k, schedule=None, rows="?"):
    """A linear layer; without a schedule the compiler chooses it."""
    weight, _, activation = fmt.partition("-")
    elements = {"": "bf16", "e4m3": "f8E4M3FN"}
    x = (f"tensor<{rows}x{k}x{elements[activation]}>" if activation in elements
         else f"!fp4.tensor<{rows}x{k}, #fp4.{activation}>")
    w, y = f"!fp4.tensor<{n}x{k}, #fp4.{weight}>", f"tensor<{rows}x{n}xbf16>"
    attribute = f" {{fp4gpu.schedule = #fp4gpu.schedule<{schedule}>}}" if schedule else ""
    return f"""func.func @linear(%x: {x}, %w: {w}) -> {y} {{
  %y = fp4.matmul %x, %w{attribute} : {x}, {w} -> {y}
  return %y : {y}
}}
"""


def warpgroup_schedules(fmt, n, k):
    """wgmma: tiles of 32 to 256 rows, the depth split so that a row of tiles fills the 132 SMs."""
    row = 128 if fmt == "mxfp4-e4m3" else 256
    unit = 4608 if fmt.startswith("nvfp4") else 4352
    for rows, columns in ((32, 256), (64, 128), (64, 256), (128, 128), (128, 256), (256, 128)):
        stage = rows * row + columns // 64 * unit + 1023 & ~1023
        stages = min(8, 226 * 1024 // stage)
        tiles = -(-n // columns)
        splits = {1, max(1, min(132 // tiles, rows // 8, k // 512))}
        for split in sorted(splits):
            for promotion in promotions(fmt, rows, columns, stages):
                yield (f"tile = {rows}x{columns}x128, stages = {stages}, warps = 1x{columns // 16}"
                       + (f", split = {split}" if split > 1 else "") + promotion)


def promotions(fmt, rows, columns, stages):
    """8-bit sums as they are, and added to float32 totals every 128 and more of the depth."""
    yield ""
    if fmt == "mxfp4-e4m3" and rows == 128 and columns == 128:
        yield ", promotion = 1"
        yield f", promotion = {stages}"


def stream_schedules(fmt, n, k):
    """mma.sync for few rows."""
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
    parser.add_argument("--formats", default=FORMATS)
    parser.add_argument("--ms", default=ROWS)
    parser.add_argument("--explore", help="kinds of schedules to time instead of the chosen ones: stream,warpgroup")
    parser.add_argument("--ptxas", help="check every kernel for spills with this assembler")
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    index = []
    for shape in arguments.shapes.split(","):
        n, k = map(int, shape.split("x"))
        for fmt in arguments.formats.split(","):
            if arguments.explore:
                cases = [(schedule, "?") for schedule in schedules(fmt, n, k, arguments.explore.split(","))]
            else:
                cases = [(None, m) for m in arguments.ms.split(",")]
            for number, (schedule, rows) in enumerate(cases):
                name = f"{fmt}-{shape}-" + (str(number) if arguments.explore else f"m{rows}")
                path = os.path.join(arguments.out, name)
                text = module(fmt, n, k, schedule, rows)
                subprocess.run([arguments.fp4_compile, "-", "--target=sm_90a", "--activations=none", "--rotation=0", "-o", path],
                               input=text.encode(), check=True)
                schedule = schedule or chosen_schedule(arguments.fp4_compile, text)
                if arguments.ptxas:
                    ptxas = subprocess.run([arguments.ptxas, "-arch=sm_90a", "-v", f"{path}/kernels.sm_90a.ptx", "-o", "/dev/null"],
                                           capture_output=True, text=True, check=True)
                    if "0 bytes spill stores, 0 bytes spill loads" not in ptxas.stderr:
                        print(f"{name} ({schedule}) spills registers: {ptxas.stderr.splitlines()[-3].strip()}")
                index.append({"artifact": name, "format": fmt, "n": n, "k": k, "schedule": schedule, "rows": rows})
    with open(os.path.join(arguments.out, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
    print(f"{len(index)} kernels in {arguments.out}")


if __name__ == "__main__":
    main()
