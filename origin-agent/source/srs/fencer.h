#pragma once
// Fencer: ends publishers of one SRS that a newer epoch fences off, by SRS's client id.
//
// Purpose: the client is read again right before it is kicked, so that never another one goes than
// the one whose outdated tag was seen (design 6). A kick that fails is tried again and told.
// Threading: the io_context's one thread. Lifetime: link, epochs and io_context outlive it.

#include <map>
#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/telemetry/log.h"
#include "origin-agent/report/epoch_table.h"
#include "origin-agent/source/srs/api_link.h"
#include "origin-agent/source/srs/publishers.h"

namespace weir::agent::srs {

class Fencer {
 public:
  Fencer(boost::asio::io_context& io, const Clock& clock, ApiLink& link, const EpochTable& epochs,
         log::Logger logger);
  ~Fencer();
  Fencer(const Fencer&) = delete;
  Fencer& operator=(const Fencer&) = delete;

  /// Kicks `publisher` if its epoch is outdated. Does nothing when that is under way.
  void judge(const TaggedPublisher& publisher);

 private:
  struct Kick;

  void begin(const std::shared_ptr<Kick>& kick);
  void client_read(const std::shared_ptr<Kick>& kick, const Result<std::string>& answer);
  void kicked(const std::shared_ptr<Kick>& kick, const Result<std::string>& answer);
  void failed(const std::shared_ptr<Kick>& kick, const std::string& why);
  void ended(const std::shared_ptr<Kick>& kick);

  boost::asio::io_context& io_;
  const Clock& clock_;
  ApiLink& link_;
  const EpochTable& epochs_;
  log::Logger logger_;
  std::map<std::string, std::shared_ptr<Kick>> kicks_;  ///< by client id
  // Completions that come after this object is gone find this expired.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace weir::agent::srs
