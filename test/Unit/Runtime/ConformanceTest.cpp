//===- ConformanceTest.cpp - What every device has to do ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One suite for all devices. A device that is not there, and what a device does
// not have, is skipped with the reason.
//
//===----------------------------------------------------------------------===//

#include "TestKernels.h"
#include "fp4/Runtime/Device/Device.h"
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

namespace fp4::runtime::testing {

namespace {
class Conformance : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    Expected<std::shared_ptr<Device>> opened = openDevice(GetParam());
    if (!opened.ok())
      GTEST_SKIP() << opened.message();
    device = *opened;
    Expected<std::unique_ptr<Stream>> created = device->createStream();
    ASSERT_TRUE(created.ok()) << created.message();
    stream = std::move(*created);
  }

  std::unique_ptr<Buffer> allocate(size_t bytes) {
    Expected<std::unique_ptr<Buffer>> buffer = device->allocate(bytes);
    EXPECT_TRUE(buffer.ok()) << buffer.message();
    return buffer.ok() ? std::move(*buffer) : nullptr;
  }
  template <typename T>
  std::unique_ptr<Buffer> upload(const std::vector<T> &values) {
    std::unique_ptr<Buffer> buffer = allocate(values.size() * sizeof(T));
    expectOk(
        stream->copyToDevice(buffer->address(), values.data(), buffer->size()));
    expectOk(stream->synchronize());
    return buffer;
  }
  template <typename T> std::vector<T> download(const Buffer &buffer) {
    std::vector<T> values(buffer.size() / sizeof(T));
    expectOk(
        stream->copyToHost(values.data(), buffer.address(), buffer.size()));
    expectOk(stream->synchronize());
    return values;
  }
  std::unique_ptr<Kernel> load(const char *ptx, const char *name) {
    Expected<std::unique_ptr<Module>> loaded =
        device->loadModule(ptx, "test.ptx");
    EXPECT_TRUE(loaded.ok()) << loaded.message();
    if (!loaded.ok())
      return nullptr;
    module = std::move(*loaded);
    Expected<std::unique_ptr<Kernel>> kernel = module->kernel(name);
    EXPECT_TRUE(kernel.ok()) << kernel.message();
    return kernel.ok() ? std::move(*kernel) : nullptr;
  }
  static void expectOk(const Status &status) {
    EXPECT_TRUE(status.ok()) << status.message();
  }

  std::shared_ptr<Device> device;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Module> module;
};

/// The tests that launch something.
class KernelConformance : public Conformance {
protected:
  void SetUp() override {
    Conformance::SetUp();
    if (!IsSkipped() && !device->runsPTX())
      GTEST_SKIP() << "this device runs no PTX";
  }
};

