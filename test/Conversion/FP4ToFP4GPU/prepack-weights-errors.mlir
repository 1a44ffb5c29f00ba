// RUN: not fp4-opt %s --fp4-prepack-weights=target=sm_80 2>&1 | FileCheck %s
// CHECK: error: unsupported target 'sm_80'; supported: sm_90a
module {}
