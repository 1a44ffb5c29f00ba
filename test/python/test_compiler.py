"""Modules, passes and diagnostics from Python."""

from __future__ import annotations

import gc
import logging
import pathlib

import pytest

import fp4
from fp4 import compiler

TWO_ROTATIONS = """
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>
  %1 = fp4.hadamard %0 block 16 : tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}
"""


@pytest.mark.parametrize(
    "pipeline",
    ["canonicalize", "func.func(canonicalize)", "builtin.module(canonicalize,cse)"],
)
def test_run(pipeline: str) -> None:
    module = fp4.Module.parse(TWO_ROTATIONS)
    assert str(module).count("fp4.hadamard") == 2
    assert module.run(pipeline) is module
    assert "fp4.hadamard" not in str(module)


def test_own_passes() -> None:
    module = fp4.Module.parse("""
      func.func @f(%x: tensor<4x32xf32>) -> tensor<4x8xf32> {
        %w = fp4.parameter "w" : tensor<8x32xf32>
        %0 = fp4.matmul %x, %w
            : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
        return %0 : tensor<4x8xf32>
      }
    """)
    module.run("fp4-insert-rotations{block=16}").run(
        "fp4-quantize-activations{format=nvfp4},func.func(fp4-form-rotate-quantize)"
    )
    assert str(module).count("fp4.rotate_quantize") == 1


def test_text_and_bytecode_round_trip(tmp_path: pathlib.Path) -> None:
    module = fp4.Module.parse(TWO_ROTATIONS, name="two.mlir")
    assert repr(module) == "<fp4.Module 'two.mlir'>"
    assert str(fp4.Module.parse(str(module))) == str(module)
    assert str(fp4.Module.parse(module.bytecode())) == str(module)
    for content in (str(module).encode(), module.bytecode()):
        path = tmp_path / "module"
        path.write_bytes(content)
        assert str(fp4.Module.load(path)) == str(module)


def test_constants_fold_and_elide() -> None:
    module = fp4.Module.parse("""
      func.func @f() -> !fp4.tensor<64x64, #fp4.mxfp4> {
        %c = arith.constant dense<2.0> : tensor<64x64xf32>
        %q = fp4.quantize %c : tensor<64x64xf32> -> !fp4.tensor<64x64, #fp4.mxfp4>
        return %q : !fp4.tensor<64x64, #fp4.mxfp4>
      }
    """).run("canonicalize")
    full = module.text()
    assert "fp4.constant" in full and "fp4.quantize" not in full
    # 2048 bytes of elements as hexadecimal.
    assert len(full) > 4096 > len(module.text(elide_above=16))


def test_verifier_diagnostics() -> None:
    source = TWO_ROTATIONS.replace("block 16", "block 12")
    with pytest.raises(fp4.CompileError) as caught:
        fp4.Module.parse(source, name="bad.mlir")
    first = caught.value.diagnostics.splitlines()[0]
    assert first == (
        "bad.mlir:3:8: error: 'fp4.hadamard' op expected 'block' to be a power of two "
        "in 2..1024, got 12"
    )
    assert str(caught.value) == caught.value.diagnostics


def test_syntax_error() -> None:
    with pytest.raises(fp4.CompileError, match="<string>:1:1: error: "):
        fp4.Module.parse("this is not MLIR")


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(fp4.CompileError, match="absent.mlir"):
        fp4.Module.load(tmp_path / "absent.mlir")


def test_malformed_pipeline() -> None:
    module = fp4.Module.parse(TWO_ROTATIONS)
    with pytest.raises(fp4.CompileError, match="'no-such-pass' does not refer"):
        module.run("no-such-pass")
    with pytest.raises(fp4.CompileError):
        module.run("func.func(canonicalize")


def test_failing_pass_leaves_the_module() -> None:
    use = "bufferization.dealloc_tensor %0 : tensor<4x32xf32>\n  return"
    source = TWO_ROTATIONS.replace("return", use)
    module = fp4.Module.parse(source, name="f.mlir")
    before = str(module)
    # Nothing says how a Hadamard transform is bufferized.
    with pytest.raises(fp4.CompileError, match="f.mlir:3:8: error: op was not"):
        module.run("canonicalize,one-shot-bufferize")
    assert str(module) == before


def test_remarks_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    module = fp4.Module.parse("""
      module attributes {transform.with_named_sequence} {
        transform.named_sequence @__transform_main(%m: !transform.any_op) {
          transform.debug.emit_remark_at %m, "seen" : !transform.any_op
          transform.yield
        }
      }
    """)
    with caplog.at_level(logging.INFO, logger="fp4"):
        module.run("transform-interpreter")
    assert "remark: seen" in caplog.text


def test_warnings_are_issued() -> None:
    class Warned:
        def take(self) -> str:
            return "f.mlir:1:1: warning: odd\nf.mlir:1:1: note: here\n"

    with pytest.warns(fp4.CompileWarning, match="warning: odd\nf.mlir:1:1: note: here$"):
        compiler._report(True, Warned())  # type: ignore[arg-type]


def test_many_modules_are_freed() -> None:
    modules = [fp4.Module.parse(TWO_ROTATIONS) for _ in range(20)]
    del modules
    gc.collect()
    assert "fp4.hadamard" in str(fp4.Module.parse(TWO_ROTATIONS))
