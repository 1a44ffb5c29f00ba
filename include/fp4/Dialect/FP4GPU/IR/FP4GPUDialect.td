//===- FP4GPUDialect.td - The kernel dialect ---------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_TD

include "mlir/IR/OpBase.td"

def FP4GPU_Dialect : Dialect {
  let name = "fp4gpu";
  let cppNamespace = "::fp4::gpu";
  let summary = "Tensor-core kernels over microscaled operands";
  let description = [{
    Between `fp4`, where a matmul is one operation, and NVVM, where it is a
    thousand, `fp4gpu` says what a kernel does with tiles: which are copied to
    shared memory, which are multiplied, what happens to each element of the
    result. It does not say which warp does it or by which instruction; the
    `schedule` gives sizes, and the last lowering (one per instruction family)
    decides the rest. A kernel of one family differs from that of another only
    in its schedule.

    Global memory is `memref`, row-major without gaps. Elements of 4 bits lie
    two to a byte, the even one in the low nibble. Block scales lie in the
    "128x4" order that the tensor cores read, which as a shape is plain:
    `memref<RxCx32x4x4xscale>` holds the scales of 128 rows and 4 blocks in
    each of its 512-byte tiles; the scale of row `r` and block `j` is at

        [r / 128, j / 4, r % 32, (r % 128) / 32, j % 4]

    Rows are padded to 128 and blocks to 4, with zero bytes.
  }];
  let dependentDialects = ["::fp4::FP4Dialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
  private:
    void registerAttributesAndTypes();

  public:
  }];
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_TD
