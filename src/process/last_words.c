/* SPDX-License-Identifier: ISC */

/*
 * Last words of a process.
 *
 * The handler runs at any moment, with any lock held: also that of the dynamic
 * linker, which backtrace(3) takes.  So an alarm ends a process that waits for
 * it.  The stack may be what the process has used up: so the handler has one of
 * its own, in the thread that installs it.
 */

#include "base/names.h"
#include "process/last_words.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_BACKTRACE
#include <execinfo.h>
#endif

enum {
	LAST_WORDS_STACK = 64 << 10,
	LAST_WORDS_FRAMES = 32,
	LAST_WORDS_OWN = 2,		/* frames: the handler, and the one that
					   the kernel makes */
	LAST_WORDS_S = 1,		/* for the handler, at most */
};

static const int last_words_signals[] = {
	SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTERM,
};

static void
last_words_write(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static void
last_words_trace(void)
{
#ifdef HAVE_BACKTRACE
	void *frames[LAST_WORDS_FRAMES];
	int n = backtrace(frames, LAST_WORDS_FRAMES);

	if (n > LAST_WORDS_OWN)
		backtrace_symbols_fd(frames + LAST_WORDS_OWN,
		    n - LAST_WORDS_OWN, STDERR_FILENO);
#endif
}

/* The kernel has already set the signal's action back to its default. */
static void
last_words_say(int sig)
{
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(LAST_WORDS_S);
	last_words_write("brood: last words at: ");
	last_words_write(brood__signal_words(sig));
	last_words_write("\n");
	last_words_trace();
	(void)raise(sig);
	_exit(128 + sig);
}

void
brood__last_words_install(void)
{
	static char stack[LAST_WORDS_STACK];
	const stack_t own = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = {
		.sa_handler = last_words_say,
		.sa_flags = SA_RESETHAND | SA_NODEFER,
	};
	sigset_t alarms;

#ifdef HAVE_BACKTRACE
	void *frame;

	/* The first call loads a library, which a handler must not. */
	(void)backtrace(&frame, 1);
#endif
	if (sigaltstack(&own, NULL) == 0)
		sa.sa_flags |= SA_ONSTACK;
	(void)sigemptyset(&alarms);
	(void)sigaddset(&alarms, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarms, NULL);
	for (size_t i = 0; i < sizeof(last_words_signals) /
	    sizeof(last_words_signals[0]); i++)
		(void)sigaction(last_words_signals[i], &sa, NULL);
}

void
brood__last_words_from_env(void)
{
	if (getenv(BROOD__ENV_LAST_WORDS) != NULL)
		brood__last_words_install();
}
