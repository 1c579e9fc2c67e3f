// cluster/batch/dialect.hpp: how one batch system is spoken to: a row of words and patterns. A new system is a new row.
// Thread: pure functions. Owns: nothing.
// Errors: Errc::bad_value for options that do not fit, naming the option.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

namespace camshaft::cluster::batch {

using Words = std::vector<std::string>;

enum class JobState { queued, held, running, done, failed };

/// How n engines become jobs: one array of n elements, one job with n tasks, or n jobs.
enum class Layout { array, allocation, jobs };
const char* name_of(Layout layout);

/// What the text that is submitted looks like.
enum class Form { shell, condor, hpc_xml };

/// A line of the built-in script that is there when its option is.
struct OptionLine {
  std::string option, line;
};

/// Commands are lists of words. In them {ids} stands for all job ids, as words, {ids,} for the ids joined by commas,
/// {signal} for a signal's number, {scheduler} for the head node, {user} for who asks, {script} for the script's file.
struct Dialect {
  std::string name;   // "slurm", as users say it
  std::string title;  // "Slurm", as its makers do
  Words submit;
  bool script_on_stdin = false;
  Words cancel;
  Words signal;                    // empty: it cannot pass signals on
  Words signal_tasks;              // for an allocation, where another command reaches the tasks
  std::map<int, Words> by_signal;  // signals that have a command of their own
  Words status;                    // of all jobs at once; empty: it cannot be asked

  std::string id_pattern = R"(\d+)";  // in what submit prints
  int id_group = 0;
  /// A line of the status command: the id, the state, and perhaps which elements of an array. One group: the state.
  std::string row_pattern;
  std::vector<std::pair<std::string, JobState>> states;  // patterns of states, the first that is found counts
  std::string unknown_pattern;                           // says that a job is not there any more

  Form form = Form::shell;
  std::string directive;                               // what its lines in a script begin with
  std::vector<std::string> head;                       // lines of every built-in script
  std::map<Layout, std::vector<std::string>> layouts;  // those it knows, with their lines
  Layout layout = Layout::array;                       // of engines, unless another is chosen
  std::vector<OptionLine> option_lines;
  std::string output_line;                    // {output_file}
  std::string output_index;                   // what the output file of an array has for the element's number
  std::string runner;                         // starts the tasks of an allocation, {n}
  std::string index_variable;                 // by which an element of an array knows its number
  std::string controller_file, engines_file;  // names of the scripts
  std::vector<std::pair<std::string, std::string>> environment;  // further variables for jobs
};

/// All systems that are known. "batch" is the one whose commands the user gives.
const std::vector<Dialect>& dialects();
/// By name; nullptr when there is none.
const Dialect* find_dialect(std::string_view name);

/// The row with what the launcher's options change in it: submit_command, delete_command, signal_command,
/// status_command, job_id_regexp, job_id_regexp_group, layout, runner, queue_template, job_array_template,
/// output_template, scheduler, job_cmd.
Result<Dialect> with_options(const Dialect& dialect, const nlohmann::json& options);

/// The words of a command with everything filled in.
Words expand(const Words& command, const std::vector<std::string>& ids, int signal = 0, std::string_view user = "");

}  // namespace camshaft::cluster::batch
