// One clear line and a non-zero exit for everything a user can get wrong.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python -c "import numpy; numpy.save('%t/x.npy', numpy.zeros((2, 32), numpy.float32)); numpy.save('%t/d.npy', numpy.zeros((2, 32))); numpy.save('%t/w.npy', numpy.zeros((2, 31), numpy.float32))"
// RUN: printf 'not an array' > %t/bad.npy

// RUN: not fp4-run %s --device=tpu 2>&1 | FileCheck %s --check-prefix=DEVICE
// DEVICE: fp4-run: error: expected --device=host for an MLIR module, got 'tpu'; fp4-compile makes an artifact for GPUs of it
// RUN: not fp4-run %s --entry=double --input x=%t/x.npy --check 2>&1 | FileCheck %s --check-prefix=REFERENCE
// REFERENCE: fp4-run: error: expected --check=file for an MLIR module: the host is the reference itself
// RUN: not fp4-run %s --entry=double --input x=%t/x.npy --trace 2>&1 | FileCheck %s --check-prefix=TRACE
// TRACE: fp4-run: error: expected --trace with the emulator, got a module
// RUN: not fp4-run %s --async=sometimes 2>&1 | FileCheck %s --check-prefix=ASYNC
// ASYNC: fp4-run: error: expected --async=late, early or random:seed, got 'sometimes'
// RUN: not fp4-run %s --size=rows 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: fp4-run: error: expected --size=name=number, got 'rows'
// RUN: not fp4-run %t/none.mlir 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: fp4-run: error: cannot open input file '{{.*}}none.mlir': No such file or directory
// RUN: not fp4-run %s --entry=f 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: fp4-run: error: no entry called 'f'; there is: double, parameter
// RUN: not fp4-run %s 2>&1 | FileCheck %s --check-prefix=NO-MAIN
// NO-MAIN: fp4-run: error: expected an entry to be named, one of: double, parameter
// RUN: not fp4-run %s --entry=double 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: fp4-run: error: expected 1 inputs for 'double', got 0
// RUN: not fp4-run %s --entry=double --input y=%t/x.npy 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: fp4-run: error: no argument called 'y'; there is: x
// RUN: not fp4-run %s --entry=double --input x=%t/x.npy --input x=%t/x.npy 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: fp4-run: error: two inputs for argument 'x'
// RUN: not fp4-run %s --entry=double --input 3=%t/x.npy 2>&1 | FileCheck %s --check-prefix=FAR
// FAR: fp4-run: error: input '3' is argument 3, but only 1 inputs are given
// RUN: not fp4-run %s --entry=double --input x=%t/d.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: fp4-run: error: expected input 0 of type tensor<?x32xF32>, got dtype F64
// RUN: not fp4-run %s --entry=double --input x=%t/w.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: fp4-run: error: expected input 0 of type tensor<?x32xF32>, got shape [2, 31]
// RUN: not fp4-run %s --entry=double --input %t/missing.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: fp4-run: error: {{.*}}missing.npy
// RUN: not fp4-run %s --entry=double --input %t/bad.npy 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: fp4-run: error: {{.*}}bad.npy
// RUN: not fp4-run %s --entry=double --input %t/x.txt 2>&1 | FileCheck %s --check-prefix=SUFFIX
// SUFFIX: fp4-run: error: {{.*}}x.txt: expected a file called *.npy or *.safetensors
// RUN: not fp4-run %s --entry=parameter --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=PARAMETER
// PARAMETER: fp4-run: error: {{.*}}errors.mlir:{{[0-9]+}}:{{[0-9]+}}: 'fp4.parameter' op expected the value of "w" to be loaded; run --fp4-load-parameters first
// RUN: not fp4-run %s --entry=double --input %t/x.npy --output %t/y.npy --output %t/z.npy 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: fp4-run: error: expected at most 1 --output files, one per result, got 2
// RUN: not ls %t/y.npy
// RUN: not fp4-run %s --entry=double --input %t/x.npy --output %t/y.txt 2>&1 | FileCheck %s --check-prefix=OUTPUT
// OUTPUT: fp4-run: error: {{.*}}y.txt: expected a file called *.npy
// RUN: not fp4-run %s --entry=double --input %t/x.npy --check=%t/w.npy 2>&1 | FileCheck %s --check-prefix=CHECK-SHAPE
// CHECK-SHAPE: fp4-run: error: result 0: expected shape [2, 31], got [2, 32]
// RUN: not fp4-run %s --entry=double --input %t/x.npy --check=%t/x.npy --check=%t/x.npy 2>&1 | FileCheck %s --check-prefix=CHECKS
// CHECKS: fp4-run: error: expected at most 1 --check files, one per result, got 2
// RUN: not fp4-run %s --entry=double --input %t/x.npy --hessians-out=%t/h.safetensors 2>&1 | FileCheck %s --check-prefix=HESSIANS
// HESSIANS: fp4-run: error: {{.*}}expected fp4.matmul operations with a float weight, got none; run --convert-linalg-to-fp4 first
// RUN: not ls %t/h.safetensors
// RUN: echo 'func.func @f(' > %t/syntax.mlir
// RUN: not fp4-run %t/syntax.mlir 2>&1 | FileCheck %s --check-prefix=SYNTAX
// SYNTAX: fp4-run: error: {{.*}}syntax.mlir:{{.*}}: expected
// RUN: echo 'module {}' > %t/empty.mlir
// RUN: not fp4-run %t/empty.mlir 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: fp4-run: error: the module has no public function to run

func.func @double(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = arith.addf %x, %x : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

func.func @parameter(%x: tensor<?x32xf32>) -> tensor<?x4xf32> {
  %w = fp4.parameter "w" : tensor<4x32xf32>
  %y = fp4.matmul %x, %w : tensor<?x32xf32>, tensor<4x32xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
