#include "controlplane/store/redis/resp.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include "common/base/contract.h"
#include "controlplane/store/redis/limits.h"
#include "controlplane/store/redis/refusal.h"

namespace weir::store::redis {
namespace {

/// Elements that the reply being read may still have; reached through hiredis' privdata.
struct Budget {
  std::size_t elements = kReplyElementsMax;
};

/// Where hiredis wants the object of `task`: the root is of its own, the others have their places
/// in the array around them, which never grows.
Reply* place_of(const redisReadTask* task) {
  if (task->parent == nullptr) return new Reply;
  auto* const around = static_cast<Reply*>(task->parent->obj);
  return &around->items[static_cast<std::size_t>(task->idx)];
}

void* create_string(const redisReadTask* task, char* bytes, std::size_t length) {
  Reply* const reply = place_of(task);
  reply->kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::kError : Reply::Kind::kText;
  reply->text.assign(bytes, length);
  return reply;
}

void* create_array(const redisReadTask* task, int elements) {
  auto& budget = *static_cast<Budget*>(task->privdata);
  const auto wanted = static_cast<std::size_t>(elements);
  if (wanted > budget.elements) return nullptr;
  budget.elements -= wanted;
  Reply* const reply = place_of(task);
  reply->kind = Reply::Kind::kArray;
  reply->items.resize(wanted);
  return reply;
}

void* create_integer(const redisReadTask* task, long long value) {
  Reply* const reply = place_of(task);
  reply->kind = Reply::Kind::kInteger;
  reply->integer = value;
  return reply;
}

void* create_nil(const redisReadTask* task) {
  return place_of(task);
}

void free_object(void* root) {
  delete static_cast<Reply*>(root);
}

redisReplyObjectFunctions functions = {create_string, create_array, create_integer, create_nil,
                                       free_object};

}  // namespace

void append_command(std::span<const std::string_view> words, std::string& out) {
  std::vector<const char*> texts;
  std::vector<std::size_t> lengths;
  texts.reserve(words.size());
  lengths.reserve(words.size());
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    lengths.push_back(word.size());
  }
  char* bytes = nullptr;
  const int length =
      redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), texts.data(), lengths.data());
  WEIR_ASSERT(length > 0);
  out.append(bytes, static_cast<std::size_t>(length));
  redisFreeCommand(bytes);
}

struct RespReader::Hiredis {
  Hiredis() : reader(redisReaderCreateWithFunctions(&functions)) {
    WEIR_ASSERT(reader != nullptr);
    reader->privdata = &budget;
  }
  Hiredis(const Hiredis&) = delete;
  Hiredis& operator=(const Hiredis&) = delete;
  ~Hiredis() { redisReaderFree(reader); }

  redisReader* reader;
  Budget budget;
  std::size_t bytes = 0;  ///< fed since the last complete reply
};

RespReader::RespReader() : reader_(std::make_unique<Hiredis>()) {}
RespReader::~RespReader() = default;

void RespReader::feed(std::string_view bytes) {
  if (!failure_.empty()) return;
  reader_->bytes += bytes.size();
  if (redisReaderFeed(reader_->reader, bytes.data(), bytes.size()) != REDIS_OK)
    failure_ = "out of memory for a reply";
}

std::optional<Reply> RespReader::next() {
  if (!failure_.empty()) return std::nullopt;
  redisReader& reader = *reader_->reader;
  void* complete = nullptr;
  if (redisReaderGetReply(&reader, &complete) != REDIS_OK) {
    failure_ = reader.err == REDIS_ERR_OOM
                   ? fmt::format("a reply of more than {} elements", kReplyElementsMax)
                   : fmt::format("not the protocol of Redis: {}", printable(reader.errstr));
    return std::nullopt;
  }
  if (complete == nullptr) {
    if (reader_->bytes > kReplyBytesMax)
      failure_ = fmt::format("a reply of more than {} bytes", kReplyBytesMax);
    return std::nullopt;
  }
  const std::unique_ptr<Reply> root(static_cast<Reply*>(complete));
  reader_->bytes = reader.len - reader.pos;
  reader_->budget.elements = kReplyElementsMax;
  return std::move(*root);
}

}  // namespace weir::store::redis
