#pragma once
// Orders and secrets <-> messages of weir.control.v1. What a caller sends is checked here: errors
// name the field. Threading: pure.

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "controlplane/core/orders.h"
#include "controlplane/service/convert.h"

namespace weir::service {

/// `etag`: empty = whatever the record has.
Result<core::OrderTerms> read_terms(const std::string& etag, bool validate_only,
                                    const std::string& request_id);
/// For every request that has the three fields of an order.
template <class Request>
Result<core::OrderTerms> read_terms(const Request& request) {
  return read_terms(request.etag(), request.validate_only(), request.request_id());
}
/// For those that make something: there is no etag yet.
template <class Request>
Result<core::OrderTerms> read_new_terms(const Request& request) {
  return read_terms({}, request.validate_only(), request.request_id());
}
/// What stands behind `prefix` in a resource name.
Result<std::string> read_name(const std::string& name, std::string_view prefix);
Result<StreamKey> read_stream_name(const std::string& name);

void write(const store::Record& pin, pb::Pin* out);
void write(const store::Record& token, pb::Token* out);
void write(const store::Record& key, pb::SigningKey* out);
Result<core::Role> read(pb::Role role);

/// Refuses what this version does not know.
Result<core::PolicyRules> read(const pb::Policy& policy);
/// `record` nullptr: none is stored.
void write(const core::Orders& orders, const std::string& name, const store::Record* record,
           pb::Policy* out);

}  // namespace weir::service
