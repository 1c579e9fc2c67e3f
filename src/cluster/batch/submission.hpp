// cluster/batch/submission.hpp: from what shall run to the scripts that are submitted.
// Thread: pure functions. Owns: nothing.
// Errors: Errc::bad_value with one line that names the option or the line of the template.
#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/batch/dialect.hpp"
#include "cluster/batch/template.hpp"
#include "core/result.hpp"

namespace camshaft::cluster::batch {

/// What shall run, and through which system.
struct Request {
  std::string system;           // name of a dialect
  bool controller = false;      // else engines
  int n = 1;                    // how many
  std::string cluster_id, set;  // set: "" for the controller
  std::string profile_dir;
  Words program;  // of each of them
  std::vector<std::pair<std::string, std::string>> environment;
  std::string work_dir;                               // where they start, if it is there on their node
  nlohmann::json options = nlohmann::json::object();  // of the launcher
  bool operator==(const Request&) const = default;

  /// "ipengine-<id>-<set>": what files of this request are called.
  std::string file_stem() const;
  /// <security>/jobs-<cluster id>-<set>.json.
  std::filesystem::path jobs_file() const;
};

/// One text to submit; several when each engine is a job.
struct Script {
  std::filesystem::path file;
  std::string text;
  std::string output_file;  // with the system's mark for an element's number
  bool operator==(const Script&) const = default;
};
struct Submission {
  Dialect dialect;
  Layout layout = Layout::jobs;
  std::vector<Script> scripts;
  std::vector<std::pair<std::string, std::string>> environment;  // for the submit command, which passes it on
};

using ReadFile = std::function<Result<std::string>(const std::filesystem::path&)>;

/// The scripts of a request. `read` is asked for batch_template_file.
Result<Submission> prepare(const Request& request, const ReadFile& read);

/// The command that submits one script.
Words submit_command(const Dialect& dialect, const Script& script);
/// The command that passes a signal on, empty when this system cannot.
Words signal_command(const Submission& submission, const std::vector<std::string>& ids, int number);

/// A word as a shell reads it as one.
std::string shell_quoted(std::string_view word);

/// The text of an HTCondor job: `lines` end with queue.
Result<std::string> condor_script(const Request& request, const std::string& output_file,
                                  const std::vector<std::string>& lines, const Variables& variables);
/// The job file of Windows HPC, as its Job Manager imports it.
Result<std::string> hpc_job(const Request& request);

}  // namespace camshaft::cluster::batch
