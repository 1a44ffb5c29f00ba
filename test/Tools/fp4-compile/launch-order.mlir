// An artifact is a list of launches: what does not fit into one is told, and operations between launches are the caller's.

// RUN: rm -rf %t && split-file %s %t
// RUN: not fp4-compile %t/loop.mlir -o %t/loop 2>&1 | FileCheck %s --check-prefix=LOOP
// RUN: not fp4-compile %t/blocks.mlir -o %t/blocks 2>&1 | FileCheck %s --check-prefix=BLOCKS
// RUN: not ls %t/loop %t/blocks
// RUN: fp4-compile %t/between.mlir -o %t/between 2>&1 | FileCheck %s --check-prefix=BETWEEN
// RUN: FileCheck %s --check-prefix=MANIFEST < %t/between/manifest.json

// LOOP: loop.mlir:6:11: error: 'fp4gpu.launch' op expected a function directly around it, got 'scf.for': an artifact launches its kernels once, in order
// BLOCKS: blocks.mlir:4:8: error: 'fp4gpu.launch' op expected a function of one block around it, got 3: an artifact launches its kernels once, in order
// BETWEEN: between.mlir:3:8: warning: 'math.sin' op between launches is not part of the artifact: its result is an input of it
// BETWEEN-NOT: warning
// MANIFEST: "launches"
// MANIFEST: "lhs": {
// MANIFEST-NEXT: "input": "launch0.lhs"
// MANIFEST: "out": {
// MANIFEST-NEXT: "output": "launch0.out"
// MANIFEST: "input": {
// MANIFEST-NEXT: "input": "launch1.input"

//--- loop.mlir
func.func @f(%x: !fp4.tensor<4x256, #fp4.mxfp4>, %w: !fp4.tensor<8x256, #fp4.mxfp4>, %y: tensor<4x8xf32>, %n: index)
    -> tensor<4x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%z = %y) -> (tensor<4x8xf32>) {
    %y2 = fp4.matmul %x, %w : !fp4.tensor<4x256, #fp4.mxfp4>, !fp4.tensor<8x256, #fp4.mxfp4> -> tensor<4x8xf32>
    scf.yield %y2 : tensor<4x8xf32>
  }
  return %r : tensor<4x8xf32>
}

//--- blocks.mlir
func.func @f(%c: i1, %x: !fp4.tensor<4x256, #fp4.mxfp4>, %w: !fp4.tensor<8x256, #fp4.mxfp4>, %z: tensor<4x8xf32>) -> tensor<4x8xf32> {
  cf.cond_br %c, ^layer, ^end(%z : tensor<4x8xf32>)
^layer:
  %y = fp4.matmul %x, %w : !fp4.tensor<4x256, #fp4.mxfp4>, !fp4.tensor<8x256, #fp4.mxfp4> -> tensor<4x8xf32>
  cf.br ^end(%y : tensor<4x8xf32>)
^end(%r: tensor<4x8xf32>):
  return %r : tensor<4x8xf32>
}

//--- between.mlir
func.func @f(%x: !fp4.tensor<4x256, #fp4.mxfp4>, %w: !fp4.tensor<64x256, #fp4.mxfp4>, %v: !fp4.tensor<8x64, #fp4.mxfp4>) -> tensor<4x8xf32> {
  %y = fp4.matmul %x, %w : !fp4.tensor<4x256, #fp4.mxfp4>, !fp4.tensor<64x256, #fp4.mxfp4> -> tensor<4x64xf32>
  %s = math.sin %y : tensor<4x64xf32>
  %q = fp4.quantize %s : tensor<4x64xf32> -> !fp4.tensor<4x64, #fp4.mxfp4>
  %z = fp4.matmul %q, %v : !fp4.tensor<4x64, #fp4.mxfp4>, !fp4.tensor<8x64, #fp4.mxfp4> -> tensor<4x8xf32>
  return %z : tensor<4x8xf32>
}
