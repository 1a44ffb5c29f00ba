//===- TensorMemory.cpp - Tensor memory of a CTA --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorMemory.h"

namespace fp4::ptx {

void finishTensorMemory(CTA &cta) {
  if (!cta.tensorMemory)
    return;
  for (unsigned column = 0; column < kTensorColumns; ++column)
    if (cta.tensorMemory->owner[column])
      throw TrapError{"trap: the CTA ends with tensor memory columns from " +
                      std::to_string(column) + " still allocated; cta (" +
                      std::to_string(cta.id.x) + ", " +
                      std::to_string(cta.id.y) + ", " +
                      std::to_string(cta.id.z) + ")"};
}

} // namespace fp4::ptx
