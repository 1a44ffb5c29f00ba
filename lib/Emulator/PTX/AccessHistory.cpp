//===- AccessHistory.cpp - Who touched each byte of shared memory ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Neighbouring bytes mostly have the same past, so what was found for one is
// used for the next.
//
//===----------------------------------------------------------------------===//

#include "AccessHistory.h"

namespace fp4::ptx {

static constexpr unsigned kWarp = 32;

bool AccessHistory::isOrdered(Epoch other, Epoch self,
                              const Clock &known) const {
  if (other.time == 0 || other.component == self.component ||
      known.covers(other))
    return true;
  return other.component < numThreads && self.component < numThreads &&
         other.time == self.time &&
         other.component / kWarp == self.component / kWarp;
}

AccessHistory::Cell AccessHistory::afterRead(Cell cell, Epoch self,
                                             const Clock &known) {
  auto isPast = [&](Epoch other) {
    return other.time == 0 || other.component == self.component ||
           known.covers(other);
  };
  if (isPast(cell.reader)) {
    cell.reader = self;
    return cell;
  }
  std::vector<Epoch> list;
  for (Epoch other : readers[cell.others])
    if (!isPast(other))
      list.push_back(other);
  list.push_back(self);
  cell.others = uint32_t(readers.size());
  readers.push_back(std::move(list));
  return cell;
}

std::optional<Conflict> AccessHistory::look(uint32_t offset, uint32_t size,
                                            Epoch self,
                                            const Clock &known) const {
  for (uint32_t i = offset; i < offset + size; ++i) {
    if (i > offset && cells[i].written == cells[i - 1].written)
      continue;
    if (!isOrdered(cells[i].written, self, known))
      return Conflict{cells[i].written, true, i};
  }
  return std::nullopt;
}

std::optional<Conflict> AccessHistory::read(uint32_t offset, uint32_t size,
                                            Epoch self, const Clock &known) {
  if (std::optional<Conflict> conflict = look(offset, size, self, known))
    return conflict;
  Cell before, after;
  for (uint32_t i = offset; i < offset + size; ++i) {
    if (i == offset || !(cells[i] == before)) {
      before = cells[i];
      after = afterRead(before, self, known);
    }
    cells[i] = after;
  }
  if (readers.size() > compactAt)
    compact();
  return std::nullopt;
}

std::optional<Conflict> AccessHistory::write(uint32_t offset, uint32_t size,
                                             Epoch self, const Clock &known) {
  Cell before;
  for (uint32_t i = offset; i < offset + size; ++i) {
    Cell &cell = cells[i];
    if (i == offset || !(cell == before)) {
      before = cell;
      if (!isOrdered(cell.written, self, known))
        return Conflict{cell.written, true, i};
      if (!isOrdered(cell.reader, self, known))
        return Conflict{cell.reader, false, i};
      for (Epoch other : readers[cell.others])
        if (!isOrdered(other, self, known))
          return Conflict{other, false, i};
    }
    cell = Cell{self, {}, 0};
  }
  return std::nullopt;
}

void AccessHistory::compact() {
  std::vector<uint32_t> place(readers.size());
  std::vector<std::vector<Epoch>> kept(1);
  for (Cell &cell : cells) {
    if (!cell.others)
      continue;
    uint32_t &at = place[cell.others];
    if (!at) {
      at = uint32_t(kept.size());
      kept.push_back(std::move(readers[cell.others]));
    }
    cell.others = at;
  }
  readers = std::move(kept);
  compactAt = std::max(compactAt, 2 * readers.size());
}

} // namespace fp4::ptx
