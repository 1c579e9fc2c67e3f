#include "cluster/batch/dialect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <regex>

namespace camshaft::cluster::batch {
namespace {

Dialect slurm() {
  Dialect d;
  d.name = "slurm";
  d.title = "Slurm";
  d.submit = {"sbatch", "{script}"};
  d.cancel = {"scancel", "{ids}"};
  d.signal = {"scancel", "--full", "-s", "{signal}", "{ids}"};  // the script has become the keeper of the engine
  d.signal_tasks = {"scancel", "-s", "{signal}", "{ids}"};      // job steps: what srun has started
  d.status = {"squeue", "-h", "-r", "-t", "all", "-o", "%i %T %r", "-j", "{ids,}"};
  d.row_pattern = R"(^\s*(\d+)(?:_\S+)? (\S+))";
  d.states = {{"^(PENDING|CONFIGURING|REQUEUED|RESV_DEL_HOLD)$", JobState::queued},
              {"^(REQUEUE_HOLD|SPECIAL_EXIT)$", JobState::held},
              {"^(COMPLETED|CANCELLED|REVOKED)", JobState::done},
              {"^(FAILED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY|BOOT_FAIL|DEADLINE|PREEMPTED)$", JobState::failed},
              {"", JobState::running}};
  d.unknown_pattern = "Invalid job id";
  d.directive = "#SBATCH";
  d.head = {"#SBATCH --export=ALL", "#SBATCH --job-name={job_name}"};
  d.layouts = {{Layout::array, {"#SBATCH --array=1-{n}", "#SBATCH --ntasks=1"}},
               {Layout::allocation, {"#SBATCH --ntasks={n}"}},
               {Layout::jobs, {"#SBATCH --ntasks=1"}}};
  d.layout = Layout::allocation;
  d.option_lines = {{"queue", "#SBATCH --partition={queue}"},
                    {"account", "#SBATCH --account={account}"},
                    {"qos", "#SBATCH --qos={qos}"},
                    {"timelimit", "#SBATCH --time={timelimit}"}};
  d.output_line = "#SBATCH --output={output_file}";
  d.output_index = "%a";
  d.runner = "srun";
  d.index_variable = "SLURM_ARRAY_TASK_ID";
  d.controller_file = "slurm_controller.sbatch";
  d.engines_file = "slurm_engine.sbatch";
  return d;
}

Dialect pbs() {
  Dialect d;
  d.name = "pbs";
  d.title = "PBS";
  d.submit = {"qsub", "{script}"};
  d.cancel = {"qdel", "{ids}"};
  d.signal = {"qsig", "-s", "{signal}", "{ids}"};
  d.status = {"qstat", "{ids}"};
  d.id_pattern = R"(\d+(\[\])?)";  // an array is called 12[]
  d.row_pattern = R"(^\s*(\d+(?:\[\])?)\S*\s+\S+\s+\S+\s+\S+\s+([A-Z])\s)";
  d.states = {
      {"^[QWT]$", JobState::queued}, {"^H$", JobState::held}, {"^[CFX]$", JobState::done}, {"", JobState::running}};
  d.unknown_pattern = "Unknown Job|has finished|not found";
  d.directive = "#PBS";
  d.head = {"#PBS -V", "#PBS -N {program_name}"};
  d.layouts = {{Layout::array, {"#PBS -t 1-{n}"}}, {Layout::allocation, {"#PBS -l nodes={n}"}}, {Layout::jobs, {}}};
  d.option_lines = {
      {"queue", "#PBS -q {queue}"}, {"account", "#PBS -A {account}"}, {"timelimit", "#PBS -l walltime={timelimit}"}};
  d.output_line = "#PBS -j oe\n#PBS -o {output_file}";
  d.runner = "mpiexec -n {n}";
  d.index_variable = "PBS_ARRAYID";
  d.controller_file = "pbs_controller";
  d.engines_file = "pbs_engines";
  return d;
}

Dialect sge() {
  Dialect d;
  d.name = "sge";
  d.title = "Grid Engine";
  d.submit = {"qsub", "{script}"};
  d.cancel = {"qdel", "{ids}"};
  d.unknown_pattern = "does not exist";
  d.by_signal = {{SIGTERM, {"qdel", "{ids}"}},
                 {SIGKILL, {"qdel", "{ids}"}},
                 {SIGSTOP, {"qmod", "-sj", "{ids}"}},
                 {SIGCONT, {"qmod", "-usj", "{ids}"}}};
  d.status = {"qstat", "-u", "{user}"};
  d.row_pattern = R"(^\s*(\d+)\s+\S+\s+\S+\s+\S+\s+([a-zA-Z]+)\s.*?(\d+-\d+:\d+)?\s*$)";
  d.states = {{"[Eh]", JobState::held}, {"d", JobState::running}, {"q", JobState::queued}, {"", JobState::running}};
  d.directive = "#$";
  d.head = {"#$ -V", "#$ -S /bin/sh", "#$ -N {program_name}"};
  d.layouts = {{Layout::array, {"#$ -t 1-{n}"}}, {Layout::allocation, {"#$ -pe {pe} {n}"}}, {Layout::jobs, {}}};
  d.option_lines = {
      {"queue", "#$ -q {queue}"}, {"account", "#$ -A {account}"}, {"timelimit", "#$ -l h_rt={timelimit}"}};
  d.output_line = "#$ -j y\n#$ -o {output_file}";
  d.output_index = "$TASK_ID";
  d.runner = "mpiexec -n {n}";
  d.index_variable = "SGE_TASK_ID";
  d.controller_file = "sge_controller";
  d.engines_file = "sge_engines";
  return d;
}

Dialect lsf() {
  Dialect d;
  d.name = "lsf";
  d.title = "LSF";
  d.submit = {"bsub"};
  d.script_on_stdin = true;
  d.cancel = {"bkill", "{ids}"};
  d.signal = {"bkill", "-s", "{signal}", "{ids}"};
  d.status = {"bjobs", "-a", "-w", "{ids}"};
  d.row_pattern = R"(^\s*(\d+)\S*\s+\S+\s+([A-Z]+)\s)";
  d.states = {{"^(PEND|WAIT|PROV)$", JobState::queued},
              {"^PSUSP$", JobState::held},
              {"^DONE$", JobState::done},
              {"^(EXIT|ZOMBI)$", JobState::failed},
              {"", JobState::running}};
  d.unknown_pattern = "is not found|No (unfinished )?job found|No matching job";
  d.directive = "#BSUB";
  d.head = {"#BSUB -env all"};
  d.layouts = {{Layout::array, {"#BSUB -J {job_name}[1-{n}]"}},
               {Layout::allocation, {"#BSUB -J {job_name}", "#BSUB -n {n}"}},
               {Layout::jobs, {"#BSUB -J {job_name}"}}};
  d.option_lines = {
      {"queue", "#BSUB -q {queue}"}, {"account", "#BSUB -P {account}"}, {"timelimit", "#BSUB -W {timelimit}"}};
  d.output_line = "#BSUB -o {output_file}";  // without -e, errors go there too
  d.output_index = "%I";
  d.runner = "blaunch";
  d.index_variable = "LSB_JOBINDEX";
  d.controller_file = "lsf_controller";
  d.engines_file = "lsf_engines";
  d.environment = {{"LSB_STDOUT_DIRECT", "Y"}};  // output while the job runs, not after it
  return d;
}

Dialect htcondor() {
  Dialect d;
  d.name = "htcondor";
  d.title = "HTCondor";
  d.submit = {"condor_submit", "{script}"};
  d.cancel = {"condor_rm", "{ids}"};
  d.by_signal = {{SIGTERM, {"condor_rm", "{ids}"}},
                 {SIGKILL, {"condor_rm", "{ids}"}},
                 {SIGSTOP, {"condor_suspend", "{ids}"}},
                 {SIGCONT, {"condor_continue", "{ids}"}}};
  d.status = {"condor_q", "{ids}", "-af", "ClusterId", "JobStatus", "HoldReason"};
  d.id_pattern = R"((\d+)\.\s*$)";
  d.id_group = 1;
  d.row_pattern = R"(^\s*(\d+) (\d+))";
  d.states = {{"^1$", JobState::queued}, {"^[34]$", JobState::done}, {"^5$", JobState::held}, {"", JobState::running}};
  d.unknown_pattern = "not found|Couldn't find";
  d.form = Form::condor;
  d.layouts = {{Layout::array, {"queue {n}"}}, {Layout::jobs, {"queue"}}};
  d.output_index = "$(ProcId)";
  d.controller_file = "htcondor_controller";
  d.engines_file = "htcondor_engines";
  return d;
}

Dialect winhpc() {
  Dialect d;
  d.name = "winhpc";
  d.title = "Windows HPC";
  d.submit = {"job", "submit", "/jobfile:{script}", "/scheduler:{scheduler}"};
  d.cancel = {"job", "cancel", "{ids}", "/scheduler:{scheduler}"};
  d.status = {"job", "view", "{ids}", "/scheduler:{scheduler}"};
  d.by_signal = {{SIGTERM, d.cancel}, {SIGKILL, d.cancel}};
  d.row_pattern = R"(^\s*State\s*:\s*(\w+))";
  d.states = {{"^(Configuring|Submitted|Validating|ExternalValidation|Queued)", JobState::queued},
              {"^(Finished|Canceled)", JobState::done},
              {"^Failed", JobState::failed},
              {"", JobState::running}};
  d.unknown_pattern = "does not exist|not found";
  d.form = Form::hpc_xml;
  d.layouts = {{Layout::array, {}}};
  d.controller_file = "ipcontroller_job.xml";
  d.engines_file = "ipengineset_job.xml";
  return d;
}

/// Every command and the script come from the user.
Dialect generic() {
  Dialect d;
  d.name = "batch";
  d.title = "the batch system";
  d.row_pattern = R"(^\s*(\d+)\S*\s+(\S+))";
  d.states = {{"^(?:P|PD|Q|W|PEND|PENDING|QUEUED)$", JobState::queued},
              {"^(?:H|HELD)$", JobState::held},
              {"^(?:C|F|CD|CA|DONE|COMPLETED|CANCELLED|FINISHED)$", JobState::done},
              {"^(?:FAILED|EXIT|TIMEOUT)$", JobState::failed},
              {"", JobState::running}};
  d.layouts = {{Layout::array, {}}, {Layout::allocation, {}}, {Layout::jobs, {}}};
  d.layout = Layout::allocation;
  d.controller_file = "batch_controller";
  d.engines_file = "batch_engines";
  return d;
}

/// A command in options: a list of words, or one word.
Result<Words> words_of(const nlohmann::json& value, std::string_view option) {
  if (value.is_string()) return Words{value.get<std::string>()};
  Words words;
  if (value.is_array()) {
    for (const auto& one : value) {
      if (one.is_string()) words.push_back(one.get<std::string>());
    }
    if (words.size() == value.size()) return words;
  }
  return Error{Errc::bad_value, fmt::format("{}={} is not a list of words such as [\"sbatch\"]", option, value.dump())};
}

bool has(const nlohmann::json& options, const char* name) { return options.contains(name) && !options[name].is_null(); }

std::string lines_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Result<Done> check_pattern(const std::string& pattern, int group) {
  try {
    const std::regex compiled(pattern);
    if (group < 0 || group > static_cast<int>(compiled.mark_count())) {
      return Error{Errc::bad_value,
                   fmt::format("job_id_regexp_group={}: {} has {} groups", group, pattern, compiled.mark_count())};
    }
    return Done{};
  } catch (const std::regex_error&) {
    return Error{Errc::bad_value, fmt::format("job_id_regexp={} is no regular expression", pattern)};
  }
}

Result<Done> change_commands(Dialect& d, const nlohmann::json& options) {
  struct Option {
    const char* name;
    Words Dialect::*member;
    Words tail;  // what the original adds to the command
  };
  const std::vector<Option> commands = {
      {"submit_command", &Dialect::submit, d.script_on_stdin ? Words{} : Words{"{script}"}},
      {"delete_command", &Dialect::cancel, {"{ids}"}},
      {"signal_command", &Dialect::signal, {"{signal}", "{ids}"}},
      {"status_command", &Dialect::status, {"{ids}"}},
  };
  for (const Option& one : commands) {
    if (!has(options, one.name)) continue;
    auto words = words_of(options[one.name], one.name);
    if (!words) return words.error();
    const bool placed = std::any_of(words->begin(), words->end(), [](const std::string& word) {
      return word.find("{ids") != std::string::npos || word.find("{script}") != std::string::npos ||
             word.find("{user}") != std::string::npos;
    });
    if (!placed) words->insert(words->end(), one.tail.begin(), one.tail.end());
    d.*one.member = std::move(*words);
    if (one.member == &Dialect::signal) {
      d.signal_tasks.clear();
      d.by_signal.clear();
    }
  }
  return Done{};
}

void replace_in(Words& words, std::string_view what, const std::string& by) {
  for (std::string& word : words) {
    if (const std::size_t at = word.find(what); at != std::string::npos) word.replace(at, what.size(), by);
  }
}

Result<Done> change_hpc(Dialect& d, const nlohmann::json& options) {
  const std::string scheduler = has(options, "scheduler") ? lines_of(options["scheduler"]) : "";
  const std::string program = has(options, "job_cmd") ? lines_of(options["job_cmd"]) : "job";
  std::vector<Words*> all = {&d.submit, &d.cancel, &d.status};
  for (auto& [number, words] : d.by_signal) all.push_back(&words);
  for (Words* words : all) {
    words->front() = program;
    if (scheduler.empty() && words->back() == "/scheduler:{scheduler}") words->pop_back();
    replace_in(*words, "{scheduler}", scheduler);
  }
  return Done{};
}

}  // namespace

const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::array:
      return "array";
    case Layout::allocation:
      return "allocation";
    case Layout::jobs:
      return "jobs";
  }
  return "jobs";
}

