// RUN: fp4-opt %s | fp4-opt | FileCheck %s
// RUN: fp4-opt %s -emit-bytecode | fp4-opt | FileCheck %s

// CHECK-LABEL: module attributes
// CHECK-SAME: test.activations = [#fp4.activation<none>, #fp4.activation<relu>, #fp4.activation<gelu>, #fp4.activation<silu>, #fp4.activation<gelu_tanh>]
// CHECK-SAME: test.format = #fp4.nvfp4
// CHECK-SAME: test.nan = [#fp4.nan_policy<propagate>, #fp4.nan_policy<saturate_inf>]
// CHECK-SAME: test.packed = #fp4.packed<elements = dense<[50, 16]> : tensor<2xi8>, scales = dense<127> : tensor<1xi8>>
// CHECK-SAME: test.packed_scaled = #fp4.packed<elements = dense<0> : tensor<8xi8>, scales = dense_resource<scale_bytes> : tensor<1xi8>, tensor_scale = 2.500000e-01 : f32>
// CHECK-SAME: test.rules = [#fp4.scale_rule<floor>, #fp4.scale_rule<rceil>, #fp4.scale_rule<even>, #fp4.scale_rule<absmax>, #fp4.scale_rule<four_over_six>, #fp4.scale_rule<search>]
// CHECK: scale_bytes: "0x0100000038"
module attributes {
  test.format = #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16, tensor_scale>,
  test.rules = [#fp4.scale_rule<floor>, #fp4.scale_rule<rceil>, #fp4.scale_rule<even>,
                #fp4.scale_rule<absmax>, #fp4.scale_rule<four_over_six>, #fp4.scale_rule<search>],
  test.nan = [#fp4.nan_policy<propagate>, #fp4.nan_policy<saturate_inf>],
  test.activations = [#fp4.activation<none>, #fp4.activation<relu>, #fp4.activation<gelu>, #fp4.activation<silu>, #fp4.activation<gelu_tanh>],
  test.packed = #fp4.packed<elements = dense<[50, 16]> : tensor<2xi8>, scales = dense<127> : tensor<1xi8>>,
  test.packed_scaled = #fp4.packed<elements = dense<0> : tensor<8xi8>,
                                   scales = dense_resource<scale_bytes> : tensor<1xi8>,
                                   tensor_scale = 0.25 : f32>
} {
}

{-#
  dialect_resources: {
    builtin: {
      scale_bytes: "0x0100000038"
    }
  }
#-}
