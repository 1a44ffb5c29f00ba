"""From a module with linear layers to PTX and an artifact, in this process."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

import fp4
from fp4.compiler import phases

RNG = np.random.default_rng(2)


def linear(rows: int = 128, outputs: int = 128, inputs: int = 256) -> fp4.Module:
    values = RNG.standard_normal((outputs, inputs)).astype(np.float32)
    digits = values.tobytes().hex().upper()
    return fp4.Module.parse(f"""
      func.func @main(%x: tensor<{rows}x{inputs}xf32>) -> tensor<{rows}x{outputs}xf32> {{
        %w = arith.constant dense<"0x{digits}"> : tensor<{outputs}x{inputs}xf32>
        %y = fp4.matmul %x, %w {{fp4.layer = "fc"}}
            : tensor<{rows}x{inputs}xf32>, tensor<{outputs}x{inputs}xf32>
              -> tensor<{rows}x{outputs}xf32>
        return %y : tensor<{rows}x{outputs}xf32>
      }}
    """)


RTN = fp4.CompileOptions(algorithm="rtn", rotation=0)


@pytest.mark.parametrize(
    ("target", "format", "instruction"),
    [
        ("sm_120a", "nvfp4", "mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4"),
        ("sm_120a", "mxfp4", "mma.sync.aligned.m16n8k64.row.col.kind::mxf4"),
        ("sm_100a", "nvfp4", "tcgen05.mma"),
    ],
)
def test_ptx(target: str, format: str, instruction: str) -> None:
    options = fp4.CompileOptions(target, format, "rtn", rotation=0)
    ptx = linear().compile_to_ptx(options)
    assert f".target {target}" in ptx
    assert instruction in ptx


def test_phases_in_place() -> None:
    assert phases()[-2:] == ["nvvm", "ptx"]
    module = linear().compile_to("quantize", RTN)
    assert "fp4.quantize" in str(module) and "fp4.constant" in str(module)
    options = fp4.CompileOptions(
        algorithm="rtn", rotation=0, activations="mxfp4", activation_scale_rule="floor"
    )
    module = linear().compile_to("quantize", options)
    assert "-> !fp4.tensor<128x256, #fp4.mxfp4>" in str(module)


def test_artifact_with_collected_hessians(tmp_path: pathlib.Path) -> None:
    module = linear()
    x = RNG.standard_normal((128, 256)).astype(np.float32)
    hessians = module.collect_hessians(x)
    options = fp4.CompileOptions(algorithm="gptq", hessians=hessians)
    before = str(module)
    module.compile(tmp_path / "layer.fp4", options)
    assert str(module) == before
    names = {path.name for path in (tmp_path / "layer.fp4").iterdir()}
    assert {"manifest.json", "weights.safetensors"} <= names
    json.loads((tmp_path / "layer.fp4" / "manifest.json").read_text())


def test_errors(tmp_path: pathlib.Path) -> None:
    module = linear()
    with pytest.raises(fp4.CompileError, match="unknown phase 'end'"):
        module.compile_to("end", RTN)
    with pytest.raises(fp4.CompileError, match="unsupported target 'sm_80'; supported: "):
        module.compile_to_ptx(fp4.CompileOptions("sm_80"))
    path = tmp_path / "layer.fp4"
    with pytest.raises(fp4.CompileError, match="hessian|calibration"):
        module.compile(path, fp4.CompileOptions(algorithm="gptq"))
    with pytest.raises(fp4.CompileError, match="format"):
        module.compile(path, fp4.CompileOptions(format="fp3", algorithm="rtn"))
    with pytest.raises(fp4.CompileError, match="got none"):
        fp4.Module.parse("").compile(path, RTN)
    assert not path.exists()
