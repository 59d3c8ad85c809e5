#include "store/page.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"

kh_status kh_page_create(kh_page **out, kh_error *err)
{
    void *memory = mmap(NULL, sizeof(kh_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    *out = NULL;
    if (memory == MAP_FAILED)
        return kh_error_errno(err, errno, "shared page");
    *out = memory; /* zero-filled, which is the first state of every field */
    return KH_OK;
}

void kh_page_free(kh_page *page)
{
    if (page)
        munmap(page, sizeof *page);
}

/* Not FUTEX_PRIVATE: the waiters may be other processes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, (uint32_t *)word, operation, value, timeout, NULL, 0);
}

void kh_page_publish_event(kh_page *page, uint64_t seq)
{
    uint64_t held = atomic_load(&page->event_seq);

    while (held < seq && !atomic_compare_exchange_weak(&page->event_seq, &held, seq))
        ;
    if (held >= seq)
        return;
    atomic_store(&page->event_futex, (uint32_t)atomic_load(&page->event_seq));
    futex(&page->event_futex, FUTEX_WAKE, INT_MAX, NULL);
}

uint64_t kh_page_wait_event(kh_page *page, uint64_t seq, int64_t timeout_ms)
{
    int64_t deadline_ms = kh_clock_monotonic_ms() + timeout_ms;

    for (;;) {
        /* The word first: an event published after this load makes the wait return at once. */
        uint32_t word = atomic_load(&page->event_futex);
        uint64_t newest = atomic_load(&page->event_seq);
        int64_t left_ms = deadline_ms - kh_clock_monotonic_ms();
        struct timespec left;

        if (newest > seq || left_ms <= 0)
            return newest;
        left = (struct timespec){.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        futex(&page->event_futex, FUTEX_WAIT, word, &left);
    }
}
