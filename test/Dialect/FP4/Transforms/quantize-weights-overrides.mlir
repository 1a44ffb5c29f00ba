// RUN: fp4-opt %s --fp4-quantize-weights="algorithm=rtn" | FileCheck %s --check-prefixes=CHECK,ALONE
// RUN: fp4-opt %s --fp4-quantize-weights="algorithm=rtn share-tensor-scales" | FileCheck %s --check-prefixes=CHECK,SHARED
// RUN: fp4-opt %s --fp4-quantize-weights="algorithm=rtn share-tensor-scales keep=l[.]k" | FileCheck %s --check-prefix=KEPT
// RUN: not fp4-opt %s --fp4-quantize-weights="algorithm=rtn overrides=l[.](k|o)=modelopt;.*=mr-gptq" 2>&1 | FileCheck %s --check-prefix=NEEDS
// RUN: not fp4-opt %s --fp4-quantize-weights="algorithm=rtn overrides=l[.]k" 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not fp4-opt %s --fp4-quantize-weights="algorithm=rtn overrides=(=rtn" 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not fp4-opt %s --fp4-quantize-weights="algorithm=rtn keep=(" 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: not fp4-opt %s --fp4-quantize-weights="algorithm=fp-quant format=mxfp4" 2>&1 | FileCheck %s --check-prefix=SCALE
// RUN: fp4-opt %s --fp4-quantize-weights="algorithm=rtn overrides=none=gptq;l[.](k|o)=modelopt" 2>&1 >/dev/null | FileCheck %s --check-prefix=BY

// Layers by name. q and k read the same value; their largest weights are 6 and 3,
// so alone they get the tensor scales 6 / 2688 and 3 / 2688, together the former.

// The activations of kept layers stay as well.
// RUN: fp4-opt %s --fp4-quantize-activations="keep=l[.]k" | FileCheck %s --check-prefix=INPUTS
// RUN: not fp4-opt %s --fp4-quantize-activations="keep=(" 2>&1 | FileCheck %s --check-prefix=KEEP
// INPUTS: fp4.matmul %{{.*}} {fp4.layer = "l.q"} : !fp4.tensor<4x16
// INPUTS: fp4.matmul %{{.*}} {fp4.layer = "l.k"} : tensor<4x16xf32>

// NEEDS: error: algorithm mr-gptq needs calibration Hessians; give hessians=FILE or use algorithm=rtn
// FORM: error: expected 'overrides' to be PATTERN=ALGORITHM;..., got 'l[.]k'
// REGEX: error: expected 'overrides' to be a regular expression, got '(': parentheses not balanced
// KEEP: error: expected 'keep' to be a regular expression, got '(': parentheses not balanced
// SCALE: error: algorithm fp-quant needs a tensor scale, which format mxfp4 does not have

// BY: remark: layer 'l.q' quantized to #fp4.nvfp4 by rtn
// BY: remark: layer 'l.k' quantized to #fp4.nvfp4 by modelopt
// BY: remark: layer 'l.o' quantized to #fp4.nvfp4 by modelopt

// CHECK-LABEL: func @layers
// CHECK: fp4.constant {{.*}}tensor_scale = 0.00223214296
// ALONE: fp4.constant {{.*}}tensor_scale = 0.00111607148
// SHARED: fp4.constant {{.*}}tensor_scale = 0.00223214296
// The third layer reads another value and keeps its own: 1 / 2688.
// CHECK: fp4.constant {{.*}}tensor_scale = 3.7202{{[0-9]+}}E-4

// With k kept, q is alone.
// KEPT-LABEL: func @layers
// KEPT: fp4.constant {{.*}}tensor_scale = 0.00223214296
// KEPT: fp4.matmul %{{.*}} {fp4.layer = "l.q"} : tensor<4x16xf32>, !fp4.tensor
// KEPT: fp4.matmul %{{.*}} {fp4.layer = "l.k"} : tensor<4x16xf32>, tensor<1x16xf32>
func.func @layers(%x: tensor<4x16xf32>, %z: tensor<4x16xf32>)
    -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %wq = arith.constant dense<6.0> : tensor<1x16xf32>
  %wk = arith.constant dense<3.0> : tensor<1x16xf32>
  %wo = arith.constant dense<1.0> : tensor<1x16xf32>
  %q = fp4.matmul %x, %wq {fp4.layer = "l.q"} : tensor<4x16xf32>, tensor<1x16xf32> -> tensor<4x1xf32>
  %k = fp4.matmul %x, %wk {fp4.layer = "l.k"} : tensor<4x16xf32>, tensor<1x16xf32> -> tensor<4x1xf32>
  %o = fp4.matmul %z, %wo {fp4.layer = "l.o"} : tensor<4x16xf32>, tensor<1x16xf32> -> tensor<4x1xf32>
  return %q, %k, %o : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}
