// SPDX-License-Identifier: Apache-2.0
//
// The two font files as read-only data; see font_data.h. The build defines ATTNSCOPE_FONT_REGULAR and
// ATTNSCOPE_FONT_BOLD as their paths. An assembler takes a megabyte in no time where a C array takes seconds.
#if defined(__APPLE__)
#define SYMBOL(name) _##name
#define SECTION .const_data
#define HIDE(symbol) .private_extern symbol
#elif defined(_WIN32)
#define SYMBOL(name) name
#define SECTION .section .rdata, "dr"
#define HIDE(symbol)
#else
#define SYMBOL(name) name
#define SECTION .section .rodata
#define HIDE(symbol) .hidden symbol
#endif

  SECTION
  .globl SYMBOL(attnscope_font_regular)
  HIDE(SYMBOL(attnscope_font_regular))
  .p2align 4
SYMBOL(attnscope_font_regular):
  .incbin ATTNSCOPE_FONT_REGULAR
  .globl SYMBOL(attnscope_font_bold)
  HIDE(SYMBOL(attnscope_font_bold))
  .p2align 4
SYMBOL(attnscope_font_bold):
  .incbin ATTNSCOPE_FONT_BOLD

#if defined(__ELF__)
  .section .note.GNU-stack, "", %progbits
#endif
