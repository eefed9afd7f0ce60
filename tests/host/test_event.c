/* SPDX-License-Identifier: ISC */

/*
 * Claims about events on their way from a notice of the supervisor process to
 * the program.
 */

#include "host/event.h"
#include "support/support.h"

#include <string.h>

BROOD_SUITE(event);

Test(event, every_kind_has_a_name_of_its_own)
{
	const char *name, *last = "";

	cr_assert_str_eq(brood_event_kind_name(BROOD_EVENT_NOT_STARTED),
	    "not started");
	for (int i = BROOD_EVENT_READY; i <= BROOD_EVENT_NOT_RELOADED; i++) {
		name = brood_event_kind_name((enum brood_event_kind)i);
		cr_assert_str_neq(name, "unknown");
		cr_assert_str_neq(name, last);
		last = name;
	}
	cr_assert_str_eq(brood_event_kind_name((enum brood_event_kind)0),
	    "unknown");
	cr_assert_str_eq(brood_event_kind_name(BROOD_EVENT_NOT_RELOADED + 1),
	    "unknown");
}

Test(event, a_tail_of_stderr_goes_on_behind_a_nul)
{
	static const char tail[] = "1\0two\x1b[1m\n\tthree\xff";
	struct brood__notice notice = { .kind = BROOD__NOTICE_ENDED };
	struct brood__events events;
	struct brood_event event;

	notice.tail_len = sizeof(tail) - 1;
	memcpy(notice.tail, tail, sizeof(tail));
	brood__events_init(&events);
	brood__events_push_notice(&events, "name", &notice);
	cr_assert_eq(brood__events_next(&events, &event), 1);
	cr_assert_str_eq(event.stderr_tail, "1?two?[1m\n\tthree?");
	brood__events_fini(&events);
}
