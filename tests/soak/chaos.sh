#!/bin/sh
# SPDX-License-Identifier: ISC
#
# A short run of chaos; `make chaos' and `make soak' run longer ones.

exec tests/soak/chaos -k 1500
