//===- Device.cpp - The emulator's interface: memory and launches ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Device memory, launches and their checks, the spreading of clusters over host
// threads, and the comparison of asynchronous modes.
//
//===----------------------------------------------------------------------===//

#include "ContentsDifference.h"
#include "Decode.h"
#include "Machine.h"
#include "Module.h"
#include "Syscalls.h"
#include "TensorMemory.h"
#include <algorithm>
#include <cstring>
#include <deque>
#include <thread>
#include <tuple>

namespace fp4::ptx {

/// Instructions of a cluster before its host thread turns to another one that
/// may be waited for. In a cooperative launch they do wait for one another.
static constexpr uint64_t kClusterSlice = 1'000'000;
static constexpr uint64_t kCooperativeSlice = 20'000;
/// Unfinished clusters that one host thread keeps in memory, unless all have to
/// be resident.
static constexpr size_t kMaxParked = 64;

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

struct Device::Impl {
  GlobalMemory memory;
  /// Addresses of the .global and .const variables of modules seen so far.
  struct Loaded {
    std::shared_ptr<ModuleData> module;
    std::vector<uint64_t> address;
  };
  std::vector<Loaded> modules;

  Expected<const Loaded *> load(const std::shared_ptr<ModuleData> &module);
  /// Sets kernel and shape of `launch` if it is possible.
  Status prepare(const std::shared_ptr<ModuleData> &module,
                 std::string_view kernel, const LaunchConfig &config,
                 size_t paramBytes, LaunchState &launch) const;
  Status checkLaunch(const Function &kernel, const ModuleData &module,
                     const LaunchConfig &config, size_t paramBytes) const;
};

Device::Device() : impl(std::make_unique<Impl>()) {}
Device::~Device() = default;

Expected<uint64_t> Device::allocate(size_t bytes) {
  return impl->memory.allocate(bytes);
}

Status Device::map(void *memory, size_t bytes) {
  return impl->memory.map(memory, bytes);
}

Status Device::free(uint64_t address) { return impl->memory.free(address); }

static Expected<uint8_t *> hostRange(GlobalMemory &memory, uint64_t address,
                                     size_t bytes) {
  GlobalMemory::Allocation *allocation = memory.find(address);
  if (!allocation || bytes > allocation->size - (address - allocation->base))
    return Status::error("copy of " + std::to_string(bytes) + " bytes at " +
                         hex(address) + ": " + memory.describe(address, bytes));
  return &allocation->bytes[address - allocation->base];
}

Status Device::copyIn(uint64_t address, const void *source, size_t bytes) {
  if (bytes == 0)
    return Status::success();
  Expected<uint8_t *> to = hostRange(impl->memory, address, bytes);
  if (!to.ok())
    return to.status();
  std::memcpy(*to, source, bytes);
  return Status::success();
}

Status Device::copyOut(void *destination, uint64_t address, size_t bytes) {
  if (bytes == 0)
    return Status::success();
  Expected<uint8_t *> from = hostRange(impl->memory, address, bytes);
  if (!from.ok())
    return from.status();
  std::memcpy(destination, *from, bytes);
  return Status::success();
}

/// Writes the addresses that `variable`'s initialiser names.
static Status relocate(GlobalMemory &memory, const ModuleData &module,
                       const Variable &variable, uint64_t base,
                       const std::vector<uint64_t> &address) {
  for (const Relocation &relocation : variable.relocations) {
    const Symbol &symbol = module.symbols[relocation.symbol];
    uint64_t value = symbol.kind == Symbol::Kind::Function
                         ? kFunctionWindow + symbol.index
                         : address[symbol.index];
    value = (value + relocation.addend) >> relocation.shift;
    Expected<uint8_t *> to =
        hostRange(memory, base + relocation.offset, relocation.bytes);
    if (!to.ok())
      return to.status();
    std::memcpy(*to, &value, relocation.bytes);
  }
  return Status::success();
}

Expected<const Device::Impl::Loaded *>
Device::Impl::load(const std::shared_ptr<ModuleData> &module) {
  for (const Loaded &loaded : modules)
    if (loaded.module == module)
      return &loaded;
  Loaded loaded{module, std::vector<uint64_t>(module->variables.size())};
  for (size_t i = 0; i < module->variables.size(); ++i) {
    const Variable &variable = module->variables[i];
    if (variable.space != Space::Global && variable.space != Space::Const)
      continue;
    Expected<uint64_t> base =
        memory.allocate(std::max<uint64_t>(variable.size, 1), variable.align);
    if (!base.ok())
      return base.status();
    loaded.address[i] = *base;
    if (Expected<uint8_t *> to = hostRange(memory, *base, variable.data.size());
        to.ok() && !variable.data.empty())
      std::memcpy(*to, variable.data.data(), variable.data.size());
  }
  for (size_t i = 0; i < module->variables.size(); ++i) {
    const Variable &variable = module->variables[i];
    Status status =
        relocate(memory, *module, variable, loaded.address[i], loaded.address);
    if (!status.ok())
      return status;
    if (variable.space == Space::Const)
      memory.find(loaded.address[i])->readOnly = true;
  }
  modules.push_back(std::move(loaded));
  return &modules.back();
}

Expected<uint64_t> Device::symbolAddress(const Module &module,
                                         std::string_view name) {
  Expected<const Impl::Loaded *> loaded = impl->load(module.data());
  if (!loaded.ok())
    return loaded.status();
  const std::vector<Variable> &variables = module.data()->variables;
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].name == name && (*loaded)->address[i])
      return (*loaded)->address[i];
  return noVariable(name);
}

