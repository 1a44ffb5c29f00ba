//===- Syscalls.cpp - Functions that the driver provides ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// printf's formats on a device buffer, assertions, and what is refused.
//
//===----------------------------------------------------------------------===//

#include "Syscalls.h"
#include "FloatFormat.h"
#include <cstring>

namespace fp4::ptx {

/// Argument `index` of a call in a lane: a .param variable or a register.
static uint64_t argument(Warp &warp, const Instr &site, unsigned index,
                         unsigned lane) {
  if (index >= site.ops[2].elems.size())
    warp.trap("the system call needs " + std::to_string(index + 1) +
              " arguments");
  const Operand &op = site.ops[2].elems[index];
  if (op.kind == Operand::Kind::Symbol) {
    const Symbol &symbol = warp.launch.module->symbols[op.symbol];
    if (symbol.kind == Symbol::Kind::FrameParam) {
      uint64_t value = 0;
      uint32_t left = warp.frame->function->paramBytes - symbol.index;
      std::memcpy(&value, warp.frame->param(lane, symbol.index),
                  std::min<uint32_t>(8, left));
      return value;
    }
  }
  Lanes scratch;
  return warp.read(op, scratch)[lane];
}

static void setResult(Warp &warp, const Instr &site, unsigned lane,
                      uint64_t value, unsigned bytes) {
  if (site.ops[0].elems.empty())
    return;
  const Operand &op = site.ops[0].elems[0];
  if (op.isReg())
    return warp.setLane(op, lane, value);
  const Symbol &symbol = warp.launch.module->symbols[op.symbol];
  std::memcpy(warp.frame->param(lane, symbol.index), &value, bytes);
}

static std::string stringAt(Warp &warp, uint64_t address, unsigned lane) {
  std::string text;
  for (; text.size() < 4096; ++address) {
    Location location =
        warp.locate(Space::Generic, address, 1, 1, lane, Access::Read);
    if (!*location.bytes)
      break;
    text += char(*location.bytes);
  }
  return text;
}

namespace {
/// Formats one printf call; arguments lie in the buffer that nvcc fills, each
/// at its natural alignment.
struct Printer {
  Warp &warp;
  unsigned lane;
  uint64_t buffer;
  uint64_t offset = 0;

  uint64_t take(unsigned bytes) {
    offset = (offset + bytes - 1) / bytes * bytes;
    Location location = warp.locate(Space::Generic, buffer + offset, bytes,
                                    bytes, lane, Access::Read);
    uint64_t value = 0;
    std::memcpy(&value, location.bytes, bytes);
    offset += bytes;
    return value;
  }
  std::string one(const std::string &spec, bool isLong);
};
} // namespace

std::string Printer::one(const std::string &spec, bool isLong) {
  char out[512];
  switch (spec.back()) {
  case 'd':
  case 'i':
    std::snprintf(out, sizeof out,
                  (spec.substr(0, spec.size() - 1) + "lld").c_str(),
                  isLong ? (long long)take(8) : (long long)int32_t(take(4)));
    return out;
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    std::snprintf(
        out, sizeof out,
        (spec.substr(0, spec.size() - 1) + "ll" + spec.back()).c_str(),
        (unsigned long long)take(isLong ? 8 : 4));
    return out;
  case 'c':
    std::snprintf(out, sizeof out, spec.c_str(), int(take(4)));
    return out;
  case 'p':
    return hex(take(8));
  case 's':
    return stringAt(warp, take(8), lane);
  default:
    std::snprintf(out, sizeof out, spec.c_str(), asDouble(take(8)));
    return out;
  }
}

static void vprintf(Warp &warp, const Instr &site) {
  forEachLane(warp.active, [&](unsigned lane) {
    std::string format = stringAt(warp, argument(warp, site, 0, lane), lane);
    Printer printer{warp, lane, argument(warp, site, 1, lane)};
    std::string text;
    for (size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        text += format[i];
        continue;
      }
      if (i + 1 < format.size() && format[i + 1] == '%') {
        text += format[i++];
        continue;
      }
      std::string spec = "%";
      bool isLong = false;
      while (++i < format.size() &&
             !std::strchr("diuxXocpsfFeEgGaA", format[i])) {
        bool isLength = std::strchr("lhzjt", format[i]);
        isLong |= format[i] == 'l' || format[i] == 'z' || format[i] == 'j';
        // A '*' width would need another argument; CUDA has it, we do not.
        if (!isLength && format[i] != '*' && spec.size() < 16)
          spec += format[i];
      }
      if (i < format.size())
        text += printer.one(spec + format[i], isLong);
    }
    if (warp.launch.options.output) {
      std::lock_guard<std::mutex> lock(warp.launch.outputMutex);
      warp.launch.options.output(text);
    }
    setResult(warp, site, lane, 0, 4);
  });
}

static void assertFail(Warp &warp, const Instr &site) {
  unsigned lane = unsigned(__builtin_ctz(warp.active));
  std::string condition = stringAt(warp, argument(warp, site, 0, lane), lane);
  std::string file = stringAt(warp, argument(warp, site, 1, lane), lane);
  uint32_t line = uint32_t(argument(warp, site, 2, lane));
  warp.trap("assertion '" + condition + "' failed at " + file + ":" +
                std::to_string(line),
            int(lane));
}

SyscallFn findSyscall(std::string_view name) {
  if (name == "vprintf")
    return vprintf;
  if (name == "__assertfail" || name == "__assert_fail")
    return assertFail;
  return nullptr;
}

} // namespace fp4::ptx
