/* cmocka_all.h - what cmocka.h needs before it, and the row check of our tables. */
#ifndef KH_TESTS_CMOCKA_ALL_H
#define KH_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define KH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
