# SPDX-License-Identifier: Apache-2.0
# The SIMD targets that kernels are compiled for, as definitions and options of this folder and those below it:
# ATTNSCOPE_TARGETS names them, ATTNSCOPE_ALL_TARGETS takes all, and where neither is set it is all but SSSE3. Needs
# FindHighway.cmake before it.

include(CheckCXXSourceCompiles)

set(ATTNSCOPE_TARGETS "" CACHE STRING "SIMD targets to compile the kernels for, by Highway's names, such as \"AVX2;AVX3\". \
Of several the CPU's best is chosen at run time, and the compiler's own baseline is added, so that the library runs \
everywhere; with one the whole library is compiled for it. Empty: all but SSSE3")

# The options that make a target of x86 the compiler's baseline.
set(attnscope_flags_AVX3_DL -march=icelake-server)
set(attnscope_flags_AVX3 -march=skylake-avx512)
set(attnscope_flags_AVX2 -march=haswell -maes)
set(attnscope_flags_SSE4 -march=westmere -maes -mpclmul)
set(attnscope_flags_SSSE3 -march=core2)

# attnscope_check_targets(RESULT DEFINITIONS CONDITION OPTION...): whether CONDITION holds for Highway's macros, with lines
# of #define before it.
function(attnscope_check_targets result definitions condition)
  string(MAKE_C_IDENTIFIER "ATTNSCOPE_CHECKED_${definitions}_${condition}_${ARGN}" checked)
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  set(CMAKE_REQUIRED_QUIET TRUE)
  set(CMAKE_REQUIRED_INCLUDES ${ATTNSCOPE_HIGHWAY_INCLUDE_DIR})
  list(JOIN ARGN " " CMAKE_REQUIRED_FLAGS)
  check_cxx_source_compiles("${definitions}
#include <hwy/detect_targets.h>
#if !(${condition})
#error
#endif
int main() {}
" ${checked})
  set(${result} "${${checked}}" PARENT_SCOPE)
endfunction()

# Stops unless Highway knows each name of ATTNSCOPE_TARGETS.
function(attnscope_check_target_names)
  file(STRINGS ${ATTNSCOPE_HIGHWAY_INCLUDE_DIR}/hwy/detect_targets.h lines REGEX "^#define HWY_[A-Z0-9_]+ \\(1LL << [0-9]+\\)")
  set(known)
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^#define HWY_([A-Z0-9_]+) .*" "\\1" name "${line}")
    list(APPEND known ${name})
  endforeach()
  foreach(name IN LISTS ATTNSCOPE_TARGETS)
    if(NOT name IN_LIST known)
      list(JOIN known ", " known)
      message(FATAL_ERROR "ATTNSCOPE_TARGETS names \"${name}\", which this Highway does not know; it knows ${known}.")
    endif()
  endforeach()
endfunction()

# Compiles everything for one target.
function(attnscope_compile_one name)
  if(name MATCHES "^(SCALAR|EMU128)$")
    add_compile_definitions(HWY_COMPILE_ONLY_${name})
    return()
  endif()
  set(flags)
  attnscope_check_targets(is_baseline "" "HWY_STATIC_TARGET == HWY_${name}")
  if(NOT is_baseline)
    set(flags ${attnscope_flags_${name}})
    attnscope_check_targets(can_be "" "HWY_STATIC_TARGET == HWY_${name}" ${flags})
    if(NOT can_be)
      message(FATAL_ERROR "ATTNSCOPE_TARGETS is \"${name}\", which is not what this compiler compiles for with the flags \
\"${CMAKE_CXX_FLAGS} ${flags}\". Set CMAKE_CXX_FLAGS so that it is.")
    endif()
  endif()
  add_compile_definitions(HWY_COMPILE_ONLY_STATIC)
  add_compile_options(${flags})
endfunction()

# Compiles the targets of the list, and the compiler's baseline.
function(attnscope_compile_several)
  list(TRANSFORM ARGN PREPEND HWY_ OUTPUT_VARIABLE wanted)
  list(JOIN wanted "|" wanted)
  set(definitions "HWY_DISABLED_TARGETS=~(${wanted}|HWY_BASELINE_TARGETS)")
  set(lines "#define HWY_DISABLED_TARGETS ~(${wanted}|HWY_BASELINE_TARGETS)")
  if("AVX3_DL" IN_LIST ARGN)
    list(APPEND definitions HWY_WANT_AVX3_DL)
    string(APPEND lines "\n#define HWY_WANT_AVX3_DL")
  endif()
  foreach(name IN LISTS ARGN)
    attnscope_check_targets(can_be "${lines}" "(HWY_TARGETS & HWY_${name}) != 0")
    if(NOT can_be)
      message(FATAL_ERROR "ATTNSCOPE_TARGETS names \"${name}\", which this compiler cannot compile for, or its own flags \
make superfluous.")
    endif()
  endforeach()
  add_compile_definitions(${definitions})
endfunction()

if(ATTNSCOPE_TARGETS)
  if(ATTNSCOPE_ALL_TARGETS)
    message(FATAL_ERROR "ATTNSCOPE_TARGETS is \"${ATTNSCOPE_TARGETS}\", and ATTNSCOPE_ALL_TARGETS is on: set one of them.")
  endif()
  if(CMAKE_CXX_FLAGS MATCHES "HWY_(COMPILE_|DISABLED_TARGETS)")
    message(FATAL_ERROR "ATTNSCOPE_TARGETS is \"${ATTNSCOPE_TARGETS}\", and CMAKE_CXX_FLAGS choose targets too: \
${CMAKE_CXX_FLAGS}")
  endif()
  attnscope_check_target_names()
  list(LENGTH ATTNSCOPE_TARGETS attnscope_num_targets)
  if(attnscope_num_targets EQUAL 1)
    attnscope_compile_one(${ATTNSCOPE_TARGETS})
  else()
    attnscope_compile_several(${ATTNSCOPE_TARGETS})
  endif()
elseif(ATTNSCOPE_ALL_TARGETS)
  add_compile_definitions(HWY_COMPILE_ALL_ATTAINABLE HWY_WANT_AVX3_DL)
elseif(NOT CMAKE_CXX_FLAGS MATCHES "HWY_(COMPILE_|DISABLED_TARGETS)")
  # What has SSSE3 and not SSE4 with AES was last sold in 2014 (Pentium, Celeron); the others before 2011. Its code, which
  # lacks minima and maxima of integers, would be a third of the library's. Those CPUs run the portable target.
  add_compile_definitions("HWY_DISABLED_TARGETS=(HWY_SSSE3&~HWY_BASELINE_TARGETS)")
endif()
