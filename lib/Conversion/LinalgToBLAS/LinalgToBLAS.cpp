//===- LinalgToBLAS.cpp - Contractions as calls of sgemm ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --convert-linalg-to-blas. A contraction is recognized by its body
// and by which loops its operands have, not by its name. Views carry the
// strides, so no operand is copied to transpose it.
//
//===----------------------------------------------------------------------===//

#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

namespace fp4 {
#define GEN_PASS_DEF_CONVERTLINALGTOBLAS
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace mlir;

static constexpr StringLiteral kSgemm = "fp4_host_sgemm";

namespace {
/// Which loop of the operation plays which part.
struct Contraction {
  unsigned m, n, k;
  /// The loops around the matrix product.
  SmallVector<unsigned> outer;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The block argument behind a widening cast.
static BlockArgument getElement(Value value) {
  if (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  return dyn_cast<BlockArgument>(value);
}

/// Whether `a` and `b` are the first two arguments of `body`, in some order.
static bool areInputs(Block &body, Value a, Value b) {
  BlockArgument x = getElement(a), y = getElement(b);
  return x && y && x.getOwner() == &body && y.getOwner() == &body && x != y &&
         x.getArgNumber() < 2 && y.getArgNumber() < 2;
}

/// Whether `body` yields argument 2 plus the product of the others.
static bool isMultiplyAdd(Block &body) {
  if (body.getNumArguments() != 3)
    return false;
  Value sum = body.getArgument(2);
  Value yielded = body.getTerminator()->getOperand(0);
  if (auto fma = yielded.getDefiningOp<math::FmaOp>())
    return fma.getC() == sum && areInputs(body, fma.getA(), fma.getB());
  auto add = yielded.getDefiningOp<arith::AddFOp>();
  if (!add || (add.getLhs() != sum && add.getRhs() != sum))
    return false;
  Value other = add.getLhs() == sum ? add.getRhs() : add.getLhs();
  auto product = other.getDefiningOp<arith::MulFOp>();
  return product && areInputs(body, product.getLhs(), product.getRhs());
}

static bool hasFloatMemRefs(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1)
    return false;
  for (Type type : op->getOperandTypes()) {
    Type element = getElementTypeOrSelf(type);
    if (!isa<MemRefType>(type) ||
        !(element.isF32() || element.isBF16() || element.isF16()))
      return false;
  }
  return getElementTypeOrSelf(op.getDpsInits()[0].getType()).isF32();
}

static std::optional<Contraction> match(linalg::LinalgOp op) {
  if (!hasFloatMemRefs(op) || !isMultiplyAdd(op->getRegion(0).front()))
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps, [](AffineMap map) {
        return map.isProjectedPermutation() && map.getNumResults() >= 2;
      }))
    return std::nullopt;
  Contraction result;
  SmallVector<unsigned> rows, cols, sums;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    bool inA = maps[0].isFunctionOfDim(loop);
    bool inB = maps[1].isFunctionOfDim(loop);
    bool inC = maps[2].isFunctionOfDim(loop);
    if (inA && inB && !inC)
      sums.push_back(loop);
    else if (inA && inC && !inB)
      rows.push_back(loop);
    else if (inB && inC && !inA)
      cols.push_back(loop);
    else if (inA && inB && inC)
      result.outer.push_back(loop);
    else
      return std::nullopt;
  }
  if (rows.empty() || cols.empty() || sums.size() != 1)
    return std::nullopt;
  result.m = rows.pop_back_val();
  result.n = cols.pop_back_val();
  result.k = sums.front();
  result.outer.append(rows);
  result.outer.append(cols);
  return result;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

static MemRefType getViewType(MLIRContext *context) {
  constexpr int64_t any = ShapedType::kDynamic;
  return MemRefType::get({any, any}, Float32Type::get(context),
                         StridedLayoutAttr::get(context, any, {any, any}));
}

static func::FuncOp getOrDeclareSgemm(ModuleOp module) {
  if (auto func = module.lookupSymbol<func::FuncOp>(kSgemm))
    return func;
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Type view = getViewType(module.getContext());
  auto func = func::FuncOp::create(b, module.getLoc(), kSgemm,
                                   b.getFunctionType({view, view, view}, {}));
  func.setPrivate();
  return func;
}

/// `value` as float32; a copy, to be freed by the caller, if it is narrower.
static std::pair<Value, bool> widen(OpBuilder &b, Location loc, Value value) {
  auto type = cast<MemRefType>(value.getType());
  if (type.getElementType().isF32())
    return {value, false};
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(memref::DimOp::create(b, loc, value, i));
  Value wide = memref::AllocOp::create(
      b, loc, MemRefType::get(type.getShape(), b.getF32Type()), sizes);
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, value, wide, ArrayRef<AffineMap>{identity, identity}, loops,
      [](OpBuilder &inner, Location at, ValueRange args) {
        Value element =
            arith::ExtFOp::create(inner, at, inner.getF32Type(), args.front());
        linalg::YieldOp::create(inner, at, element);
      });
  return {wide, true};
}

