"""Every operation, attribute, type and pass is documented, and its example is true."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from fp4 import _library

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
TOOLS = pathlib.Path("/usr/lib/llvm-22/bin")
BUILD = pathlib.Path(_library.library()._name).parent.parent
EXAMPLE = re.compile(r"\(\* example filepath=(\S+) \*\)")

Record = dict[str, Any]


def records(source: pathlib.Path, *classes: str) -> list[Record]:
    """The TableGen definitions of ``classes`` that belong to this project."""
    done = subprocess.run(
        [str(TOOLS / "llvm-tblgen"), "--dump-json", f"-I{INCLUDE}"]
        + [f"-I{TOOLS.parent / 'include'}", str(source)],
        capture_output=True,
        text=True,
        check=True,
    )
    dump = json.loads(done.stdout)
    names = [name for kind in classes for name in dump["!instanceof"].get(kind, [])]
    return [dump[name] for name in names if not name.startswith("anonymous")]


def dialect_records() -> list[Any]:
    found = {}
    for dialect in INCLUDE.rglob("*Dialect.td"):
        ops = dialect.with_name(dialect.name.replace("Dialect.td", "Ops.td"))
        for record in records(ops, "Op", "AttrDef", "TypeDef"):
            # An attribute of an enumeration is documented by its cases.
            if "EnumAttr" not in record["!superclasses"]:
                found[record["!name"]] = record
    return [pytest.param(record, id=name) for name, record in sorted(found.items())]


def pass_records() -> list[Any]:
    found = [r for td in INCLUDE.rglob("Passes.td") for r in records(td, "PassBase")]
    return [pytest.param(r, id=r["argument"]) for r in found]


DIALECT = dialect_records()


def is_op(parameter: Any, name: str) -> bool:
    return bool(parameter.values[0].get("opName") == name)


@pytest.mark.parametrize("record", DIALECT)
def test_dialect_definition(record: Record) -> None:
    assert record["summary"], "no summary"
    description = record["description"]
    assert "Example" in description, "no example"
    if elsewhere := re.search(r"Example: see `\w+\.(\w+)`", description):
        # Ops that live inside another one are shown there.
        owner = next(p.values[0] for p in DIALECT if is_op(p, elsewhere.group(1)))
        assert record["opName"] in owner["description"], "no example"
    else:
        assert "```mlir" in description, "no example"
    verified = record.get("hasVerifier") or record.get("genVerifyDecl")
    if verified:
        # The numbers that verifier and tests refer to.
        assert "(C1)" in description, "no numbered constraints"


@pytest.mark.parametrize("record", pass_records())
def test_pass_definition(record: Record) -> None:
    assert record["summary"], "no summary"
    examples = EXAMPLE.findall(record["description"])
    assert examples, "no example line"
    for example in examples:
        commands = re.findall("RUN:.*", (ROOT / example).read_text())
        runs = re.compile(rf"[-(,]{record['argument']}\b")
        assert any(map(runs.search, commands)), f"{example} does not run the pass"
    for option in record["options"]:
        assert option["def"], "an option without a name"


def test_pages_are_generated(tmp_path: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/docs.py")]
        + ["--build", str(BUILD), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    passes = (tmp_path / "Passes.md").read_text()
    assert not EXAMPLE.search(passes)
    for record in pass_records():
        assert f"`-{record.id}`" in passes
    assert "### `fp4.matmul`" in (tmp_path / "Dialects/FP4.md").read_text()
