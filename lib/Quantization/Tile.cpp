//===- Tile.cpp - Rows of a layer, stored column by column ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading, storing and the element-wise operations of tiles.
//
//===----------------------------------------------------------------------===//

#include "Tile.h"
#include <limits>

namespace fp4::quantization {

ScaleTable::ScaleTable(const numerics::BlockFormat &format, float tensorScale,
                       std::optional<float> divisor) {
  for (size_t code = 0; code < values.size(); ++code) {
    float value =
        numerics::decodeScale(format.scale, static_cast<uint8_t>(code));
    value = divisor ? value / *divisor : value * tensorScale;
    // A product that underflows decodes everything to zero; dividing by the
    // smallest positive number instead keeps the arithmetic free of NaN.
    values[code] =
        value == 0 ? std::numeric_limits<float>::denorm_min() : value;
  }
}

Tile::Tile(const LayerView &layer, const ScaleTable &table, size_t index)
    : layer(layer), table(table), weights(layer.cols * kLanes, 0.0f),
      elements(layer.cols * kLanes, 0.0f), firstRow(index * kLanes),
      rowCount(std::min(kLanes, layer.rows - firstRow)),
      scaleCodes(layer.groups() * kLanes,
                 numerics::encodeScale(layer.format.scale, 1.0f)),
      scales(layer.groups() * kLanes, 1.0f) {
  for (size_t lane = 0; lane < rowCount; ++lane) {
    size_t row = firstRow + lane;
    const float *source = layer.weights + row * layer.cols;
    for (size_t col = 0; col < layer.cols; ++col)
      weights[col * kLanes + lane] = source[col];
    const uint8_t *codes =
        layer.scales + row / layer.format.blockRows * layer.groups();
    for (size_t group = 0; group < layer.groups(); ++group)
      setScale(group, lane, codes[group]);
  }
}

void Tile::roundToNearest(const ElementRounder &round) {
  for (size_t col = 0; col < layer.cols; ++col) {
    const float *value = weight(col);
    const float *divisor = scale(col / layer.format.blockCols);
    float *target = element(col);
    for (size_t lane = 0; lane < kLanes; ++lane)
      target[lane] = round(value[lane] / divisor[lane]);
  }
}

std::vector<float> Tile::error() const {
  std::vector<float> result(weights.size());
  for (size_t col = 0; col < layer.cols; ++col) {
    const float *factor = scale(col / layer.format.blockCols);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      size_t i = col * kLanes + lane;
      result[i] = weights[i] - elements[i] * factor[lane];
    }
  }
  return result;
}

void Tile::store() const {
  const numerics::BlockFormat &format = layer.format;
  for (size_t lane = 0; lane < rowCount; ++lane) {
    size_t row = firstRow + lane;
    uint8_t *codes = layer.codes + row * layer.cols;
    for (size_t col = 0; col < layer.cols; ++col)
      codes[col] = numerics::encodeElement(format.element,
                                           elements[col * kLanes + lane]);
    uint8_t *target = layer.scales + row / format.blockRows * layer.groups();
    for (size_t group = 0; group < layer.groups(); ++group)
      target[group] = scaleCodes[group * kLanes + lane];
  }
}

template <typename Combine>
static void combineBlockRows(Lanes &lanes, unsigned blockRows,
                             Combine combine) {
  for (size_t first = 0; first < kLanes && blockRows > 1; first += blockRows) {
    float total = lanes[first];
    for (size_t lane = first + 1; lane < first + blockRows; ++lane)
      total = combine(total, lanes[lane]);
    std::fill_n(&lanes[first], blockRows, total);
  }
}

void sumOverBlockRows(Lanes &lanes, unsigned blockRows) {
  combineBlockRows(lanes, blockRows, [](float a, float b) { return a + b; });
}

void maxOverBlockRows(Lanes &lanes, unsigned blockRows) {
  combineBlockRows(lanes, blockRows,
                   [](float a, float b) { return std::max(a, b); });
}

} // namespace fp4::quantization
