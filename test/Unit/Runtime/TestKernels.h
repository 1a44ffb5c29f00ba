//===- TestKernels.h - PTX for the conformance suite ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that every device with PTX has to run: sm_80 for the general ones,
// sm_90 for clusters, tensor maps and dependent launches.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_RUNTIME_TESTKERNELS_H
#define FP4_TEST_UNIT_RUNTIME_TESTKERNELS_H

namespace fp4::runtime::testing {

inline constexpr const char *kGeneralKernels = R"(
.version 7.0
.target sm_80
.address_size 64

.visible .global .align 4 .u32 counter = 7;

// out[i] = x[i] + scalar, for i < n, where {scalar, n} is a struct by value.
.visible .entry add(.param .u64 x, .param .u64 out,
                    .param .align 4 .b8 by_value[8])
{
  .reg .pred %p;
  .reg .b32 %r<6>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<6>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.u32 %r1, %r1, %r2, %r3;
  ld.param.u32 %r4, [by_value+4];
  setp.ge.u32 %p, %r1, %r4;
  @%p ret;
  ld.param.u64 %rd1, [x];
  ld.param.u64 %rd2, [out];
  ld.param.f32 %f1, [by_value];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd4, %rd1, %rd3;
  add.u64 %rd5, %rd2, %rd3;
  ld.global.f32 %f2, [%rd4];
  add.f32 %f3, %f2, %f1;
  st.global.f32 [%rd5], %f3;
  ret;
}

// Thread i of 256 writes word 64 * i of dynamic shared memory, 64 KiB, and its
// left neighbour's word to out[i].
.extern .shared .align 16 .b8 dynamic[];
.visible .entry neighbours(.param .u64 out)
{
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, dynamic;
  shl.b32 %r3, %r1, 8;
  add.u32 %r4, %r2, %r3;
  st.shared.u32 [%r4], %r1;
  bar.sync 0;
  add.u32 %r5, %r1, 255;
  and.b32 %r5, %r5, 255;
  shl.b32 %r5, %r5, 8;
  add.u32 %r5, %r2, %r5;
  ld.shared.u32 %r6, [%r5];
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r1, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r6;
  ret;
}

.visible .entry count()
{
  .reg .b32 %r<3>;
  ld.global.u32 %r1, [counter];
  add.u32 %r2, %r1, 1;
  st.global.u32 [counter], %r2;
  ret;
}
)";

inline constexpr const char *kHopperKernels = R"(
.version 8.0
.target sm_90
.address_size 64

// out[block] = rank in the cluster + 16 * size of the cluster.
.visible .entry ranks(.param .u64 out)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<4>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %cluster_ctarank;
  mov.u32 %r3, %cluster_nctarank;
  mad.lo.u32 %r4, %r3, 16, %r2;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r1, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r4;
  ret;
}

// Copies the 4 x 8 tile of words at column 8, row 4 to out.
.visible .entry tile(.param .align 64 .b8 map[128], .param .u64 out)
{
  .shared .align 128 .b8 words[128];
  .shared .align 8 .b8 barrier[8];
  .reg .pred %p<3>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<7>;
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, words;
  mov.u32 %r3, barrier;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra STARTED;
  mbarrier.init.shared.b64 [%r3], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared.b64 %rd1, [%r3], 128;
  mov.b64 %rd2, map;
  cvta.param.u64 %rd3, %rd2;
  mov.u32 %r4, 8;
  mov.u32 %r5, 4;
  cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r2], [%rd3, {%r4, %r5}], [%r3];
STARTED:
  bar.sync 0;
WAIT:
  mbarrier.try_wait.parity.shared.b64 %p2, [%r3], 0;
  @!%p2 bra WAIT;
  shl.b32 %r6, %r1, 2;
  add.u32 %r6, %r2, %r6;
  ld.shared.u32 %r7, [%r6];
  ld.param.u64 %rd4, [out];
  cvta.to.global.u64 %rd4, %rd4;
  mul.wide.u32 %rd5, %r1, 4;
  add.u64 %rd6, %rd4, %rd5;
  st.global.u32 [%rd6], %r7;
  ret;
}

// *out = 2 * *out + 1 after the launch in front.
.visible .entry step(.param .u64 out)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<2>;
  griddepcontrol.launch_dependents;
  griddepcontrol.wait;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r1, [%rd1];
  mad.lo.u32 %r2, %r1, 2, 1;
  st.global.u32 [%rd1], %r2;
  ret;
}
)";

} // namespace fp4::runtime::testing

#endif // FP4_TEST_UNIT_RUNTIME_TESTKERNELS_H
