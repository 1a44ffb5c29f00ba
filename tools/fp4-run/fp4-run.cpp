//===- fp4-run.cpp - Run a program on arrays ------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the command line and hands it to what runs that kind of program.
//
//===----------------------------------------------------------------------===//

#include "RunRequest.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::OptionCategory category("fp4-run options");
static cl::opt<std::string>
    program(cl::Positional, cl::Required,
            cl::desc("<module.mlir | artifact directory | kernel.ptx>"),
            cl::cat(category));
static cl::opt<std::string>
    device("device",
           cl::desc("Where to run: cuda, emulator or host (default: host for "
                    "a module, else emulator)"),
           cl::value_desc("name"), cl::cat(category));
static cl::opt<std::string>
    entry("entry", cl::desc("Function to run (default: main, or the only one)"),
          cl::value_desc("name"), cl::cat(category));
static cl::list<std::string>
    inputs("input",
           cl::desc("An argument, once for each: [name=]file.npy or "
                    "[name=]file.safetensors:tensor; without names in order"),
           cl::value_desc("file"), cl::cat(category));
static cl::list<std::string>
    outputs("output", cl::desc("Where to write a result, once for each"),
            cl::value_desc("file.npy"), cl::cat(category));
static cl::alias shortOutput("o", cl::aliasopt(outputs),
                             cl::desc("Alias for --output"), cl::cat(category));
static cl::list<std::string>
    checks("check", cl::ValueOptional,
           cl::desc("Compare with a reference: --check=file for a result, once "
                    "for each; without a file, every launch of an artifact "
                    "with what its kernel means, computed independently in "
                    "double precision, and a kernel in all asynchronous modes. "
                    "The exit status is 1 if they differ"),
           cl::value_desc("file"), cl::cat(category));
static cl::opt<double>
    tolerance("tolerance", cl::init(0),
              cl::desc("Relative error (Frobenius norm) that --check=file "
                       "allows; default 0"),
              cl::value_desc("number"), cl::cat(category));
static cl::opt<bool>
    timeRun("time",
            cl::desc("Print the time to compile and to run; on a GPU median "
                     "and minimum of --runs, on the emulator what it did"),
            cl::cat(category));
static cl::opt<unsigned> numRuns("runs", cl::init(10),
                                 cl::desc("Runs that --time takes on a GPU"),
                                 cl::value_desc("number"), cl::cat(category));
static cl::list<std::string>
    sizes("size",
          cl::desc("A size that the inputs leave open, for inputs that are "
                   "drawn because none is given; default 128"),
          cl::value_desc("name=number"), cl::cat(category));
static cl::opt<uint64_t>
    seed("seed", cl::init(0),
         cl::desc("Seed of inputs that are drawn because none is given"),
         cl::value_desc("number"), cl::cat(category));

static cl::OptionCategory emulation("Options of the emulator");
static cl::opt<std::string>
    async("async", cl::init("late"),
          cl::desc("When asynchronous operations take effect: late (as the "
                   "program's own waits allow), early, or random:seed"),
          cl::value_desc("mode"), cl::cat(emulation));
static cl::opt<fp4::ptx::Accumulation> accumulation(
    "accumulation", cl::init(fp4::ptx::Accumulation::Exact),
    cl::desc("How matrix instructions add products"),
    cl::values(clEnumValN(fp4::ptx::Accumulation::Exact, "exact",
                          "exactly, rounded once"),
               clEnumValN(fp4::ptx::Accumulation::Blackwell, "blackwell",
                          "as the published model of Blackwell does")),
    cl::cat(emulation));
static cl::opt<std::string>
    trace("trace", cl::ValueOptional,
          cl::desc("Print what the launches did (instruction mix, bytes moved, "
                   "bank conflicts, shared and tensor memory), or write it as "
                   "JSON to a file"),
          cl::value_desc("file.json"), cl::cat(emulation));

static cl::opt<bool>
    strict("strict",
           cl::desc("Hold programs to the letter of the PTX ISA: trap on races "
                    "in shared memory and on missing fences, whatever order "
                    "warps happen to run in"),
           cl::cat(emulation));

static cl::OptionCategory kernels("Options for PTX files");
static cl::list<std::string>
    arguments("arg",
              cl::desc("An argument of the kernel, once for each: a number "
                       "(5, 1.5, f16:1), hex:00ff, x.npy, zeros:f32:64x64, "
                       "random:f32:64x64, same:0, or tma:x.npy,box=64x32; "
                       "arrays take ,out=y.npy and ,check=ref.npy"),
              cl::value_desc("argument"), cl::cat(kernels));
static cl::opt<std::string> grid("grid", cl::init("1"),
                                 cl::desc("Blocks: x[,y[,z]]; default 1"),
                                 cl::value_desc("x,y,z"), cl::cat(kernels));
static cl::opt<std::string>
    block("block",
          cl::desc("Threads of a block: x[,y[,z]]; default: what the kernel "
                   "requires"),
          cl::value_desc("x,y,z"), cl::cat(kernels));
static cl::opt<std::string>
    cluster("cluster",
            cl::desc("Blocks of a cluster: x[,y[,z]]; default: what the kernel "
                     "requires, or 1"),
            cl::value_desc("x,y,z"), cl::cat(kernels));
static cl::opt<unsigned> sharedBytes("shared", cl::init(0),
                                     cl::desc("Dynamic shared memory"),
                                     cl::value_desc("bytes"), cl::cat(kernels));
