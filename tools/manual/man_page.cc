// SPDX-License-Identifier: Apache-2.0
//
// The date of a page is empty, so that the same source makes the same pages.
#include "tools/manual/man_page.h"

#include <sstream>

namespace attnscope::tools {
namespace {

// Text as roff shows it as it is: its own characters, and a dash that can be copied into a shell.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (c == '\'') {
      escaped += "\\(aq";
    } else {
      escaped += c;
    }
  }
  return escaped.starts_with('.') ? "\\&" + escaped : escaped;
}

std::string Head(const std::string& name, const std::string& version, const std::string& summary) {
  const bool has_stop = summary.ends_with('.');
  return ".TH " + name + " 1 \"\" \"attnscope " + version + "\" \"User Commands\"\n.SH NAME\n" + Escaped(name) +
         " \\- " + Escaped(has_stop ? summary.substr(0, summary.size() - 1) : summary) + "\n";
}

// "[OPTIONS] REPORT..."
std::string Arguments(const CommandLine& command) {
  std::string text = "[OPTIONS]";
  for (const OptionText& option : command.Options()) {
    if (!option.names.empty()) continue;
    const std::string value = option.value + (option.is_repeated ? "..." : "");
    text += option.is_required ? " " + value : " [" + value + "]";
  }
  return text;
}

std::string OptionList(const CommandLine& command) {
  std::string page;
  for (const OptionText& option : command.Options()) {
    page += ".TP\n";
    for (size_t i = 0; i < option.names.size(); ++i) {
      page += (i == 0 ? "\\fB" : ", \\fB") + Escaped(option.names[i]) + "\\fR";
    }
    if (!option.value.empty()) page += (option.names.empty() ? "\\fI" : " \\fI") + Escaped(option.value) + "\\fR";
    page += "\n";
    std::istringstream lines(option.help);
    for (std::string line; std::getline(lines, line);) page += Escaped(line) + "\n";
  }
  return page;
}

// Lines that are indented, such as examples, stay as they are; others are filled.
std::string Details(const std::string& details) {
  std::string page;
  bool is_kept = false;
  std::istringstream lines(details);
  for (std::string line; std::getline(lines, line);) {
    const bool keep = line.starts_with(' ');
    if (keep != is_kept) page += keep ? ".RS 2\n.nf\n" : ".fi\n.RE\n";
    is_kept = keep;
    if (line.empty()) {
      page += ".PP\n";
    } else {
      page += Escaped(keep ? line.substr(line.find_first_not_of(' ')) : line) + "\n";
    }
  }
  return page + (is_kept ? ".fi\n.RE\n" : "");
}

}  // namespace

std::string ProgramPage(const CommandLine& program, const std::string& version) {
  std::string page = Head(program.name(), version, program.summary());
  page += ".SH SYNOPSIS\n.B " + Escaped(program.name()) + "\nCOMMAND [OPTIONS] [FILE...]\n.SH COMMANDS\n";
  std::string see_also;
  for (const CommandLine* const command : program.commands()) {
    page += ".TP\n.B " + Escaped(command->name()) + "\n" + Escaped(command->summary()) + "\n";
    see_also += (see_also.empty() ? ".BR " : ",\n.BR ") + Escaped(program.name() + "-" + command->name()) + " (1)";
  }
  page += ".SH OPTIONS\n" + OptionList(program) + ".SH DETAILS\n" + Details(program.details());
  return page + ".SH SEE ALSO\n" + see_also + "\n";
}

std::string CommandPage(const CommandLine& program, const CommandLine& command, const std::string& version) {
  std::string page = Head(program.name() + "-" + command.name(), version, command.summary());
  page +=
      ".SH SYNOPSIS\n.B " + Escaped(program.name() + " " + command.name()) + "\n" + Escaped(Arguments(command)) + "\n";
  page += ".SH OPTIONS\n" + OptionList(command) + ".SH DETAILS\n" + Details(command.details());
  return page + ".SH SEE ALSO\n.BR " + Escaped(program.name()) + " (1)\n";
}

}  // namespace attnscope::tools
