#include "controlplane/store/redis/tls.h"

#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/verify_mode.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/base/contract.h"

namespace weir::store::redis {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Error unusable(std::string_view key, std::string_view file, const error_code& error) {
  return make_error(boost::system::errc::invalid_argument,
                    fmt::format("redis.{} {}: cannot be used: {}; give a readable file in PEM", key,
                                file, error.message()));
}

}  // namespace

Result<ssl::context> make_tls_context(const TlsOptions& options) {
  ssl::context context(ssl::context::tls_client);
  error_code error;
  if (SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1)
    WEIR_UNREACHABLE("OpenSSL without TLS 1.2");
  context.set_verify_mode(ssl::verify_peer, error);
  if (options.ca_file.empty())
    context.set_default_verify_paths(error);
  else
    context.load_verify_file(options.ca_file, error);
  if (error) return unusable("ca_file", options.ca_file, error);
  if (!options.cert_file.empty()) {
    context.use_certificate_chain_file(options.cert_file, error);
    if (error) return unusable("client_cert_file", options.cert_file, error);
    context.use_private_key_file(options.key_file, ssl::context::pem, error);
    if (error) return unusable("client_key_file", options.key_file, error);
  }
  return context;
}

bool expect_peer(TlsStream& stream, const std::string& name) {
  SSL* const handle = stream.native_handle();
  error_code not_literal;
  const auto address = boost::asio::ip::make_address(name, not_literal);
  if (!not_literal)
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), address.to_string().c_str()) == 1;
  return SSL_set1_host(handle, name.c_str()) == 1 &&
         SSL_set_tlsext_host_name(handle, name.c_str()) == 1;
}

bool is_tls_error(const error_code& error) {
  return error.category() == boost::asio::error::get_ssl_category() ||
         error.category() == ssl::error::get_stream_category();
}

std::string tls_failure(TlsStream& stream, const error_code& error) {
  const long verdict = SSL_get_verify_result(stream.native_handle());
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return fmt::format(
        "TLS: the certificate is not for this address ({}): set redis.server_name "
        "to a name that it holds",
        X509_verify_cert_error_string(verdict));
  if (verdict != X509_V_OK)
    return fmt::format("TLS: the certificate is not trusted ({}): give its CA with redis.ca_file",
                       X509_verify_cert_error_string(verdict));
  const int reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
  const bool of_ssl = error.category() == boost::asio::error::get_ssl_category();
  if (of_ssl && reason == SSL_R_WRONG_VERSION_NUMBER)
    return "TLS: the peer does not speak TLS: is this its plain port? (redis:// instead of "
           "rediss://)";
  // Alert 116, or 40 and 42 before TLS 1.3.
  if (of_ssl && (reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
                 reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
                 reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE))
    return fmt::format(
        "TLS: {}: the peer wants another client certificate; give "
        "redis.client_cert_file and redis.client_key_file",
        error.message());
  return fmt::format("TLS: {}", error.message());
}

}  // namespace weir::store::redis
