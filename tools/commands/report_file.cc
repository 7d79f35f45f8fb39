// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/report_file.h"

#include "tools/files/mapped_file.h"

namespace attnscope::tools {

Status ReadReportFile(const std::string& path, Report* out) {
  MappedFile file;
  Status status = MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  status = ReportFromJson({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, out);
  return status.ok() ? status : Status(status.code(), path + ": " + status.message());
}

}  // namespace attnscope::tools
