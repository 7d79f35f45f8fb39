// SPDX-License-Identifier: Apache-2.0
//
// For tests of permissions, which the superuser has all of. Included by tests that run the program.
#ifndef ATTNSCOPE_TESTS_FAULTS_WITHOUT_PRIVILEGES_H_
#define ATTNSCOPE_TESTS_FAULTS_WITHOUT_PRIVILEGES_H_

#include <linux/capability.h>
#include <sys/prctl.h>

namespace attnscope::testing_tools {

// To be called in a process before it executes a program: permissions of files hold for that program as for anybody,
// also if it runs as the superuser.
inline void DropFilePrivileges() {
  prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);  // fails without the right to do so, which is as good
  prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0);
}

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_FAULTS_WITHOUT_PRIVILEGES_H_
