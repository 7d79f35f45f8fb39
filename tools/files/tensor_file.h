// SPDX-License-Identifier: Apache-2.0
//
// A file of tensors: .npy, .npz, .safetensors or an index of such, recognised by its first bytes.
#ifndef ATTNSCOPE_TOOLS_FILES_TENSOR_FILE_H_
#define ATTNSCOPE_TOOLS_FILES_TENSOR_FILE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/status.h"
#include "platform/mapped_file.h"
#include "tools/files/tensor.h"

namespace attnscope::tools {

// How tensors of PyTorch's own format get here, for messages.
inline constexpr const char* kFromPyTorch =
    "save it as safetensors:\n"
    "  import torch, safetensors.torch\n"
    "  tensors = torch.load(\"FILE.pt\", weights_only=True)  # a dictionary of names and tensors\n"
    "  safetensors.torch.save_file(tensors, \"FILE.safetensors\")";

class TensorFile {
 public:
  virtual ~TensorFile() = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  // Reads and checks what the file says of its tensors, not yet their elements. Errors: kNotFound, kIoError, kDataLoss,
  // kOutOfMemory; the message names the path and, where it is about one tensor, that tensor.
  static Status Open(const std::string& path, std::unique_ptr<TensorFile>* out);

  const std::string& path() const { return path_; }
  // False for .npy, whose one tensor is named as the file.
  bool is_archive() const { return is_archive_; }
  std::span<const TensorInfo> tensors() const { return tensors_; }
  // "dump.npz: tensor 'blocks.0.attn'", or the path alone for .npy.
  std::string Describe(size_t tensor) const;

  // The elements, in C order, valid while this object lives. Errors: kInvalidArgument for a tensor with a problem,
  // kDataLoss, kOutOfMemory; the message names path and tensor. O(size).
  Status Read(size_t tensor, TensorData* out) const;

  // Reads tensors whose elements are two bytes of no type, as numpy writes bfloat16, as that.
  void TakeVoidAsBFloat16();

  // What was passed over, for people.
  std::span<const std::string> notes() const { return notes_; }

  // As platform::MappedFile::CheckUnchanged.
  virtual Status CheckUnchanged() const { return file_.CheckUnchanged(); }

 protected:
  TensorFile(std::string path, bool is_archive, platform::MappedFile file)
      : path_(std::move(path)), is_archive_(is_archive), file_(std::move(file)) {}

  Bytes bytes() const { return file_.bytes(); }
  // Fills tensors_ and makes sure that each without a problem has all its elements. Messages need not name the path.
  virtual Status ReadInfo() = 0;
  // The elements as they are stored, of a tensor without a problem; messages need not name path and tensor.
  virtual Status ReadElements(size_t tensor, TensorData* out) const = 0;

  static Status ReadElementsOf(const TensorFile& file, size_t tensor, TensorData* out) {
    return file.ReadElements(tensor, out);
  }

  std::vector<TensorInfo> tensors_;
  std::vector<std::string> notes_;

 private:
  std::string path_;
  bool is_archive_;
  platform::MappedFile file_;
};

// One for each format; `Open` chooses.
std::unique_ptr<TensorFile> MakeNpyFile(std::string path, platform::MappedFile file);
std::unique_ptr<TensorFile> MakeNpzFile(std::string path, platform::MappedFile file);
std::unique_ptr<TensorFile> MakeSafetensorsFile(std::string path, platform::MappedFile file);
std::unique_ptr<TensorFile> MakeShardedFile(std::string path, platform::MappedFile file);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_FILES_TENSOR_FILE_H_
