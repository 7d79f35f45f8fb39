// SPDX-License-Identifier: Apache-2.0
#include "attnscope/target.h"

#include <stdint.h>
#include <stdlib.h>

#include <string>

#include "attnscope/version.h"
#include "kernels/simd/target_choice.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/target.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h:
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attnscope {
namespace HWY_NAMESPACE {

// What the dispatch really reaches.
int64_t ReachedTarget() { return HWY_TARGET; }

}  // namespace HWY_NAMESPACE
}  // namespace attnscope
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attnscope {
namespace {

HWY_EXPORT(ReachedTarget);

std::string JoinedNames() {
  std::string text;
  for (const std::string_view name : CompiledTargets()) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

// Zero if no target of this name is compiled in.
int64_t TargetOfName(std::string_view name) {
  for (int64_t rest = HWY_TARGETS; rest != 0; rest &= rest - 1) {
    const int64_t target = rest & -rest;
    if (name == hwy::TargetName(target)) return target;
  }
  return 0;
}

Status Force(std::string_view name, const std::string& source) {
  const int64_t target = TargetOfName(name);
  if (target == 0) {
    return {StatusCode::kInvalidArgument,
            source + " is \"" + std::string(name) + "\", which is not compiled in; there are " + JoinedNames()};
  }
  // Highway has no other call that undoes an earlier choice; zero stands for the CPU's own.
  const int64_t before = hwy::SupportedTargets();
  hwy::SetSupportedTargetsForTest(0);
  if ((hwy::SupportedTargets() & target) == 0) {
    hwy::SetSupportedTargetsForTest(before);
    return {StatusCode::kOutOfRange, source + " is \"" + std::string(name) + "\", which this CPU lacks"};
  }
  hwy::SetSupportedTargetsForTest(target);
  return {};
}

Status ForceFromEnvironment() {
  const char* const name = getenv("ATTNSCOPE_TARGET");
  return name == nullptr || *name == '\0' ? Status() : Force(name, "ATTNSCOPE_TARGET");
}

}  // namespace

const Status& ForceTargetFromEnvironment() {
  static const Status status = ForceFromEnvironment();
  return status;
}

std::string_view Version() {
  return HWY_STR(ATTNSCOPE_VERSION_MAJOR) "." HWY_STR(ATTNSCOPE_VERSION_MINOR) "." HWY_STR(ATTNSCOPE_VERSION_PATCH);
}

// Highway orders its targets from the best to the portable one.
std::vector<std::string_view> CompiledTargets() {
  std::vector<std::string_view> names;
  for (int64_t rest = HWY_TARGETS; rest != 0; rest &= rest - 1) names.emplace_back(hwy::TargetName(rest & -rest));
  return names;
}

std::string_view ChosenTarget() {
  (void)ForceTargetFromEnvironment();
  return hwy::TargetName(HWY_DYNAMIC_DISPATCH(ReachedTarget)());
}

Status ForceTarget(std::string_view name) {
  // So that it does not come later and override this call.
  (void)ForceTargetFromEnvironment();
  if (!name.empty()) return Force(name, "target");
  hwy::SetSupportedTargetsForTest(0);
  return {};
}

}  // namespace attnscope
#endif  // HWY_ONCE
