#include "apps/controller_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>

#include "apps/batch_place.hpp"
#include "apps/mongo_uri.hpp"
#include "sched/schemes.hpp"
#include "service/controller_config.hpp"
#include "service/foreign_scheme.hpp"

namespace camshaft::apps {
namespace {

constexpr int kAny = std::numeric_limits<int>::max();

/// Traits that the original declares on a class are also known under the names of its descendants.
OptionTable::Names names(std::vector<std::string> aliases, const std::vector<std::string>& classes,
                         const std::string& trait) {
  for (const std::string& one : classes) aliases.push_back(one + "." + trait);
  return aliases;
}

/// Command-line spellings that need a decision when all options are known.
struct Raw {
  std::string ip, engine_ip, client_ip, monitor_ip, transport, engine_transport, client_transport, monitor_transport;
  std::string ssh, engine_ssh, db = "dictdb", packer = "json", unpacker = "json", key, config;
  std::string sqlite_table = "ipython-tasks";
  std::string mongo_args, mongo_kwargs;
  double db_size_limit = 64.0 * 1024 * 1024;  // a 16th of the original's, see docs/operations.md
  double sqlite_size_limit = 0, sqlite_age_limit = 0, buffer_limit = 64.0 * 1024 * 1024;
  int db_record_limit = 1024;
  bool key_given = false, use_threads = false, enable_curve = false, ignored_bool = false;
  std::vector<int> legacy_ports;
  std::string curve_secret, curve_public, ignored_text;
};

const std::vector<std::string> kController = {"IPController", "HubFactory", "IPControllerApp"};

void add_network(OptionTable& table, ControllerOptions& o, Raw& raw) {
  const auto controller = [](std::vector<std::string> aliases, const std::string& trait) {
    return names(std::move(aliases), kController, trait);
  };
  table.text(controller({"ip"}, "ip"), raw.ip, "address to listen on for engines and clients; * = all", "an address");
  table.text(controller({}, "engine_ip"), raw.engine_ip, "address to listen on for engines", "an address");
  table.text(controller({}, "client_ip"), raw.client_ip, "address to listen on for clients", "an address");
  table.text(controller({}, "monitor_ip"), raw.monitor_ip, "has no effect: one process needs no monitor", "an address");
  table.text(controller({"location"}, "location"), o.location, "address that others reach this machine by",
             "a host name or address");
  const std::vector<std::string> transports = {"tcp", "ipc"};
  table.choice(controller({"transport"}, "transport"), raw.transport, transports, "how peers connect");
  table.choice(controller({}, "engine_transport"), raw.engine_transport, transports, "how engines connect");
  table.choice(controller({}, "client_transport"), raw.client_transport, transports, "how clients connect");
  table.choice(controller({}, "monitor_transport"), raw.monitor_transport, transports, "has no effect");
  table.integer(controller({"port"}, "regport"), o.registration_port, 1, 65535, "port for registration");
  table.ports(controller({"ports"}, "ports"), o.ports, "ports to use before random ones");
  table.ports(controller({}, "engine_ports"), o.engine_ports, "ports for engines, used first");
  table.ports(controller({}, "client_ports"), o.client_ports, "ports for clients, used first");
  for (const char* old : {"hb", "mux", "task", "control", "iopub", "mon_port", "notifier_port"}) {
    table.ports(controller({}, old), raw.legacy_ports, "retired: use engine_ports and client_ports");
  }
  table.text(controller({"ssh"}, "ssh_server"), raw.ssh, "ssh server that clients should tunnel through",
             "[user@]host[:port]");
  table.text(controller({"enginessh"}, "engine_ssh_server"), raw.engine_ssh,
             "ssh server that engines should tunnel through", "[user@]host[:port]");
  table.text(controller({}, "engine_json_file"), o.engine_json_file, "name of the engines' connection file");
  table.text(controller({}, "client_json_file"), o.client_json_file, "name of the clients' connection file");
}

bool read_hwm(std::string_view value, int& hwm) {
  if (value == "auto") {
    hwm = service::kAutoHwm;
    return true;
  }
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < 0) return false;
  hwm = number;
  return true;
}

void add_records(OptionTable& table, ControllerOptions& o, Raw& raw) {
  table.flag(
      {"dictdb"}, [&raw] { raw.db = "dictdb"; }, "keep results of tasks in memory (the default)");
  table.flag(
      {"nodb"}, [&raw] { raw.db = "nodb"; }, "keep no results of tasks");
  table.flag(
      {"sqlitedb"}, [&raw] { raw.db = "sqlitedb"; }, "keep results of tasks in a file, by SQLite");
  table.flag(
      {"mongodb"}, [&raw] { raw.db = "mongodb"; }, "keep results of tasks in MongoDB");
  table.text(names({}, kController, "db_class"), raw.db,
             "where results of tasks are kept: DictDB, SQLiteDB, MongoDB or NoDB");
  table.real({"DictDB.size_limit"}, raw.db_size_limit, 0, "bytes of buffers kept in memory");
  table.integer({"DictDB.record_limit"}, raw.db_record_limit, 1, kAny, "tasks kept in memory");
  table.real({"DictDB.cull_fraction"}, o.records.memory.cull_fraction, 0, "share of the records dropped at a limit");
  table.text({"SQLiteDB.filename"}, o.db_filename, "file of the database; without it, one for each session",
             "a file name");
  table.text({"SQLiteDB.location"}, o.db_location, "folder of the database, if not the profile", "a folder");
  table.text({"SQLiteDB.table"}, raw.sqlite_table, "table of the database; empty = one for each session");
  table.choice({"SQLiteDB.synchronous"}, o.records.sqlite.synchronous, {"OFF", "NORMAL", "FULL", "EXTRA"},
               "when the database waits for the disk");
  table.real({"SQLiteDB.size_limit"}, raw.sqlite_size_limit, 0,
             "bytes in the file above which the oldest finished tasks leave; 0 = no limit");
  table.real({"SQLiteDB.age_limit"}, raw.sqlite_age_limit, 0, "seconds after which finished tasks leave; 0 = never");
  table.text({"MongoDB.connection_args"}, raw.mongo_args, "address of MongoDB; localhost:27017 if not given",
             "mongodb://host:port, host:port or ['host', port]");
  table.text({"MongoDB.connection_kwargs"}, raw.mongo_kwargs, "more about the connection to MongoDB",
             "{'name': value, ...}");
  table.text({"MongoDB.database"}, o.records.mongo.database, "database in MongoDB; empty = one for each session");
  table.real({"SQLiteDB.buffer_limit"}, raw.buffer_limit, 0,
             "bytes of one request or result above which it is not kept");
}

void add_behaviour(OptionTable& table, ControllerOptions& o, Raw& raw) {
  const auto controller = [](std::vector<std::string> aliases, const std::string& trait) {
    return names(std::move(aliases), kController, trait);
  };
  table.integer({"ping", "HeartMonitor.period"}, o.ping_ms, 1, kAny, "milliseconds between heartbeats");
  table.integer({"HeartMonitor.max_heartmonitor_misses"}, o.max_misses, 1, kAny,
                "heartbeats an engine may miss before it counts as dead");
  table.boolean({"HeartMonitor.debug"}, raw.ignored_bool, "has no effect: see --log-level=DEBUG");
  table.integer(controller({}, "registration_timeout"), o.registration_timeout_s, 0, kAny,
                "seconds in which an engine must complete its registration; 0 = 30 or ten heartbeats");
  table.add({{"scheme", "TaskScheduler.scheme_name"},
             "how tasks are placed on engines, or a function of yours in a shared library",
             "one of leastload, pure, lru, plainrandom, weighted, twobin, or LIBRARY:FUNCTION",
             [&o](std::string_view value) {
               o.scheme = value;
               return sched::scheme_named(value).has_value() || service::names_function(value);
             },
             false,
             o.scheme});
  table.add({{"hwm", "TaskScheduler.hwm"},
             "tasks an engine may hold at once; 0 = no limit; auto = one, and more while they are short",
             "auto or a number of at least 0",
             [&o](std::string_view value) { return read_hwm(value, o.hwm); },
             false,
             "auto"});
  table.boolean(controller({"usethreads"}, "use_threads"), raw.use_threads, "has no effect: always on");
  table.integer(controller({}, "broadcast_scheduler_depth"), o.broadcast_depth, 0, 10, "levels of the broadcast tree");

  add_records(table, o, raw);

  table.boolean(controller({"reuse"}, "reuse_files"), o.reuse, "keep and re-use connection files and ports");
  table.boolean(controller({"restore"}, "restore_engines"), o.restore,
                "reload the engines of the last run; implies "
                "--reuse");
}

void add_session(OptionTable& table, ControllerOptions& o, Raw& raw) {
  table.text({"ident", "Session.session"}, o.session, "session id of the controller");
  table.text({"user", "Session.username"}, o.username, "user name in message headers");
  table.text({"keyfile", "Session.keyfile"}, o.keyfile, "file that holds the signing key", "a file name");
  table.add({{"Session.key"},
             "the signing key; empty turns signing off",
             "a text",
             [&raw](std::string_view value) {
               raw.key = value;
               return raw.key_given = true;
             },
             false,
             ""});
  const auto secure = [&raw, &o](bool on) {
    raw.key_given = !on;
    raw.key.clear();
    o.keyfile.clear();
  };
  table.flag(
      {"secure"}, [secure] { secure(true); }, "sign messages with a fresh key (the default)");
  table.flag(
      {"no-secure"}, [secure] { secure(false); }, "do not sign messages");
  table.choice({"Session.signature_scheme"}, o.signature_scheme,
               {"hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"},
               "how messages are signed");
  table.text({"Session.packer"}, raw.packer, "json only");
  table.text({"Session.unpacker"}, raw.unpacker, "json only");
  table.boolean(names({}, kController, "enable_curve"), raw.enable_curve,
                "encrypt all connections (CURVE); messages are then signed only with a key that is given");
  for (const char* trait : {"buffer_threshold", "check_pid", "copy_threshold", "debug", "digest_history_size",
                            "item_threshold", "metadata"}) {
    table.text({std::string("Session.") + trait}, raw.ignored_text, "has no effect: messages are never copied or kept");
  }
  table.text(names({}, kController, "curve_secretkey"), raw.curve_secret,
             "the controller's secret key, Z85; else a new one");
  table.text(names({}, kController, "curve_publickey"), raw.curve_public, "its public key, which must fit");
}

/// Turns what was said into what it means; `env` fills what was not said.
Result<Done> decide(ControllerOptions& o, const Raw& raw, const cluster::Environment& env) {
  const auto no = [](std::string why) { return Error{Errc::bad_value, std::move(why)}; };
  if (!raw.ip.empty()) {
    o.engine_ip = o.client_ip = raw.ip;
  } else if (const auto place = batch_place(env);
             place && place->nodes > 1 && raw.engine_ip.empty() && raw.client_ip.empty()) {
    o.engine_ip = o.client_ip = "*";
    o.notices.push_back(
        fmt::format("{} job {} has {} nodes: listening on all addresses, for engines on each of them "
                    "(--ip=127.0.0.1 keeps to this one)",
                    place->system, place->job, place->nodes));
  }
  if (!raw.engine_ip.empty()) o.engine_ip = raw.engine_ip;
  if (!raw.client_ip.empty()) o.client_ip = raw.client_ip;
  const auto is_ipc = [&raw](const std::string& own) { return (own.empty() ? raw.transport : own) == "ipc"; };
  if (is_ipc(raw.engine_transport) != is_ipc(raw.client_transport))
    return no("engines and clients must use one transport: give --transport=ipc, or none for tcp");
  if (is_ipc(raw.engine_transport)) o.engine_ip = o.client_ip = "ipc://" + (raw.ip.starts_with('/') ? raw.ip : "");
  if (raw.enable_curve || env("IPP_ENABLE_CURVE").value_or("0") == "1") {
    const auto given = [&](const std::string& text, const char* variable) {
      return text.empty() ? env(variable).value_or("") : text;
    };
    const std::string secret = given(raw.curve_secret, "IPP_CURVE_SECRETKEY");
    const std::string published = given(raw.curve_public, "IPP_CURVE_PUBLICKEY");
    auto keys = secret.empty() ? net::new_curve_keys() : net::curve_keys_of(secret);
    if (!keys) return keys.error();
    if (!published.empty() && published != keys->public_key) {
      return no("curve_publickey is not that of curve_secretkey: give both of one pair, or the secret key alone");
    }
    o.curve = *std::move(keys);
  }
  if (raw.packer != "json" || raw.unpacker != "json") return no("option '--Session.packer' supports only json");

  o.client_ssh = raw.ssh;
  o.engine_ssh = raw.engine_ssh;
  if (o.restore) o.reuse = true;

  std::string db = raw.db.substr(raw.db.rfind('.') + 1);  // import paths end in the class's name
  std::transform(db.begin(), db.end(), db.begin(), [](unsigned char c) { return std::tolower(c); });
  using Kind = service::RecordOptions::Kind;
  if (db == "dictdb") {
    o.records.kind = Kind::memory;
  } else if (db == "nodb") {
    o.records.kind = Kind::none;
  } else if (db == "sqlitedb") {
    o.records.kind = Kind::sqlite;
  } else if (db == "mongodb") {
    o.records.kind = Kind::mongo;
    auto uri = mongo_uri(raw.mongo_args, raw.mongo_kwargs);
    if (!uri) return uri.error();
    o.records.mongo.uri = *std::move(uri);
  } else {
    return no(fmt::format("option '--IPController.db_class' expects DictDB, SQLiteDB, MongoDB or NoDB, but got '{}'",
                          raw.db));
  }
  o.records.memory.records = static_cast<std::size_t>(raw.db_record_limit);
  o.records.memory.bytes = static_cast<std::size_t>(raw.db_size_limit);
  o.records.sqlite.table = raw.sqlite_table;
  o.records.sqlite.size_limit = static_cast<std::uint64_t>(raw.sqlite_size_limit);
  o.records.sqlite.age_limit = std::chrono::seconds(static_cast<std::int64_t>(raw.sqlite_age_limit));
  o.records.buffer_limit = static_cast<std::size_t>(raw.buffer_limit);

  if (raw.key_given) {
    o.key = raw.key;
  } else if (const auto key = env("IPP_SESSION_KEY"); key && o.keyfile.empty()) {
    o.key = *key;
  }
  if (o.curve && !o.key && o.keyfile.empty()) o.key = "";  // as the original: only who has the public key is heard
  if (o.username.empty()) o.username = env("USER").value_or("username");

  if (raw.use_threads) o.notices.push_back("--usethreads has no effect: the controller is always one process");
  if (!raw.legacy_ports.empty()) {
    o.notices.push_back(
        "the port options hb, mux, task, control, iopub, mon_port and notifier_port are retired and "
        "ignored: use engine_ports and client_ports");
  }
  return Done{};
}

}  // namespace

