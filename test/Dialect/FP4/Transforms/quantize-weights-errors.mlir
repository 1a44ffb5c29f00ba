// RUN: split-file %s %t
// RUN: %python %S/write-safetensors.py %t/h.safetensors "l0:F32:64,64:diag=1" "l1:BF16:32,32:diag=1" "l2:F32:32,32:diag=1"
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights 2>&1 | FileCheck %s --check-prefix=CALIBRATION
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights=algorithm=awq 2>&1 | FileCheck %s --check-prefix=ALGORITHM
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=rtn format=int3" 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=rtn scale-rule=best" 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=rtn scale-rule=in-loop" 2>&1 | FileCheck %s --check-prefix=LOOP
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=gptq hessians=%t/none.safetensors" 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=gptq hessians=%t/h.safetensors" 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not fp4-opt %t/l0.mlir --fp4-quantize-weights="algorithm=gptq hessians=%t/h.safetensors" 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not fp4-opt %t/l1.mlir --fp4-quantize-weights="algorithm=gptq hessians=%t/h.safetensors" 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not fp4-opt %t/signs.mlir --fp4-quantize-weights="algorithm=gptq hessians=%t/h.safetensors" 2>&1 | FileCheck %s --check-prefix=SIGNS
// RUN: not fp4-opt %t/layer.mlir --fp4-quantize-weights="algorithm=rtn format=mxfp4 layers=(" 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not fp4-opt %t/block.mlir --fp4-quantize-weights="algorithm=rtn format=mxfp4" 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: not fp4-opt %t/nan.mlir --fp4-quantize-weights="algorithm=rtn" 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not fp4-opt %t/resource.mlir --fp4-quantize-weights="algorithm=rtn" 2>&1 | FileCheck %s --check-prefix=RESOURCE
// RUN: not fp4-opt %t/parameter.mlir --fp4-quantize-weights="algorithm=rtn" 2>&1 | FileCheck %s --check-prefix=PARAMETER

// CALIBRATION: error: algorithm mr-gptq needs calibration Hessians; give hessians=FILE or use algorithm=rtn
// ALGORITHM: error: unknown quantization preset 'awq'
// FORMAT: error: unknown format 'int3'; known formats are nvfp4
// RULE: error: expected 'scale-rule' to be one of absmax6, absmax4, floor, even, ceil, four-over-six, sweep, mse, wmse, local-hessian, in-loop, got 'best'
// LOOP: error: scale rule in-loop needs algorithm gptq, got rtn
// FILE: error: {{.*}}none.safetensors{{.*}}No such file
// MISSING: error: layer 'layer': expected a tensor "layer" in the file of Hessians, got none; the nearest name is "l
// REGEX: error: expected 'layers' to be a regular expression, got '(': parentheses not balanced
//--- layer.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "layer"} : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// SHAPE: error: layer 'l0': expected a Hessian of F32 [32, 32], got F32 [64, 64]
//--- l0.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "l0"} : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// DTYPE: error: layer 'l1': expected a Hessian of F32 [32, 32], got BF16 [32, 32]
//--- l1.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "l1"} : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// SIGNS: error: layer 'l2': no Hessian for an input that went through the inverse of a rotation with signs
//--- signs.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x32xf32>
  %r = fp4.hadamard %x block 2 signs [1, -1] inverse : tensor<4x32xf32>
  %y = fp4.matmul %r, %w {fp4.layer = "l2"} : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// BLOCK: error: layer 'odd': expected K to be a multiple of the block 32 of #fp4.mxfp4, got 48
//--- block.mlir
func.func @f(%x: tensor<4x48xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x48xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "odd"} : tensor<4x48xf32>, tensor<2x48xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// The position is that in the weight, whatever a rotation makes of it.
// NAN: error: layer: weight is nan at row 1, column 2, expected finite values
//--- nan.mlir
func.func @f(%x: tensor<4x16xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                             [0.0, 0.0, 0x7FC0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<2x16xbf16>
  %f = arith.extf %w : tensor<2x16xbf16> to tensor<2x16xf32>
  %r = fp4.hadamard %f block 16 : tensor<2x16xf32>
  %y = fp4.matmul %x, %r : tensor<4x16xf32>, tensor<2x16xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// RESOURCE: error: layer: cannot read the weight's resource
//--- resource.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense_resource<missing> : tensor<2x32xf32>
  %y = fp4.matmul %x, %w : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// PARAMETER: error: layer 'p': weight is not loaded; run --fp4-load-parameters first
//--- parameter.mlir
func.func @f(%x: tensor<4x32xf32>) -> tensor<4x2xf32> {
  %w = fp4.parameter "p.weight" : tensor<2x32xf32>
  %y = fp4.matmul %x, %w {fp4.layer = "p"} : tensor<4x32xf32>, tensor<2x32xf32> -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
