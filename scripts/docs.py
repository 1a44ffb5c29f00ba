#!/usr/bin/env python3
"""Writes the reference pages of dialects and passes as markdown.

mlir-tblgen turns the TableGen descriptions into text. A line

    (* example filepath=test/Dialect/FP4/Transforms/fuse-rotations.mlir *)

in the description of a pass becomes the command of that test's RUN line and the IR
before and after it: the first function of the test that the command changes. The
test is run here as lit would run it, so the page cannot show what is not so.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
EXAMPLE = re.compile(r"^ *\(\* example filepath=(\S+) \*\) *$", re.MULTILINE)
RUN = re.compile(r"RUN:\s*(.*)")
# Functions and kernels; the modules around them are left out.
SYMBOL = re.compile(r"^\s*(?!(?:gpu\.)?module\b)[\w.]+ (?:private |public )?@([\w$.-]+)")
LONGEST = 60
# Lines that talk to the test tools and not to the reader.
TEST_LINE = re.compile(r"\s*//\s*([A-Z0-9_-]+:|RUN|expected-|-----)")


class DocError(Exception):
    """One line that says which page cannot be made and why."""


# ===----------------------------------------------------------------------=== #
# Examples
# ===----------------------------------------------------------------------=== #


def run_lines(source: str) -> list[str]:
    """The RUN commands of a test, continuation lines joined."""
    commands: list[str] = []
    continued = False
    for line in RUN.findall(source):
        if continued:
            commands[-1] += line
        else:
            commands.append(line)
        continued = commands[-1].endswith("\\")
        if continued:
            commands[-1] = commands[-1][:-1]
    return commands


def symbols(text: str) -> dict[str, str]:
    """The functions and kernels of MLIR text by name, test comments removed."""
    found: dict[str, str] = {}
    name = None
    for line in text.splitlines():
        if name is None:
            match = SYMBOL.match(line)
            if not match:
                continue
            name, body, depth, entered = match.group(1), [], 0, False
        if not TEST_LINE.match(line):
            body.append(line)
        depth += line.count("{") - line.count("}")
        entered = entered or depth > 0
        if entered and depth <= 0:
            found[name] = dedent(body)
            name = None
    return found


def dedent(lines: list[str]) -> str:
    indent = len(lines[0]) - len(lines[0].lstrip())
    if len(lines) > LONGEST:
        dots = " " * (indent + 2) + "..."
        lines = [*lines[: LONGEST - 5], dots, *lines[-3:]]
    return "\n".join(shorten(line[indent:]) for line in lines)


def shorten(line: str) -> str:
    """Cuts the digits of large constants."""
    return re.sub(r'"0x(\w{16})\w{16,}"', r'"0x\1..."', line)


def skeleton(body: str) -> list[str]:
    """The operations of a body without value names, to see whether it changed."""
    return [re.sub(r"%[\w#:]+", "%", line).strip() for line in body.splitlines()]


def aliases(output: str, body: str) -> str:
    """The attribute aliases (#map = ...) of the output that the body uses."""
    lines = re.findall(r"^(#\w+) = .*$", output, re.MULTILINE)
    used = [name for name in dict.fromkeys(lines) if re.search(name + r"\b", body)]
    texts = [re.search(rf"^{name} = .*$", output, re.MULTILINE) for name in used]
    return "".join(match.group(0) + "\n" for match in texts if match)


def shown_command(command: str) -> str:
    """The fp4-opt command of a RUN line as a user would type it."""
    command = re.sub(r"\s--(split-input-file|verify-diagnostics)\b", "", command)
    command = command.replace("%s", "example.mlir").replace("%t", "example")
    return " ".join(command.split())


class TestRunner:
    """Runs RUN lines with lit's substitutions."""

    def __init__(self, build: pathlib.Path, tools: pathlib.Path) -> None:
        self.build = build
        path = [str(build / "bin"), str(tools), os.environ.get("PATH", "")]
        self.environment = {**os.environ, "PATH": os.pathsep.join(path)}

    def output(self, test: pathlib.Path, commands: list[str]) -> str:
        """Runs the commands in order and returns what the last one prints."""
        with tempfile.TemporaryDirectory() as scratch:
            values = {
                "%fp4_source_dir": str(ROOT),
                "%fp4_plugin": str(self.build / "lib" / "FP4Plugin.so"),
                "%python": sys.executable,
                "%s": str(test),
                "%S": str(test.parent),
                "%T": scratch,
                "%t": f"{scratch}/{test.stem}",
            }
            # Longest first, so that %s does not cut %something short.
            names = "|".join(sorted(map(re.escape, values), key=len, reverse=True))
            for command in commands:
                line = re.sub(names, lambda m: values[m.group(0)], command)
                done = subprocess.run(
                    ["bash", "-o", "pipefail", "-c", line],
                    env=self.environment,
                    cwd=scratch,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode != 0:
                    reason = (done.stderr.strip() or "no output").splitlines()[0]
                    raise DocError(f"{test.relative_to(ROOT)}: {reason}")
        return done.stdout


def example(name: str, runner: TestRunner, keeps: bool) -> str:
    """The markdown that stands for an example line.

    A pass that says so (`keeps`) leaves it as it is; any other changes it.
    """
    test = ROOT / name
    if not test.is_file():
        raise DocError(f"example {name} does not exist")
    source = test.read_text()
    commands = run_lines(source)
    shown = [i for i, c in enumerate(commands) if re.search(r"fp4-opt.*FileCheck", c)]
    if not shown:
        raise DocError(f"example {name} has no RUN line of fp4-opt and FileCheck")
    last = shown[0]
    command = re.split(r"\s*(?:2>&1\s*)?\|\s*FileCheck", commands[last])[0]
    output = runner.output(test, [*commands[:last], command])
    before, after = symbols(source), symbols(output)
    both = [symbol for symbol in before if symbol in after]
    if keeps and both:
        return (
            f"Example, from `{name}`: `{shown_command(command)}` accepts\n\n"
            f"```mlir\n{aliases(source, before[both[0]])}{before[both[0]]}\n```"
        )
    changed = [s for s in both if skeleton(before[s]) != skeleton(after[s])]
    if not changed:
        raise DocError(f"example {name}: no function differs before and after")
    symbol = changed[0]
    return (
        f"Example, from `{name}`: `{shown_command(command)}` turns\n\n"
        f"```mlir\n{aliases(source, before[symbol])}{before[symbol]}\n```\n\n"
        f"into\n\n"
        f"```mlir\n{aliases(output, after[symbol])}{after[symbol]}\n```"
    )


# ===----------------------------------------------------------------------=== #
# Pages
# ===----------------------------------------------------------------------=== #


class Generator:
    """Makes the pages as text; nothing is written before all are made."""

    def __init__(self, build: pathlib.Path, tools: pathlib.Path) -> None:
        self.tools = tools
        self.runner = TestRunner(build, tools)

    def tablegen(self, source: pathlib.Path, *flags: str) -> str:
        done = subprocess.run(
            [str(self.tools / "mlir-tblgen"), *flags, f"-I{INCLUDE}"]
            + [f"-I{self.tools.parent / 'include'}", str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DocError(done.stderr.strip().splitlines()[0])
        return re.sub(r"^<!--.*-->\n+", "", done.stdout)

    def dialect(self, source: pathlib.Path) -> str:
        """The page of the dialect whose X in XDialect.td names XOps.td too."""
        name = source.name.removesuffix("Dialect.td")
        flags = ("-gen-dialect-doc", f"-dialect={name.lower()}")
        return self.tablegen(source.with_name(f"{name}Ops.td"), *flags)

    def passes(self, source: pathlib.Path) -> str:
        text = self.tablegen(source, "-gen-pass-doc")
        folder = source.parent.relative_to(INCLUDE / "fp4")
        return f"## {folder}\n\n{EXAMPLE.sub(self.expand, text)}"

    def expand(self, match: re.Match[str]) -> str:
        rest_of_pass = match.string[match.end() :].split("\n### ")[0]
        keeps = "Changes nothing" in rest_of_pass
        return example(match.group(1), self.runner, keeps)

    def pages(self) -> dict[str, str]:
        pages = {}
        for source in sorted(INCLUDE.rglob("*Dialect.td")):
            name = source.name.removesuffix("Dialect.td")
            pages[f"Dialects/{name}.md"] = self.dialect(source)
        interfaces = sorted(INCLUDE.rglob("*Interface.td"))
        if interfaces:
            texts = [self.tablegen(td, "-gen-op-interface-docs") for td in interfaces]
            pages["Interfaces.md"] = "# Interfaces\n\n" + "\n".join(texts)
        sections = map(self.passes, sorted(INCLUDE.rglob("Passes.td")))
        pages["Passes.md"] = "# Passes\n\n" + "\n".join(sections)
        return pages


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/docs")
    parser.add_argument(
        "--llvm-tools", type=pathlib.Path, default=pathlib.Path("/usr/lib/llvm-22/bin")
    )
    options = parser.parse_args()
    try:
        pages = Generator(options.build.resolve(), options.llvm_tools).pages()
    except DocError as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    for name, text in pages.items():
        path = options.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
