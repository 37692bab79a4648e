#pragma once
// NonatomicStore: a store that is broken on purpose, to show that the chaos runs notice.
//
// Purpose: it acquires as a careless control plane would: reads who owns the stream, and when
// nobody does, writes itself in, whoever came in between. All else is the store's own.
// Threading: as the inner store. Lifetime: owns it.

#include <memory>
#include <utility>

#include "tests/conformance/forwarding_store.h"

namespace weir::store {

class NonatomicStore final : public ForwardingStore {
 public:
  explicit NonatomicStore(std::unique_ptr<StateStore> inner)
      : ForwardingStore(*inner), inner_store_(std::move(inner)) {}

  void acquire(AcquireRequest request, Caller caller, Done<AcquireResult> done) override;

 private:
  struct Call {
    AcquireRequest request;
    Caller caller;
    Done<AcquireResult> done;
  };
  void look(const std::shared_ptr<Call>& call, int times);
  void bind(const std::shared_ptr<Call>& call);

  std::unique_ptr<StateStore> inner_store_;
};

}  // namespace weir::store
