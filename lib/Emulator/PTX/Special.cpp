//===- Special.cpp - Special registers ------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Special Registers". Clocks count the instructions of a
// warp; the global timer counts those of the launch, so results do not depend
// on the host's speed.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

namespace fp4::ptx {

std::optional<Special> parseSpecial(std::string_view name) {
  static const std::unordered_map<std::string_view, Special> table = {
      {"%tid.x", Special::TidX},
      {"%tid.y", Special::TidY},
      {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NTidX},
      {"%ntid.y", Special::NTidY},
      {"%ntid.z", Special::NTidZ},
      {"%ctaid.x", Special::CtaIdX},
      {"%ctaid.y", Special::CtaIdY},
      {"%ctaid.z", Special::CtaIdZ},
      {"%nctaid.x", Special::NCtaIdX},
      {"%nctaid.y", Special::NCtaIdY},
      {"%nctaid.z", Special::NCtaIdZ},
      {"%laneid", Special::LaneId},
      {"%warpid", Special::WarpId},
      {"%nwarpid", Special::NWarpId},
      {"%smid", Special::SmId},
      {"%nsmid", Special::NSmId},
      {"%gridid", Special::GridId},
      {"%lanemask_eq", Special::LaneMaskEq},
      {"%lanemask_le", Special::LaneMaskLe},
      {"%lanemask_lt", Special::LaneMaskLt},
      {"%lanemask_ge", Special::LaneMaskGe},
      {"%lanemask_gt", Special::LaneMaskGt},
      {"%clock", Special::Clock},
      {"%clock_hi", Special::ClockHi},
      {"%clock64", Special::Clock64},
      {"%globaltimer", Special::GlobalTimer},
      {"%globaltimer_lo", Special::GlobalTimerLo},
      {"%globaltimer_hi", Special::GlobalTimerHi},
      {"%clusterid.x", Special::ClusterIdX},
      {"%clusterid.y", Special::ClusterIdY},
      {"%clusterid.z", Special::ClusterIdZ},
      {"%nclusterid.x", Special::NClusterIdX},
      {"%nclusterid.y", Special::NClusterIdY},
      {"%nclusterid.z", Special::NClusterIdZ},
      {"%cluster_ctaid.x", Special::ClusterCtaIdX},
      {"%cluster_ctaid.y", Special::ClusterCtaIdY},
      {"%cluster_ctaid.z", Special::ClusterCtaIdZ},
      {"%cluster_nctaid.x", Special::ClusterNCtaIdX},
      {"%cluster_nctaid.y", Special::ClusterNCtaIdY},
      {"%cluster_nctaid.z", Special::ClusterNCtaIdZ},
      {"%cluster_ctarank", Special::ClusterCtaRank},
      {"%cluster_nctarank", Special::ClusterNCtaRank},
      {"%is_explicit_cluster", Special::IsExplicitCluster},
      {"%dynamic_smem_size", Special::DynamicSmemSize},
      {"%total_smem_size", Special::TotalSmemSize},
      {"%aggr_smem_size", Special::AggrSmemSize},
      {"%current_graph_exec", Special::CurrentGraphExec},
      {"%envreg1", Special::GridWorkspaceHi},
      {"%envreg2", Special::GridWorkspaceLo},
  };
  auto found = table.find(name);
  if (found != table.end())
    return found->second;
  // The other %envreg0..31, and %pm0..7, read as zero.
  if (name.substr(0, 7) == "%envreg" || name.substr(0, 3) == "%pm")
    return Special::Zero;
  return std::nullopt;
}

/// The registers that have one value for the whole warp.
static uint64_t uniformSpecial(const Warp &warp, Special special) {
  const CTA &cta = warp.cta;
  const LaunchState &launch = warp.launch;
  const Dim3 &shape = launch.config.cluster;
  switch (special) {
  case Special::NTidX:
    return launch.config.block.x;
  case Special::NTidY:
    return launch.config.block.y;
  case Special::NTidZ:
    return launch.config.block.z;
  case Special::CtaIdX:
    return cta.id.x;
  case Special::CtaIdY:
    return cta.id.y;
  case Special::CtaIdZ:
    return cta.id.z;
  case Special::NCtaIdX:
    return launch.config.grid.x;
  case Special::NCtaIdY:
    return launch.config.grid.y;
  case Special::NCtaIdZ:
    return launch.config.grid.z;
  case Special::WarpId:
    return warp.index;
  case Special::NWarpId:
    return 64;
  case Special::SmId:
    return cta.cluster.linearIndex % 132;
  case Special::NSmId:
    return 132;
  case Special::GridId:
    return 1;
  case Special::Clock:
    return uint32_t(warp.clock);
  case Special::ClockHi:
    return warp.clock >> 32;
  case Special::Clock64:
    return warp.clock;
  case Special::GlobalTimer:
    return launch.steps.load() + warp.clock;
  case Special::GlobalTimerLo:
    return uint32_t(launch.steps.load() + warp.clock);
  case Special::GlobalTimerHi:
    return (launch.steps.load() + warp.clock) >> 32;
  case Special::ClusterIdX:
    return cta.cluster.id.x;
  case Special::ClusterIdY:
    return cta.cluster.id.y;
  case Special::ClusterIdZ:
    return cta.cluster.id.z;
  case Special::NClusterIdX:
    return launch.clusters.x;
  case Special::NClusterIdY:
    return launch.clusters.y;
  case Special::NClusterIdZ:
    return launch.clusters.z;
  case Special::ClusterCtaIdX:
    return cta.rank % shape.x;
  case Special::ClusterCtaIdY:
    return cta.rank / shape.x % shape.y;
  case Special::ClusterCtaIdZ:
    return cta.rank / shape.x / shape.y;
  case Special::ClusterNCtaIdX:
    return shape.x;
  case Special::ClusterNCtaIdY:
    return shape.y;
  case Special::ClusterNCtaIdZ:
    return shape.z;
  case Special::ClusterCtaRank:
    return cta.rank;
  case Special::ClusterNCtaRank:
    return shape.count();
  case Special::IsExplicitCluster:
    return shape.count() > 1;
  case Special::DynamicSmemSize:
    return launch.config.dynamicSharedBytes;
  case Special::TotalSmemSize:
    return launch.sharedBytes - kSharedBase;
  case Special::AggrSmemSize:
    return launch.sharedBytes;
  case Special::GridWorkspaceHi:
    return launch.gridWorkspace >> 32;
  case Special::GridWorkspaceLo:
    return uint32_t(launch.gridWorkspace);
  default:
    return 0;
  }
}

void Warp::readSpecial(Special special, Lanes &result) {
  const Dim3 &block = launch.config.block;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    uint32_t thread = index * kWarpSize + lane;
    uint32_t bit = 1u << lane;
    switch (special) {
    case Special::TidX:
      result[lane] = thread % block.x;
      break;
    case Special::TidY:
      result[lane] = thread / block.x % block.y;
      break;
    case Special::TidZ:
      result[lane] = thread / block.x / block.y;
      break;
    case Special::LaneId:
      result[lane] = lane;
      break;
    case Special::LaneMaskEq:
      result[lane] = bit;
      break;
    case Special::LaneMaskLe:
      result[lane] = bit | (bit - 1);
      break;
    case Special::LaneMaskLt:
      result[lane] = bit - 1;
      break;
    case Special::LaneMaskGe:
      result[lane] = ~(bit - 1);
      break;
    case Special::LaneMaskGt:
      result[lane] = ~(bit | (bit - 1));
      break;
    default:
      result.value.fill(uniformSpecial(*this, special));
      return;
    }
  }
  for (uint64_t &value : result.value)
    value = uint32_t(value);
}

} // namespace fp4::ptx
