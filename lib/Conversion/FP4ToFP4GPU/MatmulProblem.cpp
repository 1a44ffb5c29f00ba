//===- MatmulProblem.cpp - What a matmul kernel depends on ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads problems off fp4.matmul and says which are not served.
//
//===----------------------------------------------------------------------===//

#include "MatmulProblem.h"

using namespace mlir;

namespace fp4::gpu {

static unsigned getElementBits(FormatAttr format) {
  return format.getElementStorageType().getIntOrFloatBitWidth();
}

bool MatmulProblem::usesBytes() const {
  return getElementBits(format) > 4 || getElementBits(weightFormat) > 4;
}

std::string MatmulProblem::getName() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "matmul_" << format.getName() << "_";
  if (weightFormat != format)
    os << weightFormat.getName() << "_";
  if (hasDynamicRows())
    os << "m" << (mostRows ? std::to_string(mostRows) : "");
  else
    os << rows;
  os << "x" << columns << "x" << depth << "_" << resultType;
  if (biasType)
    os << "_bias_" << biasType;
  if (activation != Activation::None)
    os << "_" << stringifyActivation(activation);
  if (isGated) {
    os << "_with";
    if (secondBiasType)
      os << "_bias_" << secondBiasType;
    if (secondActivation != Activation::None)
      os << "_" << stringifyActivation(secondActivation);
  }
  if (schedule)
    os << "_tile" << schedule.getTileM() << "x" << schedule.getTileN() << "x"
       << schedule.getTileK() << "_stages" << schedule.getStages() << "_warps"
       << schedule.getWarpsM() << "x" << schedule.getWarpsN()
       << (schedule.getSwapped() ? "_swapped" : "")
       << (schedule.getSplit() > 1
               ? "_split" + std::to_string(schedule.getSplit())
               : "")
       << (schedule.getPromotion()
               ? "_promotion" + std::to_string(schedule.getPromotion())
               : "")
       << (schedule.getBalanced() ? "_balanced" : "");
  if (decodesWeight)
    os << (isFolded ? "_e4m3" : "_bf16");
  return text;
}

static std::string printSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

static bool isServed(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  unsigned expected = block.scale == numerics::ScaleFormat::UE4M3 ? 16 : 32;
  return isPrepackedFormat(format) && block.blockCols == expected &&
         !format.getName().empty();
}

/// MX formats of any two elements meet in one instruction, the others only
/// themselves.
static bool canMeet(FormatAttr lhs, FormatAttr rhs) {
  auto isMX = [](FormatAttr format) {
    return format.getBlockFormat().scale == numerics::ScaleFormat::E8M0;
  };
  return lhs == rhs || (isMX(lhs) && isMX(rhs));
}

/// Whether rows, depth and the bytes of scales fit into the 32 bits in which
/// kernels count them.
static bool isCountable(int64_t rows, int64_t depth, FormatAttr format) {
  constexpr int64_t kLimit = int64_t(1) << 31;
  if ((!ShapedType::isDynamic(rows) && rows >= kLimit) || depth >= kLimit)
    return false;
  int64_t chunks = llvm::divideCeil(depth, 4 * int64_t(format.getBlockCols()));
  int64_t tiles =
      ShapedType::isDynamic(rows) ? 1 : llvm::divideCeil(rows, kScaleTileRows);
  return tiles * chunks * 512 < kLimit;
}

/// Fills in what all problems have, or says in `reason` what no kernel serves.
static FailureOr<MatmulProblem> makeProblem(MatmulOp matmul, int64_t rows,
                                            std::string &reason) {
  auto rhs = cast<MicroscaledTensorType>(matmul.getRhs().getType());
  MatmulProblem problem;
  problem.format = problem.weightFormat = rhs.getFormat();
  problem.rows = rows;
  problem.columns = rhs.getShape()[0];
  problem.depth = rhs.getNumCols();
  problem.resultType = matmul.getType().getElementType();
  if (matmul.getBias())
    problem.biasType =
        cast<RankedTensorType>(matmul.getBias().getType()).getElementType();
  problem.activation = matmul.getActivation().value_or(Activation::None);
  problem.schedule = matmul->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
  bool isEmpty =
      problem.rows == 0 || problem.columns == 0 || problem.depth == 0;
  if (isEmpty || !isCountable(problem.rows, problem.depth, problem.format) ||
      !isCountable(problem.columns, problem.depth, problem.format)) {
    reason = "expected " +
             std::string(isEmpty ? "a product that is not empty"
                                 : "sizes and bytes of scales below 2^31") +
             ", got M x N x K = " + printSize(problem.rows) + "x" +
             printSize(problem.columns) + "x" + printSize(problem.depth);
    return failure();
  }
  if (!ShapedType::isDynamic(problem.columns) && problem.columns % 8 == 0)
    return problem;
  reason = "expected N to be a static multiple of 8, got " +
           printSize(problem.columns);
  return failure();
}

