// cluster/process/template.hpp: a process that has imported what engines need and forks one for each request.
// Thread: one. Owns: the template process, which is killed with this object, and so are the engines it forked.
// Errors: start() like Child::start(); later trouble is news. What it says to whom: python/camshaft/engine/template.py.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/process/child.hpp"

namespace camshaft::cluster {

class EngineTemplate final {
 public:
  struct Started {
    EngineRef engine;
    Child child;
  };
  struct Ended {
    EngineRef engine;
    Exit exit;
  };
  /// It was not forked and has to be started in another way.
  struct Failed {
    EngineRef engine;
    std::string why;
  };
  /// The template has ended, and with it every engine that it had forked: these are reported before.
  struct Gone {
    Exit exit;
    bool was_ready;
  };
  using News = std::variant<Started, Ended, Failed, Gone>;

  /// `like` is the command of an engine: the template runs its program and forks engines for commands that fit().
  /// `imports`: further modules to import once, separated by commas. `engines`: about how many will be asked for first.
  static Result<EngineTemplate> start(const Command& like, std::size_t program_words, const std::string& imports,
                                      int engines, const std::filesystem::path& log_file, const Lifeline* lifeline);
  EngineTemplate(EngineTemplate&&) noexcept = default;
  EngineTemplate& operator=(EngineTemplate&&) = delete;
  ~EngineTemplate();

  /// Same program, folder and environment as the template's, so that a forked engine is what a fresh one would be.
  bool fits(const Command& engine) const;
  /// Asks for an engine; what becomes of it is news. Does not wait.
  void fork(const EngineRef& engine, const Command& command);
  /// Readable when there is news.
  int descriptor() const { return channel_.get(); }
  std::vector<News> read();
  bool running() const { return !gone_; }
  const std::filesystem::path& log_file() const { return command_.log_file; }
  /// Lets it and its engines go on when this object ends.
  void release() { released_ = true; }

 private:
  struct Asked {
    EngineRef engine;
    std::string request;
    bool sent = false;
  };
  EngineTemplate(Command command, std::size_t program_words, Child child, Descriptor channel);
  void send_more();
  void take(const std::string& line, std::vector<News>& news);
  void end(std::vector<News>& news);

  Command command_;
  std::size_t program_words_;
  std::map<std::string, std::string> environment_;
  Child child_;
  Descriptor channel_;
  std::string received_;
  std::map<int, Asked> asked_;                       // by key, until it is started or has failed
  std::map<int, std::pair<EngineRef, int>> forked_;  // by key: engine and pid
  int last_key_ = 0, under_way_ = 0;
  bool ready_ = false, gone_ = false, released_ = false;
};

}  // namespace camshaft::cluster
