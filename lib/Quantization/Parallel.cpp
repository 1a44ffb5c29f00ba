//===- Parallel.cpp - Deterministic work sharing --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads take the next index from one counter: pieces may finish in any order,
// so callers that sum results keep one slot per piece and add the slots in
// order.
//
//===----------------------------------------------------------------------===//

#include "Parallel.h"
#include <algorithm>
#include <atomic>
#include <cblas.h>
#include <mutex>
#include <thread>
#include <vector>

namespace fp4::quantization {

void parallelFor(size_t count, unsigned threads,
                 const std::function<void(size_t)> &body) {
  if (threads == 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  size_t workers = std::min<size_t>(threads, count);
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i = next++; i < count; i = next++)
      body(i);
  };
  std::vector<std::thread> pool;
  for (size_t i = 1; i < workers; ++i)
    pool.emplace_back(work);
  work();
  for (std::thread &thread : pool)
    thread.join();
}

static std::mutex blasMutex;
static unsigned blasUsers = 0;
static int blasThreadsBefore = 1;

SingleThreadedBlas::SingleThreadedBlas() {
  std::lock_guard<std::mutex> lock(blasMutex);
  if (blasUsers++ == 0) {
    blasThreadsBefore = openblas_get_num_threads();
    openblas_set_num_threads(1);
  }
}

SingleThreadedBlas::~SingleThreadedBlas() {
  std::lock_guard<std::mutex> lock(blasMutex);
  if (--blasUsers == 0)
    openblas_set_num_threads(blasThreadsBefore);
}

} // namespace fp4::quantization
