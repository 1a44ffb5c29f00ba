//===- WeightSource.cpp - Weights known at compile time -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tracing and reading of constant weights.
//
//===----------------------------------------------------------------------===//

#include "WeightSource.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Half.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <cmath>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

namespace fp4 {

bool isConstantWeight(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<arith::ConstantOp, ParameterOp>(op))
      return true;
    if (!isa<arith::ExtFOp, HadamardOp, linalg::TransposeOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return false;
}

std::optional<WeightSource> WeightSource::match(Value value) {
  std::optional<WeightSource> source = matchAnyRank(value);
  if (source && source->type.getRank() != 2)
    return std::nullopt;
  return source;
}

std::optional<WeightSource> WeightSource::matchAnyRank(Value value) {
  WeightSource source;
  while (Operation *producer = value.getDefiningOp()) {
    if (auto hadamard = dyn_cast<HadamardOp>(producer))
      source.hadamards.insert(source.hadamards.begin(), hadamard);
    else if (!isa<arith::ExtFOp>(producer))
      break;
    value = producer->getOperand(0);
  }
  source.op = value.getDefiningOp<arith::ConstantOp>();
  source.type = dyn_cast<RankedTensorType>(value.getType());
  if (!source.op || !source.type || source.type.getRank() == 0)
    return std::nullopt;
  Type element = source.type.getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return std::nullopt;
  source.attr = cast<ElementsAttr>(source.op.getValue());
  return source;
}

std::string WeightSource::keyWith(StringRef suffix) const {
  StringRef key = getResourceKey(attr);
  return ((key.empty() ? "weight" : key) + suffix).str();
}

/// Rounds to the type in which a rotation leaves its result.
static void roundTo(Type type, float *values, int64_t count) {
  if (type.isBF16())
    for (int64_t i = 0; i < count; ++i)
      values[i] = numerics::decodeBF16(numerics::encodeBF16(values[i]));
  else if (type.isF16())
    for (int64_t i = 0; i < count; ++i)
      values[i] = numerics::decodeF16(numerics::encodeF16(values[i]));
}

bool WeightSource::readRows(int64_t first, int64_t count, float *out) const {
  int64_t size = count * cols();
  if (!readFloatRange(attr, first * cols(), size, out))
    return false;
  for (HadamardOp hadamard : hadamards) {
    const int8_t *signs =
        hadamard.getSigns() ? hadamard.getSigns()->data() : nullptr;
    if (hadamard.getInverse())
      numerics::inverseHadamard(out, size, hadamard.getBlock(), signs);
    else
      numerics::hadamard(out, size, hadamard.getBlock(), signs);
    roundTo(hadamard.getType().getElementType(), out, size);
  }
  return true;
}

void WeightSource::releaseRows(int64_t first, int64_t count) const {
  std::optional<ArrayRef<char>> bytes = getRawBytes(attr);
  if (!bytes || rows() == 0)
    return;
  size_t rowBytes = bytes->size() / rows();
  ArrayRef<char> part = bytes->slice(first * rowBytes, count * rowBytes);
  // Whole pages only. The advice is free to fail, and unlike MADV_DONTNEED it
  // keeps the content of memory that no file backs.
  uintptr_t page = sysconf(_SC_PAGESIZE);
  uintptr_t begin =
      llvm::alignTo(reinterpret_cast<uintptr_t>(part.begin()), page);
  uintptr_t end =
      llvm::alignDown(reinterpret_cast<uintptr_t>(part.end()), page);
  if (begin < end)
    (void)madvise(reinterpret_cast<void *>(begin), end - begin, MADV_PAGEOUT);
}

int64_t WeightSource::chunkRows() const {
  int64_t wanted = (int64_t(1) << 20) / std::max<int64_t>(cols(), 1);
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(rows(), 1));
}

Status WeightSource::checkValues() const {
  std::vector<float> chunk(chunkRows() * cols());
  for (int64_t first = 0; first < rows(); first += chunkRows()) {
    int64_t count = std::min(chunkRows(), rows() - first) * cols();
    if (!readFloatRange(attr, first * cols(), count, chunk.data()))
      return Status::error("cannot read the weight's resource");
    for (int64_t i = 0; i < count; ++i)
      if (!std::isfinite(chunk[i]))
        return Status::error("weight is " + std::to_string(chunk[i]) +
                             " at row " + std::to_string(first + i / cols()) +
                             ", column " + std::to_string(i % cols()) +
                             ", expected finite values");
  }
  return Status::success();
}

} // namespace fp4
