/* SPDX-License-Identifier: ISC */
#ifndef BROOD_VERSION_H
#define BROOD_VERSION_H

/*
 * The version of brood, as in "0.1.0": of these headers, and of the library
 * that the program runs with.  The two differ if the library was replaced since
 * the program was compiled.
 */

#ifdef __cplusplus
extern "C" {
#endif

#define BROOD_VERSION	"0.1.0"

/* The library's version.  A string in static memory. */
const char *
	brood_version(void);

#ifdef __cplusplus
}
#endif

#endif
