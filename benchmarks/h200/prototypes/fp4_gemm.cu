//===- fp4_gemm.cu - Design study: launcher of fp4_gemm.cuh for bench.py ---===//
//
// C entry points, called by bench.py through ctypes. A variant is one template
// instance (M tile, warpgroups, stages); VARIANTS
// lists those worth timing. FORMAT is the weight policy, one library each.
//
//===----------------------------------------------------------------------===//
#include "fp4_decode.cuh"
#include <cstdio>

#ifndef FORMAT
#define FORMAT NVFP4
#endif
// MXFP4asE4M3 stages carry twice the K.
#ifndef VARIANTS
#define VARIANTS                                                                                                       \
  V(8, 4, 16)                                                                                                          \
  V(8, 2, 16) V(16, 4, 16) V(16, 2, 16) V(32, 4, 14) V(32, 2, 16) V(64, 4, 12) V(64, 2, 16) V(128, 4, 8) V(128, 2, 10) \
      V(256, 2, 5)
#endif

namespace {
struct Variant {
  int mt, nwg, stages, dbl, smem, threads, rows;
  const void *kernel;
};
constexpr bool kIs8Bit = FORMAT::kKT == 128;
template <int MT, int NWG, int S> Variant variant() {
  constexpr int ST = kIs8Bit ? (MT < 256 ? (S + 1) * 5 / 8 : S) : S;
  int w = (FORMAT::kUnit * NWG + 1023) / 1024 * 1024;
  return {MT,
          NWG,
          ST,
          0,
          (MT * 128 + w) * ST + 1024,
          (NWG + 1) * 128,
          NWG * 64,
          reinterpret_cast<const void *>(&fp4Gemm<FORMAT, MT, NWG, ST>)};
}
#ifdef DECODE
/// Decode kernels: nwg = -WARPS, dbl = RB.
template <int MT, int RB, int W, int ST> Variant decode() {
  return {MT,
          -W,
          ST,
          RB,
          ST * (W * MT * 128 + (RB * W * FORMAT::kUnit + 1023) / 1024 * 1024) + W * RB * 64 * MT * 4 + 1024,
          W * 32 + 32,
          RB * 64,
          reinterpret_cast<const void *>(&fp4Decode<FORMAT, MT, RB, W, ST>)};
}
#define D(MT, RB, W, ST) decode<MT, RB, W, ST>(),
#else
#define D(MT, RB, W, ST)
#endif
#define DECODES                                                                                                        \
  D(8, 1, 8, 3)                                                                                                        \
  D(8, 1, 8, 6) D(8, 2, 8, 3) D(8, 1, 16, 3) D(8, 2, 12, 2) D(16, 1, 8, 4) D(16, 2, 8, 3) D(16, 1, 12, 3)              \
      D(16, 1, 16, 2) D(32, 1, 8, 3)
#define V(MT, NWG, ST) variant<MT, NWG, ST>(),
const Variant kVariants[] = {DECODES VARIANTS};
} // namespace

/// Lines "mt nwg stages double smem rows registers localBytes", one per variant.
extern "C" int fp4Variants(char *text, int size) {
  int used = 0, n = sizeof(kVariants) / sizeof(Variant);
  for (const Variant &v : kVariants) {
    cudaFuncAttributes a{};
    cudaFuncGetAttributes(&a, v.kernel);
    used += snprintf(text + used, size - used, "%d %d %d %d %d %d %d %d\n", v.mt, v.nwg, v.stages, v.dbl, v.smem,
                     v.rows, a.numRegs, (int)a.localSizeBytes);
  }
  return n;
}

/// Writes the map of x [m][k] (row major), boxes of 128 bytes by mt rows.
extern "C" int fp4TensorMap(CUtensorMap *map, void *x, long m, long k, int elementBytes, int mt, int warps) {
  void *entry = nullptr;
  cudaDriverEntryPointQueryResult status;
  if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &status))
    return -1;
  cuuint64_t dims[2] = {(cuuint64_t)k, (cuuint64_t)m}, strides[1] = {(cuuint64_t)(k * elementBytes)};
  cuuint32_t box[2] = {(cuuint32_t)(128 / elementBytes), (cuuint32_t)mt}, ones[2] = {1, 1};
  if (warps) { // [k / 64][m][64], boxes of `warps` K steps
    cuuint64_t dims3[3] = {64, (cuuint64_t)m, (cuuint64_t)(k / 64)}, strides3[2] = {(cuuint64_t)(k * 2), 128};
    cuuint32_t box3[3] = {64, (cuuint32_t)mt, (cuuint32_t)warps}, ones3[3] = {1, 1, 1};
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry)(
        map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, x, dims3, strides3, box3, ones3, CU_TENSOR_MAP_INTERLEAVE_NONE,
        CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  }
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry)(
      map, elementBytes == 2 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, x, dims, strides,
      box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}

extern "C" int fp4Launch(int variant, const CUtensorMap *map, const Args *args, int grid, cudaStream_t stream) {
  const Variant &v = kVariants[variant];
  cudaError_t e = cudaFuncSetAttribute(v.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, v.smem);
  if (e)
    return grid < 0 ? -(int)e : (int)e;
  cudaLaunchConfig_t c{};
  c.gridDim = dim3(grid);
  c.blockDim = dim3(v.threads);
  c.dynamicSmemBytes = v.smem;
  c.stream = stream;
  cudaLaunchAttribute attr[2]{};
  attr[0].id = cudaLaunchAttributeClusterDimension;
  attr[0].val.clusterDim = {(unsigned)(args->ks * args->xm), 1, 1};
  attr[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attr[1].val.programmaticStreamSerializationAllowed = 1;
  c.attrs = attr;
  c.numAttrs = args->pdl ? 2 : 1;
  if (grid < 0) { // how many clusters fit at once
    c.gridDim = dim3(args->ks * args->xm);
    int clusters = 0;
    e = cudaOccupancyMaxActiveClusters(&clusters, v.kernel, &c);
    return e ? -(int)e : clusters;
  }
  void *params[] = {const_cast<CUtensorMap *>(map), const_cast<Args *>(args)};
  return cudaLaunchKernelExC(&c, v.kernel, params);
}
