// SPDX-License-Identifier: Apache-2.0
//
// What surrounds the process: its locale, its memory, signals.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <locale>
#include <optional>

#include "attnscope/figure.h"
#include "tests/faults/sanitized.h"
#include "tests/support/command_fixture.h"

// Asked by the leak sanitizer: glibc keeps the path of its locales.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions() {  // NOLINT
  return "leak:argz";
}

namespace attnscope::tools {
namespace {

namespace fs = std::filesystem;

class EnvironmentFaultsTest : public CommandTest {
 protected:
  // Makes a locale from the system's description of it. False if the system has none.
  bool MakeLocale(const std::string& name) const {
    const std::string command =
        "localedef -i " + name + " -f UTF-8 '" + (outputs_ / (name + ".UTF-8")).string() + "' >/dev/null 2>&1";
    std::system(command.c_str());  // complains of details, and yet makes it
    return fs::exists(outputs_ / (name + ".UTF-8") / "LC_NUMERIC");
  }

  std::vector<std::string> Everything(const std::string& name) const {
    return {"analyze",     kShort0,
            kShort1,       "--per-head",
            "--threshold", "sink_mass_warning=0.25",
            "-o",          Path(name + ".json"),
            "--png",       Path(name + ".png")};
  }
};

TEST_F(EnvironmentFaultsTest, LocalesChangeNothing) {
  ASSERT_TRUE(MakeLocale("de_DE") && MakeLocale("tr_TR")) << "needs localedef and Debian's package locales";
  const Outcome plain = RunOk(Everything("plain"));
  RunOk({"render", kStats, "-o", Path("plain.svg")});
  for (const char* name : {"de_DE.UTF-8", "tr_TR.UTF-8", "xx_YY", ""}) {
    const auto prepare = [&] {
      setenv("LOCPATH", outputs_.c_str(), 1);
      setenv("LC_ALL", name, 1);
      setenv("LANG", name, 1);
    };
    const Outcome outcome = Run(Everything("other"), prepare);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, plain.out);
    EXPECT_EQ(Run({"render", kStats, "-o", Path("other.svg")}, prepare).exit_code, 0);
    for (const char* ending : {".json", ".png", ".svg"}) {
      EXPECT_EQ(Read(Path(std::string("other") + ending)), Read(Path(std::string("plain") + ending))) << name << ending;
    }
  }
}

// The same for the library in a process whose owner has set a locale, in C and in C++.
TEST_F(EnvironmentFaultsTest, LocaleOfTheHostChangesNothing) {
  const auto outputs = [&] {
    const Report report = Parse(Read(kStats));
    EXPECT_TRUE(WriteFigure(FigureKind::kSummary, {&report, 1}, {}, Path("a.svg")).ok());
    EXPECT_TRUE(WriteFigure(FigureKind::kSummary, {&report, 1}, {}, Path("a.png")).ok());
    return ReportToJson(report) + Read(Path("a.svg")) + Read(Path("a.png"));
  };
  const std::string plain = outputs();
  ASSERT_TRUE(MakeLocale("de_DE")) << "needs localedef and Debian's package locales";
  setenv("LOCPATH", outputs_.c_str(), 1);
  ASSERT_NE(setlocale(LC_ALL, "de_DE.UTF-8"), nullptr);
  const std::locale before = std::locale::global(std::locale("de_DE.UTF-8"));
  EXPECT_STREQ(localeconv()->decimal_point, ",");
  const std::string german = outputs();
  std::locale::global(before);
  setlocale(LC_ALL, "C");
  EXPECT_EQ(german, plain);
}

// At every limit, from where the program can just start: either all of it, or exit code 2, a message, and no part of
// a file.
TEST_F(EnvironmentFaultsTest, TooLittleMemoryIsAnError) {
  if (testing_tools::kSanitized) GTEST_SKIP() << "sanitizers reserve more address space than any limit";
  const auto run = [&](const std::vector<std::string>& arguments, rlim_t bytes) {
    return Run(arguments, [bytes] {
      const rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
      setrlimit(RLIMIT_AS, &limit);
    });
  };
  RunOk(Everything("plain"));
  constexpr rlim_t kStep = rlim_t{512} << 10;
  rlim_t bytes = kStep;
  while (run({"--version"}, bytes).exit_code != 0) bytes += kStep;
  size_t errors = 0;
  for (int whole = 0; whole < 2; bytes += kStep) {
    fs::remove(Path("r.json"));
    fs::remove(Path("r.png"));
    const Outcome outcome = run(Everything("r"), bytes);
    whole += outcome.exit_code == 0 ? 1 : 0;
    if (outcome.exit_code != 0) {
      ++errors;
      EXPECT_EQ(outcome.exit_code, 2) << bytes << ": " << outcome.err;
      EXPECT_TRUE(outcome.err.starts_with("attnscope: ")) << bytes << ": " << outcome.err;
      EXPECT_EQ(outcome.out, "");
      EXPECT_FALSE(fs::exists(Path("r.png")));
    }
    if (fs::exists(Path("r.json"))) {
      EXPECT_EQ(Read(Path("r.json")), Read(Path("plain.json")));
    }
    if (outcome.exit_code == 0) {
      EXPECT_EQ(Read(Path("r.png")), Read(Path("plain.png")));
    }
    ASSERT_LT(bytes, rlim_t{4} << 30);
  }
  EXPECT_GT(errors, 5u);
}

// A pipe that nobody reads holds the program at a known place: it must still be possible to end it there.
TEST_F(EnvironmentFaultsTest, SignalsEndTheProgramByTheirName) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const Process process = Start({"analyze", kShort0, "-o", Path("r.json"), "--png", Path("pipe")});
    while (!fs::exists(Path("r.json"))) usleep(1000);  // then it waits for a reader
    usleep(20000);
    kill(process.id, number);
    EXPECT_EQ(Wait(process).exit_code, -number);
    Parse(Read(Path("r.json")));
    fs::remove(Path("r.json"));
    EXPECT_EQ(NumFiles(), 1u);
  }
}

}  // namespace
}  // namespace attnscope::tools
