//===- ExecTensorCopy.cpp - cp.async.bulk.tensor --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Tensor copy": tiles of 1 to 5 dimensions with swizzles,
// 4- and 6-bit types, multicast and reduction, and .tile::gather4/scatter4.
// Where the text is silent this follows an H200 (docs/PTXEmulator.md, "Tensor
// copies"): rows narrower than the swizzle span, NaN fill, TF32 rounding, the
// right edge of stores and the 16-byte rule of the inner coordinate.
//
//===----------------------------------------------------------------------===//

#include "AsyncProxy.h"
#include "AtomicOps.h"
#include "Exec.h"
#include "FloatFormat.h"
#include "Mbarrier.h"
#include "TensorLayout.h"
#include <algorithm>
#include <cstring>

namespace fp4::ptx {

namespace {

/// One box of a tensor, ready to be walked row by row.
struct Box {
  TensorMapParams map;
  std::array<int32_t, 5> start{};
  /// gather4 and scatter4: the rows' own coordinates.
  std::array<int32_t, 4> rows{};
  bool isGather = false;

  /// Bytes of a row in global memory, and in shared memory with its pitch.
  unsigned globalRowBytes = 0, sharedRowBytes = 0, pitch = 0;
  unsigned numRows = 1;

  /// What the copy counts on its mbarrier: for padded types the elements
  /// without the gaps, which is what CUTLASS expects (sm120 mxf8f6f4
  /// collectives).
  unsigned countedBytes() const {
    return numRows *
           (isPaddedTensorType(map.type) ? globalRowBytes : sharedRowBytes);
  }
  unsigned sharedExtent() const { return numRows * pitch; }
};

/// A row of a box: where it starts in global memory, and whether its outer
/// coordinates are inside of the tensor.
struct Row {
  uint64_t address;
  bool inside;
};

} // namespace

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

static TensorMapParams readMap(Warp &warp, uint64_t address, unsigned lane) {
  Location location =
      warp.locate(Space::Generic, address, 128, 64, lane, Access::Read);
  TensorMap bytes;
  std::memcpy(bytes.data(), location.bytes, bytes.size());
  Expected<TensorMapParams> map = decodeTensorMap(bytes);
  if (!map.ok())
    warp.trap(map.message() + ", at " + hex(address), int(lane));
  return *map;
}

/// Elements of dimension `i` that a box takes, its element stride considered.
static unsigned boxExtent(const TensorMapParams &map, unsigned i) {
  unsigned stride = i == 0 ? 1 : map.elementStrides[i];
  return (map.boxDim[i] + stride - 1) / stride;
}

static void measure(Box &box) {
  const TensorMapParams &map = box.map;
  unsigned bits = tensorElementBits(map.type);
  box.globalRowBytes = map.boxDim[0] * bits / 8;
  box.sharedRowBytes =
      isPaddedTensorType(map.type) ? map.boxDim[0] : box.globalRowBytes;
  box.pitch = std::max(box.sharedRowBytes, swizzleSpan(map.swizzle));
  box.numRows = box.isGather ? 4 : 1;
  if (!box.isGather)
    for (unsigned i = 1; i < map.rank; ++i)
      box.numRows *= boxExtent(map, i);
}

/// Reads the tensor operand [map, {coordinates}].
static Box boxOf(Warp &warp, const Instr &instr, const Operand &op,
                 unsigned lane) {
  Box box;
  box.map = readMap(warp, warp.address(op, lane), lane);
  const std::vector<Operand> &coordinates = op.elems[1].elems;
  box.isGather = instr.flag2;
  unsigned rank = box.isGather ? 2 : unsigned(coordinates.size());
  if (rank != box.map.rank)
    warp.trap("a " + std::to_string(rank) +
                  "d copy with a tensor map of rank " +
                  std::to_string(box.map.rank),
              int(lane));
  Lanes scratch;
  for (unsigned i = 0; i < coordinates.size(); ++i) {
    int32_t value = int32_t(warp.read(coordinates[i], scratch)[lane]);
    if (box.isGather && i > 0)
      box.rows[i - 1] = value;
    else
      box.start[i] = value;
  }
  measure(box);
  int64_t innerBits = int64_t(box.start[0]) * tensorElementBits(box.map.type);
  bool padded = isPaddedTensorType(box.map.type);
  if (!padded && innerBits % 128)
    warp.trap("the inner coordinate " + std::to_string(box.start[0]) +
                  " is not at a multiple of 16 bytes",
              int(lane));
  if (padded && box.start[0] % 128)
    warp.trap("the inner coordinate " + std::to_string(box.start[0]) +
                  " of a padded type is not a multiple of 128",
              int(lane));
  return box;
}

static Row rowOf(const Box &box, unsigned index) {
  const TensorMapParams &map = box.map;
  Row row{map.globalAddress, true};
  for (unsigned i = 1; i < map.rank; ++i) {
    int64_t position;
    if (box.isGather) {
      position = box.rows[index];
    } else {
      unsigned extent = boxExtent(map, i);
      position = int64_t(box.start[i]) +
                 int64_t(index % extent) * map.elementStrides[i];
      index /= extent;
    }
    if (position < 0 || uint64_t(position) >= map.globalDim[i])
      row.inside = false;
    else
      row.address += uint64_t(position) * map.globalStrides[i - 1];
  }
  return row;
}

/// The bytes [first, last) of the row, relative to the box, that lie inside of
/// the tensor.
static std::pair<int64_t, int64_t> insideBytes(const Box &box) {
  int64_t bits = tensorElementBits(box.map.type);
  int64_t start = int64_t(box.start[0]) * bits / 8;
  int64_t end = (int64_t(box.map.globalDim[0]) * bits + 7) / 8;
  int64_t first = std::clamp<int64_t>(-start, 0, box.globalRowBytes);
  int64_t last = std::clamp<int64_t>(end - start, first, box.globalRowBytes);
  return {first, last};
}

static Location globalBytes(Warp &warp, uint64_t address, uint64_t size,
                            unsigned lane, Access access) {
  return warp.locate(Space::Global, address, unsigned(size), 1, lane, access);
}

/// Calls `body(shared offset, row offset)` for every 16 bytes of row `index`.
template <typename Body>
static void forEachChunk(const Box &box, uint32_t base, unsigned index,
                         Body body) {
  for (unsigned at = 0; at < box.sharedRowBytes; at += 16)
    body(swizzleAddress(box.map.swizzle, base + index * box.pitch + at), at);
}

/// The shared memory that a box takes, padding between its rows left out.
static std::vector<SharedRange> rangesOf(const Box &box, CTA *cta,
                                         uint32_t base) {
  if (box.pitch == box.sharedRowBytes)
    return {{cta, base, box.sharedExtent()}};
  std::vector<SharedRange> ranges;
  for (unsigned index = 0; index < box.numRows; ++index)
    forEachChunk(box, base, index, [&](uint32_t offset, unsigned) {
      ranges.push_back({cta, offset, 16});
    });
  return ranges;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

static void fillRow(const Box &box, uint8_t *row) {
  bool isFloatMap = box.map.type >= TensorMapType::F16 &&
                    box.map.type <= TensorMapType::TF32Ftz;
  if (!box.map.nanFill || !isFloatMap) {
    std::memset(row, 0, box.globalRowBytes);
    return;
  }
  for (unsigned i = 0; i < box.globalRowBytes; i += 2) {
    row[i] = 0xF7;
    row[i + 1] = 0x7F;
  }
}

/// Rounds a loaded row for TF32 maps.
static void roundRow(const Box &box, uint8_t *row, int64_t first,
                     int64_t last) {
  if (box.map.type != TensorMapType::TF32 &&
      box.map.type != TensorMapType::TF32Ftz)
    return;
  for (int64_t i = first; i + 4 <= last; i += 4) {
    uint32_t bits;
    std::memcpy(&bits, row + i, 4);
    constexpr FloatLayout layout = {8, 10};
    if (bits << 1 > 0xFF000000)
      bits = kCanonicalNaN32 & 0xFFFFE000;
    else
      bits = encodeFloat(asFloat(bits), layout, Rounding::RN) << 13;
    std::memcpy(row + i, &bits, 4);
  }
}

/// Spreads 16 elements of 4 or 6 bits over 16 bytes, gap last.
static void padRow(const Box &box, const uint8_t *row, uint8_t *padded) {
  unsigned group = box.globalRowBytes / (box.map.boxDim[0] / 16);
  for (unsigned i = 0; i < box.map.boxDim[0] / 16; ++i) {
    std::memcpy(padded + i * 16, row + i * group, group);
    std::memset(padded + i * 16 + group, 0, 16 - group);
  }
}

static void loadBox(Warp &warp, const Box &box,
                    const std::vector<CopyTarget> &targets, unsigned lane) {
  auto [first, last] = insideBytes(box);
  std::vector<uint8_t> row(std::max(box.globalRowBytes, box.sharedRowBytes));
  std::vector<uint8_t> padded(box.sharedRowBytes);
  bool isPadded = isPaddedTensorType(box.map.type);
  int64_t inner = int64_t(box.start[0]) * tensorElementBits(box.map.type) / 8;
  for (unsigned index = 0; index < box.numRows; ++index) {
    Row where = rowOf(box, index);
    fillRow(box, row.data());
    if (where.inside && last > first) {
      Location from = globalBytes(warp, where.address + uint64_t(inner + first),
                                  uint64_t(last - first), lane, Access::Read);
      warp.load(from, row.data() + first, unsigned(last - first));
      roundRow(box, row.data(), first, last);
    }
    const uint8_t *bytes = row.data();
    if (isPadded) {
      padRow(box, row.data(), padded.data());
      bytes = padded.data();
    }
    for (const CopyTarget &target : targets)
      forEachChunk(box, target.offset, index,
                   [&](uint32_t offset, unsigned at) {
                     asyncWrite(warp, *target.cta, offset, bytes + at, 16);
                   });
  }
  for (const CopyTarget &target : targets)
    mbarrierTx(warp, target.barrier, -int64_t(box.countedBytes()));
}

/// Operands: destination, [map, coordinates], mbarrier {, CTA mask}.
static void loadTensor(Warp &warp, const Instr &instr) {
  Lanes scratch;
  const Lanes *masks = instr.flag ? &warp.read(instr.ops[3], scratch) : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    Box box = boxOf(warp, instr, instr.ops[1], lane);
    uint32_t mask = masks ? uint32_t((*masks)[lane]) & 0xFFFF : 0;
    std::vector<CopyTarget> targets = copyTargets(
        warp, instr.space, warp.address(instr.ops[0], lane),
        warp.address(instr.ops[2], lane), mask, instr.vec == 2, 128, lane);
    // One operation per target, so that each completes on its own barrier.
    for (const CopyTarget &target : targets) {
      checkSharedRange(warp, *target.cta, target.offset, box.sharedExtent());
      AsyncOp op;
      op.kind = AsyncOp::Kind::Bulk;
      op.warp = &warp;
      op.lanes = 1u << lane;
      op.barrier = target.barrier;
      op.writes = rangesOf(box, target.cta, target.offset);
      op.finish = [=, issuer = &warp](uint32_t) {
        loadBox(*issuer, box, {target}, lane);
      };
      warp.cta.cluster.async.issue(std::move(op));
    }
  });
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

namespace {
struct Reduction {
  bool isReduction = false;
  AtomicOp op = AtomicOp::Add;
};
} // namespace

static Type reductionType(TensorMapType type) {
  switch (type) {
  case TensorMapType::U8:
    return Type::None;
  case TensorMapType::U16:
    return Type::U16;
  case TensorMapType::U32:
    return Type::U32;
  case TensorMapType::S32:
    return Type::S32;
  case TensorMapType::U64:
    return Type::U64;
  case TensorMapType::S64:
    return Type::S64;
  case TensorMapType::F16:
    return Type::F16;
  case TensorMapType::BF16:
    return Type::BF16;
  case TensorMapType::F64:
    return Type::F64;
  case TensorMapType::F32:
  case TensorMapType::F32Ftz:
    return Type::F32;
  default:
    return Type::None;
  }
}

static void fetchBox(Warp &warp, const Box &box, MbarrierRef from,
                     std::vector<uint8_t> &bytes) {
  for (unsigned index = 0; index < box.numRows; ++index)
    forEachChunk(box, from.offset, index, [&](uint32_t offset, unsigned at) {
      asyncRead(warp, *from.cta, offset,
                &bytes[index * box.sharedRowBytes + at], 16);
    });
}

static void storeBox(Warp &warp, const Box &box,
                     const std::vector<uint8_t> &bytes, Reduction reduction,
                     unsigned lane) {
  auto [first, last] = insideBytes(box);
  int64_t inner = int64_t(box.start[0]) * tensorElementBits(box.map.type) / 8;
  if (!reduction.isReduction) {
    // A store runs on to the next 16-byte boundary of the row.
    int64_t rounded = (inner + last + 15) / 16 * 16 - inner;
    last = std::min<int64_t>(rounded, box.globalRowBytes);
  }
  for (unsigned index = 0; index < box.numRows; ++index) {
    Row where = rowOf(box, index);
    if (!where.inside || last <= first)
      continue;
    Location to = globalBytes(warp, where.address + uint64_t(inner + first),
                              uint64_t(last - first), lane, Access::Write);
    const uint8_t *from = &bytes[index * box.sharedRowBytes + unsigned(first)];
    if (!reduction.isReduction) {
      warp.store(to, from, unsigned(last - first));
      continue;
    }
    Type type = reductionType(box.map.type);
    unsigned step = typeBytes(type);
    for (int64_t i = 0; i + step <= last - first; i += step) {
      uint64_t value = 0;
      std::memcpy(&value, from + i, step);
      atomicUpdate(to.bytes + i, reduction.op, type, value, 0,
                   box.map.type == TensorMapType::F32Ftz);
    }
  }
}

/// Operands: [map, coordinates], source.
static void storeTensor(Warp &warp, const Instr &instr) {
  Reduction reduction{instr.variant == 1, AtomicOp(instr.variant2)};
  forEachLane(warp.active, [&](unsigned lane) {
    Box box = boxOf(warp, instr, instr.ops[0], lane);
    if (box.start[0] < 0)
      warp.trap("a tensor store with the negative inner coordinate " +
                    std::to_string(box.start[0]),
                int(lane));
    if (isPaddedTensorType(box.map.type))
      warp.trap("a tensor store with a padded type is not supported",
                int(lane));
    if (reduction.isReduction && reductionType(box.map.type) == Type::None)
      warp.trap("a tensor reduction of this element type", int(lane));
    MbarrierRef from = warp.sharedRef(
        Space::SharedCTA, warp.address(instr.ops[1], lane), 16, 128, lane);
    checkAsyncRead(warp, *from.cta, from.offset, box.sharedExtent());
    auto bytes = std::make_shared<std::vector<uint8_t>>(size_t(box.numRows) *
                                                        box.sharedRowBytes);
    AsyncOp op;
    op.kind = AsyncOp::Kind::BulkGroup;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.group = warp.bulkGroup[lane];
    op.reads = rangesOf(box, from.cta, from.offset);
    op.fetch = [=, issuer = &warp] { fetchBox(*issuer, box, from, *bytes); };
    op.finish = [=, issuer = &warp](uint32_t) {
      storeBox(*issuer, box, *bytes, reduction, lane);
    };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// `.Nd`, spaces, load mode and what all tensor copies share.
static void takeTensorModifiers(Decoder &d, unsigned &rank) {
  Instr &i = d.instr;
  rank = unsigned(d.needOneOf({"1d", "2d", "3d", "4d", "5d"})) + 1;
  i.flag2 = d.take("tile::gather4") || d.take("tile::scatter4");
  d.take("tile");
  if (i.flag2)
    d.needArchSpecific({100, 103, 110});
}

static bool needCoordinates(Decoder &d, unsigned operand, unsigned rank) {
  if (!d.needAddress(operand))
    return false;
  unsigned count = d.instr.flag2 ? 5 : rank;
  Operand &op = d.instr.ops[operand];
  if (op.elems.size() == 2) {
    Operand &list = op.elems[1];
    if (list.kind != Operand::Kind::Vector) {
      Operand vector;
      vector.kind = Operand::Kind::Vector;
      vector.elems.push_back(list);
      list = std::move(vector);
    }
    if (list.elems.size() == count)
      return true;
  }
  d.fail("expected [map, {" + std::to_string(count) + " coordinates}]");
  return false;
}

static void decodeTensor(Decoder &d, bool isReduction) {
  Instr &i = d.instr;
  unsigned rank;
  takeTensorModifiers(d, rank);
  i.space = d.takeSpace();
  i.space2 = d.takeSpace();
  bool hasPolicy = d.take("L2::cache_hint");
  i.flag = d.take("multicast::cluster");
  if (d.take("cta_group::2"))
    i.vec = 2;
  else
    d.take("cta_group::1");
  bool byBarrier = d.take("mbarrier::complete_tx::bytes");
  bool byGroup = d.take("bulk_group");
  if (isReduction) {
    i.variant = 1;
    i.variant2 = uint8_t(d.needOneOf(
        {"add", "and", "or", "xor", "exch", "inc", "dec", "min", "max"}));
  }
  if (hasPolicy && !i.ops.empty())
    i.ops.pop_back();
  d.setResults(0);
  d.setStores();
  if (i.space == Space::Global && i.space2 == Space::SharedCTA && byGroup) {
    if (d.needOperands(2) && needCoordinates(d, 0, rank) && d.needAddress(1))
      d.setExec(storeTensor);
    return;
  }
  bool toShared =
      i.space == Space::SharedCTA || i.space == Space::SharedCluster;
  if (toShared && i.space2 == Space::Global && byBarrier && !isReduction) {
    if (d.needOperands(i.flag ? 4 : 3) && d.needAddress(0) &&
        needCoordinates(d, 1, rank) && d.needAddress(2))
      d.setExec(loadTensor);
    return;
  }
  d.fail("this combination of state spaces and completion is not supported");
}

void decodeTensorCopy(Decoder &d) { decodeTensor(d, false); }

void decodeTensorReduce(Decoder &d) { decodeTensor(d, true); }

static void nothing(Warp &, const Instr &) {}

void decodeTensorPrefetch(Decoder &d) {
  unsigned rank;
  takeTensorModifiers(d, rank);
  d.take("L2");
  d.takeSpace();
  d.take("L2::cache_hint");
  d.setResults(0);
  d.setExec(nothing);
}

} // namespace fp4::ptx