static cl::opt<uint64_t>
    steps("steps", cl::init(0),
          cl::desc("Warp instructions after which the emulator gives up; "
                   "default 2^40"),
          cl::value_desc("number"), cl::cat(emulation));

static cl::OptionCategory modules("Options for MLIR modules");
static cl::opt<std::string> hessiansOut(
    "hessians-out",
    cl::desc("Collect X^T X of the input of every linear layer and write one "
             "tensor per layer"),
    cl::value_desc("file.safetensors"), cl::cat(modules));

static cl::list<std::string>
    sharedLibs("shared-libs", cl::CommaSeparated,
               cl::desc("Libraries with functions that the program calls"),
               cl::value_desc("file.so,..."), cl::cat(modules));
static cl::opt<bool>
    useBLAS("blas",
            cl::desc("Let OpenBLAS compute float32 products: faster, with "
                     "another order of addition"),
            cl::cat(modules));

/// "name=number" texts as a map.
static fp4::Status parseSizes(std::map<std::string, int64_t> &result) {
  for (const std::string &text : sizes) {
    auto [name, number] = llvm::StringRef(text).split('=');
    int64_t value;
    if (name.empty() || number.getAsInteger(10, value) || value < 1)
      return fp4::Status::error("expected --size=name=number, got '" + text +
                                "'");
    result[name.str()] = value;
  }
  return fp4::Status::success();
}

/// "x[,y[,z]]".
static fp4::Status parseDim3(const char *option, llvm::StringRef text,
                             fp4::ptx::Dim3 &result) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ',');
  uint32_t *dims[] = {&result.x, &result.y, &result.z};
  result = {1, 1, 1};
  for (size_t i = 0; i < parts.size(); ++i)
    if (i >= 3 || parts[i].getAsInteger(10, *dims[i]) || *dims[i] == 0)
      return fp4::Status::error(std::string("expected --") + option +
                                "=x[,y[,z]], got '" + text.str() + "'");
  return fp4::Status::success();
}

static fp4::Status parseShape(fp4::RunRequest &request) {
  fp4::Status status = parseDim3("grid", grid, request.shape.grid);
  request.hasBlock = !block.empty();
  if (status.ok() && request.hasBlock)
    status = parseDim3("block", block, request.shape.block);
  if (status.ok() && !cluster.empty())
    status = parseDim3("cluster", cluster, request.shape.cluster);
  request.shape.dynamicSharedBytes = sharedBytes;
  return status;
}

static fp4::Status parseAsync(fp4::ptx::LaunchOptions &options) {
  auto [mode, number] = llvm::StringRef(async).split(':');
  bool isSeeded = mode == "random" && !number.getAsInteger(10, options.seed);
  if (mode == "late" && number.empty())
    options.async = fp4::ptx::AsyncMode::Late;
  else if (mode == "early" && number.empty())
    options.async = fp4::ptx::AsyncMode::Early;
  else if (isSeeded)
    options.async = fp4::ptx::AsyncMode::Random;
  else
    return fp4::Status::error(
        "expected --async=late, early or random:seed, got '" + async + "'");
  return fp4::Status::success();
}

fp4::Expected<std::shared_ptr<fp4::runtime::Device>>
fp4::RunRequest::openDevice(const char *usual) const {
  std::string name = device.empty() ? usual : device;
  if (name == "emulator")
    return runtime::openEmulator(emulation);
  return runtime::openDevice(name);
}

static fp4::Status run() {
  fp4::RunRequest request;
  request.program = program;
  request.device = device;
  request.entry = entry;
  request.inputs = inputs;
  request.outputs = outputs;
  request.checks = checks;
  request.tolerance = tolerance;
  request.time = timeRun;
  request.numRuns = std::max(1u, unsigned(numRuns));
  request.seed = seed;
  request.trace = trace.getNumOccurrences() != 0;
  request.traceFile = trace;
  request.hessiansOut = hessiansOut;
  request.sharedLibs = sharedLibs;
  request.useBLAS = useBLAS;
  request.emulation.accumulation = accumulation;
  request.emulation.strict = strict;
  request.emulation.countBankConflicts = request.trace;
  request.emulation.output = [](std::string_view text) {
    llvm::outs() << text;
  };
  fp4::Status status = parseSizes(request.sizes);
  if (status.ok())
    status = parseAsync(request.emulation);
  if (status.ok())
    status = parseShape(request);
  if (!status.ok())
    return status;
  request.arguments = arguments;
  if (steps)
    request.emulation.stepBudget = steps;
  if (llvm::StringRef(program).ends_with(".ptx"))
    return fp4::runKernel(request);
  if (llvm::sys::fs::is_directory(program))
    return fp4::runArtifact(request);
  return fp4::runModule(request);
}

static const char *const kOverview =
    "Run an fp4 program on arrays\n\n"
    "EXAMPLES:\n"
    "  fp4-run layer.mlir --input x.npy -o y.npy\n"
    "  fp4-run layer.fp4 --device=emulator --check\n"
    "  fp4-run scale.ptx --grid=4 --block=256 --arg random:f32:1024 "
    "--arg zeros:f32:1024,out=y.npy --arg 0.5 --trace\n";

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  cl::HideUnrelatedOptions({&category, &kernels, &emulation, &modules});
  cl::ParseCommandLineOptions(argc, argv, kOverview);
  fp4::Status status = run();
  llvm::outs().flush(); // what was printed comes before the error
  if (status.ok())
    return 0;
  llvm::WithColor::error(llvm::errs(), "fp4-run") << status.message() << "\n";
  return 1;
}
