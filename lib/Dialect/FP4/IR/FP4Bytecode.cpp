//===- FP4Bytecode.cpp - Bytecode of packed constants ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// #fp4.packed has an encoding of its own because it holds other attributes:
// written as text, as the default is, a dense_resource in it would lose its
// blob. The other attributes and the type are small and stay text.
//
//===----------------------------------------------------------------------===//

#include "FP4Bytecode.h"
#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "mlir/Bytecode/BytecodeImplementation.h"

using namespace mlir;
using namespace fp4;

namespace {
/// First number of an encoded attribute. Part of the file format: numbers are
/// never reused.
enum AttributeCode : uint64_t { kPacked = 0 };

struct FP4BytecodeInterface : BytecodeDialectInterface {
  explicit FP4BytecodeInterface(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  LogicalResult writeAttribute(Attribute attr,
                               DialectBytecodeWriter &writer) const final {
    auto packed = dyn_cast<PackedAttr>(attr);
    if (!packed)
      return failure();
    writer.writeVarInt(kPacked);
    writer.writeAttribute(packed.getElements());
    writer.writeAttribute(packed.getScales());
    writer.writeOptionalAttribute(packed.getTensorScale());
    return success();
  }

  Attribute readAttribute(DialectBytecodeReader &reader) const final {
    uint64_t code;
    if (failed(reader.readVarInt(code)))
      return {};
    if (code != kPacked) {
      reader.emitError() << "unknown attribute code " << code
                         << " of dialect 'fp4'";
      return {};
    }
    ElementsAttr elements, scales;
    FloatAttr tensorScale;
    if (failed(reader.readAttribute(elements)) ||
        failed(reader.readAttribute(scales)) ||
        failed(reader.readOptionalAttribute(tensorScale)))
      return {};
    return PackedAttr::get(getContext(), elements, scales, tensorScale);
  }
};
} // namespace

void fp4::addBytecodeInterface(FP4Dialect *dialect) {
  dialect->addInterfaces<FP4BytecodeInterface>();
}
