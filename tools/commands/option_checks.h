// SPDX-License-Identifier: Apache-2.0
//
// What options of several commands must be, beyond what CLI11 has. Included by the commands.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_OPTION_CHECKS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_OPTION_CHECKS_H_

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

namespace attnscope::tools {

// An empty path, as of a shell variable that is not set, would mean that nothing is written.
inline CLI::Validator NotEmpty() {
  return {[](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); }, ""};
}

inline CLI::Validator AtMostBytes(size_t most) {
  return {[most](const std::string& text) {
            return text.size() <= most
                       ? std::string()
                       : "has " + std::to_string(text.size()) + " bytes, more than " + std::to_string(most);
          },
          ""};
}

// CLI11 takes numbers beyond 64 bits for the largest ones.
inline CLI::Validator WholeNumber() {
  return {[](const std::string& text) {
            int64_t number = 0;
            const char* const end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, number);
            return error == std::errc() && rest == end ? std::string()
                                                       : text + " is no whole number from -2^63 to 2^63 - 1";
          },
          ""};
}

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_OPTION_CHECKS_H_
