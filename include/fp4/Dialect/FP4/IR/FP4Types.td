//===- FP4Types.td - The microscaled tensor type -----------*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4TYPES_TD
#define FP4_DIALECT_FP4_IR_FP4TYPES_TD

include "fp4/Dialect/FP4/IR/FP4Attributes.td"

class FP4_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<FP4_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def FP4_MicroscaledTensorType : FP4_Type<"MicroscaledTensor", "tensor"> {
  let summary = "a tensor of blocks of narrow elements with a scale each";
  let description = [{
    A tensor of shape `d0 x ... x dn` whose value at an index is

        element * scale of its block * tensor scale

    Blocks run along the last dimension (and, for two-dimensional blocks, along
    the one before it). How the bits lie in memory is not part of the type.

    - (C1) the rank is at least 1, and at least 2 for two-dimensional blocks.
    - (C2) the last dimension is static and a multiple of the block's columns.
    - (C3) for two-dimensional blocks, the dimension before it is static and a
      multiple of the block's rows.

    Example:

    ```mlir
    !fp4.tensor<4096x14336, #fp4.nvfp4>
    !fp4.tensor<?x64, #fp4.mxfp4>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::fp4::FormatAttr":$format);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getRank() const { return getShape().size(); }
    /// Elements along the last dimension.
    int64_t getNumCols() const { return getShape().back(); }
    /// The plain tensor of elements that `fp4.unpack` gives.
    ::mlir::RankedTensorType getElementsType() const;
    /// The plain tensor of scales that `fp4.unpack` gives.
    ::mlir::RankedTensorType getScalesType() const;
    /// The shape of bit-packed elements: the last dimension in bytes.
    ::mlir::RankedTensorType getPackedBytesType() const;
  }];
}

#endif // FP4_DIALECT_FP4_IR_FP4TYPES_TD
