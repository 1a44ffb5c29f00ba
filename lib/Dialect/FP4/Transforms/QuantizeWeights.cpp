//===- QuantizeWeights.cpp - Quantize constant weights --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-quantize-weights. The algorithms are in the Quantization
// library; this file finds weights and Hessians, streams the weights through
// it and packs the codes.
//
// Memory: one weight at a time. Round to nearest needs nothing but rows, so it
// goes a few rows at a time and the weight is never float32 as a whole.
//
//===----------------------------------------------------------------------===//

#include "LayerHessian.h"
#include "PassOptions.h"
#include "WeightSource.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "fp4/Numerics/Packing.h"
#include "fp4/Quantization/Presets.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

namespace fp4 {
#define GEN_PASS_DEF_QUANTIZEWEIGHTS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;
using quantization::LayerReport;
using quantization::QuantizedWeight;
using quantization::WeightOptions;

//===----------------------------------------------------------------------===//
// One weight
//===----------------------------------------------------------------------===//

namespace {
/// Collects rows of codes and scales as an fp4.constant.
class PackedWeight {
public:
  explicit PackedWeight(MicroscaledTensorType type)
      : type(type), elements(type.getPackedBytesType()), scales(scaleBytes()) {}

  /// Appends the next `rows` rows.
  void append(const QuantizedWeight &weight, int64_t rows) {
    numerics::BlockFormat format = type.getFormat().getBlockFormat();
    numerics::packCodes(format.element, weight.codes.data(), rows,
                        type.getNumCols(), elements.bytes() + elementsAt);
    elementsAt +=
        rows * numerics::packedRowBytes(format.element, type.getNumCols());
    std::copy(weight.scales.begin(), weight.scales.end(),
              scales.bytes() + scalesAt);
    scalesAt += weight.scales.size();
    tensorScale = weight.tensorScale;
  }

  PackedAttr finish(StringRef name) {
    MLIRContext *context = type.getContext();
    FloatAttr scale;
    if (type.getFormat().hasTensorScale())
      scale = FloatAttr::get(Float32Type::get(context), tensorScale);
    return PackedAttr::get(context, elements.finish((name + ".elements").str()),
                           scales.finish((name + ".scales").str()), scale);
  }

private:
  RankedTensorType scaleBytes() const {
    return RankedTensorType::get(type.getScalesType().getShape(),
                                 IntegerType::get(type.getContext(), 8));
  }

