//===- MinimumCut.h - Minimum cut of a small graph --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits the nodes of a directed graph into a source side and a sink side so
// that the capacity of the edges from the first to the second is least.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_DIALECT_FP4_TRANSFORMS_MINIMUMCUT_H
#define FP4_LIB_DIALECT_FP4_TRANSFORMS_MINIMUMCUT_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fp4 {

class MinimumCut {
public:
  using Node = size_t;
  static constexpr Node source = 0, sink = 1;
  static constexpr int64_t infinite = int64_t(1) << 60;

  MinimumCut() : edgesOf(2) {}
  Node addNode() {
    edgesOf.emplace_back();
    return edgesOf.size() - 1;
  }
  /// `capacity` is paid if `from` is on the source side and `to` is not.
  void addEdge(Node from, Node to, int64_t capacity);
  /// Whether each node is on the source side; the smallest source side of all
  /// minimum cuts.
  std::vector<bool> solve();

private:
  struct Edge {
    Node to;
    int64_t residual;
  };
  /// One augmenting path by breadth-first search; false if there is none, and
  /// then `reached` is the source side.
  bool augment(std::vector<bool> &reached);

  /// Edge 2i and its reverse 2i + 1.
  std::vector<Edge> edges;
  std::vector<std::vector<size_t>> edgesOf;
};

} // namespace fp4

#endif // FP4_LIB_DIALECT_FP4_TRANSFORMS_MINIMUMCUT_H