/// The matrix [first, second] of `operand` at the point `indices` of the outer
/// loops.
static Value makeView(OpBuilder &b, Location loc, Value operand, AffineMap map,
                      unsigned first, unsigned second,
                      const DenseMap<unsigned, Value> &indices) {
  auto type = cast<MemRefType>(operand.getType());
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<int64_t> shape;
  bool isSwapped = false;
  for (unsigned i = 0; i < map.getNumResults(); ++i) {
    unsigned loop = map.getDimPosition(i);
    if (loop != first && loop != second) {
      offsets.push_back(indices.lookup(loop));
      sizes.push_back(b.getIndexAttr(1));
      continue;
    }
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(memref::getMixedSize(b, loc, operand, i));
    isSwapped = shape.empty() ? loop == second : isSwapped;
    shape.push_back(type.getDimSize(i));
  }
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  MemRefType reduced = memref::SubViewOp::inferRankReducedResultType(
      shape, type, offsets, sizes, strides);
  Value view = memref::SubViewOp::create(b, loc, reduced, operand, offsets,
                                         sizes, strides);
  if (isSwapped)
    view = memref::TransposeOp::create(
        b, loc, view,
        AffineMapAttr::get(AffineMap::getPermutationMap(
            ArrayRef<unsigned>{1, 0}, b.getContext())));
  return memref::CastOp::create(b, loc, getViewType(b.getContext()), view);
}

static void convert(linalg::LinalgOp op, const Contraction &parts,
                    func::FuncOp sgemm) {
  Location loc = op.getLoc();
  OpBuilder b(op);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto [lhs, freeLhs] = widen(b, loc, op.getDpsInputOperand(0)->get());
  auto [rhs, freeRhs] = widen(b, loc, op.getDpsInputOperand(1)->get());
  Value result = op.getDpsInits()[0];

  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  DenseMap<unsigned, Value> indices;
  Operation *end = nullptr;
  for (unsigned loop : parts.outer) {
    // Every outer loop runs over a dimension of the result.
    for (unsigned i = 0; i < maps[2].getNumResults(); ++i) {
      if (maps[2].getDimPosition(i) != loop)
        continue;
      Value size = memref::DimOp::create(b, loc, result, i);
      auto forOp = scf::ForOp::create(b, loc, zero, size, one);
      end = end ? end : forOp;
      indices[loop] = forOp.getInductionVar();
      b.setInsertionPointToStart(forOp.getBody());
    }
  }
  Value a = makeView(b, loc, lhs, maps[0], parts.m, parts.k, indices);
  Value bMatrix = makeView(b, loc, rhs, maps[1], parts.k, parts.n, indices);
  Value c = makeView(b, loc, result, maps[2], parts.m, parts.n, indices);
  auto call = func::CallOp::create(b, loc, sgemm, ValueRange{a, bMatrix, c});

  b.setInsertionPointAfter(end ? end : call.getOperation());
  if (freeLhs)
    memref::DeallocOp::create(b, loc, lhs);
  if (freeRhs)
    memref::DeallocOp::create(b, loc, rhs);
  op.erase();
}

namespace {
struct ConvertLinalgToBLAS
    : fp4::impl::ConvertLinalgToBLASBase<ConvertLinalgToBLAS> {
  void runOnOperation() override {
    SmallVector<std::pair<linalg::LinalgOp, Contraction>> found;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (std::optional<Contraction> parts = match(op))
        found.push_back({op, *parts});
    });
    if (found.empty())
      return;
    func::FuncOp sgemm = getOrDeclareSgemm(getOperation());
    for (auto &[op, parts] : found)
      convert(op, parts, sgemm);
    numConverted += found.size();
  }
};
} // namespace
