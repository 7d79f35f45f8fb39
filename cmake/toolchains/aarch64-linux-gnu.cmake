# SPDX-License-Identifier: Apache-2.0
# Cross compiles for 64-bit Arm with Debian's g++-aarch64-linux-gnu, against the libraries of a folder that
# tests/targets/sysroot filled, and runs what it built under qemu-user:
#   cmake --toolchain cmake/toolchains/aarch64-linux-gnu.cmake -DATTNSCOPE_SYSROOT=FOLDER ...
set(ATTNSCOPE_CROSS_TRIPLE aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(ATTNSCOPE_EMULATOR qemu-aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
