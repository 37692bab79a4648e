#pragma once
// PlacementBook: every placement that a replica knows, packed.
//
// Purpose: a million of them fit into some 300 bytes each with their verdicts, found by stream, by
// origin, by forwarder, and in the order of their names. Ids that many share are numbers; what is a
// placement's own lies in one block of text. They go in and come out as plain values.
// Threading: one thread, or a lock of the owner's. Lifetime: owns everything.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/stream_key.h"
#include "controlplane/core/id_pool.h"
#include "controlplane/core/text_order.h"
#include "controlplane/model/placement.h"

namespace weir::core {

class PlacementBook {
 public:
  struct Counts {
    std::size_t bound = 0;
    std::size_t publishing = 0;
    std::size_t orphaned = 0;
    std::size_t all() const { return bound + publishing + orphaned; }
  };

  PlacementBook() = default;
  PlacementBook(const PlacementBook&) = delete;
  PlacementBook& operator=(const PlacementBook&) = delete;

  /// A placement where it lies: good until the book changes.
  struct Entry {
    const OriginId& origin;
    const IncarnationId& incarnation;
    const ForwarderId* forwarder;  ///< of a session, which `holder` names
    bool is_external;              ///< by `holder`; neither: direct
    std::string_view holder;
    Epoch epoch;
    Revision revision;
    model::PlacementState state;
    WallTime bind_time;
    WallTime update_time;
    std::string_view verdict;
  };

  /// In the place of what the stream had.
  void put(const model::Placement& placement);
  void erase(const StreamKey& stream);

  bool contains(const StreamKey& stream) const { return find(stream) != kNone; }
  std::optional<model::Placement> get(const StreamKey& stream) const;
  /// `key`: as StreamKey::str().
  std::optional<Entry> entry(std::string_view key) const;
  std::optional<Revision> revision_of(const StreamKey& stream) const;
  /// Newest first, of any incarnation.
  std::vector<model::Placement> of_origin(const OriginId& origin) const;
  /// Of sessions of this forwarder, orphaned ones included; newest first.
  std::vector<model::Placement> of_forwarder(const ForwarderId& forwarder) const;
  bool names(const ForwarderId& forwarder) const { return forwarders_.find(forwarder).has_value(); }
  /// By name, those after `after` (empty: from the first), at most `limit`; `origin`: empty = any.
  std::vector<model::Placement> page(std::string_view after, std::size_t limit,
                                     const OriginId& origin) const;
  std::vector<StreamKey> streams() const;
  const Counts& counts() const { return counts_; }

 private:
  using Slot = std::uint32_t;
  using Forwarder = IdPool<ForwarderId>::Number;
  static constexpr Slot kNone = ~Slot{0};
  static constexpr std::size_t kChunk = 4096;

  enum class HolderKind : std::uint8_t { kSession, kDirect, kExternal };
  struct Links {
    Slot previous = kNone;
    Slot next = kNone;
  };
  struct Record {
    std::unique_ptr<char[]> text;  ///< key, then session or name of the holder, then verdict
    Epoch epoch;
    Revision revision;
    WallTime bind_time{};
    WallTime update_time{};
    IdPool<OriginId>::Number origin = 0;
    IdPool<IncarnationId>::Number incarnation = 0;
    Forwarder forwarder = 0;  ///< of a session
    Links of_origin;
    Links of_forwarder;
    std::uint16_t key_size = 0;
    std::uint16_t holder_size = 0;
    std::uint16_t verdict_size = 0;
    model::PlacementState state : 4 = model::PlacementState::kBound;
    HolderKind holder_kind : 3 = HolderKind::kDirect;
    bool media_accepted : 1 = false;

    std::string_view key() const { return {text.get(), key_size}; }
    std::string_view holder() const { return {text.get() + key_size, holder_size}; }
    std::string_view verdict() const { return {text.get() + key_size + holder_size, verdict_size}; }
  };
  struct TextOf {
    const PlacementBook& book;
    std::string_view operator()(Slot slot) const { return book.record(slot).key(); }
  };
  /// An open-addressed table: which slot has a key with this hash.
  struct Bucket {
    Slot slot = kNone;
    std::uint32_t hash = 0;
  };

  Record& record(Slot slot) { return chunks_[slot / kChunk][slot % kChunk]; }
  const Record& record(Slot slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
  Slot find(const StreamKey& stream) const;
  std::size_t bucket_of(std::string_view key, std::uint32_t hash) const;
  Slot add(const StreamKey& stream);
  void grow();
  void forget_bucket(std::size_t at);
  void fill(Slot slot, const model::Placement& placement);
  void clear(Slot slot);
  std::size_t& count_of(model::PlacementState state);
  model::Placement unpack(const Record& record, StreamKey stream) const;
  model::Placement unpack(const Record& record) const;
  void link(Slot slot, Links Record::* links, Slot& head);
  void unlink(Slot slot, Links Record::* links, Slot& head);
  static Slot& head_in(std::vector<Slot>& heads, std::uint32_t number);

  std::vector<std::unique_ptr<Record[]>> chunks_;  ///< so that none moves
  std::vector<Slot> free_;
  Slot used_ = 0;  ///< slots that were ever taken
  std::vector<Bucket> buckets_;
  TextOrder<TextOf> order_{TextOf{*this}};
  IdPool<OriginId> origins_;
  IdPool<IncarnationId> incarnations_;
  IdPool<ForwarderId> forwarders_;
  std::vector<Slot> origin_heads_;  ///< by number of the origin
  std::vector<Slot> forwarder_heads_;
  Counts counts_;
};

}  // namespace weir::core
