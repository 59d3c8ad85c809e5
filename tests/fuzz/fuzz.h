/* fuzz.h - the one function of a fuzz target. libFuzzer calls it, or replay_main.c with the files of a corpus. */
#ifndef KH_TESTS_FUZZ_H
#define KH_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
