// The first example of README.md. Its weight is an argument, so the default
// algorithm finds nothing to calibrate and asks for no Hessians.

// RUN: fp4-opt %s --fp4-form-rotate-quantize | FileCheck %s
// RUN: fp4-compile %s --compile-to=ptx --target=sm_120a | FileCheck %s --check-prefix=SM120
// RUN: fp4-compile %s --compile-to=ptx --target=sm_100a | FileCheck %s --check-prefix=SM100

// CHECK-LABEL: func.func @layer
// CHECK-SAME: (%[[X:.*]]: tensor<128x256xf32>, %[[W:.*]]: !fp4.tensor<128x256, #fp4.nvfp4>)
// CHECK: %[[Q:.*]] = fp4.rotate_quantize %[[X]] block 16 : tensor<128x256xf32> -> !fp4.tensor<128x256, #fp4.nvfp4>
// CHECK: %[[Y:.*]] = fp4.matmul %[[Q]], %[[W]]
// CHECK: return %[[Y]]

// SM120: mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X
// SM100: tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale

func.func @layer(%x: tensor<128x256xf32>, %w: !fp4.tensor<128x256, #fp4.nvfp4>) -> tensor<128x128xf32> {
  %h = fp4.hadamard %x block 16 : tensor<128x256xf32>
  %q = fp4.quantize %h : tensor<128x256xf32> -> !fp4.tensor<128x256, #fp4.nvfp4>
  %y = fp4.matmul %q, %w : !fp4.tensor<128x256, #fp4.nvfp4>, !fp4.tensor<128x256, #fp4.nvfp4> -> tensor<128x128xf32>
  return %y : tensor<128x128xf32>
}
