// The submit description of HTCondor. Jobs there inherit nothing, so the environment is part of the text.
#include <fmt/format.h>

#include "cluster/batch/submission.hpp"

namespace camshaft::cluster::batch {
namespace {

/// HTCondor's own quoting inside "...": words with blanks in '...', both quotes doubled.
std::string condor_word(std::string_view word) {
  std::string inner;
  bool blanks = word.empty();
  for (const char c : word) {
    blanks = blanks || c == ' ' || c == '\t' || c == '\'';
    if (c == '"')
      inner += "\"\"";
    else if (c == '\'')
      inner += "''";
    else
      inner += c;
  }
  return blanks ? "'" + inner + "'" : inner;
}

}  // namespace

Result<std::string> condor_script(const Request& request, const std::string& output_file,
                                  const std::vector<std::string>& lines, const Variables& variables) {
  std::string arguments, environment;
  for (std::size_t i = 1; i < request.program.size(); ++i) {
    arguments += (arguments.empty() ? "" : " ") + condor_word(request.program[i]);
  }
  for (const auto& [name, value] : request.environment) {
    if (value.find('\n') != std::string::npos) {
      return Error{Errc::bad_value, fmt::format("HTCondor takes no variable of several lines: {}", name)};
    }
    environment += (environment.empty() ? "" : " ") + name + "=" + condor_word(value);
  }
  std::string out =
      fmt::format("universe = vanilla\nexecutable = {}\ntransfer_executable = False\n", request.program.front());
  if (!arguments.empty()) out += fmt::format("arguments = \"{}\"\n", arguments);
  if (!environment.empty()) out += fmt::format("environment = \"{}\"\n", environment);
  if (!request.work_dir.empty()) out += fmt::format("initialdir = {}\n", request.work_dir);
  out += fmt::format("output = {0}\nerror = {0}\n", output_file);
  if (const auto more = request.options.find("options"); more != request.options.end() && more->is_string()) {
    out += more->get<std::string>() + "\n";
  }
  for (const std::string& line : lines) {
    const auto rendered = render(line, variables);
    if (!rendered) return rendered.error();
    out += *rendered + "\n";
  }
  return out;
}

}  // namespace camshaft::cluster::batch
