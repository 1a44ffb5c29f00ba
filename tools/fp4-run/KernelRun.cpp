//===- KernelRun.cpp - fp4-run on PTX files -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Launches one kernel of any PTX module, on a GPU or on the emulator.
//
//===----------------------------------------------------------------------===//

#include "KernelArguments.h"
#include "Results.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <cstring>

using namespace fp4::runtime;

namespace fp4 {

namespace {
/// A kernel and how to launch it, on any device.
struct KernelJob {
  const RunRequest &request;
  std::string ptx;
  std::string entry;
  LaunchShape shape;
  std::vector<KernelArgumentText> arguments;
};

/// What one run left.
struct KernelResult {
  /// The arrays after the launch, in the order of the arguments that have one.
  std::vector<NDArray> arrays;
  std::vector<double> milliseconds;
  double seconds = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Finding the kernel
//===----------------------------------------------------------------------===//

/// "scale(x: 8, n: 4)", with the bytes of every parameter.
static std::string signatureOf(const ptx::KernelInfo &info) {
  std::string text = info.name + "(";
  for (size_t i = 0; i < info.params.size(); ++i)
    text += (i ? ", " : "") + info.params[i].name + ": " +
            std::to_string(info.params[i].size);
  return text + ")";
}

static Expected<ptx::KernelInfo> findKernel(const RunRequest &request,
                                            const ptx::Module &module) {
  std::vector<ptx::KernelInfo> kernels = module.kernels();
  if (request.entry.empty() && kernels.size() == 1)
    return kernels.front();
  std::string known;
  for (const ptx::KernelInfo &info : kernels) {
    if (info.name == request.entry)
      return info;
    known += (known.empty() ? "" : ", ") + signatureOf(info);
  }
  return Status::error(request.program + ": " +
                       (request.entry.empty()
                            ? "expected --entry"
                            : "no kernel '" + request.entry + "'") +
                       "; kernels with the bytes of their parameters: " +
                       (known.empty() ? "none" : known));
}

static Expected<LaunchShape> chooseShape(const RunRequest &request,
                                         const ptx::KernelInfo &info) {
  LaunchShape shape = request.shape;
  if (request.hasBlock)
    return shape;
  if (!info.requiredThreads[0])
    return Status::error("expected --block: '" + info.name +
                         "' does not say how many threads it wants");
  shape.block = {info.requiredThreads[0], info.requiredThreads[1],
                 info.requiredThreads[2]};
  return shape;
}

static Expected<KernelJob> makeJob(const RunRequest &request) {
  auto file = llvm::MemoryBuffer::getFile(request.program, /*IsText=*/true);
  if (!file)
    return Status::error("cannot read '" + request.program +
                         "': " + file.getError().message());
  KernelJob job{
      request, (*file)->getBuffer().str(), request.entry, request.shape, {}};
  Expected<ptx::Module> module = ptx::Module::parse(job.ptx);
  if (!module.ok())
    return Status::error(request.program + ": " + module.message());
  Expected<ptx::KernelInfo> info = findKernel(request, *module);
  if (!info.ok())
    return info.status();
  job.entry = info->name;
  if (request.arguments.size() != info->params.size())
    return Status::error("expected " + std::to_string(info->params.size()) +
                         " --arg for " + signatureOf(*info) + ", got " +
                         std::to_string(request.arguments.size()));
  Expected<LaunchShape> shape = chooseShape(request, *info);
  if (!shape.ok())
    return shape.status();
  job.shape = *shape;
  for (size_t i = 0; i < request.arguments.size(); ++i) {
    Expected<KernelArgumentText> argument = parseKernelArgument(
        request.arguments[i], i, info->params[i].size, request.seed);
    if (!argument.ok())
      return argument.status();
    job.arguments.push_back(std::move(*argument));
  }
  return job;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// The job on a device.
class KernelSession {
public:
  static Expected<KernelSession> open(const KernelJob &job, Device &device);
  Expected<KernelResult> run();

private:
  KernelSession(const KernelJob &job, Device &device)
      : job(job), device(device) {}
  Status setup();
  Status pack(size_t index);
  Status upload();
  Status time(KernelResult &result);

  const KernelJob &job;
  Device &device;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Module> module;
  std::unique_ptr<Kernel> kernel;
  std::vector<std::unique_ptr<Buffer>> buffers; // null where there is no array
  std::vector<uint8_t> parameters;
};
} // namespace

Status KernelSession::pack(size_t index) {
  const KernelArgumentText &argument = job.arguments[index];
  const ParameterSlot &slot = kernel->parameters()[index];
  std::vector<uint8_t> value = argument.value;
  if (value.empty()) {
    const Buffer &buffer = *buffers[argument.sameAs.value_or(index)];
    uint64_t address = buffer.address();
    value.resize(sizeof address);
    std::memcpy(value.data(), &address, sizeof address);
    if (argument.map) {
      ptx::TensorMapParams params = *argument.map;
      params.globalAddress = address;
      Expected<ptx::TensorMap> map = device.encodeTensorMap(params);
      if (!map.ok())
        return Status::error("argument " + std::to_string(index) + ": " +
                             map.message());
      value.assign(map->begin(), map->end());
    }
  }
  if (value.size() != slot.size)
    return Status::error("argument " + std::to_string(index) + ": got " +
                         std::to_string(value.size()) + " bytes, expected " +
                         std::to_string(slot.size));
  std::memcpy(parameters.data() + slot.offset, value.data(), value.size());
  return Status::success();
}

Status KernelSession::setup() {
  Expected<std::unique_ptr<Stream>> created = device.createStream();
  if (!created.ok())
    return created.status();
  stream = std::move(*created);
  Expected<std::unique_ptr<Module>> loaded =
      device.loadModule(job.ptx, job.request.program);
  if (!loaded.ok())
    return loaded.status();
  module = std::move(*loaded);
  Expected<std::unique_ptr<Kernel>> found = module->kernel(job.entry);
  if (!found.ok())
    return found.status();
  kernel = std::move(*found);
  if (kernel->parameters().size() != job.arguments.size())
    return Status::error("expected " + std::to_string(job.arguments.size()) +
                         " parameters, the driver says " +
                         std::to_string(kernel->parameters().size()));
  parameters.resize(kernel->parameterBytes());
  buffers.resize(job.arguments.size());
  for (size_t i = 0; i < job.arguments.size(); ++i) {
    const KernelArgumentText &argument = job.arguments[i];
    if (argument.array) {
      Expected<std::unique_ptr<Buffer>> buffer =
          device.allocate(argument.array->byteSize());
      if (!buffer.ok())
        return buffer.status();
      buffers[i] = std::move(*buffer);
    } else if (argument.sameAs && !buffers[*argument.sameAs]) {
      return Status::error("argument " + std::to_string(i) + ": argument " +
                           std::to_string(*argument.sameAs) + " is no array");
    }
    if (Status status = pack(i); !status.ok())
      return status;
  }
  return Status::success();
}

Expected<KernelSession> KernelSession::open(const KernelJob &job,
                                            Device &device) {
  KernelSession session(job, device);
  if (Status status = session.setup(); !status.ok())
    return status;
  return session;
}

Status KernelSession::upload() {
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i]) {
      const NDArray &array = *job.arguments[i].array;
      Status status = stream->copyToDevice(buffers[i]->address(), array.bytes(),
                                           array.byteSize());
      if (!status.ok())
        return status;
    }
  return stream->synchronize();
}

/// Repeats the launch between two events; the arrays are not restored.
Status KernelSession::time(KernelResult &result) {
  Expected<std::unique_ptr<Event>> start = device.createEvent();
  if (!start.ok())
    return start.status();
  Expected<std::unique_ptr<Event>> end = device.createEvent();
  if (!end.ok())
    return end.status();
  for (unsigned i = 0; i < job.request.numRuns; ++i) {
    Status status = stream->record(**start);
    if (status.ok())
      status = stream->launch(*kernel, job.shape, parameters);
    if (status.ok())
      status = stream->record(**end);
    if (status.ok())
      status = stream->synchronize();
    if (!status.ok())
      return status;
    Expected<double> elapsed = (*end)->millisecondsSince(**start);
    if (!elapsed.ok())
      return elapsed.status();
    result.milliseconds.push_back(*elapsed);
  }
  return Status::success();
}

Expected<KernelResult> KernelSession::run() {
  if (Status status = upload(); !status.ok())
    return status;
  KernelResult result;
  auto begin = std::chrono::steady_clock::now();
  Status status = stream->launch(*kernel, job.shape, parameters);
  if (status.ok())
    status = stream->synchronize();
  if (!status.ok())
    return Status::error(job.request.program + ": " + status.message());
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  for (size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i]) {
      const NDArray &before = *job.arguments[i].array;
      NDArray after(before.dtype(), before.shape());
      status = stream->copyToHost(after.mutableBytes(), buffers[i]->address(),
                                  after.byteSize());
      if (status.ok())
        status = stream->synchronize();
      if (!status.ok())
        return status;
      result.arrays.push_back(std::move(after));
    }
  if (job.request.time && !device.statistics())
    if (Status timed = time(result); !timed.ok())
      return timed;
  return result;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static bool haveEqualBytes(const NDArray &a, const NDArray &b) {
  return a.byteSize() == b.byteSize() &&
         std::memcmp(a.bytes(), b.bytes(), a.byteSize()) == 0;
}

/// Runs once more in the other asynchronous modes; a correct program does not
/// notice.
static Status compareModes(const KernelJob &job, const KernelResult &result) {
  using ptx::AsyncMode;
  struct Mode {
    const char *name;
    AsyncMode mode;
    uint64_t seed;
  };
  const Mode modes[] = {{"late", AsyncMode::Late, 0},
                        {"early", AsyncMode::Early, 0},
                        {"random:1", AsyncMode::Random, 1},
                        {"random:2", AsyncMode::Random, 2}};
  for (const Mode &mode : modes) {
    ptx::LaunchOptions options = job.request.emulation;
    options.async = mode.mode;
    options.seed = mode.seed;
    options.output = nullptr;
    std::shared_ptr<Device> device = openEmulator(options);
    Expected<KernelSession> session = KernelSession::open(job, *device);
    if (!session.ok())
      return session.status();
    Expected<KernelResult> other = session->run();
    if (!other.ok())
      return Status::error(std::string("with --async=") + mode.name + ": " +
                           other.message());
    size_t array = 0;
    for (size_t i = 0; i < job.arguments.size(); ++i) {
      if (!job.arguments[i].array)
        continue;
      bool isSame = haveEqualBytes(result.arrays[array], other->arrays[array]);
      ++array;
      if (!isSame)
        return Status::error("argument " + std::to_string(i) +
                             " has other contents with --async=" + mode.name +
                             ": the result depends on the order of threads or "
                             "of asynchronous operations");
    }
  }
  llvm::outs() << "check: the same bytes in all asynchronous modes\n";
  return Status::success();
}

/// The first values of an array that the kernel changed.
static void printArray(size_t index, const NDArray &before,
                       const NDArray &after) {
  llvm::outs() << "argument " << index << ": " << dtypeName(after.dtype())
               << " " << shapeString(after.shape());
  if (haveEqualBytes(before, after)) {
    llvm::outs() << ", unchanged\n";
    return;
  }
  llvm::outs() << ", written:";
  constexpr size_t kShown = 6;
  Expected<std::vector<double>> values = toDoubles(after);
  if (values.ok()) {
    for (size_t i = 0; i < std::min(kShown, values->size()); ++i)
      llvm::outs() << " " << llvm::format("%g", (*values)[i]);
    llvm::outs() << (values->size() > kShown ? " ..." : "");
  }
  llvm::outs() << "\n";
}

/// Writes and compares the arrays as their arguments ask.
static Status finishArrays(const KernelJob &job, const KernelResult &result) {
  RunRequest checks = job.request;
  checks.checks.clear();
  std::vector<NDArray> checked;
  size_t array = 0;
  for (size_t i = 0; i < job.arguments.size(); ++i) {
    const KernelArgumentText &argument = job.arguments[i];
    if (!argument.array)
      continue;
    const NDArray &after = result.arrays[array++];
    printArray(i, *argument.array, after);
    if (!argument.out.empty())
      if (Status status = writeArray(argument.out, after); !status.ok())
        return status;
    if (!argument.check.empty()) {
      checks.checks.push_back(argument.check);
      checked.push_back(after);
    }
  }
  return checkResults(checks, checked);
}

/// What makes no sense for a kernel.
static Status checkRequest(const RunRequest &request) {
  if (!request.inputs.empty() || !request.outputs.empty())
    return Status::error("expected --arg x.npy,out=y.npy for a kernel, got "
                         "--input or --output");
  for (const std::string &check : request.checks)
    if (!check.empty())
      return Status::error("expected --arg zeros:f32:64,check=" + check +
                           " for a kernel, got --check=" + check);
  return Status::success();
}

Status runKernel(const RunRequest &request) {
  if (Status status = checkRequest(request); !status.ok())
    return status;
  Expected<KernelJob> job = makeJob(request);
  if (!job.ok())
    return job.status();
  Expected<std::shared_ptr<Device>> device = request.openDevice("emulator");
  if (!device.ok())
    return device.status();
  Expected<KernelSession> session = KernelSession::open(*job, **device);
  if (!session.ok())
    return session.status();
  Expected<KernelResult> result = session->run();
  if (!result.ok())
    return result.status();
  Status status = printStatistics(request, **device, result->seconds);
  if (!status.ok())
    return status;
  if (!result->milliseconds.empty())
    printTimes(result->milliseconds);
  status = finishArrays(*job, *result);
  if (!status.ok() || request.checks.empty())
    return status;
  if (!(*device)->statistics())
    return Status::error("expected --device=emulator with --check for a "
                         "kernel: it compares the asynchronous modes");
  return compareModes(*job, *result);
}

} // namespace fp4
