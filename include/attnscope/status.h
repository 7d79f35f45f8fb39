// SPDX-License-Identifier: Apache-2.0
//
// How every fallible attnscope call answers: a code for programs and a message for people. The library never aborts on
// bad input and never prints; ignoring a Status is a compiler warning. The one exception that can leave a call is
// std::bad_alloc: of functions that return what they allocate (Diagnose, ReportToJson), and of any other where there is
// no memory left for a message. The C interface turns it into ATTNSCOPE_OUT_OF_MEMORY.
#ifndef ATTNSCOPE_STATUS_H_
#define ATTNSCOPE_STATUS_H_

#include <cstdint>
#include <string>
#include <utility>

namespace attnscope {

// Why a call failed.
enum class StatusCode : uint8_t {
  kOk = 0,
  kInvalidArgument,  // a value makes no sense by itself or beside another (shape, stride, type, null pointer)
  kOutOfRange,       // a sensible value beyond what this object was made for (more heads, more keys)
  kOutOfMemory,      // an allocation was refused
  kNotFound,         // a file, tensor or layer that is not there
  kDataLoss,         // input that is malformed or truncated
  kIoError,          // the operating system refused to read or write
};

// Success is free: it holds no message and allocates nothing. A message names the argument and its value.
class [[nodiscard]] Status {
 public:
  Status() = default;
  // A failure, if `code` is not kOk.
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  // Whether the call has succeeded; why it failed, for programs and for people.
  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_STATUS_H_
