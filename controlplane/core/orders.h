#pragma once
// Orders: what operators tell the cluster to do, and the secrets it hands out (design 4, 5, 8).
//
// Purpose: checks an order and writes its record; everybody acts on the record when the feed brings
// it. Orders are refused while this replica writes records back: one could be about something that
// is not back yet. Threading: the core's thread. Lifetime: as the core.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/core/cluster_view.h"
#include "controlplane/core/context.h"
#include "controlplane/core/errors.h"
#include "controlplane/core/generation.h"
#include "controlplane/core/policy_in_force.h"
#include "controlplane/core/record_keeper.h"
#include "controlplane/core/request_window.h"

namespace weir::core {

/// How an order is to be carried out.
struct OrderTerms {
  /// Only where the record has this revision; {0,0}: where there is none.
  std::optional<Revision> expected;
  bool validate_only = false;
  std::string request_id;  ///< a repeat gets the first answer; empty = none
};

struct OrderDone {
  bool changed = false;
  std::optional<store::Record> record;  ///< as it stands now; missing or without value = none
};

struct SecretMade {
  std::string id;
  std::string secret;  ///< of a token, shown this once; empty for a signing key
  store::Record record;
};

/// Living records, in order of name.
struct RecordPage {
  std::vector<store::Record> records;
  std::string next;  ///< name of the last one; empty = the last page
};

class Orders {
 public:
  Orders(Context& context, ClusterView& view, Generation& generation, RecordKeeper& keeper,
         PolicyInForce& policy);

  // --- marks on origins; no reason, or a weight of 1, takes the mark back
  void cordon(const OriginId& origin, std::optional<std::string> reason, OrderTerms terms,
              Respond<OrderDone> respond);
  void drain(const OriginId& origin, std::optional<Duration> time_allowed, std::string reason,
             OrderTerms terms, Respond<OrderDone> respond);
  void undrain(const OriginId& origin, OrderTerms terms, Respond<OrderDone> respond);
  void set_weight(const OriginId& origin, double weight, OrderTerms terms,
                  Respond<OrderDone> respond);

  // --- streams
  void pin(const StreamKey& stream, const OriginId& origin, OrderTerms terms,
           Respond<OrderDone> respond);
  void unpin(const StreamKey& stream, OrderTerms terms, Respond<OrderDone> respond);

  // --- policies
  void put_policy(const std::string& name, const PolicyRules& rules, OrderTerms terms,
                  Respond<OrderDone> respond);
  void delete_policy(const std::string& name, OrderTerms terms, Respond<OrderDone> respond);
  const PolicyInForce& policy() const { return policy_; }
  /// nullptr: none is stored. Errors: kRecordNotFound, for a name that has no default either.
  Answer<const store::Record*> policy_record(const std::string& name) const;

  // --- secrets
  void create_token(Role role, std::string note, OrderTerms terms, Respond<SecretMade> respond);
  void revoke_token(const std::string& id, OrderTerms terms, Respond<OrderDone> respond);
  void create_signing_key(OrderTerms terms, Respond<SecretMade> respond);
  void delete_signing_key(const std::string& id, OrderTerms terms, Respond<OrderDone> respond);

  const store::Record* find(store::RecordKind kind, std::string_view name) const;
  RecordPage page(store::RecordKind kind, const std::string& after, std::size_t limit) const;
  /// False: a store lost its history, and nobody has said yet that all records are back.
  bool records_known() const { return generation_.records_known(); }
  void tick();

 private:
  struct Order {
    store::RecordWrite write;
    std::string resource;     ///< in messages: `origins/…`
    bool must_exist = false;  ///< nothing to delete is an error
    /// What tells one request from another under the same id; empty: the value.
    std::string identity = {};
  };
  void give(Order order, OrderTerms terms, Respond<OrderDone> respond);
  Answer<OrderDone> judge(const Order& order, store::RecordWritten written) const;
  Answer<OrderDone> foresee(const Order& order) const;
  void make_secret(Order order, std::string secret, const OrderTerms& terms,
                   const std::string& window_id, Respond<SecretMade> respond);
  std::optional<CoreError> not_now() const;
  std::optional<CoreError> unknown_origin(const OriginId& origin, store::RecordKind kind) const;

  Context& context_;
  ClusterView& view_;
  Generation& generation_;
  RecordKeeper& keeper_;
  PolicyInForce& policy_;
  RequestWindow<OrderDone> window_;
  RequestWindow<SecretMade> secrets_window_;
};

}  // namespace weir::core
