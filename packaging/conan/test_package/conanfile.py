# SPDX-License-Identifier: Apache-2.0
# Builds and runs tests/consumers with the package.
import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout


class AttnscopeTestConan(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "VirtualRunEnv"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        package = self.dependencies["attnscope"].package_folder
        toolchain.cache_variables["CMAKE_PREFIX_PATH"] = package
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure(build_script_folder=os.path.join(self.recipe_folder, "..", "..", "..", "tests", "consumers"))
        cmake.build()

    def test(self):
        if can_run(self):
            for program in ("consumer_c", "consumer_cc"):
                self.run(os.path.join(self.cpp.build.bindir, program), env="conanrun")
