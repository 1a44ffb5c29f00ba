// RUN: split-file %s %t
// RUN: %python %S/write-safetensors.py %t/w.safetensors "mlp.gate.weight:F32:2,2:0" "mlp.up.weight:BF16:2,2:0" "flag:BOOL:2:0"
// RUN: not fp4-opt %t/missing.mlir --fp4-load-parameters=path=%t/w.safetensors 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not fp4-opt %t/dtype.mlir --fp4-load-parameters=path=%t/w.safetensors 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not fp4-opt %t/bool.mlir --fp4-load-parameters=path=%t/w.safetensors 2>&1 | FileCheck %s --check-prefix=BOOL
// RUN: not fp4-opt %t/shape.mlir --fp4-load-parameters=path=%t/w.safetensors 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not fp4-opt %t/shape.mlir --fp4-load-parameters=path=%t/none.safetensors 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not fp4-opt %t/shape.mlir --fp4-load-parameters=path=%t/shape.mlir 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not fp4-opt %t/shape.mlir --fp4-load-parameters 2>&1 | FileCheck %s --check-prefix=PATH

// MISSING: error: 'fp4.parameter' op expected a tensor "mlp.gate.wieght" in {{.*}}w.safetensors, got none; the nearest name is "mlp.gate.weight"
//--- missing.mlir
%w = fp4.parameter "mlp.gate.wieght" : tensor<2x2xf32>

// DTYPE: error: 'fp4.parameter' op expected "mlp.up.weight" with element type 'f32', got BF16 in the weight file
//--- dtype.mlir
%w = fp4.parameter "mlp.up.weight" : tensor<2x2xf32>

// BOOL: error: 'fp4.parameter' op expected "flag" with element type 'i1', got BOOL in the weight file
//--- bool.mlir
%w = fp4.parameter "flag" : tensor<2xi1>

// SHAPE: error: 'fp4.parameter' op expected "mlp.gate.weight" of shape [2, 3], got [2, 2] in the weight file
// FILE: error: {{.*}}none.safetensors{{.*}}No such file
// FORMAT: error: {{.*}}shape.mlir
// PATH: error: 'fp4.parameter' op needs a weight file; give path=FILE
//--- shape.mlir
%w = fp4.parameter "mlp.gate.weight" : tensor<2x3xf32>
