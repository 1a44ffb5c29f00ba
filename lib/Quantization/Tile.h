//===- Tile.h - Rows of a layer, stored column by column --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All algorithms work on tiles of kLanes rows. Rows never interact (except in
// formats whose blocks span several rows, which a tile keeps together), so a
// tile is the unit of parallelism; inside it, one column of all rows is
// contiguous and every step of a recursion over columns is a vector operation.
// A last, shorter tile is padded with rows of zeros.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_QUANTIZATION_TILE_H
#define FP4_LIB_QUANTIZATION_TILE_H

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/ElementRounder.h"
#include <array>
#include <optional>
#include <vector>

namespace fp4::quantization {

/// Wide enough for the matrix products over a tile to run at nearly the full
/// rate of BLAS, whose packing of H is shared by the rows of one call only.
inline constexpr size_t kLanes = 128;

using Lanes = std::array<float, kLanes>;
using numerics::ElementRounder;

/// decodeScale(code) * tensorScale for each code, as dequantization rounds it.
class ScaleTable {
public:
  /// With `divisor`, decodeScale(code) / divisor instead.
  ScaleTable(const numerics::BlockFormat &format, float tensorScale,
             std::optional<float> divisor = std::nullopt);
  float operator[](uint8_t code) const { return values[code]; }

private:
  std::array<float, 256> values;
};

/// The matrix that a tile is cut from, and where its results go.
struct LayerView {
  const numerics::BlockFormat &format;
  size_t rows;
  size_t cols;
  const float *weights;
  uint8_t *codes;
  uint8_t *scales;

  size_t groups() const { return cols / format.blockCols; }
  size_t tiles() const { return (rows + kLanes - 1) / kLanes; }
};

class Tile {
public:
  /// Loads rows [index * kLanes, ...) of `layer`, weights and scale codes.
  Tile(const LayerView &layer, const ScaleTable &table, size_t index);

  /// Rounds every weight to the nearest element under the current scales.
  void roundToNearest(const ElementRounder &round);
  /// W - Q, column by column.
  std::vector<float> error() const;
  /// Writes codes and scales back to the layer.
  void store() const;

  const float *weight(size_t col) const { return &weights[col * kLanes]; }
  float *element(size_t col) { return &elements[col * kLanes]; }
  const float *scale(size_t group) const { return &scales[group * kLanes]; }
  const uint8_t *scaleCode(size_t group) const {
    return &scaleCodes[group * kLanes];
  }
  void setScale(size_t group, size_t lane, uint8_t code) {
    scaleCodes[group * kLanes + lane] = code;
    scales[group * kLanes + lane] = table[code];
  }

  const LayerView &layer;
  const ScaleTable &table;
  /// cols x kLanes: the weights, and the element values (without scale).
  std::vector<float> weights;
  std::vector<float> elements;

private:
  size_t firstRow;
  size_t rowCount;
  /// groups x kLanes, equal within the rows of a block.
  std::vector<uint8_t> scaleCodes;
  std::vector<float> scales;
};

/// Replaces each value by the sum (or the maximum) over the rows of its block.
void sumOverBlockRows(Lanes &lanes, unsigned blockRows);
void maxOverBlockRows(Lanes &lanes, unsigned blockRows);

} // namespace fp4::quantization

#endif // FP4_LIB_QUANTIZATION_TILE_H
