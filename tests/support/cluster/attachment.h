#pragma once
// Attachment: keeps one attach stream open to some replica, as agents and forwarders do.
//
// Purpose: what both have in common: the choice of a replica, its silence, moving on with jitter,
// the history of all that. Threading: one thread. Lifetime: the world outlives it.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/cluster/limits.h"
#include "tests/support/cluster/world.h"

namespace weir::cluster {

template <class Service, class Up, class Down>
class Attachment {
 public:
  struct Handlers {
    std::function<Up(std::uint64_t attach)> hello;
    std::function<void(const Down&)> message;
    std::function<void()> attached;
    std::function<void()> detached;
  };

  /// `first`: the replica to begin with.
  Attachment(World& world, std::string id, std::size_t first, Handlers handlers)
      : world_(world),
        id_(std::move(id)),
        handlers_(std::move(handlers)),
        endpoint_(first % world.replicas.size()) {}

  void start() { open(); }
  /// For good.
  void stop() {
    if (stream_) leave(false);
    stopped_ = true;
  }

  bool attached() const { return welcomed_; }
  std::size_t endpoint() const { return endpoint_; }
  std::uint64_t count() const { return count_; }
  const std::string& replica() const { return world_.replicas.name(endpoint_); }
  std::uint64_t generation_seen() const { return generation_seen_; }

  void send(Up message) {
    if (stream_ && welcomed_) stream_->send(std::move(message));
  }
  /// Each welcome and heartbeat says one; nobody goes back to an older one.
  void note_generation(std::uint64_t generation) {
    if (generation == generation_here_) return;
    generation_here_ = generation;
    generation_seen_ = std::max(generation_seen_, generation);
    world_.history.write({.kind = history::Kind::kGeneration,
                          .who = id_,
                          .number = count_,
                          .replica = replica(),
                          .generation = generation});
  }
  void welcome(std::uint64_t generation) {
    welcomed_ = true;
    failures_ = 0;
    if (count_ > 1) ++world_.figures.reattached;
    world_.history.write(
        {.kind = history::Kind::kAttach, .who = id_, .number = count_, .replica = replica()});
    note_generation(generation);
    handlers_.attached();
  }
  void tick() {
    if (!stream_) return;
    const Duration limit = welcomed_ ? Duration(kSilenceMax) : Duration(kWelcomeWithin);
    if (world_.clock.now() - heard_ > limit) leave(true);
  }

 private:
  using Stream = AttachStream<Service, Up, Down>;

  void open() {
    if (stopped_) return;
    ++count_;
    generation_here_ = 0;
    heard_ = world_.clock.now();
    stream_ = std::make_shared<Stream>(world_.replicas, world_.replicas.connect(endpoint_));
    stream_->received = [this](const Down& message) {
      heard_ = world_.clock.now();
      handlers_.message(message);
    };
    stream_->closed = [this](const grpc::Status&) { leave(true); };
    stream_->start(handlers_.hello(count_));
  }

  void leave(bool again) {
    std::exchange(stream_, nullptr)->leave();
    if (std::exchange(welcomed_, false)) {
      world_.history.write({.kind = history::Kind::kDetach,
                            .since = history::Recorder::micros(heard_),
                            .who = id_,
                            .number = count_});
      handlers_.detached();
    }
    if (!again) return;
    endpoint_ = (endpoint_ + 1) % world_.replicas.size();
    const Duration limit = std::min<Duration>(
        kReattachDelayMax, kReattachDelayMin * (1U << std::min<std::size_t>(failures_, 4)));
    ++failures_;
    world_.executor.run_after(jittered(limit, world_.random), [this] { open(); });
  }

  World& world_;
  const std::string id_;
  Handlers handlers_;
  std::shared_ptr<Stream> stream_;
  std::size_t endpoint_;
  std::uint64_t count_ = 0;
  std::size_t failures_ = 0;
  bool welcomed_ = false;
  bool stopped_ = false;
  MonotonicTime heard_{};
  std::uint64_t generation_here_ = 0;
  std::uint64_t generation_seen_ = 0;
};

}  // namespace weir::cluster