//===----------------------------------------------------------------------===//
// Launching
//===----------------------------------------------------------------------===//

static std::string dimText(const std::array<uint32_t, 3> &dims) {
  return std::to_string(dims[0]) + "x" + std::to_string(dims[1]) + "x" +
         std::to_string(dims[2]);
}

Status Device::Impl::checkLaunch(const Function &kernel,
                                 const ModuleData &module,
                                 const LaunchConfig &config,
                                 size_t paramBytes) const {
  auto problem = [&](const std::string &what) {
    return Status::error("launch of " + kernel.name + ": " + what);
  };
  const Dim3 &block = config.block, &grid = config.grid;
  if (block.count() == 0 || block.count() > 1024 || block.x > 1024 ||
      block.y > 1024 || block.z > 64)
    return problem("a block of " + dimText({block.x, block.y, block.z}) +
                   " threads is not possible; at most 1024");
  if (grid.count() == 0 || grid.y > 65535 || grid.z > 65535)
    return problem("a grid of " + dimText({grid.x, grid.y, grid.z}) +
                   " is not possible");
  std::array<uint32_t, 3> dims = {block.x, block.y, block.z};
  if (kernel.requiredThreads[0] && kernel.requiredThreads != dims)
    return problem("block " + dimText(dims) + " is not the .reqntid " +
                   dimText(kernel.requiredThreads));
  if (kernel.maxThreads[0] && block.count() > uint64_t(kernel.maxThreads[0]) *
                                                  kernel.maxThreads[1] *
                                                  kernel.maxThreads[2])
    return problem("block " + dimText(dims) + " exceeds the .maxntid " +
                   dimText(kernel.maxThreads));
  const Dim3 &cluster = config.cluster;
  if (cluster.count() == 0 || cluster.count() > 16 || grid.x % cluster.x ||
      grid.y % cluster.y || grid.z % cluster.z)
    return problem("cluster " + dimText({cluster.x, cluster.y, cluster.z}) +
                   " does not divide grid " +
                   dimText({grid.x, grid.y, grid.z}) +
                   ", or has more than 16 CTAs");
  if (kernel.clusterDims[0] &&
      kernel.clusterDims !=
          std::array<uint32_t, 3>{cluster.x, cluster.y, cluster.z})
    return problem("cluster is not the .reqnctapercluster " +
                   dimText(kernel.clusterDims));
  KernelInfo info = describe(module, kernel);
  if (paramBytes != info.paramBytes)
    return problem("got " + std::to_string(paramBytes) +
                   " bytes of parameters, expected " +
                   std::to_string(info.paramBytes));
  uint64_t shared =
      uint64_t(info.staticSharedBytes) + config.dynamicSharedBytes;
  if (shared > kMaxSharedBytes)
    return problem(std::to_string(shared) +
                   " bytes of shared memory; at most " +
                   std::to_string(kMaxSharedBytes));
  for (const Function *function : reachable(module, kernel))
    if (!function->isDefined && !findSyscall(function->name))
      return problem("function '" + function->name + "' is not defined");
  return Status::success();
}

