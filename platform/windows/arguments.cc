// SPDX-License-Identifier: Apache-2.0
#include "platform/arguments.h"

#include "platform/windows/wide.h"
// After windows.h, which it needs.
#include <shellapi.h>

namespace attnscope::platform {

std::vector<std::string> Arguments(int argc, const char* const* argv) {
  int count = 0;
  wchar_t** const words = CommandLineToArgvW(GetCommandLineW(), &count);
  if (words == nullptr) return {argv, argv + argc};
  std::vector<std::string> arguments;
  for (int i = 0; i < count; ++i) {
    const int size = WideCharToMultiByte(CP_UTF8, 0, words[i], -1, nullptr, 0, nullptr, nullptr);
    std::string argument(static_cast<size_t>(size), '\0');
    WideCharToMultiByte(CP_UTF8, 0, words[i], -1, argument.data(), size, nullptr, nullptr);
    argument.pop_back();  // the zero at the end
    arguments.push_back(std::move(argument));
  }
  LocalFree(words);
  return arguments;
}

}  // namespace attnscope::platform
