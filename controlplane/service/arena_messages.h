#pragma once
// ArenaMessages: request and response of a unary call in one piece of memory.
//
// Purpose: an answer with ten messages inside costs as many allocations; on an arena they are one.
// Threading: any. Lifetime: outlives the server; each pair lives as long as its call.

#include <array>

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

namespace weir::service {

template <class Request, class Response>
class ArenaMessages final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override { return new Holder(); }

 private:
  /// Enough for what is usual; more is allocated as it is needed.
  static constexpr std::size_t kFirstBytes = 2048;

  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder() : arena_(first_.data(), first_.size()) {
      this->set_request(google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override { delete this; }

   private:
    alignas(8) std::array<char, kFirstBytes> first_;
    google::protobuf::Arena arena_;
  };
};

}  // namespace weir::service
