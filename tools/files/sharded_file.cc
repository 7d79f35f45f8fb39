// SPDX-License-Identifier: Apache-2.0
//
// An index of safetensors files ("model.safetensors.index.json"): which tensor is in which file beside it.
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "platform/path.h"
#include "report/io/json_text.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {
namespace {

constexpr const char* kMap = "weight_map";

class ShardedFile : public TensorFile {
 public:
  ShardedFile(std::string path, platform::MappedFile file)
      : TensorFile(std::move(path), /*is_archive=*/true, std::move(file)) {}

  Status CheckUnchanged() const override {
    Status status = TensorFile::CheckUnchanged();
    for (const auto& [name, shard] : shards_) {
      if (status.ok()) status = shard.file->CheckUnchanged();
    }
    return status;
  }

 private:
  struct Shard {
    std::unique_ptr<TensorFile> file;
    std::map<std::string, size_t> tensors;  // by name
  };

  struct Source {
    const TensorFile* file;
    size_t tensor;
  };

  Status ReadInfo() override {
    nlohmann::json index;
    Status status = ParseJson({reinterpret_cast<const char*>(bytes().data()), bytes().size()}, &index);
    if (!status.ok()) return status;
    if (!index.is_object() || !index.contains(kMap) || !index[kMap].is_object()) {
      return {StatusCode::kDataLoss, "is no index of safetensors files: it lacks the object \"weight_map\""};
    }
    for (const auto& [tensor, shard] : index[kMap].items()) {
      if (!shard.is_string()) {
        return {StatusCode::kDataLoss, "weight_map: tensor '" + tensor + "' has no name of a file"};
      }
      status = AddTensor(tensor, shard.get_ref<const std::string&>());
      if (!status.ok()) return status;
    }
    return tensors_.empty() ? Status(StatusCode::kDataLoss, "holds no tensors") : Status();
  }

  Status AddTensor(const std::string& tensor, const std::string& shard) {
    // An index leads to files beside it, to no others.
    if (!platform::IsPlainName(shard) || shard.ends_with(".json")) {
      return {StatusCode::kDataLoss, "weight_map: '" + shard + "' is no safetensors file beside the index"};
    }
    Shard& opened = shards_[shard];
    if (opened.file == nullptr) {
      Status status =
          Open(platform::Utf8Of(platform::PathOf(path()).parent_path() / platform::PathOf(shard)), &opened.file);
      if (!status.ok()) return status;
      for (const TensorInfo& info : opened.file->tensors()) opened.tensors.emplace(info.name, opened.tensors.size());
    }
    const auto found = opened.tensors.find(tensor);
    if (found == opened.tensors.end()) {
      return {StatusCode::kDataLoss, "weight_map: '" + shard + "' has no tensor '" + tensor + "'"};
    }
    tensors_.push_back(opened.file->tensors()[found->second]);
    sources_.push_back({opened.file.get(), found->second});
    return {};
  }

  Status ReadElements(size_t tensor, TensorData* out) const override {
    return ReadElementsOf(*sources_[tensor].file, sources_[tensor].tensor, out);
  }

  std::map<std::string, Shard> shards_;  // by file name
  std::vector<Source> sources_;          // as tensors()
};

}  // namespace

std::unique_ptr<TensorFile> MakeShardedFile(std::string path, platform::MappedFile file) {
  return std::make_unique<ShardedFile>(std::move(path), std::move(file));
}

}  // namespace attnscope::tools
