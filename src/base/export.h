/* SPDX-License-Identifier: ISC */
#ifndef BROOD__EXPORT_H
#define BROOD__EXPORT_H

/*
 * Marks the definition of each public function.  The library is compiled so
 * that all other symbols are hidden from the programs that link it.
 */
#define BROOD_PUBLIC	__attribute__((__visibility__("default")))

#endif
