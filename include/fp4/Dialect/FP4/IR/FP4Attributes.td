//===- FP4Attributes.td - Formats, rules, packed values ----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4_IR_FP4ATTRIBUTES_TD
#define FP4_DIALECT_FP4_IR_FP4ATTRIBUTES_TD

include "fp4/Dialect/FP4/IR/FP4Dialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

class FP4_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<FP4_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def FP4_FormatAttr : FP4_Attr<"Format", "format"> {
  let summary = "a block format: element, scale, block shape, tensor scale";
  let description = [{
    The orthogonal parts of a microscaled format:

    | part | values |
    |---|---|
    | `element` | `f4E2M1FN`, `f6E2M3FN`, `f6E3M2FN`, `f8E4M3FN`, `f8E5M2`, `i8` (MXINT8: two's complement times 2^-6) |
    | `scale` | `f8E8M0FNU`, `f8E4M3FN`, `ue5m3fnu` (largest 114688), `ue5m3gc` (largest 61440) |
    | `block` | `32`: 32 elements along the last dimension; `16x16`: 16 rows by 16 columns |
    | `tensor_scale` | present if one float32 scale multiplies the whole tensor |

    The formats with a name print as that name:

    | name | element | scale | block | tensor scale |
    |---|---|---|---|---|
    | `#fp4.nvfp4` | `f4E2M1FN` | `f8E4M3FN` | 16 | yes |
    | `#fp4.mxfp4` | `f4E2M1FN` | `f8E8M0FNU` | 32 | no |
    | `#fp4.mxfp6e2m3` | `f6E2M3FN` | `f8E8M0FNU` | 32 | no |
    | `#fp4.mxfp6e3m2` | `f6E3M2FN` | `f8E8M0FNU` | 32 | no |
    | `#fp4.mxfp8e4m3` | `f8E4M3FN` | `f8E8M0FNU` | 32 | no |
    | `#fp4.mxfp8e5m2` | `f8E5M2` | `f8E8M0FNU` | 32 | no |
    | `#fp4.mxint8` | `i8` | `f8E8M0FNU` | 32 | no |

    - (C1) block columns are a power of two in 4..1024, so that every block
      starts at a byte.
    - (C2) block rows are a power of two in 1..1024.

    Example:

    ```mlir
    #fp4.nvfp4
    #fp4.format<element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale>
    ```
  }];
  let parameters = (ins "::fp4::numerics::BlockFormat":$blockFormat);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// "nvfp4" and so on, or an empty string for a format without a name.
    ::llvm::StringRef getName() const;
    /// The builtin type that holds one element in an unpacked tensor.
    ::mlir::Type getElementStorageType() const;
    /// The builtin type that holds one scale; `i8` for the UE5M3 formats,
    /// which MLIR has no type for.
    ::mlir::Type getScaleStorageType() const;
    unsigned getBlockRows() const { return getBlockFormat().blockRows; }
    unsigned getBlockCols() const { return getBlockFormat().blockCols; }
    bool hasTensorScale() const { return getBlockFormat().hasTensorScale; }
  }];
}

def FP4_PackedAttr : FP4_Attr<"Packed", "packed"> {
  let summary = "the bits of a constant microscaled tensor";
  let description = [{
    Elements, scales and tensor scale of an `fp4.constant`.

    `elements` has element type `i8` and holds the codes bit-packed along the
    last dimension: two 4-bit codes a byte with the even element in the low
    nibble, four 6-bit codes in three bytes, or one 8-bit code a byte. `scales`
    has element type `i8` and one code per block. Both are `dense` or
    `dense_resource` attributes; values of more than a kilobyte are kept as
    resources, which print as one hexadecimal blob and are mapped, not copied,
    from bytecode. Shapes are checked where the type is known, in `fp4.constant`.

    Example:

    ```mlir
    #fp4.packed<elements = dense<"0x1032"> : tensor<1x2xi8>,
                scales = dense<127> : tensor<1x1xi8>>
    ```
  }];
  let parameters = (ins "::mlir::ElementsAttr":$elements,
                        "::mlir::ElementsAttr":$scales,
                        OptionalParameter<"::mlir::FloatAttr">:$tensorScale);
  let assemblyFormat = [{
    `<` `elements` `=` $elements `,` `scales` `=` $scales
        (`,` `tensor_scale` `=` $tensorScale^)? `>`
  }];
}

class FP4_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::fp4";
  let genSpecializedAttr = 0;
}

class FP4_EnumAttr<EnumInfo info, string attrMnemonic>
    : EnumAttr<FP4_Dialect, info, attrMnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

// Same order as numerics::ScaleRule; FP4Attributes.cpp asserts it.
def FP4_ScaleRule : FP4_Enum<"ScaleRule", "how a block scale is chosen", [
  I32EnumAttrCase<"Floor", 0, "floor">,
  I32EnumAttrCase<"RCeil", 1, "rceil">,
  I32EnumAttrCase<"Even", 2, "even">,
  I32EnumAttrCase<"AbsMax", 3, "absmax">,
  I32EnumAttrCase<"FourOverSix", 4, "four_over_six">,
  I32EnumAttrCase<"Search", 5, "search">
]>;
def FP4_ScaleRuleAttr : FP4_EnumAttr<FP4_ScaleRule, "scale_rule">;

// Same order as numerics::NaNPolicy.
def FP4_NaNPolicy : FP4_Enum<"NaNPolicy", "what a NaN or infinity does", [
  I32EnumAttrCase<"Propagate", 0, "propagate">,
  I32EnumAttrCase<"SaturateInf", 1, "saturate_inf">
]>;
def FP4_NaNPolicyAttr : FP4_EnumAttr<FP4_NaNPolicy, "nan_policy">;

def FP4_Activation : FP4_Enum<"Activation", "elementwise function of a result", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"ReLU", 1, "relu">,
  I32EnumAttrCase<"GELU", 2, "gelu">,
  I32EnumAttrCase<"SiLU", 3, "silu">,
  I32EnumAttrCase<"GELUTanh", 4, "gelu_tanh">
]>;
def FP4_ActivationAttr : FP4_EnumAttr<FP4_Activation, "activation">;

#endif // FP4_DIALECT_FP4_IR_FP4ATTRIBUTES_TD
