//===- WeightQuantizer.h - Calibrated block quantization --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantizes the weight W (rows = output channels, cols = the contraction
// dimension) of y = x W^T to a block format, given H = X^T X of the layer's
// inputs. The error of a result Q is measured by
//
//   objective(Q) = tr((W - Q) H (W - Q)^T) / tr(W H W^T),
//
// the relative squared error of the layer's output on the calibration inputs.
//
// A rotation is not part of this: rotate W and H first (`rotateProblem` in
// Hessian.h) and rotate the activations at run time.
//
// Sources: GPTQ, arXiv 2210.17323; MR-GPTQ, arXiv 2509.23202 (section 4);
// GPTQ as a nearest-plane recursion on the Cholesky factor of H itself,
// arXiv 2507.18553.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_QUANTIZATION_WEIGHTQUANTIZER_H
#define FP4_QUANTIZATION_WEIGHTQUANTIZER_H

#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Status/Status.h"
#include <optional>
#include <string_view>
#include <vector>

namespace fp4::quantization {

enum class Algorithm : uint8_t {
  /// Every element to its nearest code; no data needed.
  RTN,
  /// Column by column, the rest of the row making up for each error.
  GPTQ,
};

/// The order in which GPTQ visits the columns. The result is stored in the
/// original order, so checkpoints and kernels do not see it.
enum class ColumnOrder : uint8_t {
  Natural,
  /// Descending diag(H) ("static act-order"). Needs frozen scales.
  ActOrder,
  /// Blocks by descending mean of diag(H), columns of a block by descending
  /// diag(H): keeps the columns of a block together.
  Group,
};

/// How the block scales are chosen. All but InLoop look at the original
/// weights once ("frozen"); the first six are `numerics::ScaleRule`.
enum class WeightScaleRule : uint8_t {
  AbsMax,
  Floor,
  Even,
  RCeil,
  FourOverSix,
  Search,
  /// The least sum |w - q|^2.4 among 100 shrunk copies of AbsMax, rounded to
  /// the scale format afterwards (arXiv 2509.23202). Scale formats with a
  /// mantissa only.
  Mse,
  /// E2M1 with E8M0 and a tensor scale, which MXFP4 itself does not have:
  /// 2^floor(log2 amax) and a tensor scale of 1/3, so that a block's largest
  /// weight lands in [3, 6) and never clips. FP-Quant stores MXFP4 this way;
  /// the consumer applies the tensor scale as the factor of the GEMM.
  FourThirds,
  /// The largest weight of a block on 4, the element below the largest: finer
  /// steps near the top of the grid. E2M1 only, and with a tensor scale only
  /// sensible under TensorScaleRule::Headroom.
  AbsMax4,
  /// The least sum H_jj (w_j - q_j)^2 among all scales between a sixteenth of
  /// AbsMax and twice it. Needs a Hessian, or its diagonal alone.
  WeightedMse,
  /// The least (w - q) H_bb (w - q)^T among the same scales, H_bb the block's
  /// part of the Hessian: NVIDIA Model-Optimizer's local_hessian.
  LocalHessian,
  /// Chosen when GPTQ reaches the block, from the weights that carry the
  /// errors so far, by the least GPTQ loss of the whole block. GPTQ only.
  InLoop,
};

/// How the tensor scale follows from amax = max |W|; 1 for the formats
/// without, 1/3 with FourThirds.
enum class TensorScaleRule : uint8_t {
  /// amax / (maxElement * maxScale): NVFP4 amax / 2688.
  Full,
  /// Leaves the block scale headroom above AbsMax: NVFP4 amax / 1536.
  Headroom,
  /// 1.
  None,
};

/// Whose order of float32 operations decides about the last bit of a scale, and
/// what else differs from tool to tool. With a = max |W|, a_b = max |w| of a
/// block and e(x) the nearest E4M3 value:
///
///               stored           block scale              0 block  dead column
///   Own         t = a / 2688     e((a_b / 6) / t) * t     1        H_jj = 0
///   FPQuant     g = 2688 (1/a)   e((a_b / 6) g) * (1/g)   1        W_j = 0
///   LLMCompr.   g = 2688 / a     e(g (a_b / 6)) / g       1/8      H_jj = 0
///   ModelOpt    t = a / 2688     e(a_b / (6 t)) * t       1        -
///
/// (a / 1536 with Headroom.) A result's `tensorScale` is t, or 1/g. The tools
/// count dead columns as 1 in the mean that damping multiplies, LLMCompressor
/// clears them after it has chosen scales. FPQuant and LLMCompressor run GPTQ
/// on the inverse of H, all in float32 (LAPACK's spotrf, spotri, spotrf), and
/// round to nearest where the factorization fails. FPQuant writes every zero as
/// code 8. ModelOpt's MXFP4 rounds ties toward zero, takes the ceiling of a
/// float32 logarithm, and writes +0 as code 8.
///
/// Sources: FP-Quant (quantizer.py, gptq.py), compressed-tensors (helpers.py),
/// llm-compressor (gptq_quantize.py), NVIDIA Model-Optimizer (nvfp4_tensor.py,
/// mxfp4_tensor.py).
enum class Arithmetic : uint8_t { Own, FPQuant, LLMCompressor, ModelOpt };

/// "rtn", "act-order", "four-over-six", "in-loop", ...: the spelling of the
/// enumerator in lower case with hyphens. Scale rules also go by the names that
/// papers and tools have for them: absmax, absmax6, absmax4, sweep, fpq-mse,
/// wmse, local-hessian, ceil and fpquant; underscores count as hyphens.
std::string_view algorithmName(Algorithm algorithm);
std::string_view columnOrderName(ColumnOrder order);
std::string_view weightScaleRuleName(WeightScaleRule rule);
std::string_view tensorScaleRuleName(TensorScaleRule rule);
std::optional<Algorithm> parseAlgorithm(std::string_view name);
std::optional<ColumnOrder> parseColumnOrder(std::string_view name);
std::optional<WeightScaleRule> parseWeightScaleRule(std::string_view name);
std::optional<TensorScaleRule> parseTensorScaleRule(std::string_view name);

struct WeightOptions {
  Algorithm algorithm = Algorithm::RTN;
  numerics::BlockFormat format = numerics::kNVFP4;
  WeightScaleRule scaleRule = WeightScaleRule::AbsMax;
  TensorScaleRule tensorScaleRule = TensorScaleRule::Full;
  /// Overrides `tensorScaleRule`: for weights that share one GEMM (q, k, v)
  /// and therefore one tensor scale. Positive and finite.
  std::optional<float> fixedTensorScale;
  /// The largest |w| among weights that share a tensor scale, in place of that
  /// of this weight. Positive and finite.
  std::optional<float> sharedAbsMax;
  Arithmetic arithmetic = Arithmetic::Own;
  /// Multiple of mean(diag H) added to diag(H). If H is then not numerically
  /// positive definite, ten times as much (at least 1e-6) is tried, up to 1.
  double damping = 0.01;
  /// Columns per lazy update of GPTQ and of the polish; rounded up to a
  /// multiple of the format's block. Changes speed and rounding noise only.
  unsigned blockColumns = 128;
  ColumnOrder order = ColumnOrder::Natural;
  /// Rounds of coordinate descent on codes and scales after GPTQ. Each lowers
  /// the damped objective or leaves it.
  unsigned polishSweeps = 0;
  /// Worker threads; 0: one per hardware thread. The result is bit-identical
  /// for every value.
  unsigned threads = 0;
};

struct LayerReport {
  /// Objective of rounding to nearest with the frozen scales of the same
  /// options (those of Search for InLoop). H = I if no Hessian was given.
  double objectiveRTN = 0;
  /// Objective of the result.
  double objectiveAfter = 0;
  /// The relative damping that made the factorization succeed; 0 for RTN.
  double dampingUsed = 0;
  /// Columns with H_jj == 0: never excited, so their weights are set to zero.
  size_t deadColumns = 0;
  double seconds = 0;
};

struct QuantizedWeight {
  /// rows x cols, one code per byte.
  std::vector<uint8_t> codes;
  /// (rows / blockRows) x (cols / blockCols).
  std::vector<uint8_t> scales;
  float tensorScale = 1;
  LayerReport report;
};

/// The tensor scale that `options` give a weight whose largest magnitude is
/// `amax`, or weights that share a scale and have `sharedAbsMax`.
float tensorScaleFor(const WeightOptions &options, float amax);

/// Contradictions among the options themselves, as the first error found.
Status verifyOptions(const WeightOptions &options);

/// Quantizes `weights`, row-major rows x cols, taken over as scratch memory.
/// `hessian`: row-major cols x cols, symmetric positive semidefinite, any
/// positive multiple of X^T X; null is allowed for RTN. Fails on NaN and
/// infinity (naming the first), on shapes that the format does not divide and
/// on an indefinite Hessian.
Expected<QuantizedWeight> quantizeWeight(const WeightOptions &options,
                                         std::vector<float> weights,
                                         size_t rows, size_t cols,
                                         const float *hessian);

} // namespace fp4::quantization

#endif // FP4_QUANTIZATION_WEIGHTQUANTIZER_H