Status Device::Impl::prepare(const std::shared_ptr<ModuleData> &module,
                             std::string_view kernelName,
                             const LaunchConfig &config, size_t paramBytes,
                             LaunchState &launch) const {
  const Function *kernel = nullptr;
  for (const auto &function : module->functions)
    if (function->isEntry && function->isDefined &&
        function->name == kernelName)
      kernel = function.get();
  if (!kernel)
    return noKernel(kernelName);
  launch.module = module;
  launch.kernel = kernel;
  launch.config = config;
  Dim3 &cluster = launch.config.cluster;
  if (cluster.count() == 0 && kernel->clusterDims[0])
    cluster = {kernel->clusterDims[0], kernel->clusterDims[1],
               kernel->clusterDims[2]};
  else if (cluster.count() == 0)
    cluster = {1, 1, 1};
  launch.clusters = {config.grid.x / cluster.x, config.grid.y / cluster.y,
                     config.grid.z / cluster.z};
  return checkLaunch(*kernel, *module, launch.config, paramBytes);
}

Status Device::checkLaunch(const Module &module, std::string_view kernel,
                           const LaunchConfig &config,
                           size_t paramBytes) const {
  LaunchState launch;
  return impl->prepare(module.data(), kernel, config, paramBytes, launch);
}

/// Whether results could depend on the order in which CTAs run.
static bool hasFloatAtomics(const ModuleData &module, const Function &kernel) {
  for (const Function *function : reachable(module, kernel))
    for (const Instr &instr : function->code) {
      std::string_view name = opcodeTable[instr.opcode].mnemonic;
      bool isAtomic =
          name == "atom" || name == "red" || name.substr(0, 9) == "cp.reduce";
      if (isAtomic &&
          (isFloat(instr.type) || typeKind(instr.type) == TypeKind::Packed))
        return true;
    }
  return false;
}

namespace {
/// The host threads of one launch.
struct Workers {
  LaunchState &launch;
  std::mutex mutex;
  std::string failure;
  Statistics total;

  void work();
  void finish(Cluster &cluster);
  void fail(std::string message);
};
} // namespace

void Workers::fail(std::string message) {
  std::lock_guard<std::mutex> lock(mutex);
  if (failure.empty())
    failure = std::move(message);
  launch.stop = true;
}

void Workers::finish(Cluster &cluster) {
  cluster.stats.ctas += cluster.ctas.size();
  for (unsigned i = 0; i < numOpcodes; ++i)
    if (cluster.opcodeCounts[i])
      cluster.stats.instructions[std::string(opcodeTable[i].mnemonic)] +=
          cluster.opcodeCounts[i];
  for (unsigned i = 0; i < cluster.bytesRead.size(); ++i) {
    std::string space(spaceName(Space(i)));
    if (cluster.bytesRead[i])
      cluster.stats.bytesRead[space] += cluster.bytesRead[i];
    if (cluster.bytesWritten[i])
      cluster.stats.bytesWritten[space] += cluster.bytesWritten[i];
  }
}

void Workers::work() {
  Statistics stats;
  std::deque<std::unique_ptr<Cluster>> parked;
  uint64_t slice =
      launch.config.cooperative ? kCooperativeSlice : kClusterSlice;
  try {
    while (!launch.stop) {
      std::unique_ptr<Cluster> cluster;
      if (parked.size() < kMaxParked || launch.config.cooperative)
        if (std::optional<uint64_t> index = launch.takeCluster())
          cluster = std::make_unique<Cluster>(launch, *index, stats);
      if (!cluster) {
        if (parked.empty())
          break;
        cluster = std::move(parked.front());
        parked.pop_front();
      }
      if (cluster->run(slice) == Cluster::Result::Done)
        finish(*cluster);
      else
        parked.push_back(std::move(cluster));
    }
  } catch (TrapError &trap) {
    fail(std::move(trap.message));
  } catch (const std::bad_alloc &) {
    fail("out of host memory");
  }
  std::lock_guard<std::mutex> lock(mutex);
  total.merge(stats);
}

namespace {
/// Global memory that lives as long as a launch.
class LaunchMemory {
public:
  explicit LaunchMemory(GlobalMemory &memory) : memory(memory) {}
  LaunchMemory(const LaunchMemory &) = delete;
  ~LaunchMemory() {
    for (uint64_t address : addresses)
      (void)memory.free(address);
  }

