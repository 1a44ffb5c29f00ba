//===- RotationOpInterface.td - How a rotation passes an op *- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_TD
#define FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def RotationOpInterface : OpInterface<"RotationOpInterface"> {
  let cppNamespace = "::fp4";
  let description = [{
    What an operation with one result knows about rotations R of the last
    dimension. It answers two questions, and an operation that does not
    implement the interface answers no to both:

    1. Can the result be had rotated? Either by rotating operands,
       op(x R, ...) = op(x, ...) R (reshapes, sums, casts, scaling by what does
       not vary along the last dimension), or by absorbing R into a constant
       (the rows of a linear layer's weight).
    2. Can an operand be rotated without changing the result? Either because
       the operation does not see it (a sum of squares) or because a constant
       absorbs R (the columns of a weight).

    Callers check that the values themselves can be rotated: floats, with a
    static last dimension that is a multiple of the block.
  }];
  let methods = [
    InterfaceMethod<
      "Question 1. On success `operands` are those that have to be rotated, none "
      "if a constant absorbs the rotation.",
      "::llvm::LogicalResult", "getRotatedOperands",
      (ins "const ::fp4::Rotation &":$rotation,
           "::llvm::SmallVectorImpl<::mlir::OpOperand *> &":$operands),
      /*methodBody=*/"", /*defaultImplementation=*/"return ::mlir::failure();">,
    InterfaceMethod<
      "Makes the result the rotated one, in place, once the operands of "
      "question 1 are rotated.",
      "void", "rotateResult",
      (ins "::mlir::OpBuilder &":$builder,
           "const ::fp4::Rotation &":$rotation),
      /*methodBody=*/"", /*defaultImplementation=*/"return;">,
    InterfaceMethod<
      "Question 2 about `operand`.",
      "bool", "acceptsRotated",
      (ins "::mlir::OpOperand &":$operand,
           "const ::fp4::Rotation &":$rotation),
      /*methodBody=*/"", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<
      "Changes the operation, in place, for a rotated `operand`.",
      "void", "rotateOperand",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::OpOperand &":$operand,
           "const ::fp4::Rotation &":$rotation),
      /*methodBody=*/"", /*defaultImplementation=*/"return;">
  ];
}

#endif // FP4_DIALECT_FP4_IR_ROTATIONOPINTERFACE_TD
