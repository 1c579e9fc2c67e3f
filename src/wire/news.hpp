// wire/news.hpp: how a client learns that the hub's notifications reach it.
// A subscription travels to the publisher on its own, so an engine that registers in that moment would be missed by a
// client that has asked already. Our clients subscribe to one more topic, which names their session; the hub sees it
// arrive behind the subscription proper and tells the session so on the query channel, and the client asks again.
// Thread: values only. Owns: nothing. Errors: none.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace camshaft::wire {

/// Type of the hub's message, without parent or content; official clients never get one.
inline constexpr std::string_view kNewsReachYou = "news_reach_you";

inline constexpr std::string_view kNewsTopic = "camshaft.news.";
inline std::string news_topic(std::string_view session) { return std::string(kNewsTopic).append(session); }

/// The session that a subscription names, as an XPUB socket reports it; nullopt when it is any other one.
inline std::optional<std::string> news_subscriber(std::string_view report) {
  if (report.empty() || report[0] != '\x01' || !report.substr(1).starts_with(kNewsTopic)) return std::nullopt;
  return std::string(report.substr(1 + kNewsTopic.size()));
}

}  // namespace camshaft::wire
