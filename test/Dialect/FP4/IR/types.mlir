// RUN: fp4-opt %s | fp4-opt | FileCheck %s
// RUN: fp4-opt %s -emit-bytecode | fp4-opt | FileCheck %s

// CHECK: @known_formats(!fp4.tensor<4x64, #fp4.nvfp4>, !fp4.tensor<4x64, #fp4.mxfp4>, !fp4.tensor<4x64, #fp4.mxfp6e2m3>, !fp4.tensor<4x64, #fp4.mxfp6e3m2>, !fp4.tensor<4x64, #fp4.mxfp8e4m3>, !fp4.tensor<4x64, #fp4.mxfp8e5m2>, !fp4.tensor<4x64, #fp4.mxint8>)
func.func private @known_formats(
    !fp4.tensor<4x64, #fp4.nvfp4>, !fp4.tensor<4x64, #fp4.mxfp4>,
    !fp4.tensor<4x64, #fp4.mxfp6e2m3>, !fp4.tensor<4x64, #fp4.mxfp6e3m2>,
    !fp4.tensor<4x64, #fp4.mxfp8e4m3>, !fp4.tensor<4x64, #fp4.mxfp8e5m2>,
    !fp4.tensor<4x64, #fp4.mxint8>)

// A format that has a name prints as that, however it was spelled.

// CHECK: @long_spelling(!fp4.tensor<16, #fp4.nvfp4>, !fp4.tensor<32, #fp4.mxfp6e3m2>, !fp4.tensor<32, #fp4.mxint8>)
func.func private @long_spelling(
    !fp4.tensor<16, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16, tensor_scale>>,
    !fp4.tensor<32, #fp4.format<element = f6E3M2FN, scale = f8E8M0FNU, block = 1x32>>,
    !fp4.tensor<32, #fp4.format<element = i8, scale = f8E8M0FNU, block = 32>>)

// CHECK: @other_formats(!fp4.tensor<32x32, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>>, !fp4.tensor<8, #fp4.format<element = f4E2M1FN, scale = ue5m3fnu, block = 8>>, !fp4.tensor<4, #fp4.format<element = f8E5M2, scale = ue5m3gc, block = 4>>, !fp4.tensor<1024x1024, #fp4.format<element = f6E2M3FN, scale = f8E8M0FNU, block = 1024x1024>>)
func.func private @other_formats(
    !fp4.tensor<32x32, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>>,
    !fp4.tensor<8, #fp4.format<element = f4E2M1FN, scale = ue5m3fnu, block = 8>>,
    !fp4.tensor<4, #fp4.format<element = f8E5M2, scale = ue5m3gc, block = 4>>,
    !fp4.tensor<1024x1024, #fp4.format<element = f6E2M3FN, scale = f8E8M0FNU, block = 1024x1024>>)

// CHECK: @shapes(!fp4.tensor<32, #fp4.mxfp4>, !fp4.tensor<?x?x64, #fp4.mxfp4>, !fp4.tensor<0x0, #fp4.mxfp4>)
func.func private @shapes(!fp4.tensor<32, #fp4.mxfp4>, !fp4.tensor<?x?x64, #fp4.mxfp4>, !fp4.tensor<0x0, #fp4.mxfp4>)
