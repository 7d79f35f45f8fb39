// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <sstream>

namespace attnscope::tools {

CommandOption& CommandOption::Placeholder(const std::string& text) {
  option_->type_name(text);
  return *this;
}

CommandOption& CommandOption::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

CommandOption& CommandOption::Required() {
  option_->required();
  return *this;
}

CommandOption& CommandOption::OneForEachMention() {
  option_->allow_extra_args(false);
  return *this;
}

// An empty path, as of a shell variable that is not set, would mean that nothing is written.
CommandOption& CommandOption::NotEmpty() {
  option_->check([](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); });
  return *this;
}

CommandOption& CommandOption::AtMostBytes(size_t most) {
  option_->check([most](const std::string& text) {
    return text.size() <= most ? std::string()
                               : "has " + std::to_string(text.size()) + " bytes, more than " + std::to_string(most);
  });
  return *this;
}

// CLI11 takes numbers beyond 64 bits for the largest ones.
CommandOption& CommandOption::WholeNumber() {
  option_->check([](const std::string& text) {
    int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && rest == end ? std::string() : text + " is no whole number from -2^63 to 2^63 - 1";
  });
  return *this;
}

CommandOption& CommandOption::Positive() {
  WholeNumber();
  option_->check([](const std::string& text) {
    const bool is_below = text.starts_with('-') || text.find_first_not_of('0') == std::string::npos;
    return is_below ? text + " is below 1" : std::string();
  });
  return *this;
}

CommandOption& CommandOption::Between(size_t least, size_t most) {
  option_->check(CLI::Range(least, most).description(""));
  return *this;
}

CommandOption& CommandOption::Between(double least, double most) {
  option_->check(CLI::Range(least, most).description(""));
  return *this;
}

CommandOption& CommandOption::OneOf(const std::vector<std::string>& texts) {
  option_->check(CLI::IsMember(texts).description(""));
  return *this;
}

CommandLine::CommandLine(const std::string& name, const std::string& summary)
    : owned_(std::make_unique<CLI::App>(summary, name)), app_(owned_.get()) {
  app_->allow_windows_style_options(false);  // on Windows "/folder/file" is a path too, in all commands
}

CommandLine::CommandLine(CLI::App* app) : app_(app) {}

CommandLine::~CommandLine() = default;

CommandOption CommandLine::AddOption(const std::string& names, std::string* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption CommandLine::AddOption(const std::string& names, size_t* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption CommandLine::AddOption(const std::string& names, double* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption CommandLine::AddOption(const std::string& names, std::optional<int64_t>* value, const std::string& help) {
  return CommandOption(app_->add_option(names, *value, help));
}

CommandOption CommandLine::AddOption(const std::string& names, std::vector<std::string>* values,
                                     const std::string& help) {
  return CommandOption(app_->add_option(names, *values, help));
}

CommandOption CommandLine::AddOption(const std::string& names, std::vector<std::vector<std::string>>* values,
                                     const std::string& help) {
  return CommandOption(app_->add_option(names, *values, help)->expected(1, 2)->take_all());
}

CommandOption CommandLine::AddOption(const std::string& names, const std::function<void(const std::string&)>& take,
                                     const std::string& help) {
  return CommandOption(app_->add_option_function<std::string>(names, take, help));
}

void CommandLine::AddFlag(const std::string& name, bool* value, const std::string& help) {
  app_->add_flag(name, *value, help);
}

void CommandLine::AddDetails(const std::string& text) {
  details_ += details_.empty() ? text : "\n" + text;
  app_->footer(details_);
}

void CommandLine::SetVersion(const std::string& text) { app_->set_version_flag("--version", text); }

void CommandLine::AddAnswer(const std::string& name, std::string_view text, const std::string& help) {
  // CLI11 prints what this exception carries, and ends without an error.
  app_->add_flag_callback(
      name, [text] { throw CLI::CallForVersion(std::string(text), 0); }, help);
}

CommandLine* CommandLine::AddCommand(const std::string& name, const std::string& summary) {
  app_->require_subcommand(0, 1);
  commands_.push_back(std::unique_ptr<CommandLine>(new CommandLine(app_->add_subcommand(name, summary))));
  return commands_.back().get();
}

bool CommandLine::was_given() const { return app_->parsed(); }

std::string CommandLine::name() const { return app_->get_name(); }

std::string CommandLine::summary() const { return app_->get_description(); }

std::vector<OptionText> CommandLine::Options() const {
  std::vector<OptionText> texts;
  for (const CLI::Option* const option : static_cast<const CLI::App*>(app_)->get_options()) {
    OptionText text{.help = option->get_description(),
                    .is_required = option->get_required(),
                    .is_repeated = option->get_items_expected_max() > option->get_type_size_max()};
    for (const std::string& name : option->get_snames()) text.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) text.names.push_back("--" + name);
    const bool is_flag = option->get_items_expected_max() == 0;
    if (option->get_positional()) {
      text.value = option->get_name(true);
    } else if (!is_flag) {
      text.value = option->get_type_name();
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

std::vector<const CommandLine*> CommandLine::commands() const {
  std::vector<const CommandLine*> commands;
  for (const std::unique_ptr<CommandLine>& command : commands_) commands.push_back(command.get());
  return commands;
}

ParseOutcome CommandLine::Parse(const std::vector<std::string>& arguments) {
  try {
    // CLI11 takes words from the end.
    std::vector<std::string> words(arguments.rbegin(), arguments.rend());
    if (!words.empty()) words.pop_back();
    app_->parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive as errors whose exit code is zero.
    std::ostringstream out;
    std::ostringstream err;
    if (app_->exit(error, out, err) == 0) return {.is_answer = true, .text = out.str()};
    return {.is_error = true, .text = std::string(error.what()) + "\nRun with --help for more."};
  }
  return {};
}

}  // namespace attnscope::tools
