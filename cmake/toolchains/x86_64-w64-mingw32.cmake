# SPDX-License-Identifier: Apache-2.0
# Cross compiles for 64-bit Windows with Debian's g++-mingw-w64-x86-64-posix, against the libraries of a folder, and runs what
# it built under Wine; tests/windows/run fills the folder:
#   cmake --toolchain cmake/toolchains/x86_64-w64-mingw32.cmake -DATTNSCOPE_SYSROOT=FOLDER ...
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(attnscope_triple x86_64-w64-mingw32)
set(CMAKE_C_COMPILER ${attnscope_triple}-gcc-posix)
set(CMAKE_CXX_COMPILER ${attnscope_triple}-g++-posix)
set(CMAKE_RC_COMPILER ${attnscope_triple}-windres)

set(ATTNSCOPE_SYSROOT "" CACHE PATH "Folder of libraries for Windows")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ATTNSCOPE_SYSROOT)
get_filename_component(attnscope_sysroot "${ATTNSCOPE_SYSROOT}" REALPATH)
set(CMAKE_FIND_ROOT_PATH ${attnscope_sysroot} ${attnscope_sysroot}/usr/${attnscope_triple} /usr/${attnscope_triple})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_LIBDIR} ${attnscope_sysroot}/usr/lib/pkgconfig)  # none of this machine's

# Programs and DLLs need none of the compiler's DLLs.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_SHARED_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR /usr/lib/wine/wine64)
