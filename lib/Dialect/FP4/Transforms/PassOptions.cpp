//===- PassOptions.cpp - Option values that several passes read -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Options are checked when a pass runs and not when it is parsed, so that the
// message has a place in the program.
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"

using namespace mlir;

namespace fp4 {

FailureOr<FormatAttr> parseFormatOption(Operation *op, StringRef name) {
  if (std::optional<numerics::BlockFormat> format =
          numerics::parseBlockFormat(std::string_view(name)))
    return FormatAttr::get(op->getContext(), *format);
  return emitError(op->getLoc())
         << "unknown format '" << name
         << "'; known formats are nvfp4, mxfp4, mxfp6e2m3, "
            "mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8";
}

FailureOr<LayerFilter> LayerFilter::parse(Operation *op, StringRef pattern,
                                          StringRef option) {
  LayerFilter filter;
  filter.regex =
      llvm::Regex(pattern.empty() ? ".*" : ("^(" + pattern + ")$").str());
  std::string error;
  if (!filter.regex.isValid(error))
    return emitError(op->getLoc())
           << "expected '" << option << "' to be a regular expression, got '"
           << pattern << "': " << error;
  return filter;
}

bool LayerFilter::matches(MatmulOp matmul) const {
  return regex.match(getLayerName(matmul));
}

StringRef getLayerName(MatmulOp matmul) {
  auto name = matmul->getAttrOfType<StringAttr>(kLayerAttr);
  return name ? name.getValue() : StringRef();
}

std::string describeLayer(MatmulOp matmul) {
  StringRef name = getLayerName(matmul);
  return name.empty() ? "layer" : ("layer '" + name + "'").str();
}

LogicalResult checkBlocked(MatmulOp matmul, FormatAttr format) {
  auto lhs = dyn_cast<RankedTensorType>(matmul.getLhs().getType());
  if (lhs && lhs.isDynamicDim(1))
    return emitError(matmul.getLoc())
           << describeLayer(matmul) << ": expected 'lhs' with a static K, got "
           << lhs;
  int64_t block = format.getBlockCols(), k = matmul.getReductionSize();
  if (k % block != 0)
    return emitError(matmul.getLoc())
           << describeLayer(matmul) << ": expected K to be a multiple of the "
           << "block " << block << " of " << format << ", got " << k;
  return success();
}

std::string findNearestTensor(const CheckpointReader &file, StringRef name) {
  std::string nearest;
  unsigned best = ~0u;
  for (const std::string &candidate : file.tensors()) {
    unsigned distance = name.edit_distance(candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

} // namespace fp4
