#!/usr/bin/env python3
"""Registers, shared memory and spills of every kernel configuration.

Compiles matmuls of every pair of formats with as many rows and columns as it
takes to get each row of the tables of schedules (Schedules.cpp and
DecodeSchedules.cpp), every epilogue, and activation kernels of every format,
scale rule and kind of rotation, for one target of each family; assembles them,
and prints a table in Markdown; with --update that in docs/KernelFigures.md is
replaced. Kernels are compiled once however many layers want them.

Needs ptxas, and a build with fp4-compile. Exits with 1 if a kernel spills.
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

import sass

DEPTH = 4096
TARGETS = ("sm_120a", "sm_100a", "sm_90a")
COLUMNS = (1024, 4096, 16384)
FOUR_BITS = ("nvfp4", "mxfp4")
BYTE_PAIRS = (("mxfp8e4m3", "mxfp8e4m3"), ("mxfp8e4m3", "mxfp4"), ("mxfp8e4m3", "mxfp6e3m2"),
              ("mxfp6e2m3", "mxfp6e2m3"), ("mxfp6e2m3", "mxfp4"))
RULES = {"nvfp4": ("absmax", "four_over_six", "search"), "mxfp4": ("floor", "rceil", "even", "search"),
         **{fmt: ("floor", "rceil", "even") for fmt in ("mxfp6e2m3", "mxfp6e3m2", "mxfp8e4m3", "mxfp8e5m2")}}


def blocks(rows, columns, fmt):
    return f"!fp4.tensor<{rows}x{columns}, #fp4.{fmt}>"


def matmul(lhs, rhs, rows, columns, tail=""):
    """A layer; the left side is a format or the type of a plain tensor."""
    x = blocks(rows, DEPTH, lhs) if lhs.startswith(("nv", "mx")) else f"tensor<{rows}x{DEPTH}x{lhs}>"
    w, y = blocks(columns, DEPTH, rhs), f"tensor<{rows}x{columns}xbf16>"
    text = f"(%x: {x}, %w: {w}, %r: {y}"
    product = f" {{activation = #fp4.activation<{'gelu' if tail else 'none'}>}} : {x}, {w} -> {y}\n"
    if tail == "quantized":
        q, scales = blocks(rows, columns, "mxfp4"), columns // 128
        types = f"tensor<{rows}x{columns // 2}xi8>, tensor<{'?' if rows == '?' else -(-rows // 128)}x{scales}x32x4x4xi8>"
        return (f"{text}) -> ({types}) {{\n  %y = fp4.matmul %x, %w{product}"
                f"  %q = fp4.quantize %y {{scale_rule = #fp4.scale_rule<even>}} : {y} -> {q}\n"
                f"  %e, %s = fp4gpu.prepack %q : {q} -> {types}\n  return %e, %s : {types}\n}}\n")
    if tail == "residual":
        return (f"{text}) -> {y} {{\n  %y = fp4.matmul %x, %w{product}"
                f"  %z = arith.addf %y, %r : {y}\n  return %z : {y}\n}}\n")
    return f"{text}) -> {y} {{\n  %y = fp4.matmul %x, %w{product}  return %y : {y}\n}}\n"


def quantize(fmt, rule, rotation, element, is_dynamic=False):
    block = 16 if fmt == "nvfp4" else 32
    x, q = f"tensor<?x{DEPTH}x{element}>", blocks("?", DEPTH, fmt)
    bits = int(fmt[4])
    types = f"tensor<?x{DEPTH * bits // 8}xi8>, tensor<?x{DEPTH // block // 4}x32x4x4xi8>"
    scaled = fmt == "nvfp4"
    scale = " tensor_scale(%t)" if scaled and not is_dynamic else ""
    op = f"rotate_quantize %x block {rotation}" if rotation else "quantize %x"
    return (f"(%x: {x}, %t: f32) -> ({types}) {{\n"
            f"  %q = fp4.{op}{scale} {{scale_rule = #fp4.scale_rule<{rule}>}} : {x} -> {q}\n"
            f"  %e, %s{', %u' if scaled else ''} = fp4gpu.prepack %q : {q} -> {types}{', tensor<f32>' if scaled else ''}\n"
            f"  return %e, %s : {types}\n}}\n")


def functions(target):
    """The text behind the name of each function of a target's module."""
    rows = (1, 16, 32, 64, 128, 256, 2048, "?")
    if target == "sm_120a":
        for lhs, rhs in tuple((f, f) for f in FOUR_BITS) + BYTE_PAIRS:
            yield from (matmul(lhs, rhs, m, n) for m in rows for n in COLUMNS)
        for fmt in FOUR_BITS:
            yield from (matmul(fmt, fmt, m, 4096, tail) for m in rows for tail in ("residual", "quantized"))
    elif target == "sm_100a":
        yield from (matmul(f, f, m, 4096, tail) for f in FOUR_BITS for m in (128, "?") for tail in ("", "residual"))
    if target != "sm_100a":
        yield from (matmul("bf16", fmt, m, n) for fmt in FOUR_BITS for m in (*rows, 8, 24, 512) for n in COLUMNS)
    if target == "sm_90a":
        yield from (matmul("f8E4M3FN", "mxfp4", m, n) for m in rows for n in COLUMNS)
    for fmt, rules in RULES.items():
        for rule in rules:
            yield from (quantize(fmt, rule, rotation, "bf16") for rotation in (0, 16, 32, 64, 128))
            yield from (quantize(fmt, rule, 32, element) for element in ("f16", "f32"))
    yield quantize("nvfp4", "absmax", 16, "bf16", is_dynamic=True)


def measure(tools, folder, target):
    """Rows of the table: kernel, schedule, threads, registers, shared bytes,
    spilled bytes."""
    source, artifact = folder / "module.mlir", folder / f"{target}.fp4"
    source.write_text("".join(f"func.func @f{i}{text}" for i, text in enumerate(functions(target))))
    log = sass.run(tools.build / "bin/fp4-compile", source, f"--target={target}", "--algorithm=rtn", "--remarks=fp4gpu",
                   "-o", artifact).stderr
    schedules = dict(re.findall(r'Remark=(\w+), .*?#fp4gpu\.schedule<(.*?)>"', log))
    manifest = json.loads((artifact / "manifest.json").read_text())
    usages = sass.assemble(tools, artifact / manifest["ptx"]["file"], folder / "cubin", target)
    for kernel in manifest["kernels"]:
        name = kernel["name"]
        yield (target, name, schedules.get(name, ""), kernel["block"][0], usages[name].registers,
               kernel["dynamic_shared_memory"], usages[name].spilled)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sass.add_tools(parser)
    tools = parser.parse_args()
    sass.check_tools(tools.ptxas, tools.build / "bin/fp4-compile")
    with tempfile.TemporaryDirectory() as name:
        measured = [row for target in TARGETS for row in measure(tools, pathlib.Path(name), target)]
    lines = ["| target | kernel | schedule | threads | registers | shared bytes | spilled bytes |", "|---|---|---|---|---|---|---|"]
    for target, name, schedule, *numbers in sorted(measured):
        cells = (target, f"`{name}`", f"`{schedule}`" if schedule else "", *map(str, numbers))
        lines.append("| " + " | ".join(cells) + " |")
    spilling = sum(row[-1] > 0 for row in measured)
    lines += ["", f"{len(measured)} kernels, of which {spilling or 'none'} spill{'s' if spilling < 2 else ''}."]
    sass.publish(tools, sass.ROOT / "docs/KernelFigures.md", "configurations", "\n".join(lines) + "\n")
    return int(spilling > 0)


if __name__ == "__main__":
    sys.exit(main())
