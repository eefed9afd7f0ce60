/* SPDX-License-Identifier: ISC */

/*
 * The filter of a confined process, and the handler that names the call which
 * ends it.
 *
 * The order of the rules does not matter: no two of them are for the same call,
 * unless their conditions exclude each other.
 */

#include "process/seccomp.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

#define SECCOMP_WORDS	"brood: ended for calling "
/* A condition; clang finds that the macro of libseccomp lacks a field. */
#define SECCOMP_ARG(n, is, a, b)					\
	((struct scmp_arg_cmp){ .arg = (n), .op = (is), .datum_a = (a),	\
	    .datum_b = (b) })

#define SECCOMP_SIGNAL	1	/* SYS_SECCOMP, sigaction(2) */

bool
brood__seccomp_words(char *text, size_t size, const char *output, size_t len)
{
	const size_t n = sizeof(SECCOMP_WORDS) - 1;

	/* The last line: what follows it is not the handler's. */
	while (len > 0 && output[len - 1] == '\n')
		len--;
	for (size_t i = len; i > 0; i--)
		if (output[i - 1] == '\n') {
			output += i;
			len -= i;
			break;
		}
	if (len <= n || memcmp(output, SECCOMP_WORDS, n) != 0)
		return false;
	output += sizeof("brood: ") - 1;
	len -= sizeof("brood: ") - 1;
	(void)brood__text_copy(text, size, output, len);
	return true;
}

#ifdef HAVE_LIBSECCOMP

#include "process/seccomp_calls.h"
#include "process/seccomp_learn.h"

#include <sys/prctl.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

/* The calls that end the process, with their numbers here: for the handler. */
static struct seccomp_call {
	int number;
	const char *name;
} seccomp_deadly[128];
static size_t seccomp_n_deadly;

/* Ending */

static const char *
seccomp_name(int number, unsigned arch)
{
	/* x32 has the architecture of x86-64, and numbers from here on. */
	if (arch != seccomp_arch_native() || number >= 0x40000000)
		return "a system call of another architecture";
	for (size_t i = 0; i < seccomp_n_deadly; i++)
		if (seccomp_deadly[i].number == number)
			return seccomp_deadly[i].name;
	return "an unknown system call";
}

/*
 * The kernel has already set the signal's action back to its default, and the
 * filter refuses to set another.
 */
static void
seccomp_end(int sig, siginfo_t *info, void *context)
{
	char words[128] = SECCOMP_WORDS;
	size_t len;

	(void)context;
	(void)strlcat(words, seccomp_name(info->si_syscall, info->si_arch),
	    sizeof(words));
	(void)strlcat(words, " (seccomp)\n", sizeof(words));
	len = strlen(words);
	/* Else somebody has sent the signal. */
	if (info->si_code == SECCOMP_SIGNAL &&
	    write(STDERR_FILENO, words, len) == (ssize_t)len)
		(void)0;
	(void)raise(sig);
	_exit(128 + sig);
}

static int
seccomp_install_handler(void)
{
	struct sigaction sa = {
		.sa_sigaction = seccomp_end,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESETHAND |
		    SA_ONSTACK,
	};

	return sigaction(SIGSYS, &sa, NULL) < 0 ? -errno : 0;
}

/* The filter */

/* What a filter is made of; error is that of the first rule that failed. */
struct seccomp_filter {
	scmp_filter_ctx ctx;
	const struct brood__seccomp *seccomp;
	int error;
	const char *name;	/* of the call it failed for */
};

