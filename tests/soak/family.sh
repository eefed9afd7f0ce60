#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A short run of family; `make family' and `make soak' run longer ones.

exec tests/soak/family -n 25
