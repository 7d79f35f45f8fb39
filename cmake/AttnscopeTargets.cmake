# SPDX-License-Identifier: Apache-2.0
# What all of attnscope's own targets share: language level, warnings, hidden symbols.

function(attnscope_target_defaults target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 11
    C_EXTENSIONS OFF
    CXX_EXTENSIONS OFF
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      # False alarms on "literal" + std::string&&, https://gcc.gnu.org/PR105651.
      target_compile_options(${target} PRIVATE -Wno-restrict)
    endif()
    if(ATTNSCOPE_WARNINGS_AS_ERRORS)
      target_compile_options(${target} PRIVATE -Werror)
    endif()
  endif()
endfunction()

# attnscope_part(LIBRARY source... [COLD source...] [LIBRARIES library...]): compiles the current folder as an object
# library of its own, attnscope_FOLDER_objects (kernels/sweep: attnscope_kernels_sweep_objects; a folder with parts of
# several libraries: LIBRARY_FOLDER_objects for all but the first), and adds it to LIBRARY. COLD sources run once a call
# or a window, not once a row. They are compiled for size: an engine links them in, and most of their code is messages of
# errors. LIBRARIES are what the folder's sources include the headers of.
function(attnscope_part library)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "COLD;LIBRARIES")
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE / _ folder ${folder})
  set(part attnscope_${folder}_objects)
  if(TARGET ${part})
    set(part ${library}_${folder}_objects)
  endif()
  add_library(${part} OBJECT ${arg_UNPARSED_ARGUMENTS} ${arg_COLD})
  attnscope_target_defaults(${part})
  target_include_directories(${part} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_link_libraries(${part} PRIVATE ${arg_LIBRARIES})
  if(BUILD_SHARED_LIBS)
    target_compile_definitions(${part} PRIVATE ATTNSCOPE_BUILDING_SHARED)
  endif()
  if(library STREQUAL "attnscope" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    # So that an engine that is linked with --gc-sections keeps of the core what it calls.
    target_compile_options(${part} PRIVATE -ffunction-sections -fdata-sections)
  endif()
  if(arg_COLD AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set_source_files_properties(${arg_COLD} PROPERTIES COMPILE_OPTIONS $<$<CONFIG:Release>:-Os>)
  endif()
  target_sources(${library} PRIVATE $<TARGET_OBJECTS:${part}>)
endfunction()

# attnscope_library(NAME): the library attnscope_NAME ("attnscope" for the core), also known as attnscope::NAME, whose
# public headers are those of include/. attnscope_part adds its sources.
function(attnscope_library name)
  if(name STREQUAL "attnscope")
    set(target attnscope)
  else()
    set(target attnscope_${name})
  endif()
  add_library(${target})
  add_library(attnscope::${name} ALIAS ${target})
  attnscope_target_defaults(${target})
  if(BUILD_SHARED_LIBS)
    # Shows what ATTNSCOPE_EXPORT marks; the linker's script also hides the instances of the standard library's templates.
    target_compile_definitions(${target} PRIVATE ATTNSCOPE_BUILDING_SHARED)
    if(UNIX AND NOT APPLE)
      target_link_options(${target} PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map)
      set_target_properties(${target} PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
    endif()
  endif()
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  attnscope_find_libraries_from(${target} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_property(GLOBAL APPEND PROPERTY ATTNSCOPE_LIBRARIES ${target})
endfunction()

# attnscope_find_libraries_from(TARGET FOLDER): TARGET, installed to FOLDER, finds attnscope's shared libraries where they
# are installed, also after the whole tree was moved.
function(attnscope_find_libraries_from target folder)
  if(BUILD_SHARED_LIBS AND UNIX AND NOT APPLE)
    file(RELATIVE_PATH to_libraries ${folder} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
  endif()
endfunction()
