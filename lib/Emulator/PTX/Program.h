//===- Program.h - Decoded PTX modules --------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parser produces and the machine runs: every instruction is decoded
// once into a function pointer, resolved operands and plain fields, so that
// execution never looks at text.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_PROGRAM_H
#define FP4_LIB_EMULATOR_PTX_PROGRAM_H

#include "Types.h"
#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace fp4::ptx {

class Warp;
struct Instr;

constexpr unsigned kWarpSize = 32;

/// The values of one register in the lanes of a warp, zero-extended.
struct alignas(64) Lanes {
  std::array<uint64_t, kWarpSize> value;
  uint64_t &operator[](unsigned lane) { return value[lane]; }
  uint64_t operator[](unsigned lane) const { return value[lane]; }
};

/// Special registers (PTX ISA, section "Special Registers").
enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NTidX,
  NTidY,
  NTidZ,
  CtaIdX,
  CtaIdY,
  CtaIdZ,
  NCtaIdX,
  NCtaIdY,
  NCtaIdZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  GridId,
  LaneMaskEq,
  LaneMaskLe,
  LaneMaskLt,
  LaneMaskGe,
  LaneMaskGt,
  Clock,
  ClockHi,
  Clock64,
  GlobalTimer,
  GlobalTimerLo,
  GlobalTimerHi,
  ClusterIdX,
  ClusterIdY,
  ClusterIdZ,
  NClusterIdX,
  NClusterIdY,
  NClusterIdZ,
  ClusterCtaIdX,
  ClusterCtaIdY,
  ClusterCtaIdZ,
  ClusterNCtaIdX,
  ClusterNCtaIdY,
  ClusterNCtaIdZ,
  ClusterCtaRank,
  ClusterNCtaRank,
  IsExplicitCluster,
  DynamicSmemSize,
  TotalSmemSize,
  AggrSmemSize,
  CurrentGraphExec,
  GridWorkspaceHi,
  GridWorkspaceLo,
  Zero,
};

/// The special register spelled `name` ("%tid.x").
std::optional<Special> parseSpecial(std::string_view name);

struct Operand {
  enum class Kind : uint8_t {
    None,
    /// A virtual register: `slot` (and `slot + 1` for b128).
    Reg,
    /// `imm`; `lanes` holds it broadcast.
    Imm,
    /// `_`, a result that is thrown away.
    Sink,
    Special,
    /// The address of variable or function `symbol`, plus `imm`.
    Symbol,
    /// [base + imm]: `elems[0]` is the base (Reg, Symbol or none); further
    /// elements are the coordinates of a tensor operand, as a Vector.
    Address,
    /// {a, b, ...}
    Vector,
    /// p|q
    Pair,
    /// A branch target in `imm`.
    Label,
  };
  Kind kind = Kind::None;
  Type type = Type::None;
  Special special = Special::Zero;
  /// `!p`
  bool negated = false;
  /// An immediate written as a floating literal, of which `imm` holds the bits
  /// of `immBits` (32 or 64), or 64 for a decimal one.
  bool isFloatLiteral = false;
  uint8_t immBits = 0;
  int32_t slot = -1;
  int32_t symbol = -1;
  uint64_t imm = 0;
  /// The broadcast value of an immediate.
  const Lanes *lanes = nullptr;
  std::vector<Operand> elems;

  bool isReg() const { return kind == Kind::Reg; }
};

using ExecFn = void (*)(Warp &, const Instr &);

/// How an instruction relates to divergence.
enum class Sync : uint8_t {
  None,
  /// All live lanes of the warp execute it together (".aligned").
  Warp,
  /// The lanes of its member mask, operand `maskOperand`, execute it together.
  Mask,
};

struct Instr {
  ExecFn exec = nullptr;
  std::vector<Operand> ops;

