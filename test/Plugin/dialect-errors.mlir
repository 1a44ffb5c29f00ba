// The verifiers of the plugin run inside Debian's mlir-opt.
// RUN: mlir-opt --load-dialect-plugin=%fp4_plugin %s --verify-diagnostics

func.func @hadamard_block_not_power_of_two(%x: tensor<4x48xf32>) {
  // expected-error @+1 {{expected 'block' to be a power of two in 2..1024, got 48}}
  %0 = fp4.hadamard %x block 48 : tensor<4x48xf32>
  return
}
