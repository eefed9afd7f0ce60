/* SPDX-License-Identifier: ISC */

/*
 * What is public of confinement: of the process itself, and names.
 */

#include "base/export.h"
#include "base/names.h"
#include "process/confine.h"

#include <brood/message.h>

#include <errno.h>
#include <stdio.h>

BROOD_PUBLIC int
brood_confine_self(const struct brood_confine *confine, const char *program,
    char *text)
{
	struct brood__confined confined;
	struct brood__failure failure = { .error = 0 };
	int r;

	r = brood__confine_check(confine, program != NULL, &failure);
	/* Its parent would have to remove the group. */
	if (r == 0 && confine != NULL && confine->cgroup != NULL)
		r = brood__failure_set(&failure, "cgroup", EINVAL,
		    "a process does not give itself one");
	if (r == 0)
		r = brood__confine_enter(&confined, confine, program, &failure);
	if (r == 0 && program == NULL)
		r = brood__confine_seal(&confined, &failure);
	if (text != NULL)
		(void)snprintf(text, BROOD_TEXT_SIZE, "%s%s%.200s: %s",
		    failure.step, failure.step[0] != '\0' ? ": " : "",
		    failure.text, brood__error_words(failure.error));
	return r < 0 ? r : (int)confined.reached;
}

BROOD_PUBLIC const char *
brood_confine_level_name(uint32_t level)
{
	static const char *const names[] = {
		[BROOD_CONFINE_NONE] = "none",
		[BROOD_CONFINE_FILES] = "files",
		[BROOD_CONFINE_CALLS] = "calls",
		[BROOD_CONFINE_USER] = "user",
		[BROOD_CONFINE_SPACES] = "spaces",
	};

	return level < sizeof(names) / sizeof(names[0]) ? names[level] :
	    "unknown";
}
