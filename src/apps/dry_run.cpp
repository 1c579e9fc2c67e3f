#include "apps/dry_run.hpp"

#include <fmt/format.h>

#include "apps/tether_batch.hpp"
#include "cluster/batch/submission.hpp"

namespace camshaft::apps {
namespace {

namespace batch = cluster::batch;

std::string quoted(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + batch::shell_quoted(word);
  return out;
}

std::string variables(const std::vector<std::pair<std::string, std::string>>& environment) {
  std::string out;
  for (const auto& [name, value] : environment) out += fmt::format("    {}={}\n", name, batch::shell_quoted(value));
  return out;
}

Result<std::string> job(const cluster::TetherSpec& spec) {
  const batch::Request request = batch_request(spec);
  const auto submission = batch_submission(request);
  if (!submission) return submission.error();
  std::string out = variables(submission->environment);
  for (const batch::Script& script : submission->scripts) {
    const std::string from =
        submission->dialect.script_on_stdin ? " < " + batch::shell_quoted(script.file.string()) : "";
    out += fmt::format("  {}{}\n  --- {} ---\n{}{}  ---\n", quoted(batch::submit_command(submission->dialect, script)),
                       from, script.file.string(), script.text,
                       script.text.empty() || script.text.back() != '\n' ? "\n" : "");
  }
  return out;
}

Result<std::string> process(const cluster::Command& command) {
  for (const auto& [name, value] : command.environment) {
    if (name != "CAMSHAFT_TETHER") continue;
    const auto spec = cluster::parse_tether_spec(value);
    if (!spec) return spec.error();
    if (spec->launcher.queued()) return job(*spec);
    if (spec->launcher.name == "mpi") {
      return fmt::format("{}  {}\n", variables(spec->environment), quoted(cluster::mpi_command(*spec)));
    }
    return fmt::format("{}  {}, by the launcher {} with {}\n", variables(spec->environment), quoted(spec->argv),
                       spec->launcher.name, spec->launcher.options.dump());
  }
  return fmt::format("{}  {}\n", variables(command.environment), quoted(command.argv));
}

}  // namespace

Result<std::string> dry_run(const cluster::LocalPlan& plan, int n, bool with_controller) {
  std::string out;
  if (with_controller) {
    const auto text = process(cluster::controller_process(plan));
    if (!text) return text;
    out += fmt::format("controller ({}):\n{}", plan.controller_launcher.name, *text);
  }
  const auto commands = cluster::engine_processes(plan, "SET", n, "");
  const auto text = process(commands.front());
  if (!text) return text;
  const std::string often = commands.size() > 1 ? fmt::format("{} times ", commands.size()) : "";
  out += fmt::format("{} engine{} ({}), {}with the controller's connection in IPP_CONNECTION_INFO:\n{}", n,
                     n == 1 ? "" : "s", plan.engine_launcher.name, often, *text);
  return out;
}

}  // namespace camshaft::apps
