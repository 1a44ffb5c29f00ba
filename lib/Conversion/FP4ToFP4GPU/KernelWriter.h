//===- KernelWriter.h - What all matmul kernels share --------- -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is its operands, a pipeline over them and an epilogue. Operands and
// pipeline differ between families of products and are those of the derived
// classes; arguments behind the operands, loop, epilogue and meaning are here.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELWRITER_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELWRITER_H

#include "EpilogueFusion.h"
#include "MatmulProblem.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fp4::gpu {

class KernelWriter {
public:
  using Value = mlir::Value;

  KernelWriter(mlir::ImplicitLocOpBuilder &builder, FusedMatmul &fused,
               const MatmulProblem &problem, ScheduleAttr schedule)
      : b(builder), fused(fused), problem(problem), schedule(schedule) {}
  virtual ~KernelWriter() = default;

  /// Writes the kernel at the builder's insertion point.
  KernelOp create();

protected:
  /// Declares the arguments that the product reads.
  virtual void declareOperands() = 0;
  /// Computes `factors`, ahead of the loop over tiles.
  virtual void emitFactors() = 0;
  /// The sum of tile (m, n).
  virtual Value emitPipeline(Value m, Value n) = 0;
  /// Adds what the manifest says of the operands.
  virtual void describeOperands(mlir::NamedAttrList &meaning) = 0;

  unsigned declare(const llvm::Twine &name, mlir::Type type);
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  llvm::SmallVector<Value> arguments(llvm::ArrayRef<unsigned> indices);
  unsigned getProducts() const { return problem.isGated ? 2 : 1; }
  /// A reduction over the depth whose stage is what `produce` copies at a step
  /// and whose product is what `multiply` makes of the sum and the tiles.
  Value emitSteps(
      AccType acc,
      llvm::function_ref<llvm::SmallVector<Value>(Value step)> produce,
      llvm::function_ref<Value(Value sum, mlir::ValueRange tiles)> multiply);

  mlir::ImplicitLocOpBuilder &b;
  FusedMatmul &fused;
  const MatmulProblem &problem;
  ScheduleAttr schedule;
  KernelOp kernel;
  /// What each product is multiplied with, null without.
  Value factors[2];
  /// Or arguments with a factor for each column.
  std::optional<unsigned> columnFactors[2];
  /// The tensor scale of a quantized result, null without.
  Value outFactor;

private:
  void declareResult();
  void declareOutputs();
  void emitTiles();
  void emitEpilogue(Value sum, Value m, Value n);
  Value emitProduct(unsigned product, Value x, Value bias);
  void describeTailOf(mlir::Block &body, mlir::Block::iterator first,
                      mlir::ValueRange results, mlir::ValueRange others);
  mlir::DictionaryAttr describeMeaning();
  mlir::Type getBiasType(unsigned product) const {
    return product == 0 ? problem.biasType : problem.secondBiasType;
  }
  Activation getActivation(unsigned product) const {
    return product == 0 ? problem.activation : problem.secondActivation;
  }

  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<std::string> names;
  unsigned rows = 0, out = 0, scales = 0, tensorScale = 0, biases[2] = {};
  llvm::SmallVector<unsigned> columns, matrices;
  /// Nothing if the runtime has no word for one of its operations.
  std::optional<std::string> tailText;
};

/// Creates the kernel of two microscaled operands at the builder's insertion
/// point, with the tail of `fused` in its epilogue.
KernelOp createMatmulKernel(mlir::OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule);

/// The same for a bf16 left side and a weight that is decoded exactly
/// (FP4GPUDecodeOps.td).
KernelOp createDecodeKernel(mlir::OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_KERNELWRITER_H
