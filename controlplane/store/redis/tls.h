#pragma once
// TLS towards Redis and its sentinels: version 1.2 or later, the peer and its name are verified.
// Threading: one thread. Lifetime: a context outlives the streams made from it.

#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "common/base/result.h"
#include "controlplane/store/redis/options.h"

namespace weir::store::redis {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

/// Reads the files. Errors (invalid_argument) name the configuration key and the file.
Result<boost::asio::ssl::context> make_tls_context(const TlsOptions& options);

/// Before the handshake: what the peer's certificate must name, and SNI. False when no certificate
/// can name it.
[[nodiscard]] bool expect_peer(TlsStream& stream, const std::string& name);

/// Why a handshake, or the first read after it, failed; for people.
std::string tls_failure(TlsStream& stream, const boost::system::error_code& error);
/// Whether `error` comes from TLS and not from the socket below.
bool is_tls_error(const boost::system::error_code& error);

}  // namespace weir::store::redis