static bool
seccomp_is_asked(const struct seccomp_filter *filter, const char *name)
{
	const char *const *names = filter->seccomp->names;

	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int
seccomp_number(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

/* Add a rule, for a call that this architecture has. */
static void
seccomp_add(struct seccomp_filter *filter, uint32_t action, const char *name,
    unsigned n, const struct scmp_arg_cmp *args)
{
	int number = seccomp_number(name), r;

	if (filter->error < 0 || number < 0)
		return;
	/* Learning, what is not allowed is what the filter does by default. */
	if (filter->seccomp->is_learning && action != SCMP_ACT_ALLOW)
		return;
	r = seccomp_rule_add_array(filter->ctx, action, number, n, args);
	if (r < 0) {
		filter->error = r;
		filter->name = name;
	}
}

/* What the caller has allowed as a whole gets no other rule. */
static void
seccomp_rule(struct seccomp_filter *filter, uint32_t action, const char *name)
{
	if (!seccomp_is_asked(filter, name))
		seccomp_add(filter, action, name, 0, NULL);
}

static void
seccomp_rule_if(struct seccomp_filter *filter, uint32_t action,
    const char *name, unsigned n, const struct scmp_arg_cmp *args)
{
	if (!seccomp_is_asked(filter, name))
		seccomp_add(filter, action, name, n, args);
}

static void
seccomp_rules(struct seccomp_filter *filter, uint32_t action,
    const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		seccomp_rule(filter, action, names[i]);
}

/* Allow a call if this argument has one of these values. */
static void
seccomp_allow_values(struct seccomp_filter *filter, const char *name,
    unsigned arg, const unsigned long *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seccomp_rule_if(filter, SCMP_ACT_ALLOW, name, 1,
		    &SECCOMP_ARG(arg, SCMP_CMP_EQ, values[i], 0));
}

/* Allow a call if these bits of this argument are so; else deny it. */
static void
seccomp_allow_bits(struct seccomp_filter *filter, const char *name,
    unsigned arg, unsigned long mask, unsigned long allowed,
    unsigned long denied, int error)
{
	seccomp_rule_if(filter, SCMP_ACT_ALLOW, name, 1,
	    &SECCOMP_ARG(arg, SCMP_CMP_MASKED_EQ, mask, allowed));
	seccomp_rule_if(filter, SCMP_ACT_ERRNO((uint32_t)error), name, 1,
	    &SECCOMP_ARG(arg, SCMP_CMP_MASKED_EQ, mask, denied));
}

/* Allow a call if this argument is this value; else do something else. */
static void
seccomp_allow_only(struct seccomp_filter *filter, const char *name,
    unsigned arg, unsigned long value, uint32_t otherwise)
{
	seccomp_rule_if(filter, SCMP_ACT_ALLOW, name, 1,
	    &SECCOMP_ARG(arg, SCMP_CMP_EQ, value, 0));
	seccomp_rule_if(filter, otherwise, name, 1,
	    &SECCOMP_ARG(arg, SCMP_CMP_NE, value, 0));
}

/* Signals: to itself only, so that abort(3) and raise(3) work. */
static void
seccomp_add_signals(struct seccomp_filter *filter)
{
	unsigned long self = (unsigned long)getpid();

	seccomp_allow_only(filter, "kill", 0, self, SCMP_ACT_TRAP);
	seccomp_allow_only(filter, "tgkill", 0, self, SCMP_ACT_TRAP);
	/*
	 * The handler that names what ends the process stays.  "Not SIGSYS"
	 * would be no condition: of the number, 64 bits long here, the kernel
	 * takes the lower half.
	 */
	for (unsigned long sig = 1; sig < NSIG; sig++)
		seccomp_rule_if(filter, sig == SIGSYS ?
		    SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW, "rt_sigaction", 1,
		    &SECCOMP_ARG(0, SCMP_CMP_EQ, sig, 0));
}

/* Threads, but no processes and no namespaces; memory, but no new code. */
static void
seccomp_add_memory(struct seccomp_filter *filter)
{
	const unsigned flags = BROOD__CLONE_FLAGS_ARG;
	const struct scmp_arg_cmp own_limits[] = {
		SECCOMP_ARG(0, SCMP_CMP_EQ, 0, 0),
		SECCOMP_ARG(2, SCMP_CMP_EQ, 0, 0),
	};

	seccomp_allow_bits(filter, "clone", flags,
	    BROOD__CLONE_THREAD | BROOD__CLONE_SPACES, BROOD__CLONE_THREAD, 0,
	    EPERM);
	seccomp_allow_bits(filter, "mmap", 2, BROOD__PROT_EXEC, 0,
	    BROOD__PROT_EXEC, EPERM);
	seccomp_allow_bits(filter, "mmap2", 2, BROOD__PROT_EXEC, 0,
	    BROOD__PROT_EXEC, EPERM);
	seccomp_allow_bits(filter, "mprotect", 2, BROOD__PROT_EXEC, 0,
	    BROOD__PROT_EXEC, EPERM);
	seccomp_rule_if(filter, SCMP_ACT_ALLOW, "prlimit64", 2, own_limits);
}

/* An address to send to is behind sendmsg(2)'s pointer, where none can look. */
static void
seccomp_add_channel(struct seccomp_filter *filter)
{
	for (size_t i = 0; i < brood__calls_n_setsockopt; i++) {
		unsigned long value = brood__calls_setsockopt[i];
		const struct scmp_arg_cmp option[] = {
			SECCOMP_ARG(1, SCMP_CMP_EQ, SOL_SOCKET, 0),
			SECCOMP_ARG(2, SCMP_CMP_EQ, value, 0),
		};

		seccomp_rule_if(filter, SCMP_ACT_ALLOW, "setsockopt", 2,
		    option);
	}
	seccomp_allow_only(filter, "sendto", 4, 0, SCMP_ACT_ERRNO(EPERM));
	seccomp_rule(filter, filter->seccomp->sends_fds ? SCMP_ACT_ALLOW :
	    SCMP_ACT_ERRNO(EPERM), "sendmsg");
}

static void
seccomp_add_files(struct seccomp_filter *filter)
{
	if (filter->seccomp->has_files) {
		seccomp_rules(filter, SCMP_ACT_ALLOW, brood__calls_files);
		return;
	}
	seccomp_rules(filter, SCMP_ACT_ERRNO(EACCES), brood__calls_files);
	/* fstat(3) is this, with an empty path. */
	seccomp_allow_only(filter, "newfstatat", 3, BROOD__AT_EMPTY_PATH,
	    SCMP_ACT_ERRNO(EACCES));
	seccomp_allow_only(filter, "fstatat64", 3, BROOD__AT_EMPTY_PATH,
	    SCMP_ACT_ERRNO(EACCES));
	seccomp_allow_only(filter, "statx", 2, BROOD__AT_EMPTY_PATH,
	    SCMP_ACT_ERRNO(EACCES));
}

static void
seccomp_add_asked(struct seccomp_filter *filter)
{
	const char *const *names = filter->seccomp->names;

	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		seccomp_add(filter, SCMP_ACT_ALLOW, names[i], 0, NULL);
}

static void
seccomp_fill(struct seccomp_filter *filter)
{
	seccomp_add_asked(filter);
	seccomp_rules(filter, SCMP_ACT_ALLOW, brood__calls_allowed);
	seccomp_rules(filter, SCMP_ACT_ERRNO(EPERM), brood__calls_refused);
	seccomp_rules(filter, SCMP_ACT_TRAP, brood__calls_deadly);
	seccomp_allow_values(filter, "fcntl", 1, brood__calls_fcntl,
	    brood__calls_n_fcntl);
	seccomp_allow_values(filter, "fcntl64", 1, brood__calls_fcntl,
	    brood__calls_n_fcntl);
	seccomp_allow_values(filter, "ioctl", 1, brood__calls_ioctl,
	    brood__calls_n_ioctl);
	seccomp_allow_values(filter, "prctl", 0, brood__calls_prctl,
	    brood__calls_n_prctl);
	seccomp_add_signals(filter);
	seccomp_add_memory(filter);
	seccomp_add_channel(filter);
	seccomp_add_files(filter);
}

static void
seccomp_remember(const char *name)
{
	const size_t max = sizeof(seccomp_deadly) / sizeof(seccomp_deadly[0]);
	int number = seccomp_number(name);

	if (number >= 0 && seccomp_n_deadly < max)
		seccomp_deadly[seccomp_n_deadly++] =
		    (struct seccomp_call) { number, name };
}

static void
seccomp_remember_deadly(void)
{
	seccomp_n_deadly = 0;
	for (size_t i = 0; brood__calls_deadly[i] != NULL; i++)
		seccomp_remember(brood__calls_deadly[i]);
	seccomp_remember("kill");
	seccomp_remember("tgkill");
}

/* The filter as a whole: 0, or a negative errno. */
static int
seccomp_build(struct seccomp_filter *filter)
{
	uint32_t otherwise = filter->seccomp->is_learning ?
	    SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(ENOSYS);

	filter->ctx = seccomp_init(otherwise);
	if (filter->ctx == NULL)
		return -ENOMEM;
	/* A number of another architecture, x32 among them, is an attack. */
	filter->error = seccomp_attr_set(filter->ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_TRAP);
	/* A binary search: no call costs more than another. */
	if (filter->error == 0)
		filter->error = seccomp_attr_set(filter->ctx,
		    SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (filter->error == 0)
		seccomp_fill(filter);
	return filter->error;
}

int
brood__seccomp_check(const char *const *names, struct brood__failure *failure)
{
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		if (seccomp_number(names[i]) == __NR_SCMP_ERROR)
			return brood__failure_set(failure, "seccomp", EINVAL,
			    "%.64s is no system call that libseccomp knows",
			    names[i]);
	return 0;
}

int
brood__seccomp_load(const struct brood__seccomp *seccomp,
    struct brood__failure *failure)
{
	struct seccomp_filter filter = { .seccomp = seccomp, .name = "filter" };
	struct brood__learner learner;
	int r;

	r = brood__seccomp_check(seccomp->names, failure);
	if (r < 0)
		return r;
	seccomp_remember_deadly();
	r = seccomp_build(&filter);
	if (r == 0 && seccomp->is_learning)
		r = brood__learner_start(&learner);
	if (r == 0)
		r = seccomp_install_handler();
	if (r == 0)
		r = seccomp_load(filter.ctx);
	if (r == 0 && seccomp->is_learning)
		r = brood__learner_watch(&learner,
		    seccomp_notify_fd(filter.ctx));
	if (r < 0)
		(void)brood__failure_set(failure, "seccomp", -r, "%s",
		    filter.name);
	seccomp_release(filter.ctx);
	return r;
}

#else

int
brood__seccomp_check(const char *const *names, struct brood__failure *failure)
{
	return names == NULL || names[0] == NULL ? 0 :
	    brood__failure_set(failure, "seccomp", ENOSYS,
	    "brood was built without libseccomp");
}

int
brood__seccomp_load(const struct brood__seccomp *seccomp,
    struct brood__failure *failure)
{
	(void)seccomp;
	return brood__failure_set(failure, "seccomp", ENOSYS,
	    "brood was built without libseccomp");
}

#endif
