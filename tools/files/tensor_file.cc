// SPDX-License-Identifier: Apache-2.0
//
// Chooses the format and completes the messages of all of them.
#include "tools/files/tensor_file.h"

#include <string_view>

#include "tools/files/decode.h"
#include "tools/files/little_endian.h"

namespace attnscope::tools {
namespace {

bool StartsWith(Bytes bytes, std::string_view magic) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).starts_with(magic);
}

// A length that fits the file, and then JSON.
bool LooksLikeSafetensors(Bytes bytes) {
  return bytes.size() > 8 && LoadLittleEndian<uint64_t>(bytes, 0) <= bytes.size() - 8 && bytes[8] == '{';
}

// By content; a damaged file by its name, so that the message can say what is wrong with it.
std::unique_ptr<TensorFile> Make(const std::string& path, platform::MappedFile&& file) {
  const Bytes bytes = file.bytes();
  if (StartsWith(bytes, "\x93NUMPY")) return MakeNpyFile(path, std::move(file));
  if (StartsWith(bytes, "PK")) return MakeNpzFile(path, std::move(file));
  if (path.ends_with(".npy")) return MakeNpyFile(path, std::move(file));
  if (path.ends_with(".npz")) return MakeNpzFile(path, std::move(file));
  if (path.ends_with(".safetensors") || LooksLikeSafetensors(bytes)) return MakeSafetensorsFile(path, std::move(file));
  if (path.ends_with(".index.json")) return MakeShardedFile(path, std::move(file));
  return nullptr;
}

// What people have instead, by its first bytes, and the way out.
std::string OtherFormat(Bytes bytes) {
  if (StartsWith(bytes, "\x80")) return "is a Python pickle, perhaps of PyTorch; " + std::string(kFromPyTorch);
  if (StartsWith(bytes, "\x89HDF")) return "is HDF5; save its arrays with numpy.savez";
  if (StartsWith(bytes, "GGUF")) return "is GGUF, which holds parameters of a model, not its attention";
  if (StartsWith(bytes, "{") || StartsWith(bytes, "[")) {
    return "is text, perhaps JSON: attnscope diagnose and render read reports";
  }
  return "is neither .npy nor .npz nor .safetensors";
}

}  // namespace

Status TensorFile::Open(const std::string& path, std::unique_ptr<TensorFile>* out) {
  platform::MappedFile file;
  Status status = platform::MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  const bool is_empty = file.bytes().empty();
  std::unique_ptr<TensorFile> opened = is_empty ? nullptr : Make(path, std::move(file));
  if (opened == nullptr) {
    return {StatusCode::kDataLoss, path + ": " + (is_empty ? "is empty" : OtherFormat(file.bytes()))};
  }
  status = opened->ReadInfo();
  if (!status.ok()) return {status.code(), path + ": " + status.message()};
  *out = std::move(opened);
  return {};
}

std::string TensorFile::Describe(size_t tensor) const {
  return is_archive_ ? path_ + ": tensor '" + tensors_[tensor].name + "'" : path_;
}

void TensorFile::TakeVoidAsBFloat16() {
  for (TensorInfo& info : tensors_) {
    if (info.may_be_bfloat16) info.problem.clear();
  }
}

Status TensorFile::Read(size_t tensor, TensorData* out) const {
  const std::string& problem = tensors_[tensor].problem;
  if (!problem.empty()) return {StatusCode::kInvalidArgument, Describe(tensor) + ": " + problem};
  Status status = ReadElements(tensor, out);
  if (status.ok()) status = DecodeElements(tensors_[tensor], out);
  return status.ok() ? status : Status(status.code(), Describe(tensor) + ": " + status.message());
}

}  // namespace attnscope::tools
