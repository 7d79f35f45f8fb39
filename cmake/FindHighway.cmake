# SPDX-License-Identifier: Apache-2.0
# Finds Google Highway and defines attnscope::highway, in this order: a target of the enclosing project, CMake's package
# "hwy", pkg-config's "libhwy", and, only if ATTNSCOPE_HIGHWAY_SOURCE_DIR is set, a source tree. Nothing is downloaded.
# Used by attnscope's own build and, installed beside its package config, by those who link it.

if(TARGET attnscope::highway)
  return()
endif()

set(_attnscope_highway "")
if(TARGET hwy::hwy)
  set(_attnscope_highway hwy::hwy)
elseif(TARGET hwy)
  set(_attnscope_highway hwy)
else()
  find_package(hwy 1.0.3 CONFIG QUIET)
  if(TARGET hwy::hwy)
    set(_attnscope_highway hwy::hwy)
  else()
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(ATTNSCOPE_HWY QUIET IMPORTED_TARGET GLOBAL libhwy>=1.0.3)
    endif()
    if(TARGET PkgConfig::ATTNSCOPE_HWY)
      set(_attnscope_highway PkgConfig::ATTNSCOPE_HWY)
    elseif(ATTNSCOPE_HIGHWAY_SOURCE_DIR)
      set(HWY_ENABLE_TESTS OFF CACHE BOOL "" FORCE)
      set(HWY_ENABLE_EXAMPLES OFF CACHE BOOL "" FORCE)
      set(HWY_ENABLE_CONTRIB OFF CACHE BOOL "" FORCE)
      add_subdirectory(${ATTNSCOPE_HIGHWAY_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/highway EXCLUDE_FROM_ALL)
      set(_attnscope_highway hwy)
    endif()
  endif()
endif()

if(_attnscope_highway)
  # Imported, so that attnscope's exported targets name it rather than the one of this machine.
  add_library(attnscope::highway INTERFACE IMPORTED GLOBAL)
  target_link_libraries(attnscope::highway INTERFACE ${_attnscope_highway})
elseif(NOT attnscope_FIND_QUIETLY)
  message(FATAL_ERROR "attnscope needs Google Highway >= 1.0.3. On Debian and Ubuntu: apt-get install libhwy-dev. Or "
    "set ATTNSCOPE_HIGHWAY_SOURCE_DIR to a Highway source tree.")
endif()
