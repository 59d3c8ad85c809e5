/* ask.c - the asking side: a frame goes to a free worker, and the pixels come back before a deadline or not at all.
 * Lock: codec->lock guards `taken`, `free` and `idle`; a slot that is taken belongs to the thread that took it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dicom/codec/channel.h"
#include "dicom/codec/decoder.h"

#define PATIENT_TRIES 60 /* each waits for a worker as long as a frame may take */
#define KEEP_BYTES (16u << 20)     /* of a channel's memory; more is given back to the system after use */
#define LARGE_BYTES (2u << 20)     /* of a frame: from here on its memory is prepared while it is decoded */
#define HUGE_PAGE_BYTES (2u << 20)
#define RESPAWN_WAIT_MS 2000       /* for the next worker when one has died; it takes some milliseconds */
#define WARNING_PAUSE_MS 1000      /* between two log lines on headers that lie */

typedef struct slot {
    bool taken;     /* lock */
    bool unsettled; /* owner: nobody knows what the worker is doing; ask it before giving it anything */
} slot;

struct kh_codec {
    kh_codec_channels *channels;
    kh_codec_pid_of *pid_of;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t free; /* lock */
    pthread_cond_t idle; /* lock: a slot is free that nobody has waited for */
    unsigned waiting;    /* lock: threads that wait for a slot */
    slot slots[KH_CODEC_WORKERS_MAX];
    uint64_t sequence;   /* lock */
    int64_t warned_ms;   /* lock */
};

typedef struct request {
    const char *syntax;
    const kh_pixel_format *header;
    const kh_codestream *stream;
    const unsigned *seat; /* a slot taken before; NULL: take one */
    unsigned halvings;
    int64_t deadline_us; /* on the monotonic clock */
    int64_t allowed_ms;
    uint8_t *room; /* for lead and pixels, see make_room() */
    size_t lead, size;
} request;

typedef enum outcome { ANSWERED, DIED, LATE, BROKEN } outcome;

kh_status kh_codec_create(kh_codec **out, kh_codec_channels *channels, kh_codec_pid_of *pid_of, void *context, kh_error *err)
{
    kh_codec *codec = calloc(1, sizeof *codec);
    pthread_condattr_t attributes;

    *out = NULL;
    if (!codec)
        return kh_error_set(err, KH_E_MEMORY, "no memory for the decoders' asking side");
    codec->channels = channels;
    codec->pid_of = pid_of;
    codec->context = context;
    codec->sequence = (uint64_t)kh_clock_monotonic_us(); /* past every number of an asker before us */
    codec->warned_ms = INT64_MIN / 2;
    for (unsigned i = 0; i < KH_CODEC_WORKERS_MAX; i++)
        codec->slots[i].unsettled = true; /* an asker before us may have left work behind */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&codec->lock, NULL);
    pthread_cond_init(&codec->free, &attributes);
    pthread_cond_init(&codec->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = codec;
    return KH_OK;
}

void kh_codec_free(kh_codec *codec)
{
    if (!codec)
        return;
    pthread_cond_destroy(&codec->free);
    pthread_cond_destroy(&codec->idle);
    pthread_mutex_destroy(&codec->lock);
    free(codec);
}

static int free_slot_locked(const kh_codec *codec)
{
    int found = -1;

    for (unsigned i = 0; i < codec->channels->options.worker_count; i++) {
        if (codec->slots[i].taken)
            continue;
        if (!codec->slots[i].unsettled)
            return (int)i;
        found = found < 0 ? (int)i : found;
    }
    return found;
}

static struct timespec moment_in(int64_t left_us)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += left_us / 1000000;
    until.tv_nsec += left_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

static kh_status take_slot(unsigned *out, kh_codec *codec, int64_t deadline_us, kh_error *err)
{
    const struct timespec until = moment_in(deadline_us - kh_clock_monotonic_us());
    int index, waited = 0;

    pthread_mutex_lock(&codec->lock);
    codec->waiting++;
    while ((index = free_slot_locked(codec)) < 0 && waited == 0)
        waited = pthread_cond_timedwait(&codec->free, &codec->lock, &until);
    codec->waiting--;
    if (index >= 0)
        codec->slots[index].taken = true;
    pthread_mutex_unlock(&codec->lock);
    if (index < 0)
        return kh_error_set(err, KH_E_BUSY, "all %u decode workers are busy", codec->channels->options.worker_count);
    *out = (unsigned)index;
    return KH_OK;
}

