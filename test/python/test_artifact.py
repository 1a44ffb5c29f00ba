"""Artifacts on the emulator and on the host, against numpy."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import fp4

RNG = np.random.default_rng(3)
LAYER = """
  func.func @main(%x: !fp4.tensor<?x128, #fp4.mxfp4>) -> tensor<?x8xf32> {
    %w = fp4.constant <elements = dense<0x22> : tensor<8x64xi8>,
                       scales = dense<127> : tensor<8x4xi8>>
        : !fp4.tensor<8x128, #fp4.mxfp4>
    %y = fp4.matmul %x, %w : !fp4.tensor<?x128, #fp4.mxfp4>, !fp4.tensor<8x128, #fp4.mxfp4>
      -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
"""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("artifact") / "layer.fp4"
    fp4.Module.parse(LAYER).compile(path)
    return path


def inputs(rows: int) -> dict[str, np.ndarray]:
    # Scales of 1 in every tile.
    return {
        "lhs": RNG.integers(0, 256, (rows, 64), np.uint8),
        "lhs_scales": np.full(((rows + 127) // 128, 1, 32, 4, 4), 127, np.uint8),
    }


def test_input_types(layer: pathlib.Path) -> None:
    assert fp4.Artifact(layer).input_types == {
        "lhs": ("U8", (-1, 64)),
        "lhs_scales": ("F8_E8M0", (-1, 1, 32, 4, 4)),
    }


@pytest.mark.parametrize("device", ["emulator", "host"])
def test_run(layer: pathlib.Path, device: str) -> None:
    values = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    values = np.concatenate([values, -values])
    given = inputs(130)
    result = fp4.run(layer, given, device=device, check=device == "emulator")
    # All weights are 1.0 (code 2): row sums, exact in float32.
    low, high = given["lhs"] & 15, given["lhs"] >> 4
    expected = (values[low] + values[high]).sum(axis=1)
    assert result["out"].dtype == np.float32
    np.testing.assert_array_equal(result["out"], np.tile(expected[:, None], (1, 8)))


def test_errors(layer: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="cannot read '.*manifest.json'"):
        fp4.Artifact(tmp_path)
    with pytest.raises(ValueError, match="no device called 'tpu'"):
        fp4.Artifact(layer, "tpu")
    with pytest.raises(ValueError, match="expected the inputs .*'lhs_scales'.*got"):
        fp4.run(layer, {"lhs": np.zeros((1, 64), np.uint8)})
    bad = {**inputs(1), "lhs": np.zeros((1, 63), np.uint8)}
    with pytest.raises(ValueError, match=r"'lhs': expected f4E2M1FN \[rows, 128\]"):
        fp4.run(layer, bad)
    with pytest.raises(ValueError, match="the host is the reference itself"):
        fp4.run(layer, inputs(1), device="host", check=True)