  MicroscaledTensorType type;
  ConstantBuffer elements, scales;
  int64_t elementsAt = 0, scalesAt = 0;
  float tensorScale = 1;
};
} // namespace

/// max |w| of the weight after its rotations.
static float streamAbsMax(const WeightSource &source) {
  float amax = 0;
  int64_t step = source.chunkRows();
  std::vector<float> chunk(step * source.cols());
  for (int64_t first = 0; first < source.rows(); first += step) {
    int64_t count = std::min(step, source.rows() - first);
    source.readRows(first, count, chunk.data());
    amax =
        std::max(amax, numerics::absMax(chunk.data(), count * source.cols()));
  }
  return amax;
}

static double sumOfSquares(const std::vector<float> &values) {
  double sum = 0;
  for (float value : values)
    sum += double(value) * value;
  return sum;
}

/// Rounds to nearest a few rows at a time; the same result as all at once,
/// since only the tensor scale depends on all rows.
static Expected<LayerReport> quantizeStreaming(WeightOptions options,
                                               const WeightSource &source,
                                               PackedWeight &packed) {
  if (options.format.hasTensorScale)
    options.fixedTensorScale =
        quantization::tensorScaleFor(options, streamAbsMax(source));
  LayerReport total;
  double energy = 0;
  unsigned blockRows = options.format.blockRows;
  int64_t step = llvm::alignTo(source.chunkRows(), blockRows);
  for (int64_t first = 0; first < source.rows(); first += step) {
    int64_t count = std::min(step, source.rows() - first);
    std::vector<float> rows(count * source.cols());
    source.readRows(first, count, rows.data());
    double squares = sumOfSquares(rows);
    Expected<QuantizedWeight> part = quantization::quantizeWeight(
        options, std::move(rows), count, source.cols(), /*hessian=*/nullptr);
    if (!part.ok())
      return part.status();
    packed.append(*part, count);
    energy += squares;
    total.objectiveRTN += part->report.objectiveRTN * squares;
    total.objectiveAfter += part->report.objectiveAfter * squares;
    total.seconds += part->report.seconds;
  }
  if (energy > 0) {
    total.objectiveRTN /= energy;
    total.objectiveAfter /= energy;
  }
  return total;
}

/// Quantizes with calibration data, which needs the whole weight.
static Expected<LayerReport> quantizeWhole(const WeightOptions &options,
                                           const WeightSource &source,
                                           const std::vector<float> &hessian,
                                           PackedWeight &packed) {
  std::vector<float> weights(source.rows() * source.cols());
  source.readRows(0, source.rows(), weights.data());
  Expected<QuantizedWeight> result =
      quantization::quantizeWeight(options, std::move(weights), source.rows(),
                                   source.cols(), hessian.data());
  if (!result.ok())
    return result.status();
  packed.append(*result, source.rows());
  return result->report;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

static std::string describe(const LayerReport &report, bool isCalibrated) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "relative error " << llvm::format("%.3e", report.objectiveAfter);
  if (isCalibrated)
    os << ", " << llvm::format("%.3e", report.objectiveRTN)
       << " by rounding to nearest, damping "
       << llvm::format("%g", report.dampingUsed) << ", dead columns "
       << report.deadColumns;
  os << ", " << llvm::format("%.2f s", report.seconds);
  return text;
}

namespace {
/// Layers that match are quantized by another algorithm.
struct Override {
  LayerFilter filter;
  std::string algorithm;
  WeightOptions options;
};

struct QuantizeWeights : fp4::impl::QuantizeWeightsBase<QuantizeWeights> {
  using QuantizeWeightsBase::QuantizeWeightsBase;

  void runOnOperation() override {
    quantized.clear();
    sumOfErrors = 0;
    if (failed(quantizeAll()))
      signalPassFailure();
  }

private:
  FailureOr<WeightOptions> parseOptions(StringRef name,
                                        numerics::BlockFormat blockFormat);
  LogicalResult parseOverrides(numerics::BlockFormat blockFormat);
  LogicalResult parseAll(FormatAttr formatAttr);
  LogicalResult checkHessians(ArrayRef<MatmulOp> matmuls);
  /// max |w| over the weights with the same left operand, where there are
  /// several.
  FailureOr<DenseMap<Value, float>> shareScales(ArrayRef<MatmulOp> matmuls);
  /// The override of a layer, or null.
  const Override *findOverride(MatmulOp matmul) const;
  LogicalResult quantizeAll();
  /// Null if the right operand is no constant weight.
  FailureOr<Value> quantize(MatmulOp matmul, std::optional<float> sharedAbsMax,
                            FormatAttr formatAttr);
  Expected<LayerReport> run(MatmulOp matmul, const WeightOptions &options,
                            const WeightSource &source, PackedWeight &packed);

