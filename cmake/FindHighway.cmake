# SPDX-License-Identifier: Apache-2.0
# Finds Google Highway and defines attnscope::highway, in this order: a target of the enclosing project, CMake's package
# "hwy", pkg-config's "libhwy", and, only if ATTNSCOPE_HIGHWAY_SOURCE_DIR is set, a source tree. Nothing is downloaded.
# Used by attnscope's own build and, installed beside its package config, by those who link its static libraries.
#
# Sets ATTNSCOPE_HIGHWAY_VERSION and ATTNSCOPE_HIGHWAY_INCLUDE_DIR, which are empty where they cannot be told, and, where
# Highway was built from its source tree, ATTNSCOPE_HIGHWAY_TARGET: its objects are to become part of attnscope's own
# library, since nobody installs them.

if(TARGET attnscope::highway)
  return()
endif()

set(_attnscope_highway "")
set(ATTNSCOPE_HIGHWAY_TARGET "")
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
      set(HWY_ENABLE_INSTALL OFF CACHE BOOL "" FORCE)
      set(HWY_FORCE_STATIC_LIBS ON CACHE BOOL "" FORCE)
      add_subdirectory(${ATTNSCOPE_HIGHWAY_SOURCE_DIR} ${CMAKE_CURRENT_BINARY_DIR}/highway EXCLUDE_FROM_ALL)
      # Part of attnscope's library, and nothing that a shared one shows.
      set_target_properties(hwy PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
      set(_attnscope_highway hwy)
      set(ATTNSCOPE_HIGHWAY_TARGET hwy)
    endif()
  endif()
endif()

if(_attnscope_highway)
  # Imported, so that attnscope's exported targets name it rather than the one of this machine.
  add_library(attnscope::highway INTERFACE IMPORTED GLOBAL)
  if(ATTNSCOPE_HIGHWAY_TARGET)
    target_include_directories(attnscope::highway SYSTEM INTERFACE ${ATTNSCOPE_HIGHWAY_SOURCE_DIR})
    target_compile_definitions(attnscope::highway INTERFACE HWY_STATIC_DEFINE)
  else()
    target_link_libraries(attnscope::highway INTERFACE ${_attnscope_highway})
  endif()
elseif(NOT attnscope_FIND_QUIETLY)
  message(FATAL_ERROR "attnscope needs Google Highway >= 1.0.3. On Debian and Ubuntu: apt-get install libhwy-dev. Or "
    "set ATTNSCOPE_HIGHWAY_SOURCE_DIR to a Highway source tree.")
endif()

# The version that the headers say, for that is what a compiler has seen.
set(ATTNSCOPE_HIGHWAY_VERSION "")
set(_attnscope_highway_folders ${ATTNSCOPE_HIGHWAY_SOURCE_DIR})
if(_attnscope_highway AND NOT ATTNSCOPE_HIGHWAY_TARGET)
  get_target_property(_attnscope_highway_folders ${_attnscope_highway} INTERFACE_INCLUDE_DIRECTORIES)
  string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" _attnscope_highway_folders "${_attnscope_highway_folders}")
endif()
find_file(_attnscope_highway_header hwy/highway.h HINTS ${_attnscope_highway_folders} NO_CACHE CMAKE_FIND_ROOT_PATH_BOTH)
if(NOT _attnscope_highway_header)
  set(_attnscope_highway_header "")
endif()
set(ATTNSCOPE_HIGHWAY_INCLUDE_DIR "")
foreach(_attnscope_header IN LISTS _attnscope_highway_header)
  string(REPLACE /hwy/highway.h "" ATTNSCOPE_HIGHWAY_INCLUDE_DIR ${_attnscope_header})
  string(REPLACE /highway.h /base.h _attnscope_base ${_attnscope_header})
  foreach(_attnscope_file ${_attnscope_header} ${_attnscope_base})
    file(STRINGS ${_attnscope_file} _attnscope_lines REGEX "^#define HWY_(MAJOR|MINOR|PATCH) [0-9]+")
    foreach(_attnscope_line IN LISTS _attnscope_lines)
      string(REGEX MATCH "[0-9]+" _attnscope_number "${_attnscope_line}")
      list(APPEND ATTNSCOPE_HIGHWAY_VERSION ${_attnscope_number})
    endforeach()
  endforeach()
endforeach()
list(JOIN ATTNSCOPE_HIGHWAY_VERSION . ATTNSCOPE_HIGHWAY_VERSION)
