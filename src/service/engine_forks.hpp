// service/engine_forks.hpp: the templates from which a cluster's engines are forked, watched on a loop.
// Thread: that of its loop. Owns: the template processes. Borrows the loop.
// Errors: none; an engine that cannot be forked is handed back to be started in another way.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/process/template.hpp"
#include "net/loop.hpp"

namespace camshaft::service {

class EngineForks final {
 public:
  struct Handlers {
    std::function<void(const cluster::EngineRef&, cluster::Child)> started;
    std::function<void(const cluster::EngineRef&, cluster::Exit)> ended;
    std::function<void(const cluster::EngineRef&)> failed;
    std::function<void()> settled;  // after each batch of the above
  };
  EngineForks(net::Loop& loop, cluster::LocalPlan plan, Handlers handlers);
  /// Kills templates and what they forked, unless they may go on.
  ~EngineForks();
  EngineForks(const EngineForks&) = delete;
  EngineForks& operator=(const EngineForks&) = delete;

  /// Makes sure that a template for so many engines like this one is there, or about to be.
  bool prepare(const cluster::Command& like, const cluster::Lifeline* lifeline, int engines = 1);
  /// False when this engine has to be started in another way.
  bool fork(const cluster::EngineRef& engine, const cluster::Command& command, const cluster::Lifeline* lifeline);
  /// Ends the templates; with `outlive` they and their engines go on by themselves.
  void close(bool outlive);

 private:
  using Template = cluster::EngineTemplate;
  Template* find(const cluster::Command& like);
  void on_news(Template* from);

  net::Loop& loop_;
  cluster::LocalPlan plan_;
  Handlers handlers_;
  std::vector<std::unique_ptr<Template>> templates_;
  bool works_ = true;  // false once a template did not even come up
};

}  // namespace camshaft::service
