//===- MinimumCut.cpp - Minimum cut of a small graph ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Edmonds and Karp's maximum flow. A function has some hundred rotations, so
// nothing faster is needed.
//
//===----------------------------------------------------------------------===//

#include "MinimumCut.h"
#include <algorithm>

namespace fp4 {

void MinimumCut::addEdge(Node from, Node to, int64_t capacity) {
  edgesOf[from].push_back(edges.size());
  edges.push_back({to, capacity});
  edgesOf[to].push_back(edges.size());
  edges.push_back({from, 0});
}

bool MinimumCut::augment(std::vector<bool> &reached) {
  std::vector<size_t> via(edgesOf.size());
  std::vector<Node> queue = {source};
  reached.assign(edgesOf.size(), false);
  reached[source] = true;
  for (size_t head = 0; head < queue.size(); ++head)
    for (size_t edge : edgesOf[queue[head]]) {
      Node to = edges[edge].to;
      if (reached[to] || edges[edge].residual == 0)
        continue;
      reached[to] = true;
      via[to] = edge;
      queue.push_back(to);
    }
  if (!reached[sink])
    return false;
  int64_t flow = infinite;
  for (Node node = sink; node != source; node = edges[via[node] ^ 1].to)
    flow = std::min(flow, edges[via[node]].residual);
  for (Node node = sink; node != source; node = edges[via[node] ^ 1].to) {
    edges[via[node]].residual -= flow;
    edges[via[node] ^ 1].residual += flow;
  }
  return true;
}

std::vector<bool> MinimumCut::solve() {
  std::vector<bool> reached;
  while (augment(reached)) {
  }
  return reached;
}

} // namespace fp4
