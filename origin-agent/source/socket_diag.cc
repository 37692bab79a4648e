#include "origin-agent/source/socket_diag.h"

#include <array>
#include <cstring>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace weir::agent {
namespace {

/// The kernel answers while it is asked; this is for one that never would.
constexpr timeval kAnswerTimeout{0, 200'000};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

bool ask(int fd, int family, std::uint16_t port) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof(message);
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.request.sdiag_family = static_cast<std::uint8_t>(family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = 1U << TCP_LISTEN;
  message.request.id.idiag_sport = htons(port);
  return ::send(fd, &message, sizeof(message), 0) == static_cast<ssize_t>(sizeof(message));
}

/// False: an error instead of an answer.
bool collect(int fd, std::uint16_t port, std::vector<std::uint64_t>& inodes) {
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    auto left = static_cast<std::uint32_t>(size);
    for (const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
         NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return true;
      if (header->nlmsg_type == NLMSG_ERROR) return false;
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return false;
      inet_diag_msg found;
      std::memcpy(&found, NLMSG_DATA(header), sizeof(found));
      if (ntohs(found.id.idiag_sport) == port && found.idiag_inode != 0)
        inodes.push_back(found.idiag_inode);
    }
  }
}

}  // namespace

std::optional<std::vector<std::uint64_t>> listening_inodes(std::uint16_t port) {
  const Descriptor socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (socket.get() < 0) return std::nullopt;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof(kAnswerTimeout));
  std::vector<std::uint64_t> inodes;
  for (const int family : {AF_INET, AF_INET6}) {
    if (!ask(socket.get(), family, port) || !collect(socket.get(), port, inodes))
      return std::nullopt;
  }
  return inodes;
}

}  // namespace weir::agent