static void give_slot(kh_codec *codec, unsigned index)
{
    pthread_mutex_lock(&codec->lock);
    codec->slots[index].taken = false;
    pthread_cond_signal(&codec->free);
    pthread_cond_signal(&codec->idle);
    pthread_mutex_unlock(&codec->lock);
}

/* Those who wait have been woken for a slot that still counts as free. */
static bool two_are_idle_locked(const kh_codec *codec)
{
    unsigned idle = 0;

    for (unsigned i = 0; i < codec->channels->options.worker_count; i++)
        idle += !codec->slots[i].taken;
    return idle >= codec->waiting + 2;
}

bool kh_codec_seat_take(unsigned *seat, kh_codec *codec, int64_t wait_ms)
{
    const struct timespec until = moment_in(wait_ms * 1000);
    int index = -1, waited = 0;

    if (codec->channels->options.worker_count < 2)
        return false;
    pthread_mutex_lock(&codec->lock);
    while (!two_are_idle_locked(codec) && waited == 0)
        waited = pthread_cond_timedwait(&codec->idle, &codec->lock, &until);
    if (two_are_idle_locked(codec))
        index = free_slot_locked(codec);
    if (index >= 0)
        codec->slots[index].taken = true;
    pthread_mutex_unlock(&codec->lock);
    *seat = index >= 0 ? (unsigned)index : 0;
    return index >= 0;
}

void kh_codec_seat_give(kh_codec *codec, unsigned seat)
{
    give_slot(codec, seat);
}

static uint64_t next_sequence(kh_codec *codec)
{
    uint64_t sequence;

    pthread_mutex_lock(&codec->lock);
    sequence = ++codec->sequence;
    pthread_mutex_unlock(&codec->lock);
    return sequence;
}

/* Wait for the answer to sequence; answers to others are of the past. */
static outcome wait_for(int fd, uint64_t sequence, int64_t deadline_us, kh_codec_message *reply)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_us = deadline_us - kh_clock_monotonic_us();
        ssize_t got;

        if (left_us <= 0)
            return LATE;
        if (poll(&ready, 1, (int)(left_us / 1000) + 1) < 0 && errno != EINTR)
            return BROKEN;
        got = recv(fd, reply, sizeof *reply, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return BROKEN;
        if (got != (ssize_t)sizeof *reply)
            continue;
        if (reply->kind == KH_CODEC_DIED)
            return DIED;
        if (reply->kind == KH_CODEC_DONE && reply->sequence == sequence)
            return ANSWERED;
    }
}

static bool put_message(int fd, const kh_codec_message *message)
{
    return send(fd, message, sizeof *message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof *message;
}

/* Messages that came while nobody asked: the worker's death among them means that another one is there now. */
static void read_the_past(kh_codec *codec, unsigned index)
{
    int fd = codec->channels->channels[index].asker_fd;
    kh_codec_message message;

    while (recv(fd, &message, sizeof message, MSG_DONTWAIT) > 0)
        if (message.kind == KH_CODEC_DIED)
            codec->slots[index].unsettled = true;
}

/* Bring a slot whose worker's state is unknown to rest: a worker that answers has nothing else in hand. */
static bool settle(kh_codec *codec, unsigned index, int64_t deadline_us)
{
    int fd = codec->channels->channels[index].asker_fd;
    kh_codec_message ping = {.kind = KH_CODEC_PING}, reply;
    outcome got = DIED;

    while (got == DIED) { /* each one read was sent once, so this ends */
        ping.sequence = next_sequence(codec);
        if (!put_message(fd, &ping))
            return false;
        got = wait_for(fd, ping.sequence, deadline_us, &reply);
    }
    return got == ANSWERED;
}

static void kill_worker(kh_codec *codec, unsigned index)
{
    pid_t pid = codec->pid_of(codec->context, index);

    if (pid > 0)
        kill(pid, SIGKILL);
}

/* A worker that does not come to rest by itself is made to. */
static kh_status settle_or_kill(kh_codec *codec, unsigned index, kh_error *err)
{
    read_the_past(codec, index);
    if (!codec->slots[index].unsettled)
        return KH_OK;
    if (!settle(codec, index, kh_clock_monotonic_us() + codec->channels->options.deadline_base_ms * 1000)) {
        kill_worker(codec, index);
        if (!settle(codec, index, kh_clock_monotonic_us() + RESPAWN_WAIT_MS * 1000))
            return kh_error_set(err, KH_E_BUSY, "decode worker %u does not answer", index);
    }
    codec->slots[index].unsettled = false;
    return KH_OK;
}

/* Nothing is lost where the system does not know this: each page is then brought in when it is touched. */
static void bring_in(uint8_t *from, uint8_t *to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)from + page - 1) / page * page, end = (uintptr_t)to / page * page;

    if (first < end)
        (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
}

