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
#include "mlir/IR/Matchers.h"

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
    os << (isFolded          ? "_e4m3"
           : lhsType.isF16() ? "_f16"
                             : "_bf16")
       << (hasLhsFactor ? "_scaled" : "");
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

//===----------------------------------------------------------------------===//
// Decoded weights
//===----------------------------------------------------------------------===//

bool isDecodeMatmul(MatmulOp matmul, const GPUArch &arch) {
  return isa<MicroscaledTensorType>(matmul.getRhs().getType()) &&
         (arch.family == GPUFamily::SM90 ||
          isa<RankedTensorType>(matmul.getLhs().getType()));
}

/// Whether the scales of a weight fold into f8E4M3FN elements as far as it is
/// known; --fp4-prepack-weights has decided it for what it has laid out.
static bool canFold(Value weight) {
  auto laidOut = weight.getDefiningOp<FromFragmentsOp>();
  return laidOut ? laidOut.getFolded()
                 : !isOutsideFragmentRange(weight, /*isFolded=*/true);
}

static bool isDecodable(FormatAttr format) {
  return hasFragments(format) && !format.getName().empty();
}

/// In which type the sides of a product are multiplied, or nothing for types
/// that no kernel takes.
static LogicalResult chooseType(MatmulOp matmul, const GPUArch &arch,
                                MatmulProblem &problem) {
  Type lhs = matmul.getLhs().getType();
  auto rhs = cast<MicroscaledTensorType>(matmul.getRhs().getType());
  if (!isDecodable(rhs.getFormat()))
    return failure();
  problem.lhsType = BFloat16Type::get(matmul.getContext());
  if (auto matrix = dyn_cast<MicroscaledTensorType>(lhs)) {
    problem.isWidened = problem.hasLhsFactor = true;
    return success(isDecodable(matrix.getFormat()));
  }
  Type element = cast<RankedTensorType>(lhs).getElementType();
  if (element.isBF16() || element.isF16()) {
    problem.lhsType = element;
    return success();
  }
  if (!isa<Float8E4M3FNType>(element) || arch.family != GPUFamily::SM90)
    return failure();
  if (!hasFragments(rhs.getFormat(), /*isFolded=*/true))
    problem.fallback = "scales of the weight are no powers of two";
  else if (!canFold(matmul.getRhs()))
    problem.fallback = "scales in a row of the weight are more than 11 binades "
                       "apart, or NaN";
  problem.isWidened = !problem.fallback.empty();
  problem.isFolded = !problem.isWidened;
  if (problem.isFolded)
    problem.lhsType = element;
  return success();
}

FailureOr<MatmulProblem> getDecodeProblem(MatmulOp matmul, const GPUArch &arch,
                                          std::string &reason) {
  MatmulProblem kind;
  if (failed(chooseType(matmul, arch, kind))) {
    StringRef expected =
        arch.family == GPUFamily::SM90
            ? "a left side of bf16, f16, f8E4M3FN, #fp4.nvfp4 or #fp4.mxfp4"
            : "a left side of bf16 or f16";
    llvm::raw_string_ostream(reason)
        << "expected " << expected
        << " and a right side of #fp4.nvfp4 or #fp4.mxfp4, got "
        << matmul.getLhs().getType() << " and " << matmul.getRhs().getType();
    return failure();
  }
  int64_t rows = cast<ShapedType>(matmul.getType()).getDimSize(0);
  FailureOr<MatmulProblem> problem = makeProblem(matmul, rows, reason);
  if (failed(problem))
    return failure();
  problem->decodesWeight = true;
  problem->isFolded = kind.isFolded;
  problem->isWidened = kind.isWidened;
  problem->hasLhsFactor = kind.hasLhsFactor;
  problem->fallback = kind.fallback;
  problem->lhsType = kind.lhsType;
  ScheduleAttr schedule = problem->schedule;
  int64_t depth = getFragmentUnitDepth(problem->isFolded);
  if (schedule &&
      (schedule.getTileK() % depth != 0 || schedule.getTileN() % kUnit != 0)) {
    reason = "expected a schedule whose tile is a multiple of 64 columns and " +
             std::to_string(depth) + " of the depth";
    return failure();
  }
  bool isHalf = problem->lhsType.isF16();
  if (!problem->isFolded &&
      isOutsideFragmentRange(matmul.getRhs(), /*isFolded=*/false, isHalf)) {
    reason = "expected scales of the weight that are no NaN and at most " +
             std::string(isHalf ? "23" : "60") + " binades apart";
    return failure();
  }
  return problem;
}

FailureOr<MatmulProblem> getProblem(MatmulOp matmul, const GPUArch &arch,
                                    std::string &reason) {
  if (!isDecodeMatmul(matmul, arch))
    return getMatmulProblem(matmul, reason);
  if (arch.family != GPUFamily::SM100)
    return getDecodeProblem(matmul, arch, reason);
  reason = "expected two microscaled operands";
  return failure();
}

static bool isConstantWeight(Value weight, bool decodes) {
  Operation *source = weight.getDefiningOp();
  if (isa_and_present<ConstantOp>(source))
    return true;
  return !decodes && isa_and_present<UnprepackOp>(source) &&
         llvm::all_of(source->getOperands(), [](Value part) {
           return matchPattern(part, m_Constant());
         });
}

bool isGatedPair(MatmulOp first, MatmulOp second, const GPUArch &arch) {
  bool decodes = isDecodeMatmul(first, arch);
  bool isAlike =
      first != second && first.getLhs() == second.getLhs() &&
      first->getBlock() == second->getBlock() &&
      first.getRhs().getType() == second.getRhs().getType() &&
      first.getType() == second.getType() &&
      first->getAttr(kScheduleAttrName) == second->getAttr(kScheduleAttrName) &&
      isConstantWeight(first.getRhs(), decodes) &&
      isConstantWeight(second.getRhs(), decodes);
  if (!isAlike)
    return false;
  std::string reason;
  FailureOr<MatmulProblem> problem = getProblem(first, arch, reason);
  FailureOr<MatmulProblem> other = getProblem(second, arch, reason);
  if (failed(problem) || failed(other))
    return false;
  return !decodes ||
         (problem->isFolded == other->isFolded &&
          !isOutsideFragmentRange({first.getRhs(), second.getRhs()},
                                  problem->isFolded, problem->lhsType.isF16()));
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
