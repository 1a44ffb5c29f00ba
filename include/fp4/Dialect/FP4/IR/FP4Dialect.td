//===- FP4Dialect.td - The fp4 dialect ---------------------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4DIALECT_TD
#define FP4_DIALECT_FP4_IR_FP4DIALECT_TD

include "mlir/IR/OpBase.td"

def FP4_Dialect : Dialect {
  let name = "fp4";
  let cppNamespace = "::fp4";
  let summary = "Microscaled tensors and the rotations that serve them";
  let description = [{
    The `fp4` dialect has one type of its own, the microscaled tensor: blocks of
    narrow elements that share a scale, as in the OCP MX formats and NVFP4. One
    SSA value holds elements, scales and tensor scale together, so that an
    algebra over quantized matrices (rotate, quantize, multiply) is an algebra
    over single operations. `fp4.pack` and `fp4.unpack` go without loss to and
    from plain builtin tensors, which is what other compilers exchange.

    The meaning of every operation is arithmetic on decoded values in float32;
    the library `Numerics` holds the one rounding rule for all of them.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let useDefaultAttributePrinterParser = 0;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let extraClassDeclaration = [{
    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser,
                                     ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attr,
                        ::mlir::DialectAsmPrinter &printer) const override;

  private:
    void registerAttributes();
    void registerTypes();

  public:
  }];
}

#endif // FP4_DIALECT_FP4_IR_FP4DIALECT_TD
