//===- FP4GPUTypes.td - Tiles, accumulators, schedules -----*- tablegen -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUTYPES_TD
#define FP4_DIALECT_FP4GPU_IR_FP4GPUTYPES_TD

include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.td"
include "mlir/IR/AttrTypeBase.td"

class FP4GPU_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<FP4GPU_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def FP4GPU_TileType : FP4GPU_Type<"Tile", "tile"> {
  let summary = "a tile in shared memory";
  let description = [{
    A block of a global array, held in one stage of a pipeline. How its bytes
    are swizzled is up to the lowering.

    - (C1) every dimension is positive.

    Example:

    ```mlir
    !fp4gpu.tile<128x128xf4E2M1FN>        // elements: rows x depth
    !fp4gpu.tile<1x2x32x4x4xf8E4M3FN>     // their scales, one per 16 elements
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of the tile without gaps.
    int64_t getByteSize() const;
  }];
}

def FP4GPU_AccType : FP4GPU_Type<"Acc", "acc"> {
  let summary = "float32 accumulators of one output tile";
  let description = [{
    Distributed over registers (`mma.sync`) or tensor memory (`tcgen05`).

    - (C1) both dimensions are positive.

    Example:

    ```mlir
    !fp4gpu.acc<128x256>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$cols);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def FP4GPU_ScheduleAttr : AttrDef<FP4GPU_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "the sizes by which a kernel is carried out";
  let description = [{
    | part | meaning |
    |---|---|
    | `tile` | rows x columns of the output tile of a CTA, times elements of the reduction per stage |
    | `stages` | tiles of the reduction in flight in shared memory |
    | `warps` | how the warps that own accumulators divide the tile, rows x columns; the warps that copy (and, for `tcgen05`, the one that issues) come on top |
    | `split` | blocks that share the reduction of a tile, as a cluster or through scratch memory; 1 if not there |
    | `balanced` | if there: every block computes the same number of steps (`fp4gpu.mma`, sm_120a) or rounds of the ring (`fp4gpu.mma_decode`, sm_90a), so that tiles may be shared by consecutive blocks (stream-K; Osama et al., PPoPP 2023); for tiles that are no multiple of the multiprocessors |
    | `promotion` | of sums of 8-bit products by `wgmma`, which have some 14 bits: the stages after which they are added to others in float32; 0, at the end, if not there |
    | `swapped` | if there: the product is computed transposed, so that the columns of the output stand on the instruction's side of 16 rows and its rows on that of 8; for few rows |

    Tile and warps are in rows and columns of the output, swapped or not.

    A schedule is chosen from a table by target and shape
    (`--convert-fp4-to-fp4gpu`), unless the attribute `fp4gpu.schedule` of an
    `fp4.matmul` asks for another one.

    - (C1) every number is positive; `promotion` may be 0.

    Example:

    ```mlir
    #fp4gpu.schedule<tile = 128x128x128, stages = 4, warps = 2x2>
    #fp4gpu.schedule<tile = 8x64x1024, stages = 3, warps = 1x1, split = 2>
    #fp4gpu.schedule<tile = 16x128x256, stages = 4, warps = 1x4, swapped>
    ```
  }];
  let parameters = (ins "int64_t":$tileM, "int64_t":$tileN, "int64_t":$tileK,
                        "int64_t":$stages, "int64_t":$warpsM,
                        "int64_t":$warpsN, "bool":$swapped,
                        "int64_t":$split, "int64_t":$promotion,
                        "bool":$balanced);
  let builders = [AttrBuilder<(ins
      "int64_t":$tileM, "int64_t":$tileN, "int64_t":$tileK, "int64_t":$stages,
      "int64_t":$warpsM, "int64_t":$warpsN, "bool":$swapped,
      "int64_t":$split), [{
    return $_get($_ctxt, tileM, tileN, tileK, stages, warpsM, warpsN, swapped,
                 split, /*promotion=*/0, /*balanced=*/false);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUTYPES_TD