  WeightOptions defaults;
  /// Shared, because passes are copied and regular expressions are not.
  SmallVector<std::shared_ptr<const Override>> parsedOverrides;
  std::optional<CheckpointReader> hessianFile;
  /// By float weight and layer name, for layers that share a weight.
  DenseMap<std::pair<Value, StringAttr>, Value> quantized;
  double sumOfErrors = 0;
};
} // namespace

FailureOr<WeightOptions>
QuantizeWeights::parseOptions(StringRef name,
                              numerics::BlockFormat blockFormat) {
  Location loc = getOperation()->getLoc();
  Expected<quantization::Preset> preset =
      quantization::findPreset(name, blockFormat);
  if (!preset.ok())
    return emitError(loc) << preset.message();
  if (!(preset->options.format == blockFormat))
    return emitError(loc) << "algorithm " << name << " needs a tensor scale, "
                          << "which format " << StringRef(format)
                          << " does not have";
  WeightOptions options = preset->options;
  if (damping >= 0)
    options.damping = damping;
  if (!scaleRule.empty()) {
    std::optional<quantization::WeightScaleRule> rule =
        quantization::parseWeightScaleRule(scaleRule);
    if (!rule)
      return emitError(loc)
             << "expected 'scale-rule' to be one of absmax6, absmax4, floor, "
                "even, ceil, four-over-six, sweep, mse, wmse, local-hessian, "
                "in-loop, got '"
             << StringRef(scaleRule) << "'";
    options.scaleRule = *rule;
  }
  options.threads = threads;
  if (Status status = verifyOptions(options); !status.ok())
    return emitError(loc) << status.message();
  return options;
}

LogicalResult
QuantizeWeights::parseOverrides(numerics::BlockFormat blockFormat) {
  Operation *root = getOperation();
  parsedOverrides.clear();
  SmallVector<StringRef> entries;
  StringRef(overrides).split(entries, ';', /*MaxSplit=*/-1,
                             /*KeepEmpty=*/false);
  for (StringRef entry : entries) {
    auto [pattern, name] = entry.rsplit('=');
    if (pattern.empty() || name.empty())
      return emitError(root->getLoc())
             << "expected 'overrides' to be PATTERN=ALGORITHM;..., got '"
             << entry << "'";
    FailureOr<LayerFilter> filter =
        LayerFilter::parse(root, pattern, "overrides");
    FailureOr<WeightOptions> options = parseOptions(name, blockFormat);
    if (failed(filter) || failed(options))
      return failure();
    parsedOverrides.push_back(std::make_shared<Override>(
        Override{std::move(*filter), name.str(), *options}));
  }
  return success();
}

const Override *QuantizeWeights::findOverride(MatmulOp matmul) const {
  for (const std::shared_ptr<const Override> &entry : parsedOverrides)
    if (entry->filter.matches(matmul))
      return entry.get();
  return nullptr;
}

LogicalResult QuantizeWeights::parseAll(FormatAttr formatAttr) {
  Operation *root = getOperation();
  numerics::BlockFormat blockFormat = formatAttr.getBlockFormat();
  FailureOr<WeightOptions> options = parseOptions(algorithm, blockFormat);
  if (failed(options) || failed(parseOverrides(blockFormat)))
    return failure();
  defaults = *options;
  hessianFile.reset();
  if (!hessians.empty()) {
    Expected<CheckpointReader> file = CheckpointReader::open(hessians);
    if (!file.ok())
      return emitError(root->getLoc()) << file.message();
    hessianFile = std::move(*file);
  }
  return success();
}

LogicalResult QuantizeWeights::checkHessians(ArrayRef<MatmulOp> matmuls) {
  if (hessianFile)
    return success();
  for (MatmulOp matmul : matmuls) {
    const Override *entry = findOverride(matmul);
    const WeightOptions &options = entry ? entry->options : defaults;
    if (options.algorithm == quantization::Algorithm::GPTQ)
      return emitError(getOperation()->getLoc())
             << "algorithm "
             << (entry ? StringRef(entry->algorithm) : StringRef(algorithm))
             << " needs calibration Hessians; give hessians=FILE or use "
                "algorithm=rtn";
  }
  return success();
}

FailureOr<DenseMap<Value, float>>
QuantizeWeights::shareScales(ArrayRef<MatmulOp> matmuls) {
  DenseMap<Value, float> result;
  if (!shareTensorScales || !defaults.format.hasTensorScale)
    return result;
  llvm::MapVector<Value, SmallVector<MatmulOp>> byInput;
  for (MatmulOp matmul : matmuls)
    byInput[matmul.getLhs()].push_back(matmul);
  for (auto &[input, users] : byInput) {
    float largest = 0;
    for (MatmulOp matmul : users) {
      std::optional<WeightSource> source = WeightSource::match(matmul.getRhs());
      if (users.size() == 1 || !source)
        continue;
      if (Status status = source->checkValues(); !status.ok())
        return emitError(matmul.getLoc())
               << describeLayer(matmul) << ": " << status.message();
      largest = std::max(largest, streamAbsMax(*source));
    }
    if (largest > 0)
      result[input] = largest;
  }
  return result;
}

LogicalResult QuantizeWeights::quantizeAll() {
  Operation *root = getOperation();
  FailureOr<FormatAttr> formatAttr = parseFormatOption(root, format);
  if (failed(formatAttr) || failed(parseAll(*formatAttr)))
    return failure();
  FailureOr<LayerFilter> filter = LayerFilter::parse(root, layers);
  FailureOr<LayerFilter> kept = LayerFilter::parse(root, keep, "keep");
  if (failed(filter) || failed(kept))
    return failure();
  SmallVector<MatmulOp> matmuls;
  root->walk([&](MatmulOp matmul) {
    if (!isa<RankedTensorType>(matmul.getRhs().getType()) ||
        !isConstantWeight(matmul.getRhs()) || !filter->matches(matmul))
      return;
    if (!keep.empty() && kept->matches(matmul))
      ++numKept;
    else
      matmuls.push_back(matmul);
  });
  if (failed(checkHessians(matmuls)))
    return failure();
  FailureOr<DenseMap<Value, float>> shared = shareScales(matmuls);
  if (failed(shared))
    return failure();
  // Erased at the end: `quantized` has their results as keys.
  SmallVector<Operation *> replaced;
  for (MatmulOp matmul : matmuls) {
    auto it = shared->find(matmul.getLhs());
    FailureOr<Value> weight = quantize(
        matmul, it == shared->end() ? std::nullopt : std::optional(it->second),
        *formatAttr);
    if (failed(weight))
      return failure();
    replaced.push_back(matmul.getRhs().getDefiningOp());
    matmul.getRhsMutable().assign(*weight);
    ++numQuantized;
  }
  eraseDeadOps(replaced);
  if (!matmuls.empty())
    meanErrorPPM = 1e6 * sumOfErrors / matmuls.size();
  return success();
}

FailureOr<Value> QuantizeWeights::quantize(MatmulOp matmul,
                                           std::optional<float> sharedAbsMax,
                                           FormatAttr formatAttr) {
  auto name = matmul->getAttrOfType<StringAttr>(kLayerAttr);
  auto [it, isNew] = quantized.try_emplace({matmul.getRhs(), name});
  if (!isNew)
    return it->second;
  if (failed(checkBlocked(matmul, formatAttr)))
    return failure();
  Location loc = matmul.getLoc();
  std::optional<WeightSource> source = WeightSource::match(matmul.getRhs());
  if (!source)
    return emitError(loc) << describeLayer(matmul)
                          << ": weight is not loaded; run "
                             "--fp4-load-parameters first";
  auto type = MicroscaledTensorType::get(
      &getContext(), {source->rows(), source->cols()}, formatAttr);
  PackedWeight packed(type);
  const Override *entry = findOverride(matmul);
  WeightOptions options = entry ? entry->options : defaults;
  options.sharedAbsMax = sharedAbsMax;
  Expected<LayerReport> report = run(matmul, options, *source, packed);
  if (!report.ok())
    return emitError(loc) << describeLayer(matmul) << ": " << report.message();
  emitRemark(loc) << describeLayer(matmul) << " quantized to " << formatAttr
                  << " by "
                  << (entry ? StringRef(entry->algorithm)
                            : StringRef(algorithm))
                  << ": " << describe(*report, hessianFile.has_value());
  sumOfErrors += report->objectiveAfter;

  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(matmul.getRhs());
  StringRef key = name ? name.getValue() : "weight";
  it->second = fp4::ConstantOp::create(builder, source->constantOp().getLoc(),
                                       type, packed.finish(key));
  return it->second;
}

Expected<LayerReport> QuantizeWeights::run(MatmulOp matmul,
                                           const WeightOptions &options,
                                           const WeightSource &source,
                                           PackedWeight &packed) {
  if (Status status = source.checkValues(); !status.ok())
    return status;
  if (!hessianFile)
    return quantizeStreaming(options, source, packed);
  Expected<std::vector<float>> hessian = readHessian(*hessianFile, matmul);
  if (!hessian.ok())
    return hessian.status();
  return quantizeWhole(options, source, *hessian, packed);
}
