// RUN: fp4-compile %s --algorithm=rtn --compile-to=input | FileCheck %s --check-prefix=INPUT
// RUN: fp4-compile %s --algorithm=rtn --rotation=32 --compile-to=rotate | FileCheck %s --check-prefix=ROTATE
// RUN: fp4-compile %s --algorithm=rtn --rotation=32 --compile-to=fuse | FileCheck %s --check-prefix=FUSE
// RUN: fp4-compile %s --algorithm=rtn --rotation=32 --compile-to=quantize | FileCheck %s --check-prefix=QUANTIZE
// RUN: fp4-compile %s --algorithm=rtn --compile-to=layout | FileCheck %s --check-prefix=LAYOUT
// RUN: fp4-compile %s --algorithm=rtn --compile-to=gpu | FileCheck %s --check-prefix=GPU
// RUN: fp4-compile %s --algorithm=rtn --compile-to=nvvm | FileCheck %s --check-prefix=NVVM
// RUN: fp4-compile %s --algorithm=rtn --compile-to=ptx | FileCheck %s --check-prefix=PTX
// RUN: fp4-compile %s --algorithm=rtn --format=mxfp4 --compile-to=ptx | FileCheck %s --check-prefix=MXFP4
// RUN: fp4-compile %s --algorithm=rtn --target=sm_100a --compile-to=ptx | FileCheck %s --check-prefix=SM100
// RUN: rm -rf %t && fp4-compile %s --algorithm=rtn --compile-to=ptx --dump=%t > %t.ptx
// RUN: ls %t | FileCheck %s --check-prefix=DUMP

// One layer through every phase.

// INPUT: fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "linear0"} : tensor<?x256xf32>, tensor<128x256xf32> -> tensor<?x128xf32>
// ROTATE-COUNT-2: fp4.hadamard %{{.*}} block 32
// FUSE: fp4.hadamard %{{.*}} block 32 : tensor<?x256xf32>
// FUSE-NOT: fp4.hadamard
// QUANTIZE: fp4.rotate_quantize %{{.*}} block 32
// QUANTIZE: fp4.matmul %{{.*}}, %{{.*}} : !fp4.tensor<?x256, #fp4.nvfp4>, !fp4.tensor<128x256, #fp4.nvfp4>
// LAYOUT: fp4gpu.unprepack
// LAYOUT: fp4.matmul
// GPU: fp4gpu.launch
// GPU: fp4gpu.kernel
// NVVM: fp4gpu.launch @kernels::@matmul_nvfp4_mx128x256_f32
// NVVM: gpu.module @kernels
// NVVM: nvvm.mma.block_scale
// NVVM-NOT: scf.
// PTX: .version 8.7
// PTX: .target sm_120a
// PTX: .visible .entry matmul_nvfp4_mx128x256_f32(
// PTX: mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3
// MXFP4: mma.sync.aligned.m16n8k64.row.col.kind::mxf4.block_scale.scale_vec::2X.f32.e2m1.e2m1.f32.ue8m0
// SM100: .version 8.8
// SM100: .target sm_100a
// SM100: tcgen05.mma.cta_group::1.kind::mxf4nvf4.block_scale.block16
// DUMP: fuse.mlir
// DUMP-NEXT: gpu.mlir
// DUMP-NEXT: input.mlir
// DUMP-NEXT: layout.mlir
// DUMP-NEXT: nvvm.mlir
// DUMP-NEXT: quantize.mlir
// DUMP-NEXT: rotate.mlir
func.func @main(%x: tensor<?x256xf32>) -> tensor<?x128xf32> {
  %w = arith.constant dense<0.5> : tensor<256x128xf32>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x256xf32>
  %empty = tensor.empty(%rows) : tensor<?x128xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x256xf32>, tensor<256x128xf32>) outs(%init : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
