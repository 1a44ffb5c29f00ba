// Passes, their options, and nesting through Debian's mlir-opt. The dialect flag
// alone brings the passes; with both flags they are registered once.
// RUN: mlir-opt --load-dialect-plugin=%fp4_plugin %s \
// RUN:   --pass-pipeline='builtin.module(func.func(fp4-insert-rotations{block=16}),canonicalize)' \
// RUN: | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%fp4_plugin --load-pass-plugin=%fp4_plugin %s \
// RUN:   --pass-pipeline='builtin.module(fp4-insert-rotations{block=16})' \
// RUN: | FileCheck %s

// A failing pass fails mlir-opt with our message.
// RUN: not mlir-opt --load-dialect-plugin=%fp4_plugin %s \
// RUN:   --pass-pipeline='builtin.module(fp4-insert-rotations{block=12})' 2>&1 \
// RUN: | FileCheck --check-prefix=BLOCK %s
// BLOCK: error: {{.*}}12

// CHECK-LABEL: func.func @rotates_both_sides(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<4x32xf32>
// CHECK:         %[[XH:.*]] = fp4.hadamard %[[X]] block 16
// CHECK:         %[[WH:.*]] = fp4.hadamard %{{.*}} block 16
// CHECK:         fp4.matmul %[[XH]], %[[WH]]
func.func @rotates_both_sides(%x: tensor<4x32xf32>) -> tensor<4x8xf32> {
  %w = fp4.parameter "w" : tensor<8x32xf32>
  %0 = fp4.matmul %x, %w : tensor<4x32xf32>, tensor<8x32xf32> -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
