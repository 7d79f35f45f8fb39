# SPDX-License-Identifier: Apache-2.0
# An overlay port, used from a checkout: vcpkg install attnscope --overlay-ports=packaging/vcpkg. In a registry,
# vcpkg_from_github takes the place of SOURCE_PATH.
get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES
  report ATTNSCOPE_BUILD_REPORT
  render ATTNSCOPE_BUILD_RENDER
  tools ATTNSCOPE_BUILD_TOOLS
)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS ${FEATURE_OPTIONS} -DATTNSCOPE_BUILD_TESTS=OFF -DATTNSCOPE_BUILD_EXAMPLES=OFF -DATTNSCOPE_BUILD_MPI=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/attnscope)
vcpkg_fixup_pkgconfig()
if("tools" IN_LIST FEATURES)
  vcpkg_copy_tools(TOOL_NAMES attnscope AUTO_CLEAN)
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
# What is compiled in; the other dependencies have packages, and copyrights, of their own.
set(NOTICES "${SOURCE_PATH}/LICENSE")
if("report" IN_LIST FEATURES)
  list(APPEND NOTICES "${SOURCE_PATH}/licenses/nlohmann-json.txt")
endif()
if("render" IN_LIST FEATURES)
  list(APPEND NOTICES "${SOURCE_PATH}/licenses/stb.txt" "${SOURCE_PATH}/licenses/dejavu.txt")
endif()
if("tools" IN_LIST FEATURES)
  list(APPEND NOTICES "${SOURCE_PATH}/licenses/cli11.txt")
endif()
vcpkg_install_copyright(FILE_LIST ${NOTICES})
