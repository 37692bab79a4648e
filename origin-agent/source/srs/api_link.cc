#include "origin-agent/source/srs/api_link.h"

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "origin-agent/source/srs/limits.h"

namespace weir::agent::srs {

void ApiLink::ask(HttpClient::Method method, std::string target, MonotonicTime deadline,
                  Urgency urgency, Done done) {
  if (waiting_.size() >= kRequestsWaitingMax)
    return fail(std::move(done), "too many requests wait for its API");
  const auto place = urgency == Urgency::kNormal
                         ? waiting_.end()
                         : std::find_if(waiting_.begin(), waiting_.end(), [](const Request& r) {
                             return r.urgency == Urgency::kNormal;
                           });
  waiting_.insert(place, Request{method, std::move(target), deadline, urgency, std::move(done)});
  if (!client_.is_busy()) next();
}

void ApiLink::next() {
  while (!waiting_.empty()) {
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    const Duration left = request.deadline - clock_.now();
    if (left <= Duration::zero()) {
      fail(std::move(request.done), "no answer in time");
      continue;
    }
    client_.request(request.method, request.target, left,
                    [this, guard = std::weak_ptr<int>(alive_),
                     done = std::move(request.done)](Result<std::string> answer) mutable {
                      done(std::move(answer));
                      // What is done may have asked again, or ended this object.
                      if (!guard.expired() && !client_.is_busy()) next();
                    });
    return;
  }
}

void ApiLink::fail(Done done, std::string why) {
  boost::asio::post(io_, [guard = std::weak_ptr<int>(alive_), done = std::move(done),
                          why = std::move(why)]() mutable {
    if (guard.expired()) return;
    done(make_error(boost::system::errc::timed_out, std::move(why), Side::kOrigin, true));
  });
}

}  // namespace weir::agent::srs
