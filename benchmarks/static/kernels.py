#!/usr/bin/env python3
"""What can be said about the sm_120 matmul kernels without the GPU.

Compiles one kernel per format and schedule, assembles it, and reports registers,
shared memory, spills, and of the main loop (the smallest loop that holds matrix
instructions) in SASS: matrix instructions, their share of all and of all but
NOPs, bytes loaded from shared memory per matrix instruction; and the bank
conflicts that the emulator counts. Prints a table in Markdown; with --update the
table in docs/Kernels.md is replaced.

Needs ptxas and nvdisasm (PATH, --nvdisasm), and a build with fp4-compile and
FP4TargetTests. Exits with 1 if a kernel spills.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/Kernels.md"
BEGIN = "<!-- static: written by benchmarks/static/kernels.py -->\n"
END = "<!-- end of static -->\n"
# Bytes that a warp loads: ldmatrix has four matrices of 128 bytes.
LOADS = {"LDSM.16.M88.4": 512, "LDS": 128, "LDS.64": 256, "LDS.128": 512}
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


def run(*command, **options):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"kernels.py: {command[0]} failed: {result.stderr.strip().splitlines()[:1]}")
    return result


def main_loop(sass):
    """The opcodes of the smallest loop with matrix instructions."""
    labels, lines, loops = {}, [], []
    for line in sass.splitlines():
        if label := re.match(r"(\.L_\w+):", line):
            labels[label[1]] = len(lines)
        elif op := re.match(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ +)?([A-Z][\w.]*)(.*)", line):
            lines.append((op[1], op[2]))
    for i, (opcode, operands) in enumerate(lines):
        target = re.search(r"\.L_\w+", operands)
        if opcode.startswith("BRA") and target and labels[target[0]] <= i:
            body = [name for name, _ in lines[labels[target[0]] : i + 1]]
            if any("MMA" in name for name in body):
                loops.append(body)
    return min(loops, key=len)


def measure(tools, folder, fmt, weight, schedule):
    source, ptx, cubin = (folder / f"k.{e}" for e in ("mlir", "ptx", "cubin"))
    source.write_text(module(fmt, weight, schedule))
    ptx.write_text(run(tools.build / "bin/fp4-compile", source, "--target=sm_120a",
                       "--algorithm=rtn", "--compile-to=ptx").stdout)
    log = run(tools.ptxas, "-v", "-arch=sm_120a", ptx, "-o", cubin).stderr
    body = main_loop(run(tools.nvdisasm, "-c", cubin).stdout)
    mmas = sum("MMA" in name for name in body)
    nops = body.count("NOP")
    loaded = sum(LOADS[name] for name in body if name.startswith("LDS"))
    return {
        "registers": int(re.search(r"Used (\d+) registers", log)[1]),
        "spills": sum(map(int, re.findall(r"(\d+) bytes spill", log))),
        "mmas": mmas,
        "instructions": len(body),
        "nops": nops,
        "share": mmas / len(body),
        "share_without_nops": mmas / (len(body) - nops),
        "bytes": loaded / mmas,
    }


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
    run(tools.build / "bin/FP4TargetTests", "--gtest_filter=KernelStatistics.AreWritten*",
        env={**os.environ, "FP4_KERNEL_STATISTICS": str(path)})
    return json.loads(path.read_text())


def table(tools):
    rows = ["| format | schedule | registers | shared bytes | spilled bytes | loop: MMA / instructions "
            "| MMA share | without NOP | shared bytes per MMA | conflict cycles per MMA |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    spilled = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for entry in statistics(tools, folder):
            fmt, weight, schedule = entry["format"], entry["weight"], entry["schedule"]
            m = measure(tools, folder, fmt, weight, schedule)
            spilled |= m["spills"] > 0
            rows.append(
                f"| {fmt if weight == fmt else f'{fmt} × {weight}'} | `{schedule}` | {m['registers']} "
                f"| {shared_bytes(fmt, weight, schedule)} | {m['spills']} "
                f"| {m['mmas']} / {m['instructions']} | {m['share']:.0%} | {m['share_without_nops']:.0%} "
                f"| {m['bytes']:.0f} | {entry['bank_conflicts'] / entry['mma']:.2f} |")
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return "\n".join(rows) + "\n", spilled


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev", help="build folder")
    parser.add_argument("--ptxas", default=shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas")
    parser.add_argument("--nvdisasm", default=shutil.which("nvdisasm") or "nvdisasm")
    parser.add_argument("--update", action="store_true", help="write the table to docs/Kernels.md")
    tools = parser.parse_args()
    for tool in (tools.ptxas, tools.nvdisasm, tools.build / "bin/fp4-compile"):
        if not shutil.which(str(tool)):
            sys.exit(f"kernels.py: expected the program {tool}")
    text, spilled = table(tools)
    if tools.update:
        document = DOCUMENT.read_text()
        head, rest = document.split(BEGIN)
        DOCUMENT.write_text(head + BEGIN + text + END + rest.split(END)[1])
    else:
        print(text, end="")
    return int(spilled)


if __name__ == "__main__":
    sys.exit(main())
