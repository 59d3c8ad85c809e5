#include "dicom/codec/arrival.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

#define PIECE_BYTES (1u << 20) /* of memory brought in at once */
#define LOOK_US 300 /* the first look at what a worker has finished */
#define SOON_US 120 /* when it will be ready so soon, its asker does not sleep any more, for twice as long at most */

static void take_back(kh_codec_arrival *arrival)
{
    if (arrival->told)
        arrival->listener->told(arrival->listener->context, arrival->format, arrival->room + arrival->lead, arrival->size, 0);
    arrival->told = false;
}

void kh_codec_arrival_begin(kh_codec_arrival *arrival)
{
    take_back(arrival); /* of a worker that died */
    arrival->copied = 0;
    arrival->awake_until_us = 0;
}

/* Nothing is lost where the system does not know this: each page is then brought in when it is touched. */
static void bring_in(uint8_t *from, uint8_t *to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)from + page - 1) / page * page,
              end = (uintptr_t)to / page * page;

    if (first < end)
        (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
}

/* While the worker decodes, its asker has nothing to do: the pages that a large frame is copied from and to are brought in meanwhile, which
 * would else take as long as the copying, when somebody waits for it. In pieces: where a virtual machine has to ask its host for each page
 * all of them take as long as decoding does. Not as large pages: bringing those in takes even longer then. */
bool kh_codec_arrival_prepare(kh_codec_arrival *arrival)
{
    size_t room_size = arrival->lead + arrival->size, from = arrival->prepared, left;

    if (arrival->size < KH_CODEC_LARGE_BYTES || from >= room_size)
        return false;
    if (from == 0)
        bring_in(arrival->area, arrival->area + arrival->size); /* first: the worker needs it too */
    left = room_size - from;
    arrival->prepared += left < PIECE_BYTES ? left : PIECE_BYTES;
    bring_in(arrival->room + from, arrival->room + arrival->prepared);
    return true;
}

/* Nothing of what stands in shared memory is believed: it need not stand still. The copy does. */
static void copy_up_to(kh_codec_arrival *arrival, uint64_t finished)
{
    size_t end = finished < arrival->size ? (size_t)finished : arrival->size;

    if (end <= arrival->copied)
        return;
    memcpy(arrival->room + arrival->lead + arrival->copied, arrival->area + arrival->copied, end - arrival->copied);
    arrival->copied = end;
}

void kh_codec_arrival_look(kh_codec_arrival *arrival)
{
    size_t before = arrival->copied;

    arrival->looked_us = kh_clock_monotonic_us();
    copy_up_to(arrival, atomic_load_explicit(&arrival->progress->finished, memory_order_acquire));
    if (!arrival->listener || arrival->copied == before)
        return;
    arrival->listener->told(arrival->listener->context, arrival->format, arrival->room + arrival->lead, arrival->size, arrival->copied);
    arrival->told = true;
}

/* What is left is reckoned from the look on: copying and telling have taken their time. To be woken takes a good part of it when the
 * answer is due. A worker that tells nothing, or needs the processor that its asker is on, is looked at ever less often. */
int64_t kh_codec_arrival_pause_us(kh_codec_arrival *arrival, int64_t now_us)
{
    int64_t gone_us = now_us - arrival->sent_us, since_us = now_us - arrival->looked_us, left_us;

    if (arrival->copied == 0 || atomic_load_explicit(&arrival->progress->processor, memory_order_relaxed) == sched_getcpu())
        return gone_us > LOOK_US ? gone_us : LOOK_US;
    left_us = (int64_t)((double)(gone_us - since_us) * (double)(arrival->size - arrival->copied) / (double)arrival->copied) - since_us;
    if (left_us > SOON_US) {
        arrival->awake_until_us = 0;
        return left_us / 2 < left_us - SOON_US ? left_us / 2 : left_us - SOON_US;
    }
    if (arrival->awake_until_us == 0)
        arrival->awake_until_us = now_us + 2 * SOON_US;
    return now_us < arrival->awake_until_us ? 0 : gone_us;
}

void kh_codec_arrival_end(kh_codec_arrival *arrival, uint64_t finished)
{
    if (arrival->copied > finished) { /* a decoder that has begun anew */
        take_back(arrival);
        arrival->copied = (size_t)finished;
    }
    copy_up_to(arrival, arrival->size);
}

void kh_codec_arrival_fail(kh_codec_arrival *arrival)
{
    take_back(arrival);
    free(arrival->room);
    arrival->room = NULL;
}
