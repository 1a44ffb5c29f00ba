// RUN: fp4-opt %s --split-input-file --verify-diagnostics

// The constraints of #fp4.format and its spelling.

// expected-error @+1 {{expected block columns to be a power of two in 4..1024, got 24}}
#format_c1 = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 24>

// -----

// expected-error @+1 {{expected block columns to be a power of two in 4..1024, got 2}}
#format_c1_small = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 2>

// -----

// expected-error @+1 {{expected block rows to be a power of two in 1..1024, got 3}}
#format_c2 = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 3x32>

// -----

// expected-error @+1 {{expected block rows to be a power of two in 1..1024, got 0}}
#format_c2_zero = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 0x32>

// -----

// expected-error @+1 {{expected block to be columns or rows x columns of at most 1024}}
#block_of_three_dimensions = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 4x4x4>

// -----

// expected-error @+1 {{expected block to be columns or rows x columns of at most 1024}}
#block_too_large = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 4294967328>

// -----

// expected-error @+1 {{expected element to be one of f4E2M1FN, f6E2M3FN, f6E3M2FN, f8E4M3FN, f8E5M2, i8, got f4E3M0}}
#unknown_element = #fp4.format<element = f4E3M0, scale = f8E8M0FNU, block = 32>

// -----

// expected-error @+1 {{expected scale to be one of f8E8M0FNU, f8E4M3FN, ue5m3fnu, ue5m3gc, got f32}}
#unknown_scale = #fp4.format<element = f4E2M1FN, scale = f32, block = 32>

// -----

// expected-error @+1 {{expected 'tensor_scale'}}
#unknown_part = #fp4.format<element = f4E2M1FN, scale = f8E8M0FNU, block = 32, global>

// -----

// expected-error @+1 {{unknown attribute 'mxfp3' in dialect 'fp4'; known formats are nvfp4, mxfp4, mxfp6e2m3, mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8}}
#unknown_name = #fp4.mxfp3

// -----

// expected-error @+2 {{expected ::fp4::ScaleRule to be one of: floor, rceil, even, absmax, four_over_six, search}}
// expected-error @+1 {{failed to parse}}
#unknown_rule = #fp4.scale_rule<ceil>
