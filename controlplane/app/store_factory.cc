#include "controlplane/app/store_factory.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "common/base/secret_file.h"
#include "common/telemetry/log.h"
#include "controlplane/store/memory/memory_state_store.h"
#include "controlplane/store/redis/redis_state_store.h"
#include "controlplane/store/redis/url.h"
#include "weir/config/v1/config.pb.h"

namespace weir::app {
namespace {

using Redis = config::v1::RedisConfig;
using store::redis::StoreUrl;

constexpr std::size_t kKeyPrefixBytesMax = 64;

Error wrong(std::string message) {
  return make_error(boost::system::errc::invalid_argument, std::move(message));
}

/// The Redis' own: of the URL, or of the keys beside it.
Result<store::redis::Credentials> credentials_of(const StoreUrl& url, const Redis& redis) {
  store::redis::Credentials out{url.user, url.password};
  if (!url.user.empty() && !redis.user().empty())
    return wrong("redis.user: --store names a user, too; keep one of them");
  if (!redis.user().empty()) out.user = redis.user();
  if (!redis.password_file().empty()) {
    if (!url.password.empty())
      return wrong("redis.password_file: --store holds a password, too; keep one of them");
    auto password = read_secret_file(redis.password_file(), "redis.password_file");
    if (!password) return password.error();
    out.password = std::move(*password);
  }
  if (!out.user.empty() && out.password.empty())
    return wrong(
        fmt::format("--store {}: user '{}' has no password; write user:password@, or give "
                    "redis.password_file",
                    url.name, out.user));
  return out;
}

Result<store::redis::Credentials> sentinel_credentials_of(const StoreUrl& url, const Redis& redis) {
  const bool any = !redis.sentinel_user().empty() || !redis.sentinel_password_file().empty();
  if (any && url.kind != StoreUrl::Kind::kSentinel)
    return wrong(
        "redis.sentinel_user, redis.sentinel_password_file: --store names no sentinels; "
        "write redis+sentinel://…, or leave them out");
  store::redis::Credentials out{redis.sentinel_user(), {}};
  if (!redis.sentinel_password_file().empty()) {
    auto password =
        read_secret_file(redis.sentinel_password_file(), "redis.sentinel_password_file");
    if (!password) return password.error();
    out.password = std::move(*password);
  }
  if (!out.user.empty() && out.password.empty())
    return wrong("redis.sentinel_user: has no password; give redis.sentinel_password_file");
  return out;
}

Result<std::optional<store::redis::TlsOptions>> tls_of(const StoreUrl& url, const Redis& redis) {
  store::redis::TlsOptions out{redis.ca_file(), redis.client_cert_file(), redis.client_key_file(),
                               redis.server_name()};
  const bool any = !out.ca_file.empty() || !out.cert_file.empty() || !out.key_file.empty() ||
                   !out.server_name.empty();
  if (any && !url.tls)
    return wrong(
        "redis.ca_file, client_cert_file, client_key_file, server_name: --store has no "
        "TLS; write rediss://…, or leave them out");
  if (out.cert_file.empty() != out.key_file.empty())
    return wrong("redis.client_cert_file and redis.client_key_file belong together; give both");
  if (!url.tls) return std::optional<store::redis::TlsOptions>();
  return std::optional(std::move(out));
}

Result<void> check_prefix(const std::string& prefix) {
  // Braces would move the hash tag by which the keys of a shard are found.
  const bool fits = std::ranges::all_of(
      prefix, [](char c) { return c > ' ' && c < 0x7f && c != '{' && c != '}'; });
  if (fits && prefix.size() <= kKeyPrefixBytesMax) return {};
  return wrong(
      fmt::format("redis.key_prefix: must be visible ASCII without braces, at most {} "
                  "characters",
                  kKeyPrefixBytesMax));
}

}  // namespace

Result<StorePlan> plan_store(const config::v1::ControlplaneConfig& config) {
  auto url = store::redis::parse_store_url(config.store());
  if (!url) return url.error();
  StorePlan plan;
  plan.name = url->name;
  plan.memory = url->kind == StoreUrl::Kind::kMemory;
  if (plan.memory) return plan;

  const Redis& redis = config.redis();
  auto credentials = credentials_of(*url, redis);
  if (!credentials) return credentials.error();
  auto sentinel = sentinel_credentials_of(*url, redis);
  if (!sentinel) return sentinel.error();
  auto tls = tls_of(*url, redis);
  if (!tls) return tls.error();
  if (const auto fits = check_prefix(redis.key_prefix()); !fits) return fits.error();
  plan.redis.addresses = std::move(url->addresses);
  plan.redis.primary_name = url->primary;
  plan.redis.database = url->database;
  plan.redis.credentials = std::move(*credentials);
  plan.redis.sentinel_credentials = std::move(*sentinel);
  plan.redis.tls = std::move(*tls);
  plan.redis.key_prefix = redis.key_prefix();
  plan.redis.name = url->name;
  plan.redis.command_deadline = std::chrono::milliseconds(redis.command_deadline_ms());
  plan.redis.connect_deadline = std::chrono::milliseconds(redis.connect_deadline_ms());
  plan.redis.silence_max = std::chrono::milliseconds(redis.silence_ms());
  return plan;
}

OpenStore::OpenStore(StorePlan plan, const StoreParts& parts, const StoreDecorator& decorate) {
  if (plan.memory) {
    store_ = std::make_unique<store::MemoryStateStore>(parts.executor, parts.clock);
  } else {
    const std::string prefix = plan.redis.key_prefix;
    client_ = std::make_unique<store::redis::Client>(parts.io, parts.clock, parts.random,
                                                     std::move(plan.redis), log::Logger("store"),
                                                     parts.registry);
    runner_ = std::make_unique<store::redis::ClientScriptRunner>(*client_);
    store_ = std::make_unique<store::redis::RedisStateStore>(parts.executor, parts.clock, *runner_,
                                                             prefix);
  }
  if (decorate) store_ = decorate(std::move(store_));
}

Result<void> OpenStore::start() {
  if (client_) return client_->start();
  return {};
}

void OpenStore::stop() {
  if (client_) client_->stop();
}

}  // namespace weir::app
