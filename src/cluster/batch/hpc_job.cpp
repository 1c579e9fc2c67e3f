// The job file of Windows HPC Server: attributes in the order in which its Job Manager writes them.
#include <fmt/format.h>

#include <array>

#include "cluster/batch/submission.hpp"

namespace camshaft::cluster::batch {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 5> kPriorities = {"Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest"};

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// One attribute after the other, options first, else `usual`.
class Attributes {
 public:
  Attributes(const json& options, int indent) : options_(options), indent_(indent) {}
  void add(std::string_view name, const std::string& option, const std::string& usual) {
    std::string value = usual;
    if (const auto found = options_.find(option); found != options_.end() && !found->is_null()) {
      value = found->is_string() ? found->get<std::string>() : found->dump();
    }
    text_ += fmt::format("\n{}{}=\"{}\"", std::string(static_cast<std::size_t>(indent_), ' '), name, xml_text(value));
  }
  void fixed(std::string_view name, const std::string& value) { add(name, "", value); }
  const std::string& text() const { return text_; }

 private:
  const json& options_;
  int indent_;
  std::string text_;
};

void add_resources(Attributes& out, const std::string& cores) {
  out.add("MinCores", "min_cores", cores);
  out.add("MaxCores", "max_cores", cores);
  out.add("MinSockets", "min_sockets", "1");
  out.add("MaxSockets", "max_sockets", "1");
  out.add("MinNodes", "min_nodes", "1");
  out.add("MaxNodes", "max_nodes", "1");
}

/// A command line as Windows programs split it.
std::string windows_line(const Words& words) {
  std::string out;
  for (const std::string& word : words) {
    const bool blanks = word.empty() || word.find_first_of(" \t\"") != std::string::npos;
    std::string quoted;
    for (const char c : word) quoted += c == '"' ? "\\\"" : std::string(1, c);
    out += (out.empty() ? "" : " ") + (blanks ? "\"" + quoted + "\"" : quoted);
  }
  return out;
}

std::string task(const Request& request, int index) {
  const std::string name = request.controller ? "ipcontroller" : "ipengine";
  Attributes out(request.options, 6);
  out.add("Version", "version", "2.000");
  out.add("Name", "task_name", request.controller ? "IPController" : fmt::format("IPEngine{}", index));
  add_resources(out, "1");
  Words line = request.program;
  line.push_back("--log-level=40");
  out.fixed("CommandLine", windows_line(line));
  out.add("WorkDirectory", "work_directory", request.profile_dir);
  out.add("IsRerunnable", "is_rerunnable", "true");
  const std::string stem = request.controller ? request.file_stem() : fmt::format("{}-{}", request.file_stem(), index);
  out.fixed("StdOutFilePath", "log\\" + stem + ".out");
  out.fixed("StdErrFilePath", "log\\" + stem + ".err");
  out.add("IsParametric", "is_parametric", "false");
  out.add("UnitType", "unit_type", "Core");
  std::string text = fmt::format("    <Task{}>\n      <EnvironmentVariables>\n", out.text());
  for (const auto& [variable_name, value] : request.environment) {
    text +=
        fmt::format("        <Variable>\n          <Name>{}</Name>\n          <Value>{}</Value>\n        </Variable>\n",
                    xml_text(variable_name), xml_text(value));
  }
  return text + "      </EnvironmentVariables>\n    </Task>\n";
}

}  // namespace

Result<std::string> hpc_job(const Request& request) {
  if (const auto found = request.options.find("priority"); found != request.options.end() && found->is_string()) {
    bool known = false;
    for (const std::string_view one : kPriorities) known = known || found->get<std::string>() == one;
    if (!known) {
      return Error{Errc::bad_value,
                   fmt::format("priority={}: Windows HPC knows {}", found->dump(), fmt::join(kPriorities, ", "))};
    }
  }
  Attributes out(request.options, 2);
  out.add("Version", "version", "2.000");
  out.add("Name", "job_name", request.controller ? "IPController" : "IPEngineSet");
  out.add("UnitType", "unit_type", "Core");
  add_resources(out, std::to_string(request.n));
  out.add("RunUntilCanceled", "run_until_canceled", "true");
  out.add("IsExclusive", "is_exclusive", request.controller ? "false" : "true");
  out.add("UserName", "username", "");
  out.add("JobType", "job_type", "Batch");
  out.add("Priority", "priority", "Highest");
  out.add("RequestedNodes", "requested_nodes", "");
  out.add("AutoCalculateMax", "auto_calculate_max", "true");
  out.add("AutoCalculateMin", "auto_calculate_min", "true");
  out.add("Project", "project", "IPython");
  out.add("Owner", "owner", "");
  out.fixed("xmlns", "http://schemas.microsoft.com/HPCS2008/scheduler/");
  std::string text =
      fmt::format("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Job{}>\n  <Dependencies />\n  <Tasks>\n", out.text());
  for (int i = 0; i < request.n; ++i) text += task(request, i);
  return text + "  </Tasks>\n</Job>\n";
}

}  // namespace camshaft::cluster::batch