  Type type = Type::None;
  Type type2 = Type::None;
  Type type3 = Type::None;
  Type type4 = Type::None;
  Space space = Space::Generic;
  Space space2 = Space::Generic;
  Rounding rounding = Rounding::None;
  Compare compare = Compare::EQ;
  BoolOp boolOp = BoolOp::None;
  Sync sync = Sync::None;
  /// Meaning private to a family: which of its forms this is.
  uint8_t variant = 0;
  uint8_t variant2 = 0;
  /// Elements of a vector load or store, or matrices of ldmatrix.
  uint8_t vec = 1;
  uint8_t maskOperand = 0;
  uint8_t numResults = 1;
  bool ftz = false;
  bool sat = false;
  bool relu = false;
  bool flag = false;
  bool flag2 = false;
  /// Changes pc or the fragments itself.
  bool isControl = false;
  /// wgmma.mma_async, whose registers wgmma.fence guards.
  bool isWgmma = false;
  /// A load or store that is not weak.
  bool isStrong = false;
  /// Sets the poison of its results itself.
  bool ownPoison = false;
  bool guardNegated = false;
  int32_t guard = -1;
  /// Index into the opcode table.
  uint16_t opcode = 0;
  uint32_t line = 0;
  uint32_t column = 0;
  /// Branch targets, or one pc per label of brx.idx.
  std::vector<uint32_t> targets;
  /// Registers whose poison traps, propagates, and is written.
  std::vector<int32_t> trapSlots, sourceSlots, resultSlots;
  /// Bits of fields that only one family has.
  std::array<uint32_t, 4> extra{};
};

/// A pointer-sized (or smaller) field of an initialiser.
struct Relocation {
  uint32_t offset;
  uint32_t bytes;
  int32_t symbol;
  uint64_t addend;
  /// From `0xFF00(symbol)`: the byte of the address that is stored.
  unsigned shift = 0;
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  uint64_t size = 0;
  uint64_t align = 1;
  bool isExtern = false;
  /// An unsized `.extern .shared` array.
  bool isDynamic = false;
  /// Offset in the frame for .local and .param variables of a function.
  uint32_t offset = 0;
  std::vector<uint8_t> data;
  std::vector<Relocation> relocations;
};

/// A formal parameter or return value.
struct Param {
  std::string name;
  Type type = Type::B8;
  uint32_t size = 0;
  uint32_t align = 1;
  uint32_t offset = 0;
  /// Register slot of a `.reg` formal, or -1 for `.param`.
  int32_t slot = -1;
};

/// What a name in a module or a function refers to.
struct Symbol {
  enum class Kind : uint8_t { Variable, Function, FrameLocal, FrameParam };
  Kind kind = Kind::Variable;
  /// Index of a module variable or function; offset in a frame otherwise.
  uint32_t index = 0;
  std::string name;
  /// Bytes of a FrameParam.
  uint32_t size = 0;
};

struct Function {
  std::string name;
  bool isEntry = false;
  bool isDefined = false;
  uint32_t line = 0;
  std::vector<Param> params;
  std::vector<Param> results;
  std::vector<Instr> code;
  uint32_t numSlots = 0;
  /// Names of the slots, for messages.
  std::vector<std::string> slotNames;
  uint32_t paramBytes = 0;
  /// The formals' part of `paramBytes`.
  uint32_t formalBytes = 0;
  uint32_t localBytes = 0;
  std::array<uint32_t, 3> maxThreads{};
  std::array<uint32_t, 3> requiredThreads{};
  std::array<uint32_t, 3> clusterDims{};
  bool explicitCluster = false;
  bool hasWgmma = false;
  /// Functions that the code names, for finding the shared variables in use.
  std::vector<uint32_t> referencedFunctions;
  std::vector<uint32_t> referencedVariables;
};

struct ModuleData {
  std::string text;
  unsigned versionMajor = 0, versionMinor = 0;
  /// 90 for sm_90a.
  unsigned target = 0;
  /// 'a', 'f' or 0.
  char targetSuffix = 0;
  unsigned addressSize = 64;
  std::vector<Variable> variables;
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<Symbol> symbols;
  std::unordered_map<uint64_t, std::unique_ptr<Lanes>> constants;

  const Lanes *constant(uint64_t bits);
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_PROGRAM_H
