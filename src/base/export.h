/* SPDX-License-Identifier: ISC */
#ifndef BROOD__EXPORT_H
#define BROOD__EXPORT_H

/* On the definition of every public function; all else is hidden. */
#define BROOD_PUBLIC	__attribute__((__visibility__("default")))

#endif