const std::vector<Dialect>& dialects() {
  static const std::vector<Dialect> all = {slurm(), pbs(), sge(), lsf(), htcondor(), winhpc(), generic()};
  return all;
}

const Dialect* find_dialect(std::string_view name) {
  const auto& all = dialects();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Dialect& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

Result<Dialect> with_options(const Dialect& dialect, const nlohmann::json& options) {
  Dialect d = dialect;
  if (d.form == Form::hpc_xml) {
    if (auto done = change_hpc(d, options); !done) return done.error();
  }
  if (auto done = change_commands(d, options); !done) return done.error();
  if (has(options, "layout")) {
    std::string known;
    bool found = false;
    for (const auto& [layout, lines] : d.layouts) {
      known += fmt::format("{}{}", known.empty() ? "" : ", ", name_of(layout));
      if (options["layout"] != name_of(layout)) continue;
      d.layout = layout;
      found = true;
    }
    if (!found)
      return Error{Errc::bad_value, fmt::format("layout={}: {} knows {}", options["layout"].dump(), d.title, known)};
  }
  if (has(options, "job_id_regexp")) d.id_pattern = lines_of(options["job_id_regexp"]);
  if (has(options, "job_id_regexp_group")) {
    if (!options["job_id_regexp_group"].is_number_integer()) {
      return Error{Errc::bad_value, "job_id_regexp_group is the number of a group"};
    }
    d.id_group = options["job_id_regexp_group"].get<int>();
  }
  if (auto fine = check_pattern(d.id_pattern, d.id_group); !fine) return fine.error();
  if (has(options, "runner")) d.runner = lines_of(options["runner"]);
  if (has(options, "output_template")) d.output_line = lines_of(options["output_template"]);
  if (has(options, "job_array_template")) d.layouts[Layout::array] = {lines_of(options["job_array_template"])};
  if (has(options, "queue_template")) {
    for (OptionLine& one : d.option_lines) {
      if (one.option == "queue") one.line = lines_of(options["queue_template"]);
    }
  }
  if (d.submit.empty() || d.cancel.empty()) {
    return Error{Errc::bad_value,
                 "the launcher 'batch' needs submit_command and delete_command, for instance "
                 "--BatchSystemLauncher.submit_command='[\"qsub\"]'; for a known system say its name: slurm, pbs, sge, "
                 "lsf, htcondor, winhpc"};
  }
  return d;
}

Words expand(const Words& command, const std::vector<std::string>& ids, int signal, std::string_view user) {
  Words out;
  for (std::string word : command) {
    if (word == "{ids}") {
      out.insert(out.end(), ids.begin(), ids.end());
      continue;
    }
    const auto fill = [&](std::string_view what, const std::string& by) {
      if (const std::size_t at = word.find(what); at != std::string::npos) word.replace(at, what.size(), by);
    };
    fill("{ids,}", fmt::format("{}", fmt::join(ids, ",")));
    fill("{signal}", std::to_string(signal));
    fill("{user}", std::string(user));
    out.push_back(std::move(word));
  }
  return out;
}

}  // namespace camshaft::cluster::batch
