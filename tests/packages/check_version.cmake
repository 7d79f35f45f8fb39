# SPDX-License-Identifier: Apache-2.0
# Fails unless the files of other package managers name the VERSION of include/attnscope/version.h.
file(READ ${SOURCE}/packaging/vcpkg/vcpkg.json port)
string(JSON version GET "${port}" version)
if(NOT version STREQUAL VERSION)
  message(FATAL_ERROR "packaging/vcpkg/vcpkg.json names version ${version}, not ${VERSION}")
endif()
file(STRINGS ${SOURCE}/CITATION.cff version REGEX "^version: ")
if(NOT version STREQUAL "version: ${VERSION}")
  message(FATAL_ERROR "CITATION.cff names \"${version}\", not ${VERSION}")
endif()
