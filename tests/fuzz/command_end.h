/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_FUZZ_COMMAND_END_H
#define BROOD_TESTS_FUZZ_COMMAND_END_H

/*
 * Parts of the command end the process when something is wrong.  Here they come
 * back instead, to where command_try() was called: the linker has them call
 * this (--wrap of ld(1)).
 */

#include "fuzz.h"

#include "command/command.h"

#include <setjmp.h>

/* Where to; NULL: the process ends. */
extern jmp_buf *command_end;

/* The exit status with which fn(arg) has ended the process, or -1. */
int	command_try(void (*fn)(void *arg), void *arg);

/* The end of fn, from within: it is as if the process exited. */
noreturn void
	command_end_with(int status);

#endif