/* While the worker decodes, its asker has nothing to do: the pages that a large frame is copied from and to are brought in meanwhile, which
 * would else take as long as the copying, when somebody waits for it. */
static void prepare_copy(const kh_codec *codec, unsigned index, const request *asked)
{
    uint8_t *area = kh_codec_area_pixels(codec->channels, index);

    if (asked->size < LARGE_BYTES)
        return;
    bring_in(asked->room, asked->room + asked->lead + asked->size);
    bring_in(area, area + asked->size);
}

/* In memory that the system gives in few large pages when the frame is large. */
static uint8_t *make_room(size_t lead, size_t size)
{
    uint8_t *room = lead < SIZE_MAX - size ? malloc(lead + size) : NULL;
    uintptr_t first = ((uintptr_t)room + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    uintptr_t end = ((uintptr_t)room + lead + size) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;

    if (room && size >= LARGE_BYTES && first < end)
        (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
    return room;
}

static outcome send_request(kh_codec *codec, unsigned index, const request *asked, kh_codec_message *reply)
{
    const kh_codec_channel *channel = &codec->channels->channels[index];
    kh_codec_message message = {.kind = KH_CODEC_DECODE, .sequence = next_sequence(codec),
                                .codestream_size = asked->stream->size, .format = *asked->header,
                                .halvings = asked->halvings};

    strncpy(message.syntax, asked->syntax, sizeof message.syntax - 1);
    memcpy(channel->memory, asked->stream->bytes, asked->stream->size);
    if (!put_message(channel->asker_fd, &message))
        return BROKEN;
    prepare_copy(codec, index, asked);
    return wait_for(channel->asker_fd, message.sequence, asked->deadline_us, reply);
}

/* What a worker says is text from a process that may have been taken over. */
static kh_status status_of_reply(kh_codec_message *reply, kh_error *err)
{
    kh_status status = (kh_status)reply->status;

    if (status == KH_OK)
        return KH_OK;
    reply->text[sizeof reply->text - 1] = '\0';
    for (char *c = reply->text; *c; c++)
        if (*c < 0x20 || *c > 0x7E)
            *c = '?';
    if (status != KH_E_FORMAT && status != KH_E_UNSUPPORTED && status != KH_E_LIMIT && status != KH_E_MEMORY)
        status = KH_E_FORMAT;
    return kh_error_set(err, status, "%s", reply->text);
}

/* Memory that one large frame has filled is not kept by a channel that then decodes small ones. */
static void punch(const kh_codec *codec, unsigned index, size_t codestream_size, size_t pixels_size)
{
    int fd = codec->channels->channels[index].memory_fd;
    off_t half = (off_t)codec->channels->options.frame_bytes_max;

    if (codestream_size > KEEP_BYTES)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, half);
    if (pixels_size > KEEP_BYTES)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, half, half);
}

/* One try on one worker. *died is set when the worker went away under it. */
static kh_status try_once(kh_codec *codec, unsigned index, request *asked, bool *died, kh_error *err)
{
    kh_codec_message reply;
    kh_status status = settle_or_kill(codec, index, err);
    outcome got;

    *died = false;
    if (status != KH_OK)
        return status;
    asked->deadline_us = kh_clock_monotonic_us() + asked->allowed_ms * 1000;
    got = send_request(codec, index, asked, &reply);
    codec->slots[index].unsettled = got != ANSWERED;
    *died = got == DIED;
    switch (got) {
    case ANSWERED:
        status = status_of_reply(&reply, err);
        if (status == KH_OK)
            memcpy(asked->room + asked->lead, kh_codec_area_pixels(codec->channels, index), asked->size);
        punch(codec, index, asked->stream->size, asked->size);
        return status;
    case DIED:
        return kh_error_set(err, KH_E_FORMAT, "a decoder died on it twice");
    case LATE:
        kill_worker(codec, index);
        return kh_error_set(err, KH_E_TIMEOUT, "decoding took longer than %lld ms", (long long)asked->allowed_ms);
    default:
        return kh_error_set(err, KH_E_INTERNAL, "the socket of decode worker %u failed", index);
    }
}

/* Of samples, depth, sign and loss; the colour model changes with decoding in honest files too. */
static bool lies(const kh_pixel_format *header, const kh_pixel_format *planned, bool said_lossless)
{
    return header->samples != planned->samples || header->bits_stored != planned->bits_stored ||
           header->is_signed != planned->is_signed || (planned->lossy && said_lossless);
}

