//===- CudaOracle.cpp - The conversions of the CUDA headers ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CUDA toolkit ships its narrow conversions as host code in headers; they
// need no GPU and no CUDA compiler. CMake defines FP4_HAVE_CUDA_HEADERS.
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"

using namespace fp4::numerics;
using namespace fp4::numerics::test;

#ifdef FP4_HAVE_CUDA_HEADERS

#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>

static std::optional<uint8_t> encodeByCuda(ElementFormat format, float value) {
  switch (format) {
  case ElementFormat::E2M1:
    return __nv_cvt_float_to_fp4(value, __NV_E2M1, cudaRoundNearest);
  case ElementFormat::E2M3:
    return __nv_cvt_float_to_fp6(value, __NV_E2M3, cudaRoundNearest);
  case ElementFormat::E3M2:
    return __nv_cvt_float_to_fp6(value, __NV_E3M2, cudaRoundNearest);
  case ElementFormat::E4M3:
    return __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
  case ElementFormat::E5M2:
    return __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E5M2);
  case ElementFormat::MXINT8:
    break;
  }
  return std::nullopt;
}

static uint8_t encodeE8M0ByCuda(float value, ScaleRounding rounding) {
  return __nv_cvt_float_to_e8m0(
      value, __NV_SATFINITE,
      rounding == ScaleRounding::TowardZero ? cudaRoundZero : cudaRoundPosInf);
}

ElementOracle test::cudaElementOracle() { return encodeByCuda; }
E8M0Oracle test::cudaE8M0Oracle() { return encodeE8M0ByCuda; }

#else

ElementOracle test::cudaElementOracle() { return nullptr; }
E8M0Oracle test::cudaE8M0Oracle() { return nullptr; }

#endif
