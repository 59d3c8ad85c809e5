/* malloc and its kin that can be told to fail; the C library's own do the work. */
#include <stddef.h>
#include "tests/faults/interpose.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *held, size_t size);

void *taken_malloc(size_t size) __asm__("malloc");
void *taken_calloc(size_t count, size_t size) __asm__("calloc");
void *taken_realloc(void *held, size_t size) __asm__("realloc");

void *taken_malloc(size_t size)
{
    return faults_hit(FAULT_MEMORY) ? NULL : __libc_malloc(size);
}

void *taken_calloc(size_t count, size_t size)
{
    return faults_hit(FAULT_MEMORY) ? NULL : __libc_calloc(count, size);
}

void *taken_realloc(void *held, size_t size)
{
    return faults_hit(FAULT_MEMORY) ? NULL : __libc_realloc(held, size);
}
