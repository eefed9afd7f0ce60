/* SPDX-License-Identifier: ISC */
#ifndef BROOD__SHARED_H
#define BROOD__SHARED_H

/*
 * What all slots of one supervisor process share.
 */

#include "base/ready.h"
#include "supervisor/log_sink.h"
#include "supervisor/oom.h"
#include "supervisor/order.h"

#include <brood/channel.h>
#include <sys/resource.h>
#include <sys/tree.h>

struct brood__slot;
RB_HEAD(brood__slots_by_pid, brood__slot);

enum brood__host_state {
	BROOD__HOST_SERVED,
	BROOD__HOST_STOPS_ALL,	/* it sent STOP_ALL: nothing starts any more */
	BROOD__HOST_GONE,	/* the same, and nobody reads notices */
};

struct brood__shared {
	struct brood__ready *ready;
	struct brood_channel *control;
	struct brood__log_sink sink;
	struct brood__order order;
	struct brood__oom oom;
	struct brood__slots_by_pid by_pid;	/* processes not reaped yet */
	struct rlimit nofile;		/* the host's: its children have it */
	bool has_prefix;		/* lines begin with "name[pid]: " */
	enum brood__host_state host;
};

#endif
