//===- WeightOperand.cpp - The constant behind a linear layer -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each step goes from the result of one operation to its operand and rewrites
// the list of loop dimensions accordingly.
//
//===----------------------------------------------------------------------===//

#include "WeightOperand.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fp4 {

using Loops = SmallVector<int64_t>;

static bool isWeightElement(Type type) {
  return type.isF32() || type.isBF16() || type.isF16();
}

/// Whether the body only widens its first argument, if that.
static bool isWideningBody(linalg::GenericOp op) {
  Block &body = *op.getBody();
  Value yielded = cast<linalg::YieldOp>(body.getTerminator()).getOperand(0);
  if (auto extend = yielded.getDefiningOp<arith::ExtFOp>())
    yielded = extend.getIn();
  return yielded == body.getArgument(0);
}

/// One input, parallel loops, an identity on the output and a projected
/// permutation on the input: a copy that may cast, transpose and broadcast.
static bool isCopyLike(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != op.getNumParallelLoops())
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  return maps[1].isIdentity() && maps[0].isProjectedPermutation() &&
         isWideningBody(op);
}

static Loops stepThroughGeneric(linalg::GenericOp op, const Loops &loops) {
  Loops result;
  AffineMap map = op.getIndexingMapsArray()[0];
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    result.push_back(loops[map.getDimPosition(i)]);
  return result;
}

static Loops stepThroughTranspose(linalg::TransposeOp op, const Loops &loops) {
  Loops result(loops.size());
  for (auto [i, from] : llvm::enumerate(op.getPermutation()))
    result[from] = loops[i];
  return result;
}

static Loops stepThroughBroadcast(linalg::BroadcastOp op, const Loops &loops) {
  Loops result;
  for (auto [i, loop] : llvm::enumerate(loops))
    if (!llvm::is_contained(op.getDimensions(), static_cast<int64_t>(i)))
      result.push_back(loop);
  return result;
}

/// The one dimension of `group` with an extent other than 1, else its first;
/// nothing if there are several.
static std::optional<int64_t> getLargeDim(ArrayRef<int64_t> group,
                                          RankedTensorType type) {
  std::optional<int64_t> large;
  for (int64_t dim : group) {
    if (type.getDimSize(dim) == 1)
      continue;
    if (large)
      return std::nullopt;
    large = dim;
  }
  return large.value_or(group.front());
}

static std::optional<Loops> stepThroughCollapse(tensor::CollapseShapeOp op,
                                                const Loops &loops) {
  Loops result(op.getSrcType().getRank(), kUnitDim);
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    std::optional<int64_t> large = getLargeDim(group, op.getSrcType());
    if (!large)
      return std::nullopt;
    result[*large] = loops[i];
  }
  return result;
}

static std::optional<Loops> stepThroughExpand(tensor::ExpandShapeOp op,
                                              const Loops &loops) {
  Loops result;
  for (ArrayRef<int64_t> group : op.getReassociationIndices()) {
    std::optional<int64_t> large = getLargeDim(group, op.getResultType());
    if (!large)
      return std::nullopt;
    result.push_back(loops[*large]);
  }
  return result;
}

/// The operand that `op` passes on, and its loops; nothing for an operation
/// that computes something.
static std::optional<std::pair<Value, Loops>> step(Operation *op,
                                                   const Loops &loops) {
  using Step = std::optional<std::pair<Value, Loops>>;
  return TypeSwitch<Operation *, Step>(op)
      .Case<arith::ExtFOp, tensor::CastOp>([&](auto cast) -> Step {
        return std::pair(cast->getOperand(0), loops);
      })
      .Case([&](linalg::TransposeOp transpose) -> Step {
        return std::pair(transpose.getInput(),
                         stepThroughTranspose(transpose, loops));
      })
      .Case([&](linalg::BroadcastOp broadcast) -> Step {
        return std::pair(broadcast.getInput(),
                         stepThroughBroadcast(broadcast, loops));
      })
      .Case([&](linalg::GenericOp generic) -> Step {
        if (!isCopyLike(generic))
          return std::nullopt;
        return std::pair(generic.getDpsInputOperand(0)->get(),
                         stepThroughGeneric(generic, loops));
      })
      .Case([&](tensor::CollapseShapeOp collapse) -> Step {
        std::optional<Loops> inner = stepThroughCollapse(collapse, loops);
        return inner ? Step(std::pair(collapse.getSrc(), *inner))
                     : std::nullopt;
      })
      .Case([&](tensor::ExpandShapeOp expand) -> Step {
        std::optional<Loops> inner = stepThroughExpand(expand, loops);
        return inner ? Step(std::pair(expand.getSrc(), *inner)) : std::nullopt;
      })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<WeightOperand> traceWeight(Value value, Loops loops) {
  while (Operation *op = value.getDefiningOp()) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return std::nullopt;
    if (isa<arith::ConstantOp, ParameterOp>(op)) {
      if (!isWeightElement(type.getElementType()))
        return std::nullopt;
      return WeightOperand{op, std::move(loops)};
    }
    std::optional<std::pair<Value, Loops>> next = step(op, loops);
    if (!next)
      return std::nullopt;
    std::tie(value, loops) = std::move(*next);
  }
  return std::nullopt;
}

Value getBroadcastVector(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() < 2)
    return {};
  Value input;
  if (auto broadcast = value.getDefiningOp<linalg::BroadcastOp>()) {
    if (llvm::is_contained(broadcast.getDimensions(), type.getRank() - 1))
      return {};
    input = broadcast.getInput();
  } else if (auto generic = value.getDefiningOp<linalg::GenericOp>()) {
    if (!isCopyLike(generic) ||
        stepThroughGeneric(
            generic, llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()))) !=
            Loops{type.getRank() - 1})
      return {};
    input = generic.getDpsInputOperand(0)->get();
  } else {
    return {};
  }
  auto inputType = cast<RankedTensorType>(input.getType());
  if (inputType.getRank() != 1 || !isWeightElement(inputType.getElementType()))
    return {};
  return input;
}

} // namespace fp4
