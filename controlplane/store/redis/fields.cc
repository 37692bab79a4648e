#include "controlplane/store/redis/fields.h"

#include "controlplane/store/redis/words.h"

namespace weir::store::redis {

Reply* Fields::next() {
  if (at_ >= items_.size()) {
    failed_ = true;
    return nullptr;
  }
  return &items_[at_++];
}

std::string Fields::text() {
  Reply* reply = next();
  if (reply == nullptr || !reply->is_text()) {
    failed_ = true;
    return {};
  }
  return std::move(reply->text);
}

std::uint64_t Fields::number() {
  const auto number = to_number(text());
  if (!number) failed_ = true;
  return number.value_or(0);
}

bool Fields::flag() {
  const std::string word = text();
  if (word != "0" && word != "1") failed_ = true;
  return word == "1";
}

std::vector<Reply> Fields::list() {
  Reply* reply = next();
  if (reply == nullptr || !reply->is_array()) {
    failed_ = true;
    return {};
  }
  return std::move(reply->items);
}

std::vector<std::string> Fields::texts(std::size_t group) {
  std::vector<Reply> items = list();
  std::vector<std::string> texts;
  if (items.size() % group != 0) failed_ = true;
  texts.reserve(items.size());
  for (Reply& item : items) {
    if (!item.is_text()) failed_ = true;
    texts.push_back(std::move(item.text));
  }
  if (failed_) texts.clear();
  return texts;
}

}  // namespace weir::store::redis