int ControllerOptions::registration_timeout() const {
  return registration_timeout_s > 0 ? registration_timeout_s : std::max(30, ping_ms / 100);
}

namespace {

/// Options and the table that fills them.
struct Everything {
  ControllerOptions options;
  cluster::ProfileChoice choice;
  Raw raw;
  OptionTable table{"ipcontroller",
                    "ipcontroller: the meeting point of a cluster. Engines and clients find it by the files\n"
                    "ipcontroller-engine.json and ipcontroller-client.json, which it writes into the profile.\n\n"
                    "    ipcontroller --profile=mycluster --ip='*' --cluster-id=night"};
  Everything() {
    add_network(table, options, raw);
    add_behaviour(table, options, raw);
    add_session(table, options, raw);
    add_common(table, {"IPController", "IPControllerApp"}, choice, options);
  }
};

}  // namespace

std::string controller_config_file() { return Everything().table.config_file(); }

Result<ControllerOptions> parse_controller_options(std::span<const char* const> arguments,
                                                   const cluster::Environment& env, std::span<const Setting> settings) {
  Everything all;
  ControllerOptions& options = all.options;
  auto parsed = all.table.parse(arguments, with_environment(settings, env));
  if (!parsed) return parsed.error();
  if (!take_parsed(*parsed, options)) return options;
  if (auto none = refuse_words(*parsed); !none) return none.error();
  auto done = decide(options, all.raw, env).and_then([&](Done) { return finish_common(all.choice, env, options); });
  if (!done) return done.error();
  return options;
}

Result<std::optional<std::string>> read_session_key(const ControllerOptions& options) {
  if (options.keyfile.empty()) return options.key;
  std::ifstream file(options.keyfile, std::ios::binary);
  if (!file) return Error{Errc::not_found, fmt::format("cannot read the key file '{}'", options.keyfile)};
  std::string key{std::istreambuf_iterator<char>(file), {}};
  while (!key.empty() && std::isspace(static_cast<unsigned char>(key.back())) != 0) key.pop_back();
  if (key.empty()) return Error{Errc::bad_value, fmt::format("the key file '{}' is empty", options.keyfile)};
  return std::optional<std::string>(std::move(key));
}

}  // namespace camshaft::apps