FailureOr<MatmulProblem> getMatmulProblem(MatmulOp matmul,
                                          std::string &reason) {
  auto lhs = dyn_cast<MicroscaledTensorType>(matmul.getLhs().getType());
  auto rhs = dyn_cast<MicroscaledTensorType>(matmul.getRhs().getType());
  if (!lhs || !rhs || !isServed(lhs.getFormat()) ||
      !isServed(rhs.getFormat()) ||
      !canMeet(lhs.getFormat(), rhs.getFormat())) {
    reason = "expected two operands of #fp4.nvfp4, or two among #fp4.mxfp4, "
             "#fp4.mxfp6e2m3, #fp4.mxfp6e3m2, #fp4.mxfp8e4m3 and "
             "#fp4.mxfp8e5m2";
    return failure();
  }
  FailureOr<MatmulProblem> problem =
      makeProblem(matmul, lhs.getShape()[0], reason);
  if (failed(problem))
    return failure();
  problem->format = lhs.getFormat();
  int64_t least = 4 * problem->format.getBlockCols();
  if (!problem->schedule || problem->schedule.getTileK() % least == 0)
    return problem;
  reason = ("expected a schedule with a depth that is a multiple of " +
            Twine(least) + ", got " + Twine(problem->schedule.getTileK()))
               .str();
  return failure();
}

bool isDecodeMatmul(MatmulOp matmul) {
  return isa<RankedTensorType>(matmul.getLhs().getType()) &&
         isa<MicroscaledTensorType>(matmul.getRhs().getType());
}

FailureOr<MatmulProblem> getDecodeProblem(MatmulOp matmul,
                                          std::string &reason) {
  auto lhs = cast<RankedTensorType>(matmul.getLhs().getType());
  auto rhs = cast<MicroscaledTensorType>(matmul.getRhs().getType());
  bool isFolded = isa<Float8E4M3FNType>(lhs.getElementType());
  if ((!lhs.getElementType().isBF16() && !isFolded) ||
      !hasFragments(rhs.getFormat(), isFolded) ||
      rhs.getFormat().getName().empty()) {
    llvm::raw_string_ostream(reason)
        << "expected a bf16 left side and a right side of #fp4.nvfp4 or "
           "#fp4.mxfp4, or an f8E4M3FN left side and a right side of "
           "#fp4.mxfp4, got "
        << lhs << " and " << rhs;
    return failure();
  }
  FailureOr<MatmulProblem> problem =
      makeProblem(matmul, lhs.getShape()[0], reason);
  if (failed(problem))
    return failure();
  problem->decodesWeight = true;
  problem->isFolded = isFolded;
  ScheduleAttr schedule = problem->schedule;
  int64_t depth = getFragmentUnitDepth(isFolded);
  if (schedule &&
      (schedule.getTileK() % depth != 0 || schedule.getTileN() % kUnit != 0)) {
    reason = "expected a schedule whose tile is a multiple of 64 columns and " +
             std::to_string(depth) + " of the depth";
    return failure();
  }
  if (isOutsideFragmentRange(matmul.getRhs(), isFolded)) {
    reason = isFolded ? "expected scales of the weight that are no NaN and "
                        "span at most 11 binades in each row, to be exact in "
                        "f8E4M3FN"
                      : "expected scales of the weight that are no NaN and "
                        "span at most 60 binades";
    return failure();
  }
  return problem;
}

MatmulProblem getGatedProblem(const MatmulProblem &first,
                              const MatmulProblem &second) {
  MatmulProblem problem = first;
  problem.isGated = true;
  problem.secondBiasType = second.biasType;
  problem.secondActivation = second.activation;
  return problem;
}

} // namespace fp4::gpu
