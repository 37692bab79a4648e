#pragma once
// LingeringSet: sockets that no session owns any more, on their way to a clean end.
//
// Purpose: last words reach the peer: the queue is sent, then FIN, then what the peer still sends
// is discarded until its own FIN (a close with unread data would be a reset, which destroys our
// last words at the peer). Every step has a deadline. Threading: the worker's thread. Lifetime: the
// context outlives it; what remains at destruction is reset.

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "dataplane/io/worker_context.h"

namespace weir::io {

class LingeringSet {
 public:
  explicit LingeringSet(WorkerContext& context);
  ~LingeringSet();

  /// Takes the descriptor, which is registered with the poller for `old`. `peer_ended`: its FIN was
  /// read.
  void take(int fd, std::unique_ptr<SendQueue> queue, bool peer_ended);
  std::size_t size() const { return entries_.size(); }
  /// Frees what has ended; when no event of a running batch can name it.
  void sweep();
  /// Resets those that still have something to send.
  void drop_queues();
  /// Resets all.
  void abort_all();

 private:
  class Entry;
  void remove(Entry& entry);

  WorkerContext& context_;
  std::unordered_map<Entry*, std::unique_ptr<Entry>> entries_;
  std::vector<std::unique_ptr<Entry>> ended_;
};

}  // namespace weir::io
