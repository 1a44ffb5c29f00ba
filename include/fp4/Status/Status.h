//===- Status.h - Error values of the LLVM-free layers ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `Status` is success or one line of text for the user; `Expected<T>` is a
// value or such a Status. The layers without LLVM (Numerics, TensorIO,
// Quantization, Emulator, Runtime) report every failure this way: they do not
// throw, print or exit. A message is lower case, has no final period, and says
// what was found, what was expected and where.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_STATUS_STATUS_H
#define FP4_STATUS_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace fp4 {

/// Success, or one line that tells the user what went wrong.
class [[nodiscard]] Status {
public:
  static Status success() { return Status(); }
  static Status error(std::string message) {
    assert(!message.empty() && "an error needs a message");
    Status status;
    status.text = std::move(message);
    return status;
  }

  bool ok() const { return text.empty(); }
  /// Empty on success.
  const std::string &message() const { return text; }

private:
  std::string text;
};

/// A value of type T, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T result) : storage(std::move(result)) {}
  Expected(Status error) : failure(std::move(error)) {
    assert(!failure.ok() && "success without a value");
  }

  bool ok() const { return storage.has_value(); }
  const Status &status() const { return failure; }
  const std::string &message() const { return failure.message(); }

  T &operator*() {
    assert(ok() && "no value");
    return *storage;
  }
  const T &operator*() const {
    assert(ok() && "no value");
    return *storage;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

private:
  std::optional<T> storage;
  Status failure;
};

} // namespace fp4

#endif // FP4_STATUS_STATUS_H
