# SPDX-License-Identifier: Apache-2.0
# Cross compiles for 64-bit RISC-V with vectors: with Clang 19, as Debian 12's GCC has no intrinsics for them, on the C
# library of g++-riscv64-linux-gnu. Else as aarch64-linux-gnu.cmake.
set(ATTNSCOPE_CROSS_TRIPLE riscv64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(ATTNSCOPE_EMULATOR ${ATTNSCOPE_SYSROOT}/usr/bin/qemu-riscv64 -cpu rv64,v=true,vlen=128)
include(${CMAKE_CURRENT_LIST_DIR}/debian_cross.cmake)
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET ${ATTNSCOPE_CROSS_TRIPLE})
set(CMAKE_CXX_COMPILER_TARGET ${ATTNSCOPE_CROSS_TRIPLE})
set(CMAKE_C_FLAGS_INIT -march=rv64gcv)
set(CMAKE_CXX_FLAGS_INIT -march=rv64gcv)
