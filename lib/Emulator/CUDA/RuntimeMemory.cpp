//===- RuntimeMemory.cpp - CUDA runtime: memory ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA Runtime API 13.0, "Memory Management". Device memory belongs to the
// emulator; managed and pinned memory is the host's, mapped at its own address.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include <cstdlib>
#include <cstring>

using namespace fp4;
using namespace fp4::cuda;

static uint64_t addressOf(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

//===----------------------------------------------------------------------===//
// Allocation
//===----------------------------------------------------------------------===//

cudaError_t cudaMalloc(void **pointer, size_t size) {
  Locked context;
  *pointer = nullptr;
  if (size == 0 || context->broken != cudaSuccess)
    return context->status();
  Expected<uint64_t> address = context->device.allocate(size);
  if (!address.ok())
    return context->report(address.status(), cudaErrorMemoryAllocation);
  *pointer = reinterpret_cast<void *>(*address);
  return cudaSuccess;
}

cudaError_t cudaMallocPitch(void **pointer, size_t *pitch, size_t width,
                            size_t height) {
  *pitch = (width + 511) / 512 * 512;
  return cudaMalloc(pointer, *pitch * height);
}

cudaError_t cudaMallocAsync(void **pointer, size_t size, cudaStream_t) {
  return cudaMalloc(pointer, size);
}

cudaError_t cudaFree(void *pointer) {
  if (!pointer)
    return cudaSuccess;
  Locked context;
  auto mapped = context->mapped.find(pointer);
  Status freed = context->device.free(addressOf(pointer));
  if (mapped != context->mapped.end()) {
    std::free(pointer);
    context->mapped.erase(mapped);
  }
  return context->report(freed, cudaErrorInvalidValue);
}

cudaError_t cudaFreeAsync(void *pointer, cudaStream_t) {
  return cudaFree(pointer);
}

cudaError_t cudaHostAlloc(void **pointer, size_t size, unsigned) {
  constexpr size_t kAlign = 4096;
  *pointer = std::aligned_alloc(kAlign, (size + kAlign) / kAlign * kAlign);
  Locked context;
  if (!*pointer)
    return context->fail(cudaErrorMemoryAllocation);
  std::memset(*pointer, 0, size);
  context->mapped[*pointer] = size;
  return context->report(context->device.map(*pointer, size),
                         cudaErrorMemoryAllocation);
}

cudaError_t cudaMallocHost(void **pointer, size_t size) {
  return cudaHostAlloc(pointer, size, 0);
}

cudaError_t cudaMallocManaged(void **pointer, size_t size, unsigned) {
  return cudaHostAlloc(pointer, size, 0);
}

cudaError_t cudaFreeHost(void *pointer) { return cudaFree(pointer); }

cudaError_t cudaHostRegister(void *pointer, size_t size, unsigned) {
  Locked context;
  return context->report(context->device.map(pointer, size),
                         cudaErrorInvalidValue);
}

cudaError_t cudaHostUnregister(void *pointer) {
  Locked context;
  return context->report(context->device.free(addressOf(pointer)),
                         cudaErrorHostMemoryNotRegistered);
}

cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned) {
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  *free = *total = size_t(1) << 36;
  return cudaSuccess;
}

cudaError_t cudaMemPrefetchAsync(const void *, size_t, cudaMemLocation,
                                 unsigned, cudaStream_t) {
  return cudaSuccess;
}

