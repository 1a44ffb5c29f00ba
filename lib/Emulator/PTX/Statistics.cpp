//===- Statistics.cpp - What a launch did ---------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of what launches did, and their text and JSON.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/Emulator.h"
#include <algorithm>

namespace fp4::ptx {

static void addTo(std::map<std::string, uint64_t> &to,
                  const std::map<std::string, uint64_t> &from) {
  for (const auto &[name, count] : from)
    to[name] += count;
}

void Statistics::merge(const Statistics &other) {
  warpInstructions += other.warpInstructions;
  threadInstructions += other.threadInstructions;
  addTo(instructions, other.instructions);
  addTo(bytesRead, other.bytesRead);
  addTo(bytesWritten, other.bytesWritten);
  bankConflicts += other.bankConflicts;
  mmaInstructions += other.mmaInstructions;
  mmaMultiplyAdds += other.mmaMultiplyAdds;
  asyncOperations += other.asyncOperations;
  sharedBytes = std::max(sharedBytes, other.sharedBytes);
  tensorMemoryColumns =
      std::max(tensorMemoryColumns, other.tensorMemoryColumns);
  ctas += other.ctas;
}

/// The scalar figures, in the order in which they are printed.
static std::vector<std::pair<const char *, uint64_t>>
figures(const Statistics &stats) {
  return {{"ctas", stats.ctas},
          {"warp_instructions", stats.warpInstructions},
          {"thread_instructions", stats.threadInstructions},
          {"async_operations", stats.asyncOperations},
          {"mma_instructions", stats.mmaInstructions},
          {"mma_multiply_adds", stats.mmaMultiplyAdds},
          {"shared_bytes", stats.sharedBytes},
          {"tensor_memory_columns", stats.tensorMemoryColumns},
          {"bank_conflicts", stats.bankConflicts}};
}

std::string Statistics::toText() const {
  std::string text;
  auto line = [&](const std::string &name, uint64_t value) {
    text += name + std::string(name.size() < 28 ? 28 - name.size() : 1, ' ') +
            std::to_string(value) + "\n";
  };
  for (const auto &[name, value] : figures(*this))
    line(name, value);
  for (const auto &[space, bytes] : bytesRead)
    line("bytes read, " + space, bytes);
  for (const auto &[space, bytes] : bytesWritten)
    line("bytes written, " + space, bytes);
  std::vector<std::pair<std::string, uint64_t>> mix(instructions.begin(),
                                                    instructions.end());
  std::sort(mix.begin(), mix.end(), [](const auto &a, const auto &b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (const auto &[opcode, count] : mix)
    line("  " + opcode, count);
  return text;
}

static std::string toObject(const std::map<std::string, uint64_t> &map) {
  std::string text = "{";
  for (const auto &[name, count] : map)
    text += (text.size() > 1 ? ", \"" : "\"") + name +
            "\": " + std::to_string(count);
  return text + "}";
}

std::string Statistics::toJSON() const {
  std::string text = "{";
  for (const auto &[name, value] : figures(*this))
    text += "\"" + std::string(name) + "\": " + std::to_string(value) + ", ";
  return text + "\"bytes_read\": " + toObject(bytesRead) +
         ", \"bytes_written\": " + toObject(bytesWritten) +
         ", \"instructions\": " + toObject(instructions) + "}";
}

} // namespace fp4::ptx
