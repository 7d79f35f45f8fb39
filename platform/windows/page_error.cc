// SPDX-License-Identifier: Apache-2.0
//
// Everything that the handler calls is safe in a handler: no allocation, no lock, no stdio.
#include "platform/page_error.h"

#include <atomic>

#include "platform/mapped_ranges.h"
#include "platform/page_message.h"
#include "platform/windows/wide.h"

namespace attnscope::platform {
namespace {

std::atomic<int> exit_code_of_errors{1};
std::atomic_flag is_ending;

LONG CALLBACK OnException(EXCEPTION_POINTERS* exception) {
  const EXCEPTION_RECORD& record = *exception->ExceptionRecord;
  if (record.ExceptionCode != EXCEPTION_IN_PAGE_ERROR || record.NumberParameters < 2) return EXCEPTION_CONTINUE_SEARCH;
  const auto* const address = reinterpret_cast<const void*>(record.ExceptionInformation[1]);
  const MappedRange* const range = MappedRange::Find(address);
  if (range == nullptr) return EXCEPTION_CONTINUE_SEARCH;
  while (is_ending.test_and_set()) Sleep(INFINITE);  // another thread is about to end the process
  const PageMessage message(*range, address);
  DWORD written = 0;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), message.text().data(), static_cast<DWORD>(message.text().size()), &written,
            nullptr);
  TerminateProcess(GetCurrentProcess(), static_cast<UINT>(exit_code_of_errors.load()));
  return EXCEPTION_CONTINUE_SEARCH;
}

}  // namespace

void ExitOnPageErrors(int exit_code) {
  exit_code_of_errors = exit_code;
  AddVectoredExceptionHandler(/*First=*/1, &OnException);
}

}  // namespace attnscope::platform
