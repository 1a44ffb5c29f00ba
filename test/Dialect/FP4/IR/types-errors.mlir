// RUN: fp4-opt %s --split-input-file --verify-diagnostics

// The constraints of !fp4.tensor.

// expected-error @+1 {{expected a rank of at least 1, got 0}}
func.func private @tensor_c1(!fp4.tensor<, #fp4.mxfp4>)

// -----

// expected-error @+1 {{expected a rank of at least 2, got 1}}
func.func private @tensor_c1_of_two_dimensional_block(!fp4.tensor<16, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16>>)

// -----

// expected-error @+1 {{expected dimension 1 to be a multiple of the block size 32, got 48}}
func.func private @tensor_c2(!fp4.tensor<4x48, #fp4.mxfp4>)

// -----

// expected-error @+1 {{expected dimension 1, along which blocks run, to be static}}
func.func private @tensor_c2_dynamic(!fp4.tensor<4x?, #fp4.mxfp4>)

// -----

// expected-error @+1 {{expected dimension 0 to be a multiple of the block size 16, got 8}}
func.func private @tensor_c3(!fp4.tensor<8x16, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16>>)

// -----

// expected-error @+1 {{expected dimension 0, along which blocks run, to be static}}
func.func private @tensor_c3_dynamic(!fp4.tensor<?x16, #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16>>)

// -----

// expected-error @+1 {{expected}}
func.func private @tensor_without_format(!fp4.tensor<4x32>)

// -----

// expected-error @+1 {{invalid kind of attribute specified}}
func.func private @tensor_of_other_attribute(!fp4.tensor<4x32, #fp4.activation<relu>>)
