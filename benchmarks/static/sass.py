"""Reads what ptxas makes of a kernel: registers, spills, and the main loop.

The main loop of a kernel is the smallest loop of its SASS that holds matrix
instructions. Bytes are those that a warp loads from shared memory: a matrix of
`ldmatrix` has 128, gaps between spread elements included.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(sys.argv[0]).name


def run(*command, **options):
    """The result of a command; leaves the program with one line if it fails."""
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        text = [line for line in (result.stderr + result.stdout).splitlines() if "error" in line]
        sys.exit(f"{PROGRAM}: {command[0]} failed: {text[0] if text else result.returncode}")
    return result


@dataclasses.dataclass
class Usage:
    """What `ptxas -v` says of an entry."""

    registers: int
    spilled: int


@dataclasses.dataclass
class Loop:
    """A main loop, counted in instructions of a warp."""

    mmas: int
    instructions: int
    nops: int
    loads: int
    loaded_bytes: int

    @property
    def others(self):
        return self.instructions - self.mmas - self.nops - self.loads

    @property
    def bytes_per_mma(self):
        return self.loaded_bytes / self.mmas

    @property
    def loads_per_kib(self):
        return 1024 * self.loads / self.loaded_bytes

    @property
    def share(self):
        return self.mmas / self.instructions

    @property
    def share_without_nops(self):
        return self.mmas / (self.instructions - self.nops)


def loaded_bytes(opcode):
    """The bytes that a warp loads by an instruction, or None."""
    parts = opcode.split(".")
    if parts[0] == "LDSM":
        return 128 * int(parts[-1]) if parts[-1].isdigit() else 128
    if parts[0] == "LDS":
        sizes = [int(p.lstrip("US")) for p in parts[1:] if re.fullmatch(r"[US]?\d+", p)]
        return 32 * (sizes[0] if sizes else 32) // 8
    return None


def main_loop(sass):
    """The opcodes of the smallest loop with matrix instructions; `sass` is the
    text of one function. An instruction that is never executed is a NOP: ptxas
    fills up with either."""
    labels, lines, loops = {}, [], []
    for line in sass.splitlines():
        if label := re.match(r"(\.L_\w+):", line):
            labels[label[1]] = len(lines)
        elif op := re.match(r"\s+/\*[0-9a-f]+\*/\s+(@!?U?P\w+ +)?([A-Z][\w.]*)(.*)", line):
            is_never = (op[1] or "").strip() in ("@!PT", "@!UPT")
            lines.append(("NOP" if is_never else op[2], op[3]))
    for i, (opcode, operands) in enumerate(lines):
        target = re.search(r"\.L_\w+", operands)
        if opcode.startswith("BRA") and target and labels.get(target[0], i + 1) <= i:
            body = [name for name, _ in lines[labels[target[0]] : i + 1]]
            if any("MMA" in name for name in body):
                loops.append(body)
    return min(loops, key=len)


def count(body):
    """A Loop from the opcodes of one."""
    loaded = [size for name in body if (size := loaded_bytes(name)) is not None]
    return Loop(mmas=sum("MMA" in name for name in body), instructions=len(body), nops=body.count("NOP"),
                loads=len(loaded), loaded_bytes=sum(loaded))


def assemble(tools, ptx, cubin, arch):
    """The Usage of each entry of the PTX file."""
    log = run(tools.ptxas, "-v", f"-arch={arch}", ptx, "-o", cubin).stderr
    usages = {}
    for text in log.split("Compiling entry function '")[1:]:
        spilled = sum(map(int, re.findall(r"(\d+) bytes spill", text)))
        usages[text[: text.index("'")]] = Usage(int(re.search(r"Used (\d+) registers", text)[1]), spilled)
    return usages


def disassemble(tools, cubin):
    return run(tools.nvdisasm, "-c", cubin).stdout


def compile_ptx(tools, module, folder, target):
    """The PTX file of the text of a module."""
    source, ptx = folder / "module.mlir", folder / "module.ptx"
    source.write_text(module)
    ptx.write_text(run(tools.build / "bin/fp4-compile", source, f"--target={target}", "--algorithm=rtn",
                       "--compile-to=ptx").stdout)
    return ptx


def add_tools(parser):
    """The options by which all programs here find theirs."""
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev", help="build folder")
    parser.add_argument("--ptxas", default=shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas")
    parser.add_argument("--nvdisasm", default=shutil.which("nvdisasm") or "nvdisasm")
    parser.add_argument("--update", action="store_true", help="replace the table in the document")


def check_tools(*programs):
    for program in programs:
        if not shutil.which(str(program)):
            sys.exit(f"{PROGRAM}: expected the program {program}")


def publish(tools, document, name, text):
    """Prints a table or puts it between the marks of `name` in a document."""
    if not tools.update:
        print(text, end="")
        return
    begin, end = f"<!-- {name}: written by benchmarks/static/{PROGRAM} -->\n", f"<!-- end of {name} -->\n"
    content = document.read_text()
    if content.count(begin) != 1 or content.count(end) != 1:
        sys.exit(f"{PROGRAM}: expected the lines {begin.strip()} and {end.strip()} in {document}")
    head, rest = content.split(begin)
    temporary = document.with_suffix(".new")
    temporary.write_text(head + begin + text + end + rest.split(end)[1])
    os.replace(temporary, document)