static void warn_of_lies(kh_codec *codec, const kh_pixel_format *header, const kh_pixel_format *planned, const char *transfer_syntax_uid)
{
    const kh_transfer_syntax *syntax = kh_transfer_syntax_find(transfer_syntax_uid);
    bool said_lossless = syntax && !syntax->lossy, due;
    int64_t now_ms = kh_clock_monotonic_ms();

    if (!lies(header, planned, said_lossless))
        return;
    pthread_mutex_lock(&codec->lock);
    due = now_ms - codec->warned_ms >= WARNING_PAUSE_MS;
    if (due)
        codec->warned_ms = now_ms;
    pthread_mutex_unlock(&codec->lock);
    if (due)
        kh_log(KH_LOG_WARN, "codec", "codestream of %u samples of %u bits%s%s, header says %u of %u%s%s: the codestream is believed",
               (unsigned)planned->samples, (unsigned)planned->bits_stored, planned->is_signed ? ", signed" : "",
               planned->lossy ? ", lossy" : "", (unsigned)header->samples, (unsigned)header->bits_stored,
               header->is_signed ? ", signed" : "", said_lossless && planned->lossy ? ", lossless" : "");
}

static kh_status decode_on_worker(kh_codec *codec, request *asked, kh_error *err)
{
    unsigned index = asked->seat ? *asked->seat : 0;
    bool died = false;
    kh_status status = asked->seat ? KH_OK : take_slot(&index, codec, asked->deadline_us, err);

    if (status != KH_OK)
        return status;
    status = try_once(codec, index, asked, &died, err);
    if (died) { /* once may be chance: killed by hand, out of memory */
        kh_error_clear(err);
        status = try_once(codec, index, asked, &died, err);
    }
    if (!asked->seat)
        give_slot(codec, index);
    return status;
}

kh_status kh_codec_decode_as(uint8_t **pixels, size_t *size, kh_codec *codec, const char *transfer_syntax_uid,
                             kh_pixel_format *format, const void *codestream, size_t codestream_size, const kh_codec_how *how,
                             kh_error *err)
{
    const kh_codec_options *options = &codec->channels->options;
    kh_codestream stream = {codestream, codestream_size};
    kh_pixel_format planned = *format;
    request asked = {.syntax = transfer_syntax_uid, .header = format, .stream = &stream, .seat = how->seat, .halvings = how->halvings,
                     .lead = how->lead};
    kh_status status;

    *pixels = NULL;
    *size = 0;
    if (codestream_size > options->frame_bytes_max)
        return kh_error_set(err, KH_E_LIMIT, "codestream of %zu bytes, expected at most %llu", codestream_size,
                            (unsigned long long)options->frame_bytes_max);
    status = kh_codec_plan(&planned, size, options->frame_bytes_max, transfer_syntax_uid, &stream, how->halvings, err);
    if (status == KH_OK) {
        warn_of_lies(codec, format, &planned, transfer_syntax_uid);
        asked.allowed_ms = options->deadline_base_ms + (int64_t)format->rows * format->columns / 1000;
        asked.deadline_us = kh_clock_monotonic_us() + asked.allowed_ms * 1000;
        asked.size = *size;
        asked.room = make_room(asked.lead, asked.size);
        if (!asked.room)
            status = kh_error_set(err, KH_E_MEMORY, "no memory for a frame of %zu bytes", asked.size);
    }
    if (status == KH_OK)
        status = decode_on_worker(codec, &asked, err);
    if (status != KH_OK) {
        free(asked.room);
        *size = 0;
        return status;
    }
    *pixels = asked.room;
    *format = planned;
    return KH_OK;
}

kh_status kh_codec_decode(uint8_t **pixels, size_t *size, kh_codec *codec, const char *transfer_syntax_uid,
                          kh_pixel_format *format, const void *codestream, size_t codestream_size, kh_error *err)
{
    return kh_codec_decode_as(pixels, size, codec, transfer_syntax_uid, format, codestream, codestream_size, &(kh_codec_how){0}, err);
}

kh_status kh_codec_decode_patiently(void *context, uint8_t **pixels, size_t *size, const char *transfer_syntax_uid, kh_pixel_format *format,
                                    const void *codestream, size_t codestream_size, kh_error *err)
{
    kh_status status;

    for (unsigned i = 0;; i++) {
        status = kh_codec_decode(pixels, size, context, transfer_syntax_uid, format, codestream, codestream_size, err);
        if (status != KH_E_BUSY || i == PATIENT_TRIES)
            return status;
        kh_error_clear(err);
    }
}