  /// The address of a copy of `bytes` bytes.
  Expected<uint64_t> place(const void *source, size_t bytes) {
    Expected<uint64_t> address = memory.allocate(std::max<size_t>(bytes, 1));
    if (!address.ok())
      return address;
    addresses.push_back(*address);
    if (bytes)
      std::memcpy(&memory.find(*address)->bytes[0], source, bytes);
    return address;
  }

private:
  GlobalMemory &memory;
  std::vector<uint64_t> addresses;
};
} // namespace

Expected<Statistics> Device::launch(const Module &module,
                                    std::string_view kernelName,
                                    const LaunchConfig &config,
                                    const void *params, size_t paramBytes,
                                    const LaunchOptions &options) {
  const std::shared_ptr<ModuleData> &data = module.data();
  LaunchState launch;
  if (Status status =
          impl->prepare(data, kernelName, config, paramBytes, launch);
      !status.ok())
    return status;
  const Function &kernel = *launch.kernel;
  launch.options = options;
  launch.global = &impl->memory;
  Expected<const Impl::Loaded *> loaded = impl->load(data);
  if (!loaded.ok())
    return loaded.status();
  launch.variableAddress = (*loaded)->address;
  launch.sharedBytes = layoutShared(*data, kernel, &launch.variableAddress) +
                       config.dynamicSharedBytes;
  LaunchMemory memory(impl->memory);
  Expected<uint64_t> paramAddress = memory.place(params, paramBytes);
  if (!paramAddress.ok())
    return paramAddress.status();
  launch.paramAddress = *paramAddress;
  impl->memory.find(*paramAddress)->readOnly = true;
  if (config.cooperative) {
    constexpr uint32_t zeros[2] = {};
    Expected<uint64_t> workspace = memory.place(zeros, sizeof zeros);
    if (!workspace.ok())
      return workspace.status();
    launch.gridWorkspace = *workspace;
  }

  impl->memory.beginLaunch(config.programmatic);
  Workers workers{launch, {}, {}, {}};
  uint64_t threads =
      options.threads ? options.threads : std::thread::hardware_concurrency();
  if (!options.threads && hasFloatAtomics(*data, kernel))
    threads = 1;
  threads = std::min<uint64_t>(threads, launch.clusters.count());
  std::vector<std::thread> others;
  for (uint64_t i = 1; i < threads; ++i)
    others.emplace_back([&] { workers.work(); });
  workers.work();
  for (std::thread &thread : others)
    thread.join();
  if (!workers.failure.empty())
    return Status::error(workers.failure);
  workers.total.sharedBytes = launch.sharedBytes - kSharedBase;
  return std::move(workers.total);
}

Expected<Statistics>
Device::compareAsyncModes(const Module &module, std::string_view kernel,
                          const LaunchConfig &config, const void *params,
                          size_t paramBytes, const LaunchOptions &options) {
  // Variables must have their first values in all runs.
  if (Expected<const Impl::Loaded *> loaded = impl->load(module.data());
      !loaded.ok())
    return loaded.status();
  GlobalMemory::Contents before = impl->memory.contents(), late;
  std::optional<Statistics> result;
  LaunchOptions own = options;
  for (auto [mode, seed, name] : {std::tuple(AsyncMode::Late, 0, "late"),
                                  {AsyncMode::Early, 0, "early"},
                                  {AsyncMode::Random, 1, "random:1"},
                                  {AsyncMode::Random, 2, "random:2"}}) {
    impl->memory.restore(before);
    own.async = mode;
    own.seed = uint64_t(seed);
    Expected<Statistics> stats =
        launch(module, kernel, config, params, paramBytes, own);
    if (!stats.ok())
      return Status::error(std::string("in the asynchronous mode ") + name +
                           ": " + stats.message());
    if (!result) {
      result = *stats;
      late = impl->memory.contents();
      // printf is to appear once.
      own.output = nullptr;
    } else if (std::string what =
                   firstDifference(late, impl->memory.contents());
               !what.empty()) {
      impl->memory.restore(late);
      return Status::error(
          std::string("results differ between the asynchronous modes late "
                      "and ") +
          name + ": " + what);
    }
  }
  impl->memory.restore(late);
  return *result;
}

} // namespace fp4::ptx
