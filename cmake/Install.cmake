# SPDX-License-Identifier: Apache-2.0
# Installs the libraries that were built, their headers, the CMake package and the pkg-config file, in three components:
# "libraries" (what programs need that were linked to shared ones), "development" and "command".
include(CMakePackageConfigHelpers)

get_property(attnscope_libraries GLOBAL PROPERTY ATTNSCOPE_LIBRARIES)
install(TARGETS ${attnscope_libraries} EXPORT attnscopeTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libraries NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT libraries)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/attnscope DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
# The pages that headers and the command name, without pictures.
file(GLOB attnscope_pages ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)
install(FILES ${attnscope_pages} DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs COMPONENT development)
# In both components that can be installed alone.
foreach(component libraries command)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/licenses DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ${component})
endforeach()

if(NOT BUILD_SHARED_LIBS)
  set(BUILD_SHARED_LIBS OFF)  # as a word, for the package's config
endif()
set(attnscope_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attnscope)
install(EXPORT attnscopeTargets NAMESPACE attnscope:: DESTINATION ${attnscope_package_dir} COMPONENT development)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/attnscopeConfig.cmake.in
  ${PROJECT_BINARY_DIR}/attnscopeConfig.cmake INSTALL_DESTINATION ${attnscope_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/attnscopeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/attnscopeConfig.cmake
  ${PROJECT_BINARY_DIR}/attnscopeConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindHighway.cmake
  DESTINATION ${attnscope_package_dir} COMPONENT development)

# Relative to the .pc file, so that the installed tree may be moved.
# A static library is linked with the Highway that it was compiled with, or has it.
set(attnscope_pc_highway "")
if(NOT ATTNSCOPE_HIGHWAY_TARGET AND BUILD_SHARED_LIBS)
  set(attnscope_pc_highway "Requires.private: libhwy >= 1.0.3")
elseif(NOT ATTNSCOPE_HIGHWAY_TARGET)
  set(attnscope_pc_highway "Requires.private: libhwy = ${ATTNSCOPE_HIGHWAY_VERSION}")
endif()
# What the C++ compiler links by itself, libstdc++ or libc++, beyond what C compilers link too.
set(attnscope_pc_libraries ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM attnscope_pc_libraries c gcc gcc_s ${CMAKE_C_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_DUPLICATES attnscope_pc_libraries)
list(TRANSFORM attnscope_pc_libraries PREPEND -l)
list(JOIN attnscope_pc_libraries " " attnscope_pc_libraries)
if(NOT WIN32)
  string(APPEND attnscope_pc_libraries " -lpthread")
endif()
file(RELATIVE_PATH attnscope_pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/attnscope.pc.in ${PROJECT_BINARY_DIR}/attnscope.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/attnscope.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# attnscope_install_part_pc(PART REQUIRES DESCRIPTION): the file of attnscope_PART.
function(attnscope_install_part_pc part part_requires part_description)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/attnscope_part.pc.in ${PROJECT_BINARY_DIR}/attnscope_${part}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/attnscope_${part}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()
if(ATTNSCOPE_BUILD_REPORT)
  attnscope_install_part_pc(report attnscope "Reads attnscope's reports from JSON")
endif()
if(ATTNSCOPE_BUILD_RENDER)
  attnscope_install_part_pc(render attnscope_report "Draws attnscope's reports")
endif()
