/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_ASAN_H
#define BROOD_TESTS_ASAN_H

/*
 * Is this built with AddressSanitizer?  gcc tells it by a macro, clang by a
 * feature.
 */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define SUPPORT_HAS_ASAN	1
#endif
#endif
#ifndef SUPPORT_HAS_ASAN
#ifdef __SANITIZE_ADDRESS__
#define SUPPORT_HAS_ASAN	1
#else
#define SUPPORT_HAS_ASAN	0
#endif
#endif

#endif
