//===- RotationPlacement.cpp - Where rotations cost least -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Building the graph, cutting it, and rewriting uses. What an operation allows
// is known to its model of RotationOpInterface only.
//
//===----------------------------------------------------------------------===//

#include "RotationPlacement.h"
#include "LinearBody.h"
#include "MinimumCut.h"
#include "WeightSource.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace fp4 {

/// Constants come in both forms for nothing.
static bool isConstant(Value value) {
  return matchPattern(value, m_Constant()) || isConstantWeight(value);
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

bool RotationPlacement::canCarry(OpOperand *operand) const {
  return rotation.fits(operand->get().getType());
}

void RotationPlacement::add(HadamardOp op) {
  SmallVector<Value> worklist = {op.getInput()};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (isConstant(value))
      continue;
    auto [it, isNew] = nodes.try_emplace(value);
    if (!isNew)
      continue;
    visit(value, it->second);
    for (OpOperand *carrier : it->second.carriers)
      worklist.push_back(carrier->get());
  }
}

void RotationPlacement::visit(Value value, Node &node) {
  Operation *producer = value.getDefiningOp();
  if (!producer || producer->getNumResults() != 1)
    return;
  auto model = dyn_cast<RotationOpInterface>(producer);
  if (model && succeeded(model.getRotatedOperands(rotation, node.carriers))) {
    node.isMovable = true;
  } else {
    node.carriers.clear();
    node.gain = matchNormGain(producer);
    node.isMovable =
        node.gain && succeeded(getLinearOperands(
                         node.gain->op, node.gain->operand, node.carriers));
  }
  if (node.isMovable && llvm::all_of(node.carriers, [&](OpOperand *operand) {
        return canCarry(operand);
      }))
    return;
  node.isMovable = false;
  node.gain.reset();
  node.carriers.clear();
}

RotationPlacement::Use RotationPlacement::classify(OpOperand &operand) const {
  Operation *owner = operand.getOwner();
  if (auto hadamard = dyn_cast<HadamardOp>(owner))
    return {Rotation::of(hadamard) == rotation ? Use::Rotates : Use::Plain,
            &operand};
  if (owner->getNumResults() == 1) {
    auto it = nodes.find(owner->getResult(0));
    if (it != nodes.end() && llvm::is_contained(it->second.carriers, &operand))
      return {Use::Follows, &operand};
  }
  auto model = dyn_cast<RotationOpInterface>(owner);
  if (model && model.acceptsRotated(operand, rotation))
    return {Use::Free, &operand};
  return {Use::Plain, &operand};
}

/// How much work a rotation of `value` is, up to dynamic dimensions.
static int64_t getCost(Value value) {
  int64_t cost = 1;
  for (int64_t extent : cast<RankedTensorType>(value.getType()).getShape())
    if (!ShapedType::isDynamic(extent))
      cost *= extent;
  return std::clamp<int64_t>(cost, 1, int64_t(1) << 40);
}

void RotationPlacement::decide() {
  MinimumCut cut;
  DenseMap<Value, MinimumCut::Node> ids;
  for (auto &[value, node] : nodes)
    ids[value] = cut.addNode();
  for (auto &[value, node] : nodes) {
    int64_t cost = getCost(value);
    MinimumCut::Node self = ids[value];
    // The value's other form, in each direction: made once for all uses.
    MinimumCut::Node rotatedCopy = cut.addNode(), plainCopy = cut.addNode();
    cut.addEdge(rotatedCopy, self, cost);
    cut.addEdge(self, plainCopy, cost);
    if (!node.isMovable)
      cut.addEdge(self, MinimumCut::sink, MinimumCut::infinite);
    for (const Use &use : node.uses) {
      MinimumCut::Node wanted = MinimumCut::sink;
      if (use.kind == Use::Free)
        continue;
      if (use.kind == Use::Rotates)
        wanted = MinimumCut::source;
      if (use.kind == Use::Follows)
        wanted = ids[use.operand->getOwner()->getResult(0)];
      cut.addEdge(wanted, rotatedCopy, MinimumCut::infinite);
      cut.addEdge(plainCopy, wanted, MinimumCut::infinite);
    }
  }
  std::vector<bool> rotated = cut.solve();
  for (auto &[value, node] : nodes)
    node.isRotated = rotated[ids[value]];
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

Value RotationPlacement::makeHadamard(Value value, const Rotation &by) const {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  return by.apply(builder, value.getLoc(), value);
}

void RotationPlacement::rewriteUses(Value value, const Node &node) {
  Value other;
  auto getForm = [&](bool wantsRotated) {
    if (wantsRotated == node.isRotated)
      return value;
    if (!other)
      other = makeHadamard(value, wantsRotated ? rotation : rotation.inverse());
    return other;
  };
  auto setForm = [&](OpOperand *operand, bool wantsRotated) {
    if (wantsRotated != node.isRotated)
      operand->set(getForm(wantsRotated));
  };
  for (const Use &use : node.uses) {
    Operation *owner = use.operand->getOwner();
    switch (use.kind) {
    case Use::Plain:
      setForm(use.operand, false);
      break;
    case Use::Rotates:
      owner->getResult(0).replaceAllUsesWith(getForm(true));
      break;
    case Use::Follows:
      setForm(use.operand, nodes[owner->getResult(0)].isRotated);
      break;
    case Use::Free:
      if (node.isRotated) {
        OpBuilder builder(owner);
        cast<RotationOpInterface>(owner).rotateOperand(builder, *use.operand,
                                                       rotation);
      }
      break;
    }
  }
}

/// Makes the producer of a rotated value compute it from rotated operands.
void RotationPlacement::rewriteProducer(Value value, const Node &node) {
  OpBuilder builder(value.getContext());
  if (!node.gain)
    cast<RotationOpInterface>(value.getDefiningOp())
        .rotateResult(builder, rotation);
  for (OpOperand *carrier : node.carriers)
    if (isConstant(carrier->get()))
      carrier->set(makeHadamard(carrier->get(), rotation));
}

void RotationPlacement::run() {
  for (auto &[value, node] : nodes)
    for (OpOperand &operand : value.getUses())
      node.uses.push_back(classify(operand));
  decide();
  // Gains first: they scale the columns of weights that are about to rotate.
  for (auto &[value, node] : nodes)
    if (node.isRotated && node.gain)
      node.gain->foldIntoLayers();
  for (auto &[value, node] : nodes)
    if (node.isRotated)
      rewriteProducer(value, node);
  for (auto &[value, node] : nodes)
    rewriteUses(value, node);
  for (auto &[value, node] : nodes)
    if (node.isRotated && node.gain)
      node.gain->remove();
}

} // namespace fp4
