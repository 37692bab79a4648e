#pragma once
// RESP2 in and out, by hiredis: commands to bytes, bytes to replies.
// Threading: one thread per object. Lifetime: self-contained; replies outlive their reader.

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/store/redis/reply.h"

namespace weir::store::redis {

/// Appends one command to `out`.
void append_command(std::span<const std::string_view> words, std::string& out);

/// Replies from a stream of bytes in any pieces. Each reply is bounded in bytes and elements.
class RespReader {
 public:
  RespReader();
  ~RespReader();
  RespReader(const RespReader&) = delete;
  RespReader& operator=(const RespReader&) = delete;

  void feed(std::string_view bytes);
  /// The next complete reply; nothing when more bytes are needed, or when failed().
  std::optional<Reply> next();
  /// What is wrong with the bytes; empty while they are sound. Nothing comes after that.
  const std::string& failure() const { return failure_; }

 private:
  struct Hiredis;
  std::unique_ptr<Hiredis> reader_;
  std::string failure_;
};

}  // namespace weir::store::redis
