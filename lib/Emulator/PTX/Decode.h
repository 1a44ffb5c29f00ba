//===- Decode.h - From opcode text to a decoded instruction -----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A family's decode function reads the modifiers that it knows, in any order,
// fills the plain fields of the instruction and picks the function that runs
// it. What nobody takes is reported as unsupported, before anything runs.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_DECODE_H
#define FP4_LIB_EMULATOR_PTX_DECODE_H

#include "Program.h"
#include <initializer_list>

namespace fp4::ptx {

class Decoder;
using DecodeFn = void (*)(Decoder &);

struct Opcode {
  std::string_view mnemonic;
  DecodeFn decode;
  /// Lowest .target number that has the instruction.
  unsigned minTarget;
};

/// The rows of Opcodes.def.
extern const Opcode opcodeTable[];
extern const unsigned numOpcodes;

/// The row whose mnemonic is the longest dotted prefix of `word`, or null.
const Opcode *findOpcode(std::string_view word);

class Decoder {
public:
  Decoder(ModuleData &module, Instr &instr, std::string_view mnemonic,
          std::string_view modifiers);

  Instr &instr;
  ModuleData &module;
  std::string_view mnemonic;

  //===--- Modifiers
  //-------------------------------------------------------===//

  /// Takes `.name` if it is there.
  bool take(std::string_view name);
  /// Takes the one of `names` that is there and gives its index, or -1.
  int takeOneOf(std::initializer_list<std::string_view> names);
  /// As above, but one must be there.
  int needOneOf(std::initializer_list<std::string_view> names);
  /// Takes the first remaining modifier that is a type.
  Type takeType();
  /// As above; fails unless it is one of `allowed`.
  Type needType(std::initializer_list<Type> allowed);
  /// Takes `.v2`, `.v4` or `.v8`: the element count, else 1.
  unsigned takeVector();
  Rounding takeRounding();
  /// Takes the first state space, else Generic. `.param::entry` and `::func`
  /// are Param.
  Space takeSpace();
  /// Takes modifiers that do not change what the emulator does: cache and
  /// eviction hints, memory order and scope.
  void ignoreHints();
  /// Takes everything that starts with `prefix`.
  void ignorePrefix(std::string_view prefix);
  /// The first remaining modifier that starts with `prefix`, without it.
  std::optional<std::string_view> takePrefixed(std::string_view prefix);
  bool has(std::string_view name) const;

  /// Fails unless the type modifiers fit a line of Forms.def, if the mnemonic
  /// has any.
  void checkForm();

  //===--- Operands
  //--------------------------------------------------------===//

  size_t numOperands() const { return instr.ops.size(); }
  bool needOperands(size_t count) { return needOperands(count, count); }
  bool needOperands(size_t least, size_t most);
  /// Operand `index` is a vector of `count` elements (or one scalar when
  /// `count` is 1, which becomes a vector).
  bool needVector(size_t index, size_t least, size_t most);
  /// Operand `index` may be a scalar in braces; takes them off.
  void unwrap(size_t index);
  /// All elements of the vector that operand `index` is are registers.
  bool needRegisters(size_t index);
  bool needAddress(size_t index);
  bool needReg(size_t index);
  /// Drops a trailing cache-policy operand.
  void dropCachePolicy(size_t expected);
  /// Gives a literal operand the bits that it has as a `type`.
  void typeImmediate(Operand &op, Type type);

  //===--- Results
  //---------------------------------------------------------===//

  void setExec(ExecFn fn) { instr.exec = fn; }
  void needTarget(unsigned target);
  /// The arch-specific ('a') or family ('f') variant of one of `targets`.
  void needArchSpecific(std::initializer_list<unsigned> targets);
  void fail(std::string what);
  bool failed() const { return !error.empty(); }
  const std::string &message() const { return error; }
  /// Results are operands [0, count); the rest are sources. Default 1.
  void setResults(unsigned count) { instr.numResults = uint8_t(count); }
  /// All register operands reach memory: poison in them traps.
  void setStores() { storesData = true; }

  /// Checks that all modifiers were taken and derives what the executor needs.
  void finish();

private:
  struct Modifier {
    std::string_view text;
    bool taken = false;
  };
  void collectSlots(const Operand &op, std::vector<int32_t> &slots);
  void finishImmediate(Operand &op);

  std::vector<Modifier> modifiers;
  std::string error;
  bool storesData = false;
};

/// Forms that share a mnemonic with another family.
void decodeStoreAsync(Decoder &d);
void decodeRedAsync(Decoder &d);

#define PTX_OPCODE(mnemonic, decode, minTarget) void decode(Decoder &);
#include "Opcodes.def"

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_DECODE_H