/// A parameter block, filled slot by slot.
class Parameters {
public:
  explicit Parameters(const Kernel &kernel)
      : kernel(kernel), bytes(kernel.parameterBytes()) {}
  template <typename T> Parameters &add(const T &value) {
    const ParameterSlot &slot = kernel.parameters().at(next++);
    EXPECT_EQ(slot.size, sizeof value);
    std::memcpy(bytes.data() + slot.offset, &value, sizeof value);
    return *this;
  }
  operator const std::vector<uint8_t> &() const { return bytes; }

private:
  const Kernel &kernel;
  std::vector<uint8_t> bytes;
  size_t next = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Memory, streams, events
//===----------------------------------------------------------------------===//

TEST_P(Conformance, Describes_itself) {
  EXPECT_FALSE(device->description().empty());
  EXPECT_GE(device->multiprocessors(), 1u);
}

TEST_P(Conformance, Copies_and_fills_parts_of_buffers) {
  std::vector<uint8_t> values(1000);
  std::iota(values.begin(), values.end(), uint8_t(0));
  std::unique_ptr<Buffer> buffer = upload(values);
  EXPECT_EQ(buffer->size(), 1000u);
  EXPECT_EQ(buffer->address() % 256, 0u);
  expectOk(stream->fill(buffer->address() + 10, 0xAB, 5));
  std::memset(&values[10], 0xAB, 5);
  EXPECT_EQ(download<uint8_t>(*buffer), values);
  uint8_t part[3];
  expectOk(stream->copyToHost(part, buffer->address() + 997, 3));
  expectOk(stream->synchronize());
  EXPECT_EQ(part[2], values[999]);
}

TEST_P(Conformance, Empty_buffers_and_copies_are_fine) {
  std::unique_ptr<Buffer> buffer = allocate(0);
  EXPECT_EQ(buffer->size(), 0u);
  expectOk(stream->copyToDevice(buffer->address(), nullptr, 0));
  expectOk(stream->synchronize());
}

TEST_P(Conformance, Copying_to_a_wild_address_is_an_error) {
  uint32_t word = 1;
  Status status = stream->copyToDevice(16, &word, sizeof word);
  if (status.ok())
    status = stream->synchronize();
  EXPECT_FALSE(status.ok());
}

TEST_P(Conformance, Too_much_memory_is_an_error) {
  EXPECT_FALSE(device->allocate(size_t(1) << 60).ok());
}

TEST_P(Conformance, Events_tell_time_and_order_streams) {
  Expected<std::unique_ptr<Event>> start = device->createEvent();
  Expected<std::unique_ptr<Event>> end = device->createEvent();
  Expected<std::unique_ptr<Stream>> other = device->createStream();
  ASSERT_TRUE(start.ok() && end.ok() && other.ok());
  EXPECT_FALSE((*end)->millisecondsSince(**start).ok()) << "not recorded";
  std::vector<uint32_t> values(1 << 20, 3);
  expectOk(stream->record(**start));
  std::unique_ptr<Buffer> buffer = allocate(values.size() * 4);
  expectOk(
      stream->copyToDevice(buffer->address(), values.data(), buffer->size()));
  expectOk(stream->record(**end));
  expectOk((*other)->wait(**end));
  std::vector<uint32_t> copy(values.size());
  expectOk(
      (*other)->copyToHost(copy.data(), buffer->address(), buffer->size()));
  expectOk((*other)->synchronize());
  EXPECT_EQ(copy, values);
  expectOk((*end)->synchronize());
  Expected<double> elapsed = (*end)->millisecondsSince(**start);
  ASSERT_TRUE(elapsed.ok()) << elapsed.message();
  EXPECT_GE(*elapsed, 0);
}

//===----------------------------------------------------------------------===//
// Modules and kernels
//===----------------------------------------------------------------------===//

TEST_P(KernelConformance, Bad_PTX_is_an_error_that_names_the_file) {
  Expected<std::unique_ptr<Module>> module = device->loadModule(
      ".version 7.0\n.target sm_80\n.address_size 64\nnonsense\n", "bad.ptx");
  ASSERT_FALSE(module.ok());
  EXPECT_NE(module.message().find("bad.ptx: "), std::string::npos)
      << module.message();
  EXPECT_NE(module.message().find("line 4"), std::string::npos)
      << module.message();
}

TEST_P(KernelConformance, Unknown_names_are_errors) {
  load(kGeneralKernels, "add");
  Expected<std::unique_ptr<Kernel>> kernel = module->kernel("none");
  ASSERT_FALSE(kernel.ok());
  EXPECT_NE(kernel.message().find("test.ptx: "), std::string::npos);
  EXPECT_NE(kernel.message().find("none"), std::string::npos);
  EXPECT_FALSE(module->symbolAddress("none").ok());
}

TEST_P(KernelConformance, Passes_pointers_and_structs_by_value) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "add");
  EXPECT_EQ(kernel->name(), "add");
  ASSERT_EQ(kernel->parameters().size(), 3u);
  EXPECT_EQ(kernel->parameters()[2].offset, 16u);
  EXPECT_EQ(kernel->parameterBytes(), 24u);
  std::vector<float> values(300);
  std::iota(values.begin(), values.end(), 0.0f);
  std::unique_ptr<Buffer> x = upload(values);
  std::unique_ptr<Buffer> out = upload(std::vector<float>(300, -1.0f));
  struct {
    float scalar;
    uint32_t count;
  } byValue = {0.5f, 299};
  expectOk(stream->launch(
      *kernel, {{3}, {128}},
      Parameters(*kernel).add(x->address()).add(out->address()).add(byValue)));
  std::vector<float> result = download<float>(*out);
  for (unsigned i = 0; i < 299; ++i)
    EXPECT_EQ(result[i], i + 0.5f);
  EXPECT_EQ(result[299], -1.0f) << "beyond the count";
}

