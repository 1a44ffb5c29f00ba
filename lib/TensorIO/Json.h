//===- Json.h - Strict JSON parsing without exceptions ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to TensorIO: parses one JSON object, with an error instead of "last
// one wins" for a repeated key.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_TENSORIO_JSON_H
#define FP4_LIB_TENSORIO_JSON_H

#include "fp4/Status/Status.h"
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace fp4 {

/// The object that `text` holds. Messages start with "expected" or "key", so
/// that the caller can put the file in front.
inline Expected<nlohmann::json> parseJsonObject(std::string_view text) {
  using nlohmann::json;
  std::vector<std::set<std::string>> keysOfOpenObjects;
  std::optional<std::string> repeated;
  auto watchKeys = [&](int, json::parse_event_t event, json &value) {
    if (event == json::parse_event_t::object_start) {
      keysOfOpenObjects.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keysOfOpenObjects.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto &key = value.get_ref<const std::string &>();
      if (!keysOfOpenObjects.back().insert(key).second)
        repeated = key;
    }
    return true;
  };
  json document = json::parse(text.begin(), text.end(), watchKeys,
                              /*allow_exceptions=*/false);
  if (document.is_discarded())
    return Status::error("expected valid JSON");
  if (repeated)
    return Status::error("key '" + *repeated + "' occurs twice");
  if (!document.is_object())
    return Status::error(std::string("expected a JSON object, got ") +
                         document.type_name());
  return document;
}

/// The string at `key` of `object`, or null if there is no string.
inline const std::string *findString(const nlohmann::json &object,
                                     const char *key) {
  auto it = object.find(key);
  return it == object.end() ? nullptr : it->get_ptr<const std::string *>();
}

} // namespace fp4

#endif // FP4_LIB_TENSORIO_JSON_H
