// SPDX-License-Identifier: Apache-2.0
//
// The three standard streams.
#ifndef ATTNSCOPE_PLATFORM_STREAMS_H_
#define ATTNSCOPE_PLATFORM_STREAMS_H_

#include <cstddef>
#include <string_view>

namespace attnscope::platform {

// Makes failed writes visible as errors: neither a reader of standard output that has gone away nor a limit on the size
// of files ends the process any more, and no file that is opened later takes the place of a standard stream that was
// closed. Bytes are written as they are, and a terminal shows them as UTF-8. Call first.
void PrepareStandardStreams();

enum class Stream { kOutput = 1, kError = 2 };

// Whether the stream leads to a terminal; to one that obeys escape sequences, which takes an order on Windows.
bool IsTerminal(Stream stream);

// The characters of a terminal's line, and its lines. False where the stream leads to none.
bool SizeOfTerminal(Stream stream, size_t* columns, size_t* lines);

// Writes all bytes, not by stdio, which gives up where a call is interrupted. Zero, or the system's error number.
int WriteToStream(Stream stream, std::string_view bytes);

}  // namespace attnscope::platform

#endif  // ATTNSCOPE_PLATFORM_STREAMS_H_
