#include "service/engine_forks.hpp"

#include <algorithm>
#include <system_error>
#include <variant>

namespace camshaft::service {
namespace fs = std::filesystem;

EngineForks::EngineForks(net::Loop& loop, cluster::LocalPlan plan, Handlers handlers)
    : loop_(loop), plan_(std::move(plan)), handlers_(std::move(handlers)) {}

EngineForks::~EngineForks() { close(false); }

EngineForks::Template* EngineForks::find(const cluster::Command& like) {
  const auto found =
      std::find_if(templates_.begin(), templates_.end(), [&](const auto& one) { return one->fits(like); });
  return found == templates_.end() ? nullptr : found->get();
}

bool EngineForks::prepare(const cluster::Command& like, const cluster::Lifeline* lifeline, int engines) {
  if (!plan_.fork_engines || !works_) return false;
  if (find(like) != nullptr) return true;
  auto made = Template::start(like, plan_.engine_cmd.size(), plan_.template_imports, engines,
                              cluster::template_log_path(plan_), lifeline);
  if (!made) return false;
  templates_.push_back(std::make_unique<Template>(std::move(*made)));
  loop_.on_readable(templates_.back()->descriptor(), [this, one = templates_.back().get()] { on_news(one); });
  return true;
}

bool EngineForks::fork(const cluster::EngineRef& engine, const cluster::Command& command,
                       const cluster::Lifeline* lifeline) {
  if (!prepare(command, lifeline)) return false;
  find(command)->fork(engine, command);
  return true;
}

void EngineForks::on_news(Template* from) {
  auto news = from->read();
  if (!from->running()) {
    loop_.forget(from->descriptor());
    std::erase_if(templates_, [from](const auto& one) { return one.get() == from; });
  }
  for (auto& one : news) {
    if (const auto* gone = std::get_if<Template::Gone>(&one)) works_ = works_ && gone->was_ready;
  }
  for (auto& one : news) {
    if (auto* started = std::get_if<Template::Started>(&one)) {
      handlers_.started(started->engine, std::move(started->child));
    } else if (const auto* ended = std::get_if<Template::Ended>(&one)) {
      handlers_.ended(ended->engine, ended->exit);
    } else if (const auto* failed = std::get_if<Template::Failed>(&one)) {
      handlers_.failed(failed->engine);
    }
  }
  handlers_.settled();
}

void EngineForks::close(bool outlive) {
  for (const auto& one : templates_) {
    loop_.forget(one->descriptor());
    if (outlive) one->release();
  }
  templates_.clear();
  std::error_code ignored;
  const fs::path log = cluster::template_log_path(plan_);
  if (fs::file_size(log, ignored) == 0 && !ignored) fs::remove(log, ignored);
}

}  // namespace camshaft::service
