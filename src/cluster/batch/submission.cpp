#include "cluster/batch/submission.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace camshaft::cluster::batch {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

std::string program_name(const Request& request) { return request.controller ? "ipcontroller" : "ipengine"; }

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    if (!part.empty()) out += (out.empty() ? "" : "-") + std::string(part);
  }
  return out;
}

std::string option(const json& options, const char* name) {
  const auto found = options.find(name);
  if (found == options.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string quoted_words(const Words& words, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < words.size(); ++i) out += (out.empty() ? "" : " ") + shell_quoted(words[i]);
  return out;
}

/// Everything that a template may ask for.
Variables variables_of(const Request& request, const std::string& output_file) {
  json environment = json::object();
  for (const auto& [name, value] : request.environment) environment[name] = value;
  Variables out = {
      {"n", std::int64_t{request.n}},
      {"profile_dir", request.profile_dir},
      {"cluster_id", request.cluster_id},
      {"output_file", output_file},
      {"program", request.program.empty() ? "" : shell_quoted(request.program.front())},
      {"program_args", quoted_words(request.program, 1)},
      {"program_and_args", quoted_words(request.program, 0)},
      {"program_name", program_name(request)},
      {"job_name", joined({program_name(request), request.cluster_id})},
      {"environment_json", environment.dump()},
  };
  for (const char* name : {"queue", "account", "qos", "timelimit", "options", "pe"}) {
    out[name] = option(request.options, name);
  }
  if (const auto names = request.options.find("namespace"); names != request.options.end() && names->is_object()) {
    for (const auto& [name, value] : names->items()) {
      out[name] = value.is_number_integer() ? Value(value.get<std::int64_t>())
                                            : Value(value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return out;
}

/// Our own script, as a template: directives first, because systems stop looking at the first command.
Result<std::string> built_in(const Dialect& dialect, const Request& request, Layout layout) {
  std::vector<std::string> lines = {"#!/bin/sh"};
  lines.insert(lines.end(), dialect.head.begin(), dialect.head.end());
  const auto& of_layout = dialect.layouts.at(layout);
  lines.insert(lines.end(), of_layout.begin(), of_layout.end());
  for (const OptionLine& one : dialect.option_lines) {
    if (!option(request.options, one.option.c_str()).empty()) lines.push_back(one.line);
  }
  if (!option(request.options, "options").empty()) lines.push_back(dialect.directive + " {options}");
  if (!dialect.output_line.empty()) lines.push_back(dialect.output_line);
  if (!request.work_dir.empty()) {
    std::string folder;  // as text of a template
    for (const char c : shell_quoted(request.work_dir))
      folder += c == '{' || c == '}' ? std::string(2, c) : std::string(1, c);
    lines.push_back(fmt::format("cd {} 2> /dev/null || :", folder));
  }
  if (layout == Layout::allocation) {
    if (dialect.runner.empty()) {
      return Error{Errc::bad_value,
                   fmt::format("{} has no runner for one allocation: give the option runner", dialect.title)};
    }
    if (dialect.runner.rfind("mpiexec", 0) == 0) {
      // Open MPI passes only what it is told to; others pass everything and do not look at this.
      std::string names;
      for (const auto& [name, value] : request.environment) names += (names.empty() ? "" : ";") + name;
      lines.push_back(fmt::format("export OMPI_MCA_mca_base_env_list='{}'", names));
    }
    lines.push_back(fmt::format("exec {} {{program_and_args}}", dialect.runner));
  } else {
    lines.push_back("exec {program_and_args}");
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

/// batch_template, else batch_template_file, else our own.
Result<std::string> text_of(const Dialect& dialect, const Request& request, Layout layout,
                            const std::string& output_file, const ReadFile& read) {
  const Variables variables = variables_of(request, output_file);
  if (const std::string given = option(request.options, "batch_template"); !given.empty())
    return render(given, variables);
  if (const std::string file = option(request.options, "batch_template_file"); !file.empty()) {
    const auto text = read(file);
    if (!text) return text.error();
    return render(*text, variables);
  }
  if (dialect.form == Form::hpc_xml) return hpc_job(request);
  if (dialect.form == Form::condor) return condor_script(request, output_file, dialect.layouts.at(layout), variables);
  if (dialect.directive.empty() && dialect.submit.back() != "{script}") {
    return Error{Errc::bad_value,
                 "give batch_template or batch_template_file: there is no script of our own for this system"};
  }
  const auto text = built_in(dialect, request, layout);
  if (!text) return text;
  return render(*text, variables);
}

bool is_custom(const Request& request) {
  return !option(request.options, "batch_template").empty() || !option(request.options, "batch_template_file").empty();
}

}  // namespace

std::string Request::file_stem() const { return joined({controller ? "ipcontroller" : "ipengine", cluster_id, set}); }

fs::path Request::jobs_file() const {
  return fs::path(profile_dir) / "security" / (joined({"jobs", cluster_id, controller ? "controller" : set}) + ".json");
}

std::string shell_quoted(std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:=,+@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

Result<Submission> prepare(const Request& request, const ReadFile& read) {
  const Dialect* row = find_dialect(request.system);
  if (row == nullptr) return Error{Errc::not_found, fmt::format("no batch system is called '{}'", request.system)};
  auto dialect = with_options(*row, request.options);
  if (!dialect) return dialect.error();
  Submission out;
  out.dialect = std::move(*dialect);
  const Dialect& d = out.dialect;
  const auto knows = [&](Layout layout) { return d.layouts.find(layout) != d.layouts.end(); };
  // A controller is one process, and an array of one element is an error to some systems.
  const bool single = request.controller || (request.n == 1 && d.layout == Layout::array);
  out.layout = single && knows(Layout::jobs) ? Layout::jobs : d.layout;
  if (d.form == Form::shell && out.layout == Layout::allocation && !d.layouts.at(out.layout).empty() &&
      d.layouts.at(out.layout).front().find("{pe}") != std::string::npos && option(request.options, "pe").empty() &&
      !is_custom(request)) {
    return Error{Errc::bad_value,
                 fmt::format("layout=allocation: {} gives several slots to one job in a parallel environment: "
                             "name one with the option pe (qconf -spl lists them)",
                             d.title)};
  }
  out.environment = request.environment;
  out.environment.insert(out.environment.end(), d.environment.begin(), d.environment.end());

  const fs::path folder = request.profile_dir;
  const std::string chosen = option(request.options, d.form == Form::hpc_xml ? "job_file_name" : "batch_file_name");
  const fs::path name =
      chosen.empty() ? fs::path(request.controller ? d.controller_file : d.engines_file) : fs::path(chosen);
  const int scripts = out.layout == Layout::jobs && !is_custom(request) ? request.n : 1;
  for (int i = 0; i < scripts; ++i) {
    const std::string number = scripts > 1 ? std::to_string(i) : "";
    const std::string index = out.layout == Layout::array && !is_custom(request) ? d.output_index : "";
    Script script;
    script.output_file = option(request.options, "output_file");
    if (script.output_file.empty()) {
      const std::string dot = index.empty() ? number.empty() ? "" : "." + number : "." + index;
      script.output_file = (folder / "log" / (request.file_stem() + "-job" + dot + ".log")).string();
    }
    // Each cluster and set has its own file, but for the one that people import by its name.
    const bool fixed = !chosen.empty() || d.form == Form::hpc_xml;
    const std::string stem =
        fixed ? name.stem().string() : joined({name.stem().string(), request.cluster_id, request.set});
    script.file = folder / name.parent_path() / (joined({stem, number}) + name.extension().string());
    Request one = request;
    if (scripts > 1) one.n = 1;
    auto text = text_of(d, one, out.layout, script.output_file, read);
    if (!text) return text.error();
    script.text = std::move(*text);
    out.scripts.push_back(std::move(script));
  }
  return out;
}

Words submit_command(const Dialect& dialect, const Script& script) {
  Words out;
  for (std::string word : expand(dialect.submit, {})) {
    if (const std::size_t at = word.find("{script}"); at != std::string::npos)
      word.replace(at, 8, script.file.string());
    out.push_back(std::move(word));
  }
  return out;
}

Words signal_command(const Submission& submission, const std::vector<std::string>& ids, int number) {
  const Dialect& d = submission.dialect;
  if (const auto own = d.by_signal.find(number); own != d.by_signal.end()) return expand(own->second, ids, number);
  const bool tasks = submission.layout == Layout::allocation && !d.signal_tasks.empty();
  return expand(tasks ? d.signal_tasks : d.signal, ids, number);
}

}  // namespace camshaft::cluster::batch
