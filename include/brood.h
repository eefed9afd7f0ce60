/* SPDX-License-Identifier: ISC */
#ifndef BROOD_H
#define BROOD_H

/*
 * All public headers of brood.  The conventions that hold for all of them are
 * in brood/message.h.
 */

#include <brood/channel.h>
#include <brood/child.h>
#include <brood/client.h>
#include <brood/confine.h>
#include <brood/event.h>
#include <brood/message.h>
#include <brood/pool.h>
#include <brood/socket.h>
#include <brood/supervisor.h>
#include <brood/version.h>
#include <brood/worker.h>

#endif
