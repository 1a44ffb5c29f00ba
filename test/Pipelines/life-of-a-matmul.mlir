// The matmul that docs/Architecture.md follows through the phases: one linear
// layer of examples/llama-mlp, with its real weight and calibration inputs.

// DEFINE: %{options} = --target=sm_120a --format=nvfp4 --algorithm=mr-gptq \
// DEFINE:   --weights=%fp4_source_dir/examples/llama-mlp/weights.safetensors \
// DEFINE:   --calibrate=%fp4_source_dir/examples/llama-mlp/activations.safetensors:calibration

// RUN: fp4-compile %s %{options} --compile-to=input | FileCheck %s --check-prefix=INPUT
// RUN: fp4-compile %s %{options} --compile-to=fuse | FileCheck %s --check-prefix=FUSE
// RUN: fp4-compile %s %{options} --compile-to=quantize | FileCheck %s --check-prefix=QUANTIZE
// RUN: fp4-compile %s %{options} --compile-to=layout | FileCheck %s --check-prefix=LAYOUT
// RUN: fp4-compile %s %{options} --compile-to=gpu | FileCheck %s --check-prefix=GPU
// RUN: fp4-compile %s %{options} --compile-to=nvvm | FileCheck %s --check-prefix=NVVM
// RUN: fp4-compile %s %{options} --compile-to=ptx | FileCheck %s --check-prefix=PTX
// The IR printed in the document is what the compiler prints today.
// RUN: %python %fp4_source_dir/scripts/life-of-a-matmul --check

// INPUT: fp4.matmul %{{.*}}, %{{.*}} {fp4.layer = "gate_proj"} : tensor<?x512xf32>, tensor<1408x512xbf16>

// The weight side stays lazy: quantization reads it through its rotation.
// FUSE: %[[X:.*]] = fp4.hadamard %arg0 block 16
// FUSE: %[[W:.*]] = fp4.hadamard %{{.*}} block 16 : tensor<1408x512xf32>
// FUSE: fp4.matmul %[[X]], %[[W]]

// QUANTIZE-DAG: %[[W:.*]] = fp4.constant <elements = dense_resource<gate_proj.elements>
// QUANTIZE-DAG: %[[X:.*]] = fp4.rotate_quantize %arg0 block 16
// QUANTIZE: fp4.matmul %[[X]], %[[W]]

// The 128x4 tiles of 1408 x 32 scales: 11 x 8 tiles of 512 bytes.
// LAYOUT: fp4gpu.unprepack %{{.*}} : tensor<1408x256xi8>, tensor<11x8x32x4x4xi8>

// GPU: fp4gpu.launch @matmul_nvfp4_mx1408x512_f32
// GPU: fp4gpu.kernel @matmul_nvfp4_mx1408x512_f32
// GPU: fp4gpu.pipeline 4
// GPU: fp4gpu.mma

// NVVM: nvvm.mma.block_scale

// PTX: .target sm_120a
// PTX: mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale.scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3

#activations = affine_map<(m, n, k) -> (m, k)>
#weights = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>

func.func @gate(%x: tensor<?x512xf32>) -> tensor<?x1408xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %tokens = tensor.dim %x, %c0 : tensor<?x512xf32>
  %w = fp4.parameter "gate_proj.weight" : tensor<1408x512xbf16>
  %empty = tensor.empty(%tokens) : tensor<?x1408xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x1408xf32>) -> tensor<?x1408xf32>
  %y = linalg.matmul indexing_maps = [#activations, #weights, #result]
      ins(%x, %w : tensor<?x512xf32>, tensor<1408x512xbf16>)
      outs(%init : tensor<?x1408xf32>) -> tensor<?x1408xf32>
  return %y : tensor<?x1408xf32>
}
