//===- AccessHistory.h - Who touched each byte of shared memory -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vector clocks, and the accesses to shared memory that later ones may race
// with: for every byte the last write and the reads since then that are not
// known to be ordered among themselves (Flanagan and Freund, "FastTrack:
// Efficient and Precise Dynamic Race Detection", PLDI 2009).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_ACCESSHISTORY_H
#define FP4_LIB_EMULATOR_PTX_ACCESSHISTORY_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace fp4::ptx {

/// A moment of one component; time 0 is never.
struct Epoch {
  uint32_t component = 0;
  uint32_t time = 0;
  bool operator==(const Epoch &other) const {
    return component == other.component && time == other.time;
  }
};

/// Up to which time of each component something comes later.
class Clock {
public:
  uint32_t at(uint32_t component) const {
    return component < times.size() ? times[component] : 0;
  }
  bool covers(Epoch epoch) const { return epoch.time <= at(epoch.component); }
  void raise(Epoch epoch) {
    if (epoch.component >= times.size())
      times.resize(epoch.component + 1);
    times[epoch.component] = std::max(times[epoch.component], epoch.time);
  }
  void join(const Clock &other) {
    if (other.times.size() > times.size())
      times.resize(other.times.size());
    for (size_t i = 0; i < other.times.size(); ++i)
      times[i] = std::max(times[i], other.times[i]);
  }

private:
  std::vector<uint32_t> times;
};

/// An earlier access that is not ordered with the present one.
struct Conflict {
  Epoch other;
  bool isWrite;
  uint32_t offset;
};

class AccessHistory {
public:
  /// Components below `numThreads` are threads, 32 to a warp; those of a warp
  /// at the same time are one instruction and do not race.
  AccessHistory(size_t bytes, uint32_t numThreads)
      : numThreads(numThreads), cells(bytes), readers(1) {}

  /// Notes an access of `self`, who knows of what `known` covers; or returns
  /// what it races with.
  std::optional<Conflict> read(uint32_t offset, uint32_t size, Epoch self,
                               const Clock &known);
  std::optional<Conflict> write(uint32_t offset, uint32_t size, Epoch self,
                                const Clock &known);
  /// As `read`, but notes nothing.
  std::optional<Conflict> look(uint32_t offset, uint32_t size, Epoch self,
                               const Clock &known) const;

private:
  struct Cell {
    Epoch written, reader;
    /// Further readers: an index into `readers`, 0 for none.
    uint32_t others = 0;
    bool operator==(const Cell &cell) const {
      return written == cell.written && reader == cell.reader &&
             others == cell.others;
    }
  };
  bool isOrdered(Epoch other, Epoch self, const Clock &known) const;
  Cell afterRead(Cell cell, Epoch self, const Clock &known);
  /// Drops lists that no cell names any more.
  void compact();

  uint32_t numThreads;
  std::vector<Cell> cells;
  std::vector<std::vector<Epoch>> readers;
  /// Lists at which `compact` is worth its time.
  size_t compactAt = size_t(1) << 17;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_ACCESSHISTORY_H
