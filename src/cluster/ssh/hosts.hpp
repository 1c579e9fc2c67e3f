// cluster/ssh/hosts.hpp: what the ssh launchers do on which machine, and how ssh is called for it.
// Thread: pure functions. Owns: nothing. Errors: Errc::bad_value with one line that names the option.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/launchers.hpp"

namespace camshaft::cluster::ssh {

/// "[user@]host[:port]"; an IPv6 address with a port is written in brackets.
struct Address {
  std::string user, host;
  int port = 0;  // 0 = what ssh would take
  bool operator==(const Address&) const = default;
};
Result<Address> parse_address(std::string_view text);

/// What runs on one machine, over one connection.
struct Host {
  Address address;
  int n = 1;                      // processes
  std::vector<std::string> ssh;   // the whole command line
  std::vector<std::string> argv;  // of one process there
  std::string profile_dir;        // there; relative to the home folder, or absolute
  std::string work_dir;           // there; "" = the home folder
  std::string connection_name;    // the connection files are called <this>client.json and <this>engine.json
  bool fetches_files = false;     // a controller: its connection files are wanted here
  bool needs_files = false;       // ipcluster engines: it looks for connection files there
  std::vector<std::pair<std::string, std::string>> environment;
  // Files that are copied by scp: before the start from here to there, afterwards from there to here.
  std::vector<std::pair<std::string, std::string>> send, fetch;
  std::vector<std::string> plain_ssh, scp;  // what goes in front of a command there, and of what scp copies
  std::string scp_place;                    // what goes in front of a path there
};

/// The machines of a set of engines or of a controller, by the options `engines`, `hostname` and the like. `home` is
/// our home folder: a profile below it is looked for below the home folder there.
Result<std::vector<Host>> hosts_of(const TetherSpec& spec, std::string_view home);

/// How many engines the options ask for, 0 when they do not say.
int engines_asked_for(const Launcher& launcher);

/// The commands that copy `send` there, into folders that are made first, and `fetch` here; one after the other.
std::vector<std::vector<std::string>> sending(const Host& host);
std::vector<std::vector<std::string>> fetching(const Host& host);

/// What the guard of that machine reads first: its program, then what to do. `files`: name and text of connection
/// files.
std::string opening(const Host& host, const std::vector<std::pair<std::string, std::string>>& files);

/// One line on why there is no guard: ssh or Python has ended with `code` and said `text`.
std::string explain(const Host& host, int code, std::string_view text);

/// The program that starts, signals and ends processes there. It needs python3 and nothing else.
std::string_view guard_program();

}  // namespace camshaft::cluster::ssh