/// Whether `pointer` is the emulator's own: neither managed nor the host's.
static bool isDevice(Locked &context, const void *pointer) {
  uint8_t byte;
  auto mapped = context->mapped.upper_bound(const_cast<void *>(pointer));
  if (mapped != context->mapped.begin()) {
    --mapped;
    if (addressOf(pointer) - addressOf(mapped->first) < mapped->second)
      return false;
  }
  return context->device.copyOut(&byte, addressOf(pointer), 1).ok();
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes,
                                     const void *pointer) {
  Locked context;
  *attributes = {};
  void *address = const_cast<void *>(pointer);
  if (isDevice(context, pointer)) {
    attributes->type = cudaMemoryTypeDevice;
    attributes->devicePointer = address;
  } else if (context->mapped.count(address)) {
    attributes->type = cudaMemoryTypeManaged;
    attributes->devicePointer = attributes->hostPointer = address;
  } else {
    attributes->type = cudaMemoryTypeUnregistered;
    attributes->hostPointer = address;
  }
  return cudaSuccess;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Copies between any two places; the addresses say what they are.
static cudaError_t copy(void *to, const void *from, size_t size) {
  Locked context;
  if (size == 0 || context->broken != cudaSuccess)
    return context->status();
  bool toDevice = isDevice(context, to), fromDevice = isDevice(context, from);
  Status status = Status::success();
  if (toDevice && fromDevice) {
    std::vector<uint8_t> bytes(size);
    status = context->device.copyOut(bytes.data(), addressOf(from), size);
    if (status.ok())
      status = context->device.copyIn(addressOf(to), bytes.data(), size);
  } else if (toDevice) {
    status = context->device.copyIn(addressOf(to), from, size);
  } else if (fromDevice) {
    status = context->device.copyOut(to, addressOf(from), size);
  } else {
    std::memmove(to, from, size);
  }
  return context->report(status, cudaErrorInvalidValue);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size,
                       cudaMemcpyKind kind) {
  Locked context;
  bool toDevice =
      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool fromDevice =
      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  uint8_t byte;
  const void *ends[] = {toDevice ? to : nullptr, fromDevice ? from : nullptr};
  for (const void *end : ends)
    if (end && size && !context->device.copyOut(&byte, addressOf(end), 1).ok())
      return context->report(
          Status::error("cudaMemcpy: a pointer that should be the device's "
                        "is not in an allocation"),
          cudaErrorInvalidValue);
  return copy(to, from, size);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size,
                            cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, size, kind);
}

cudaError_t cudaMemcpy2D(void *to, size_t toPitch, const void *from,
                         size_t fromPitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  for (size_t row = 0; row < height; ++row)
    if (cudaError_t error = cudaMemcpy(
            static_cast<char *>(to) + row * toPitch,
            static_cast<const char *>(from) + row * fromPitch, width, kind))
      return error;
  return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t toPitch, const void *from,
                              size_t fromPitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy2D(to, toPitch, from, fromPitch, width, height, kind);
}

cudaError_t cudaMemset(void *pointer, int value, size_t size) {
  std::vector<uint8_t> bytes(size, uint8_t(value));
  Locked context;
  if (size == 0)
    return cudaSuccess;
  return context->report(
      context->device.copyIn(addressOf(pointer), bytes.data(), size),
      cudaErrorInvalidValue);
}

cudaError_t cudaMemsetAsync(void *pointer, int value, size_t size,
                            cudaStream_t) {
  return cudaMemset(pointer, value, size);
}

cudaError_t cudaMemset2DAsync(void *pointer, size_t pitch, int value,
                              size_t width, size_t height, cudaStream_t) {
  for (size_t row = 0; row < height; ++row)
    if (cudaError_t error = cudaMemset(
            static_cast<char *>(pointer) + row * pitch, value, width))
      return error;
  return cudaSuccess;
}

//===----------------------------------------------------------------------===//
// Variables of the program
//===----------------------------------------------------------------------===//

cudaError_t cudaGetSymbolAddress(void **pointer, const void *symbol) {
  Locked context;
  auto found = context->symbols.find(symbol);
  if (found == context->symbols.end())
    return context->fail(cudaErrorInvalidSymbol);
  Expected<uint64_t> address = context->address(found->second);
  if (!address.ok())
    return context->report(address.status(), cudaErrorInvalidSymbol);
  *pointer = reinterpret_cast<void *>(*address);
  return cudaSuccess;
}

cudaError_t cudaGetSymbolSize(size_t *size, const void *symbol) {
  Locked context;
  auto found = context->symbols.find(symbol);
  if (found == context->symbols.end())
    return context->fail(cudaErrorInvalidSymbol);
  *size = found->second.size;
  return cudaSuccess;
}

cudaError_t cudaMemcpyToSymbol(const void *symbol, const void *from,
                               size_t size, size_t offset, cudaMemcpyKind) {
  void *base;
  if (cudaError_t error = cudaGetSymbolAddress(&base, symbol))
    return error;
  return copy(static_cast<char *>(base) + offset, from, size);
}

cudaError_t cudaMemcpyToSymbolAsync(const void *symbol, const void *from,
                                    size_t size, size_t offset,
                                    cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpyToSymbol(symbol, from, size, offset, kind);
}

cudaError_t cudaMemcpyFromSymbol(void *to, const void *symbol, size_t size,
                                 size_t offset, cudaMemcpyKind) {
  void *base;
  if (cudaError_t error = cudaGetSymbolAddress(&base, symbol))
    return error;
  return copy(to, static_cast<const char *>(base) + offset, size);
}

cudaError_t cudaMemcpyFromSymbolAsync(void *to, const void *symbol, size_t size,
                                      size_t offset, cudaMemcpyKind kind,
                                      cudaStream_t) {
  return cudaMemcpyFromSymbol(to, symbol, size, offset, kind);
}
