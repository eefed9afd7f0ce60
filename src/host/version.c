/* SPDX-License-Identifier: ISC */

/* The version of the library, which may be another than that of the program. */

#include "base/export.h"

#include <brood/version.h>

BROOD_PUBLIC const char *
brood_version(void)
{
	return BROOD_VERSION;
}
