# SPDX-License-Identifier: Apache-2.0
# Conan 2: conan create packaging/conan [-o "attnscope/*:system_highway=True"] [-o "attnscope/*:render=True"]
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class AttnscopeConan(ConanFile):
    name = "attnscope"
    package_type = "library"
    license = "Apache-2.0"
    description = "Attention health at the speed of memory"
    topics = ("attention", "transformer", "diagnostics", "simd")
    settings = "os", "arch", "compiler", "build_type"
    # system_highway: Highway is one that CMake or pkg-config finds, such as Debian's, and no package of Conan's.
    # report and render: what is found so too, nlohmann-json, stb and the DejaVu fonts.
    options = {"shared": [True, False], "system_highway": [True, False], "report": [True, False], "render": [True, False]}
    default_options = {"shared": False, "system_highway": False, "report": False, "render": False}

    def set_version(self):
        header = load(self, os.path.join(self._root, "include", "attnscope", "version.h"))
        self.version = ".".join(re.search(rf"VERSION_{part} (\d+)", header).group(1) for part in ("MAJOR", "MINOR", "PATCH"))

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "README.md", "licenses/*", "cmake/*", "packaging/debian/*", "docs/*.md",
                        "docs/CMakeLists.txt", "include/*", "kernels/*", "report/*", "monitor/*", "platform/*", "render/*",
                        "c_interface/*", "page/*"):
            copy(self, pattern, self._root, self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)

    def requirements(self):
        if not self.options.system_highway:
            self.requires("highway/[>=1.0.3 <2]")

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for name, value in {"REPORT": self.options.report or self.options.render, "RENDER": self.options.render,
                            "TOOLS": False, "TESTS": False, "EXAMPLES": False, "MPI": False}.items():
            toolchain.cache_variables[f"ATTNSCOPE_BUILD_{name}"] = bool(value)
        toolchain.generate()
        if not self.options.system_highway:
            from conan.tools.cmake import CMakeDeps
            CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    # Users find the CMake package that attnscope installs itself.
    def package_info(self):
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "attnscope")]
        self.cpp_info.libs = ["attnscope"]
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread", "m"]
