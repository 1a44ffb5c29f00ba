//===- Decode.cpp - From opcode text to a decoded instruction -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The opcode table, the modifiers and operands of an instruction, the types
// that Forms.def allows, and which registers an instruction reads and writes.
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "FloatFormat.h"
#include <cstring>

namespace fp4::ptx {

const Opcode opcodeTable[] = {
#define PTX_OPCODE(mnemonic, decode, minTarget) {mnemonic, decode, minTarget},
#include "Opcodes.def"
};
const unsigned numOpcodes = std::size(opcodeTable);

const Opcode *findOpcode(std::string_view word) {
  static const auto index = [] {
    std::unordered_map<std::string_view, const Opcode *> map;
    for (const Opcode &opcode : opcodeTable)
      map.emplace(opcode.mnemonic, &opcode);
    return map;
  }();
  for (;;) {
    if (auto found = index.find(word); found != index.end())
      return found->second;
    size_t dot = word.rfind('.');
    if (dot == std::string_view::npos)
      return nullptr;
    word = word.substr(0, dot);
  }
}

Decoder::Decoder(ModuleData &module, Instr &instr, std::string_view mnemonic,
                 std::string_view text)
    : instr(instr), module(module), mnemonic(mnemonic) {
  while (!text.empty()) {
    if (text.front() == '.')
      text.remove_prefix(1);
    size_t end = text.find('.');
    modifiers.push_back({text.substr(0, end)});
    text =
        end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
}

//===----------------------------------------------------------------------===//
// Modifiers
//===----------------------------------------------------------------------===//

bool Decoder::take(std::string_view name) {
  for (Modifier &modifier : modifiers)
    if (!modifier.taken && modifier.text == name)
      return modifier.taken = true;
  return false;
}

bool Decoder::has(std::string_view name) const {
  for (const Modifier &modifier : modifiers)
    if (!modifier.taken && modifier.text == name)
      return true;
  return false;
}

int Decoder::takeOneOf(std::initializer_list<std::string_view> names) {
  int index = 0;
  for (std::string_view name : names) {
    if (take(name))
      return index;
    ++index;
  }
  return -1;
}

int Decoder::needOneOf(std::initializer_list<std::string_view> names) {
  int index = takeOneOf(names);
  if (index >= 0)
    return index;
  std::string list;
  for (std::string_view name : names)
    list += (list.empty() ? "." : ", .") + std::string(name);
  fail("expected one of " + list);
  return 0;
}

Type Decoder::takeType() {
  for (Modifier &modifier : modifiers) {
    if (modifier.taken)
      continue;
    if (std::optional<Type> type = parseType(modifier.text)) {
      modifier.taken = true;
      return *type;
    }
  }
  fail("expected a type");
  return Type::B32;
}

Type Decoder::needType(std::initializer_list<Type> allowed) {
  Type type = takeType();
  for (Type candidate : allowed)
    if (candidate == type)
      return type;
  fail("type ." + std::string(typeName(type)) + " is not supported here");
  return type;
}

unsigned Decoder::takeVector() {
  int index = takeOneOf({"v2", "v4", "v8"});
  return index < 0 ? 1 : 2u << index;
}

Rounding Decoder::takeRounding() {
  static constexpr Rounding order[] = {Rounding::RN,  Rounding::RZ,
                                       Rounding::RM,  Rounding::RP,
                                       Rounding::RNA, Rounding::RS};
  int index = takeOneOf({"rn", "rz", "rm", "rp", "rna", "rs"});
  return index < 0 ? Rounding::None : order[index];
}

Space Decoder::takeSpace() {
  static const std::pair<std::string_view, Space> names[] = {
      {"const", Space::Const},
      {"global", Space::Global},
      {"local", Space::Local},
      {"param", Space::Param},
      {"param::entry", Space::Param},
      {"param::func", Space::Param},
      {"shared", Space::SharedCTA},
      {"shared::cta", Space::SharedCTA},
      {"shared::cluster", Space::SharedCluster}};
  for (Modifier &modifier : modifiers)
    for (const auto &[name, space] : names)
      if (!modifier.taken && modifier.text == name) {
        modifier.taken = true;
        return space;
      }
  return Space::Generic;
}

void Decoder::ignoreHints() {
  while (
      takeOneOf({"weak",     "relaxed", "acquire", "release", "acq_rel", "sc",
                 "volatile", "mmio",    "cta",     "cluster", "gpu",     "sys",
                 "ca",       "cg",      "cs",      "lu",      "cv",      "wb",
                 "wt",       "nc",      "unified"}) >= 0)
    ;
  ignorePrefix("L1::");
  ignorePrefix("L2::");
}

void Decoder::ignorePrefix(std::string_view prefix) {
  // .L2::cache_hint announces an operand, which dropCachePolicy drops.
  for (Modifier &modifier : modifiers)
    if (modifier.text.substr(0, prefix.size()) == prefix &&
        modifier.text != "L2::cache_hint")
      modifier.taken = true;
}

std::optional<std::string_view> Decoder::takePrefixed(std::string_view prefix) {
  for (Modifier &modifier : modifiers) {
    if (modifier.taken || modifier.text.substr(0, prefix.size()) != prefix)
      continue;
    modifier.taken = true;
    return modifier.text.substr(prefix.size());
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

bool Decoder::needOperands(size_t least, size_t most) {
  size_t count = instr.ops.size();
  if (count >= least && count <= most)
    return true;
  fail("expected " + std::to_string(least) +
       (most == least ? "" : " to " + std::to_string(most)) +
       " operands, got " + std::to_string(count));
  return false;
}

bool Decoder::needVector(size_t index, size_t least, size_t most) {
  if (index >= instr.ops.size()) {
    fail("operand " + std::to_string(index + 1) + " is missing");
    return false;
  }
  Operand &op = instr.ops[index];
  if (op.kind != Operand::Kind::Vector) {
    Operand vector;
    vector.kind = Operand::Kind::Vector;
    vector.elems.push_back(op);
    op = std::move(vector);
  }
  if (op.elems.size() >= least && op.elems.size() <= most)
    return true;
  fail("expected " + std::to_string(least) + " registers in operand " +
       std::to_string(index + 1) + ", got " + std::to_string(op.elems.size()));
  return false;
}

bool Decoder::needRegisters(size_t index) {
  for (const Operand &element : instr.ops[index].elems)
    if (!element.isReg()) {
      fail("operand " + std::to_string(index + 1) +
           " must consist of registers");
      return false;
    }
  return true;
}

void Decoder::unwrap(size_t index) {
  Operand &op = instr.ops[index];
  if (op.kind != Operand::Kind::Vector)
    return;
  if (op.elems.size() != 1)
    return fail("expected 1 register in operand " + std::to_string(index + 1) +
                ", got " + std::to_string(op.elems.size()));
  Operand element = op.elems[0];
  op = std::move(element);
}

bool Decoder::needAddress(size_t index) {
  if (index < instr.ops.size() &&
      instr.ops[index].kind == Operand::Kind::Address)
    return true;
  fail("expected an address in brackets as operand " +
       std::to_string(index + 1));
  return false;
}

bool Decoder::needReg(size_t index) {
  if (index < instr.ops.size() &&
      (instr.ops[index].isReg() ||
       instr.ops[index].kind == Operand::Kind::Sink))
    return true;
  fail("expected a register as operand " + std::to_string(index + 1));
  return false;
}

void Decoder::dropCachePolicy(size_t expected) {
  if (take("L2::cache_hint") && instr.ops.size() == expected + 1)
    instr.ops.pop_back();
}

void Decoder::typeImmediate(Operand &op, Type type) {
  if (op.kind == Operand::Kind::Vector) {
    for (Operand &elem : op.elems)
      typeImmediate(elem, type);
    return;
  }
  if (op.kind != Operand::Kind::Imm || !op.isFloatLiteral)
    return;
  op.isFloatLiteral = false;
  double value;
  if (op.immBits == 32) {
    if (typeBits(type) == 32)
      return;
    uint32_t bits = uint32_t(op.imm);
    float narrow;
    std::memcpy(&narrow, &bits, sizeof narrow);
    value = narrow;
  } else {
    if (typeBits(type) == 64)
      return;
    std::memcpy(&value, &op.imm, sizeof value);
  }
  switch (typeBits(type)) {
  case 64:
    std::memcpy(&op.imm, &value, sizeof value);
    break;
  case 32: {
    float narrow = float(value);
    uint32_t bits;
    std::memcpy(&bits, &narrow, sizeof bits);
    op.imm = bits;
    break;
  }
  case 16:
    op.imm = encodeFloat(value, type == Type::BF16 ? kBF16Layout : kF16Layout,
                         Rounding::RN);
    break;
  default:
    fail("a floating literal does not fit type ." +
         std::string(typeName(type)));
  }
}

void Decoder::finishImmediate(Operand &op) {
  typeImmediate(op, instr.type);
  if (op.kind == Operand::Kind::Imm)
    op.lanes = module.constant(op.imm);
  for (Operand &elem : op.elems)
    finishImmediate(elem);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void Decoder::needTarget(unsigned target) {
  if (module.target < target)
    fail("needs .target sm_" + std::to_string(target) +
         " or later, the module has sm_" + std::to_string(module.target));
}

void Decoder::needArchSpecific(std::initializer_list<unsigned> targets) {
  std::string list;
  for (unsigned target : targets) {
    // sm_101 became sm_110 in PTX 9.0; a family target covers its decade.
    bool inFamily =
        module.targetSuffix == 'f' && module.target / 10 == target / 10;
    if (module.targetSuffix && (module.target == target || inFamily))
      return;
    list += (list.empty() ? "sm_" : ", sm_") + std::to_string(target) + "a";
  }
  fail("needs one of the targets " + list + ", the module has sm_" +
       std::to_string(module.target) +
       (module.targetSuffix ? std::string(1, module.targetSuffix) : ""));
}

namespace {
/// A line of Forms.def.
struct Form {
  std::string_view mnemonic;
  std::vector<std::string_view> positions;
};
} // namespace

static const std::vector<Form> &forms() {
  static const std::vector<Form> all = {
#define PTX_FORM(mnemonic, ...) {mnemonic, {__VA_ARGS__}},
#include "Forms.def"
  };
  return all;
}

/// Whether `word` is one of the words of `list`.
static bool contains(std::string_view list, std::string_view word) {
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(' ', at), list.size());
    if (list.substr(at, end - at) == word)
      return true;
    at = end + 1;
  }
  return false;
}

void Decoder::checkForm() {
  std::vector<std::string_view> types;
  std::string given;
  for (const Modifier &modifier : modifiers)
    if (parseType(modifier.text)) {
      types.push_back(modifier.text);
      given += "." + std::string(modifier.text);
    }
  bool isKnown = false;
  for (const Form &form : forms()) {
    if (form.mnemonic != mnemonic)
      continue;
    isKnown = true;
    bool fits = form.positions.size() == types.size();
    for (size_t i = 0; fits && i < types.size(); ++i)
      fits = contains(form.positions[i], types[i]);
    if (fits)
      return;
  }
  if (isKnown && !types.empty())
    fail("no form with the types " + given);
}

void Decoder::fail(std::string what) {
  if (error.empty())
    error = std::move(what);
}

void Decoder::collectSlots(const Operand &op, std::vector<int32_t> &slots) {
  if (op.kind == Operand::Kind::Reg) {
    slots.push_back(op.slot);
    if (op.type == Type::B128)
      slots.push_back(op.slot + 1);
  }
  for (const Operand &elem : op.elems)
    collectSlots(elem, slots);
}

void Decoder::finish() {
  if (failed())
    return;
  for (const Modifier &modifier : modifiers)
    if (!modifier.taken)
      return fail("modifier ." + std::string(modifier.text) +
                  " is not supported on '" + std::string(mnemonic) + "'");
  if (!instr.exec)
    return fail("'" + std::string(mnemonic) + "' is not supported");
  for (size_t i = 0; i < instr.ops.size(); ++i) {
    Operand &op = instr.ops[i];
    finishImmediate(op);
    if (op.kind == Operand::Kind::Address)
      collectSlots(op, instr.trapSlots);
    else if (i < instr.numResults)
      collectSlots(op, instr.resultSlots);
    else
      collectSlots(op, storesData ? instr.trapSlots : instr.sourceSlots);
  }
  if (instr.guard >= 0)
    (storesData || instr.isControl || instr.resultSlots.empty()
         ? instr.trapSlots
         : instr.sourceSlots)
        .push_back(instr.guard);
}

} // namespace fp4::ptx
