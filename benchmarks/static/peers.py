#!/usr/bin/env python3
"""The main loops of CUTLASS's sm_120 kernels beside ours, per matrix instruction.

Compiles CUTLASS's examples 79a to 79c (block-scaled products for GeForce) from
source with nvcc, as they are, and our kernels of the same formats; both are
assembled by the same ptxas and counted by the same code (sass.py). Prints a
table in Markdown; with --update that in docs/Kernels.md is replaced.

Needs nvcc, ptxas and nvdisasm, a build with fp4-compile, and a checkout of
CUTLASS (`scripts/emulate-libraries cutlass-79a` makes one). nvcc takes a minute
and 6 GB for each example; cubins are kept in build/peers. Exits with 1 if a
loop of ours has more instructions per product than a peer's, fillers aside, or
loads more bytes from shared memory.
"""

import argparse
import pathlib
import re
import shutil
import sys
import tempfile

import kernels
import sass

EXAMPLES = "examples/79_blackwell_geforce_gemm"
FLAGS = ("-std=c++17", "-O3", "-DNDEBUG", "-w", "--expt-relaxed-constexpr", "--extended-lambda", "-ptx", "-arch=sm_120a")
# Example, formats of both sides, the warps that share its 128x128x128 tile.
PEERS = (("79a_blackwell_geforce_nvfp4_bf16_gemm", ("nvfp4", "nvfp4"), "4x2"),
         ("79b_blackwell_geforce_nvfp4_nvfp4_gemm", ("nvfp4", "nvfp4"), "2x2"),
         ("79c_blackwell_geforce_mixed_mxfp8_mxfp6_bf16_gemm", ("mxfp8e4m3", "mxfp6e3m2"), "4x2"))
OURS = ((("nvfp4", "nvfp4"), "tile = 128x128x128, stages = 5, warps = 2x2"),
        (("nvfp4", "nvfp4"), "tile = 256x128x128, stages = 3, warps = 4x2"),
        (("mxfp8e4m3", "mxfp6e3m2"), "tile = 128x128x128, stages = 2, warps = 2x2"))


def peer_cubin(tools, example):
    """The cubin of an example and its Usage."""
    folder = tools.work
    folder.mkdir(parents=True, exist_ok=True)
    ptx, cubin = folder / f"{example}.ptx", folder / f"{example}.cubin"
    if not ptx.exists():
        includes = [f"-I{tools.cutlass / p}" for p in ("include", "tools/util/include", "examples/common")]
        sass.run(tools.nvcc, *FLAGS, *includes, tools.cutlass / EXAMPLES / f"{example}.cu", "-o", folder / "new.ptx")
        (folder / "new.ptx").rename(ptx)
    usages = sass.assemble(tools, ptx, cubin, "sm_120a")
    return cubin, max(usages.values(), key=lambda usage: usage.registers)


def row(name, formats, usage, loop):
    pair = formats[0] if formats[0] == formats[1] else " × ".join(formats)
    per_mma = [f"{count / loop.mmas:.2f}" for count in (loop.loads, loop.others, loop.nops)]
    return "| " + " | ".join((name, pair, str(usage.registers), str(usage.spilled), f"{loop.mmas} / {loop.instructions}",
                              *per_mma, f"{loop.bytes_per_mma:.0f}")) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sass.add_tools(parser)
    parser.add_argument("--nvcc", default=shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc")
    parser.add_argument("--cutlass", type=pathlib.Path, default=sass.ROOT / "build/libraries/cutlass", help="checkout of CUTLASS")
    parser.add_argument("--work", type=pathlib.Path, default=sass.ROOT / "build/peers", help="where cubins are kept")
    tools = parser.parse_args()
    sass.check_tools(tools.ptxas, tools.nvdisasm, tools.nvcc, tools.build / "bin/fp4-compile")
    lines = ["| kernel | formats | registers | spilled bytes | loop: MMA / instructions | loads per MMA "
             "| others per MMA | fillers per MMA | shared bytes per MMA |", "|---|---|---|---|---|---|---|---|---|"]
    loops = {}
    for example, formats, warps in PEERS:
        cubin, usage = peer_cubin(tools, example)
        loop = sass.count(sass.main_loop(sass.disassemble(tools, cubin)))
        loops.setdefault(formats, []).append(loop)
        name = re.match(r"\w+?_", example)[0][:-1]
        lines.append(row(f"CUTLASS {name}, 128x128x128, {warps} warps", formats, usage, loop))
    worse = False
    with tempfile.TemporaryDirectory() as name:
        for formats, schedule in OURS:
            usage, loop = kernels.measure(tools, pathlib.Path(name), *formats, schedule)
            lines.append(row(f"`{schedule}`", formats, usage, loop))
            worse |= any(loop.share_without_nops < peer.share_without_nops or loop.bytes_per_mma > peer.bytes_per_mma
                         for peer in loops[formats])
    sass.publish(tools, sass.ROOT / "docs/Kernels.md", "peers", "\n".join(lines) + "\n")
    return int(worse)


if __name__ == "__main__":
    sys.exit(main())
