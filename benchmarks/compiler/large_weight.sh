#!/usr/bin/env bash
# Time and memory of one 4096x14336 bf16 weight through
# import -> rotate -> round to nearest -> pack.
#
# usage: large_weight.sh [BUILD_DIR] [ROWS COLS]
#
# Budget: 10 s and four times the size of the weight in bf16. Exits 1 if either
# is exceeded. Needs GNU time and a Python with numpy (PYTHON=...).
set -euo pipefail

source_dir=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$source_dir/build/dev}
rows=${2:-4096}
cols=${3:-14336}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" - "$work/w.safetensors" "$rows" "$cols" <<'PYTHON'
import json
import struct
import sys

import numpy

path, rows, cols = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
values = numpy.random.default_rng(0).laplace(size=(rows, cols)).astype(numpy.float32)
data = (values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes()
header = {"w": {"dtype": "BF16", "shape": [rows, cols], "data_offsets": [0, len(data)]}}
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
PYTHON

cat > "$work/layer.mlir" <<MLIR
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
func.func @layer(%x: tensor<16x${cols}xf32>) -> tensor<16x${rows}xf32> {
  %w = fp4.parameter "w" : tensor<${rows}x${cols}xbf16>
  %zero = arith.constant dense<0.0> : tensor<16x${rows}xf32>
  %y = linalg.matmul indexing_maps = [#x, #w, #y]
      ins(%x, %w : tensor<16x${cols}xf32>, tensor<${rows}x${cols}xbf16>)
      outs(%zero : tensor<16x${rows}xf32>) -> tensor<16x${rows}xf32>
  return %y : tensor<16x${rows}xf32>
}
MLIR

run() { # NAME PASSES...
  local name=$1
  shift
  /usr/bin/time -f '%e %U %M' -o "$work/time" "$build/bin/fp4-opt" "$work/layer.mlir" \
    --fp4-load-parameters=path="$work/w.safetensors" --convert-linalg-to-fp4 "$@" \
    --emit-bytecode -o "$work/out.mlirbc" 2> "$work/log" || { cat "$work/log"; exit 1; }
  local seconds cpu kilobytes
  read -r seconds cpu kilobytes < "$work/time"
  awk -v name="$name" -v s="$seconds" -v cpu="$cpu" -v kb="$kilobytes" -v size=$((rows * cols * 2)) \
    'BEGIN { ratio = kb * 1024 / size
             printf "%-28s %6.2f s (%.2f s of processor) %7.1f MB  %.2f x bf16\n",
                    name, s, cpu, kb / 1024, ratio
             exit s > 10 || ratio > 4 }' || failed=1
}

failed=0
run "nvfp4 rtn" --fp4-quantize-weights="algorithm=rtn format=nvfp4"
run "nvfp4 rotate, rtn" --fp4-insert-rotations=block=16 \
  --fp4-quantize-weights="algorithm=rtn format=nvfp4"
run "mxfp4 rotate, rtn" --fp4-insert-rotations=block=32 \
  --fp4-quantize-weights="algorithm=rtn format=mxfp4"
run "mxfp4 rotate, fuse, rtn" --fp4-insert-rotations=block=32 \
  --fp4-fuse-rotations \
  --fp4-quantize-weights="algorithm=rtn format=mxfp4"
exit "$failed"