TEST_P(KernelConformance, Gives_64_KiB_of_dynamic_shared_memory) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "neighbours");
  std::unique_ptr<Buffer> out = allocate(256 * 4);
  LaunchShape shape{{1}, {256}};
  shape.dynamicSharedBytes = 256 * 256;
  expectOk(
      stream->launch(*kernel, shape, Parameters(*kernel).add(out->address())));
  std::vector<uint32_t> result = download<uint32_t>(*out);
  for (uint32_t i = 0; i < 256; ++i)
    EXPECT_EQ(result[i], (i + 255) % 256);
}

TEST_P(KernelConformance, Global_variables_have_addresses_and_keep_values) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "count");
  EXPECT_EQ(kernel->parameterBytes(), 0u);
  expectOk(stream->launch(*kernel, {{1}, {1}}, {}));
  expectOk(stream->launch(*kernel, {{1}, {1}}, {}));
  Expected<uint64_t> address = module->symbolAddress("counter");
  ASSERT_TRUE(address.ok()) << address.message();
  uint32_t value = 0;
  expectOk(stream->copyToHost(&value, *address, sizeof value));
  expectOk(stream->synchronize());
  EXPECT_EQ(value, 7u + 2);
}

TEST_P(KernelConformance, A_kernel_outlives_its_module_object) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "neighbours");
  module.reset();
  std::unique_ptr<Buffer> out = allocate(256 * 4);
  LaunchShape shape{{1}, {256}};
  shape.dynamicSharedBytes = 256 * 256;
  expectOk(
      stream->launch(*kernel, shape, Parameters(*kernel).add(out->address())));
  EXPECT_EQ(download<uint32_t>(*out)[1], 0u);
}

TEST_P(KernelConformance, Launches_clusters) {
  std::unique_ptr<Kernel> kernel = load(kHopperKernels, "ranks");
  std::unique_ptr<Buffer> out = allocate(8 * 4);
  expectOk(stream->launch(*kernel, {{8}, {32}, {4, 1, 1}},
                          Parameters(*kernel).add(out->address())));
  std::vector<uint32_t> result = download<uint32_t>(*out);
  for (uint32_t i = 0; i < 8; ++i)
    EXPECT_EQ(result[i], 16 * 4 + i % 4);
}

TEST_P(KernelConformance, Copies_tiles_through_tensor_maps) {
  std::unique_ptr<Kernel> kernel = load(kHopperKernels, "tile");
  constexpr uint32_t kCols = 16, kRows = 32;
  std::vector<uint32_t> values(kCols * kRows);
  std::iota(values.begin(), values.end(), 0u);
  std::unique_ptr<Buffer> matrix = upload(values);
  ptx::TensorMapParams params;
  params.type = ptx::TensorMapType::U32;
  params.rank = 2;
  params.globalAddress = matrix->address();
  params.globalDim = {kCols, kRows, 1, 1, 1};
  params.globalStrides = {kCols * 4, 0, 0, 0};
  params.boxDim = {4, 8, 1, 1, 1};
  Expected<ptx::TensorMap> map = device->encodeTensorMap(params);
  ASSERT_TRUE(map.ok()) << map.message();
  std::unique_ptr<Buffer> out = allocate(32 * 4);
  expectOk(stream->launch(*kernel, {{1}, {32}},
                          Parameters(*kernel).add(*map).add(out->address())));
  std::vector<uint32_t> result = download<uint32_t>(*out);
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(result[i], (4 + i / 4) * kCols + 8 + i % 4);
}

