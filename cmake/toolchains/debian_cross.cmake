# SPDX-License-Identifier: Apache-2.0
# What the toolchain files of this folder share: Debian's cross compilers and their C library, and a folder of other
# libraries, ATTNSCOPE_SYSROOT.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${ATTNSCOPE_CROSS_TRIPLE}-gcc)
set(CMAKE_CXX_COMPILER ${ATTNSCOPE_CROSS_TRIPLE}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${ATTNSCOPE_CROSS_TRIPLE})

set(ATTNSCOPE_SYSROOT "" CACHE PATH "Folder of libraries for ${CMAKE_SYSTEM_PROCESSOR}")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ATTNSCOPE_SYSROOT)
if(NOT IS_DIRECTORY "${ATTNSCOPE_SYSROOT}")
  message(FATAL_ERROR "ATTNSCOPE_SYSROOT is \"${ATTNSCOPE_SYSROOT}\": not a folder; tests/targets/sysroot makes one")
endif()
get_filename_component(attnscope_sysroot "${ATTNSCOPE_SYSROOT}" REALPATH)
set(CMAKE_FIND_ROOT_PATH ${attnscope_sysroot} /usr/${ATTNSCOPE_CROSS_TRIPLE})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${attnscope_sysroot})
set(ENV{PKG_CONFIG_LIBDIR}
  ${attnscope_sysroot}/usr/lib/${ATTNSCOPE_CROSS_TRIPLE}/pkgconfig:${attnscope_sysroot}/usr/share/pkgconfig)

# Programs find the sysroot's shared libraries by their run path, and the loader by -L.
set(CMAKE_CROSSCOMPILING_EMULATOR ${ATTNSCOPE_EMULATOR} -L /usr/${ATTNSCOPE_CROSS_TRIPLE})
