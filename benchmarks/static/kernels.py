#!/usr/bin/env python3
"""What can be said about the main loops of the sm_120 matmul kernels without the
GPU.

Compiles one kernel per pair of formats and schedule, assembles it, and reports
registers, shared memory, spills, and of the main loop in SASS: matrix
instructions, their share of all and of all but NOPs, bytes loaded from shared
memory per matrix instruction, and loads per KiB of them; and the bank conflicts
that the emulator counts. Prints a table in Markdown; with --update the table in
docs/Kernels.md is replaced.

Needs ptxas and nvdisasm (PATH, --nvdisasm), and a build with fp4-compile and
FP4TargetTests. Exits with 1 if a kernel spills.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile

import sass

SIZE = 4096


def module(fmt, weight, schedule):
    x = f"!fp4.tensor<?x{SIZE}, #fp4.{fmt}>"
    w = f"!fp4.tensor<{SIZE}x{SIZE}, #fp4.{weight}>"
    y = f"tensor<?x{SIZE}xbf16>"
    return f"""func.func @f(%x: {x}, %w: {w}) -> {y} {{
  %y = fp4.matmul %x, %w {{fp4gpu.schedule = #fp4gpu.schedule<{schedule}>}} : {x}, {w} -> {y}
  return %y : {y}
}}
"""


def measure(tools, folder, fmt, weight, schedule):
    """The usage and the main loop of a kernel."""
    ptx = sass.compile_ptx(tools, module(fmt, weight, schedule), folder, "sm_120a")
    (usage,) = sass.assemble(tools, ptx, folder / "cubin", "sm_120a").values()
    return usage, sass.count(sass.main_loop(sass.disassemble(tools, folder / "cubin")))


def shared_bytes(fmt, weight, schedule):
    m, n, k = map(int, re.match(r"tile = (\d+)x(\d+)x(\d+)", schedule).groups())
    stages = int(re.search(r"stages = (\d+)", schedule)[1])
    scale_rows = -(-m // 128) * 128 + -(-n // 128) * 128
    # All elements but pairs of 4 bits have a byte each.
    elements = (m + n) * k // (2 if weight == fmt and fmt[4] == "4" else 1)
    stage = elements + scale_rows * k // (16 if fmt == "nvfp4" else 32)
    return stages * (-(-stage // 1024) * 1024 + 16)


def statistics(tools, folder):
    path = folder / "statistics.json"
    sass.run(tools.build / "bin/FP4TargetTests", "--gtest_filter=KernelStatistics.AreWritten*",
             env={**os.environ, "FP4_KERNEL_STATISTICS": str(path)})
    return json.loads(path.read_text())


def table(tools):
    rows = ["| format | schedule | registers | shared bytes | spilled bytes | loop: MMA / instructions "
            "| MMA share | without NOP | shared bytes per MMA | loads per KiB | conflict cycles per MMA |",
            "|---|---|---|---|---|---|---|---|---|---|---|"]
    spilled = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for entry in statistics(tools, folder):
            fmt, weight, schedule = entry["format"], entry["weight"], entry["schedule"]
            usage, loop = measure(tools, folder, fmt, weight, schedule)
            spilled |= usage.spilled > 0
            rows.append(
                f"| {fmt if weight == fmt else f'{fmt} × {weight}'} | `{schedule}` | {usage.registers} "
                f"| {shared_bytes(fmt, weight, schedule)} | {usage.spilled} "
                f"| {loop.mmas} / {loop.instructions} | {loop.share:.0%} | {loop.share_without_nops:.0%} "
                f"| {loop.bytes_per_mma:.0f} | {loop.loads_per_kib:.2f} "
                f"| {entry['bank_conflicts'] / entry['mma']:.2f} |")
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return "\n".join(rows) + "\n", spilled


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sass.add_tools(parser)
    tools = parser.parse_args()
    sass.check_tools(tools.ptxas, tools.nvdisasm, tools.build / "bin/fp4-compile")
    text, spilled = table(tools)
    sass.publish(tools, sass.ROOT / "docs/Kernels.md", "static", text)
    return int(spilled)


if __name__ == "__main__":
    sys.exit(main())