TEST_P(KernelConformance, Rejects_tensor_maps_as_the_driver_does) {
  ptx::TensorMapParams params;
  params.type = ptx::TensorMapType::U32;
  params.rank = 2;
  params.globalAddress = 4096 + 8; // not 16-byte aligned
  params.globalDim = {16, 32, 1, 1, 1};
  params.globalStrides = {64, 0, 0, 0};
  params.boxDim = {4, 8, 1, 1, 1};
  EXPECT_FALSE(device->encodeTensorMap(params).ok());
  params.globalAddress = 4096;
  params.boxDim[0] = 257; // above 256
  EXPECT_FALSE(device->encodeTensorMap(params).ok());
  params.rank = 6;
  EXPECT_FALSE(device->encodeTensorMap(params).ok());
}

TEST_P(KernelConformance, Dependent_launches_run_in_order) {
  std::unique_ptr<Kernel> kernel = load(kHopperKernels, "step");
  std::unique_ptr<Buffer> out = upload(std::vector<uint32_t>{1});
  LaunchShape shape{{1}, {1}};
  shape.startsEarly = true;
  for (unsigned i = 0; i < 5; ++i)
    expectOk(stream->launch(*kernel, shape,
                            Parameters(*kernel).add(out->address())));
  // x -> 2 x + 1 five times from 1: 2^6 - 1.
  EXPECT_EQ(download<uint32_t>(*out)[0], 63u);
}

TEST_P(KernelConformance, Impossible_launches_are_errors) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "neighbours");
  std::unique_ptr<Buffer> out = allocate(1024 * 4);
  Parameters parameters(*kernel);
  parameters.add(out->address());
  EXPECT_FALSE(stream->launch(*kernel, {{1}, {1025}}, parameters).ok());
  EXPECT_FALSE(stream->launch(*kernel, {{0}, {32}}, parameters).ok());
  EXPECT_FALSE(stream->launch(*kernel, {{3}, {32}, {2, 1, 1}}, parameters).ok())
      << "the cluster does not divide the grid";
  EXPECT_FALSE(
      stream->launch(*kernel, {{1}, {256}}, std::vector<uint8_t>(4)).ok());
  LaunchShape shape{{1}, {256}};
  shape.dynamicSharedBytes = 1 << 20;
  EXPECT_FALSE(stream->launch(*kernel, shape, parameters).ok());
}

TEST_P(KernelConformance, Illegal_accesses_are_errors) {
  if (std::string(GetParam()) == "cuda")
    GTEST_SKIP() << "a fault on a GPU ends the context of all other tests";
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "neighbours");
  LaunchShape shape{{1}, {256}};
  shape.dynamicSharedBytes = 256 * 256;
  Status status =
      stream->launch(*kernel, shape, Parameters(*kernel).add(uint64_t(64)));
  if (status.ok())
    status = stream->synchronize();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("trap at line"), std::string::npos)
      << status.message();
}

TEST_P(KernelConformance, Kernels_stay_on_their_device) {
  std::unique_ptr<Kernel> kernel = load(kGeneralKernels, "count");
  std::shared_ptr<Device> host = openHost();
  Expected<std::unique_ptr<Stream>> foreign = host->createStream();
  ASSERT_TRUE(foreign.ok());
  Status status = (*foreign)->launch(*kernel, {{1}, {1}}, {});
  EXPECT_EQ(status.message(), "kernel 'count' belongs to another device");
}

static std::string nameOf(const ::testing::TestParamInfo<const char *> &info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Devices, Conformance,
                         ::testing::Values("cuda", "emulator", "host"), nameOf);
INSTANTIATE_TEST_SUITE_P(Devices, KernelConformance,
                         ::testing::Values("cuda", "emulator", "host"), nameOf);

TEST(OpenDevice, Names_the_devices_there_are) {
  EXPECT_EQ(openDevice("tpu").message(),
            "no device called 'tpu'; there is: cuda, emulator, host");
}

TEST(OpenDevice, The_host_says_what_runs_PTX) {
  EXPECT_EQ(openHost()->loadModule("", "k.ptx").message(),
            "k.ptx: the host runs no PTX; the emulator does");
}

} // namespace fp4::runtime::testing
