// RUN: fp4-opt %s --split-input-file --verify-diagnostics --convert-fp4-to-fp4gpu="target=sm_120a require-kernels"
// RUN: not fp4-opt %s --convert-fp4-to-fp4gpu=target=sm_90 2>&1 | FileCheck %s
// CHECK: error: unsupported target 'sm_90'; supported: sm_90a, sm_100a, sm_103a, sm_120a, sm_120f, sm_121a

func.func @float_activation(%x: tensor<256x512xf32>, %w: !fp4.tensor<384x512, #fp4.mxfp4>) {
  // expected-error @below {{'fp4.matmul' op has no kernel for sm_120a: expected a left side of bf16 or f16 and a right side of #fp4.nvfp4 or #fp4.mxfp4, got tensor<256x512xf32> and !fp4.tensor<384x512, #fp4.mxfp4>}}
  %0 = fp4.matmul %x, %w : tensor<256x512xf32>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  return
}

// -----

// A format that is nvfp4 but for the tensor scale has no name that a kernel's
// meaning could tell.
#plain = #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16>
func.func @format_without_a_name(%x: !fp4.tensor<256x512, #plain>, %w: !fp4.tensor<384x512, #plain>) {
  // expected-error @below {{expected two operands of #fp4.nvfp4, or two among}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<256x512, #plain>, !fp4.tensor<384x512, #plain> -> tensor<256x384xf32>
  return
}

// -----

#scaled = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 32, tensor_scale>
func.func @decoded_format_without_a_name(%x: tensor<256x512xbf16>, %w: !fp4.tensor<384x512, #scaled>) {
  // expected-error @below {{expected a left side of bf16 or f16 and a right side of #fp4.nvfp4 or #fp4.mxfp4}}
  %0 = fp4.matmul %x, %w : tensor<256x512xbf16>, !fp4.tensor<384x512, #scaled> -> tensor<256x384xf32>
  return
}

// -----

func.func @mixed_formats(%x: !fp4.tensor<256x512, #fp4.nvfp4>, %w: !fp4.tensor<384x512, #fp4.mxfp4>) {
  // expected-error @below {{expected two operands of #fp4.nvfp4, or two among #fp4.mxfp4, #fp4.mxfp6e2m3, #fp4.mxfp6e3m2, #fp4.mxfp8e4m3 and #fp4.mxfp8e5m2}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<256x512, #fp4.nvfp4>, !fp4.tensor<384x512, #fp4.mxfp4> -> tensor<256x384xf32>
  return
}

// -----

func.func @other_block_size(%x: !fp4.tensor<256x512, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>>,
                            %w: !fp4.tensor<384x512, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>>) {
  // expected-error @below {{expected two operands of #fp4.nvfp4, or two among #fp4.mxfp4, #fp4.mxfp6e2m3, #fp4.mxfp6e3m2, #fp4.mxfp8e4m3 and #fp4.mxfp8e5m2}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<256x512, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>>, !fp4.tensor<384x512, #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 16>> -> tensor<256x384xf32>
  return
}

// -----

func.func @columns(%x: !fp4.tensor<256x128, #fp4.mxfp4>, %w: !fp4.tensor<12x128, #fp4.mxfp4>) {
  // expected-error @below {{expected N to be a static multiple of 8, got 12}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<256x128, #fp4.mxfp4>, !fp4.tensor<12x128, #fp4.mxfp4> -> tensor<256x12xf32>
  return
}

// -----

func.func @dynamic_columns(%x: !fp4.tensor<256x128, #fp4.mxfp4>, %w: !fp4.tensor<?x128, #fp4.mxfp4>) {
  // expected-error @below {{expected N to be a static multiple of 8, got ?}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<256x128, #fp4.mxfp4>, !fp4.tensor<?x128, #fp4.mxfp4> -> tensor<256x?xf32>
  return
}

// -----

func.func @schedule_blocks(%x: !fp4.tensor<256x384, #fp4.mxfp4>, %w: !fp4.tensor<384x384, #fp4.mxfp4>) {
  // expected-error @below {{expected a schedule with a depth that is a multiple of 128, got 64}}
  %0 = fp4.matmul %x, %w {fp4gpu.schedule = #fp4gpu.schedule<tile = 128x128x64, stages = 2, warps = 2x2>} : !fp4.tensor<256x384, #fp4.mxfp4>, !fp4.tensor<384x384, #fp4.mxfp4> -> tensor<256x384xf32>
  return
}

// -----

func.func @no_rows(%x: !fp4.tensor<0x128, #fp4.mxfp4>, %w: !fp4.tensor<16x128, #fp4.mxfp4>) {
  // expected-error @below {{expected a product that is not empty, got M x N x K = 0x16x128}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<0x128, #fp4.mxfp4>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<0x16xf32>
  return
}

// -----

func.func @no_rows_to_decode_for(%x: tensor<0x128xbf16>, %w: !fp4.tensor<16x128, #fp4.mxfp4>) {
  // expected-error @below {{expected a product that is not empty, got M x N x K = 0x16x128}}
  %0 = fp4.matmul %x, %w : tensor<0x128xbf16>, !fp4.tensor<16x128, #fp4.mxfp4> -> tensor<0x16xf32>
  return
}

// -----

func.func @folded(%x: tensor<4x128xf8E4M3FN>, %w: !fp4.tensor<8x128, #fp4.mxfp4>) {
  // expected-error @below {{has no kernel for sm_120a: expected a left side of bf16 or f16 and a right side of #fp4.nvfp4 or #fp4.mxfp4, got}}
  %0 = fp4.matmul %x, %w : tensor<4x128xf8E4M3FN>, !fp4.tensor<8x128, #fp4.mxfp4> -> tensor<4x8xf32>
  return
}

// -----

// 2^23 x 2^16 have 2^39 / 32 = 2^34 bytes of scales.
func.func @many_scales(%x: !fp4.tensor<8388608x65536, #fp4.mxfp4>, %w: !fp4.tensor<16x65536, #fp4.mxfp4>) {
  // expected-error @below {{expected sizes and bytes of scales below 2^31, got M x N x K = 8388608x16x65536}}
  %0 = fp4.matmul %x, %w : !fp4.tensor<8388608x65536, #fp4.mxfp4>, !fp4.tensor<16x65536, #fp4.mxfp4> -> tensor<8388608x16xf32>
  return
}
