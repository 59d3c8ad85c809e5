/* ask.c - the asking side: a frame goes to a free worker, and the pixels come back before a deadline or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dicom/codec/arrival.h"
#include "dicom/codec/asker.h"
#include "dicom/codec/decoder.h"

#define PATIENT_TRIES 60 /* each waits for a worker as long as a frame may take */
#define KEEP_BYTES (16u << 20)     /* of a channel's memory; more is given back to the system after use */
#define ANNOUNCED_BYTES_MAX (1u << 20) /* of a codestream: more of them take longer to plan and copy than a worker stays awake for */
#define RESPAWN_WAIT_MS 2000       /* for the next worker when one has died; it takes some milliseconds */
#define WARNING_PAUSE_MS 1000      /* between two log lines on headers that lie */

typedef struct request {
    const char *syntax;
    const kh_pixel_format *header;
    kh_pixel_format planned;
    const kh_codestream *stream;
    unsigned halvings;
    int64_t deadline_us; /* on the monotonic clock */
    int64_t allowed_ms;
    kh_codec_arrival pixels; /* of the planned frame */
} request;

typedef enum outcome { ANSWERED, DIED, LATE, BROKEN } outcome;

static uint64_t next_sequence(kh_codec *codec)
{
    uint64_t sequence;

    pthread_mutex_lock(&codec->lock);
    sequence = ++codec->sequence;
    pthread_mutex_unlock(&codec->lock);
    return sequence;
}

static bool await_message(int fd, int64_t wait_us)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    const struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};

    return ppoll(&ready, 1, &wait, NULL) >= 0 || errno == EINTR;
}

/* Wait for the answer to sequence; answers to others are of the past. arrival: of the pixels meanwhile; NULL of a ping. */
static outcome wait_for(const kh_codec *codec, unsigned index, uint64_t sequence, int64_t deadline_us, kh_codec_arrival *arrival,
                        kh_codec_message *reply)
{
    int fd = codec->channels->channels[index].asker_fd;

    for (;;) {
        ssize_t got = recv(fd, reply, sizeof *reply, MSG_DONTWAIT);
        int64_t now_us, left_us, wait_us;

        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return BROKEN;
        if (arrival)
            kh_codec_arrival_look(arrival);
        if (got == (ssize_t)sizeof *reply && reply->kind == KH_CODEC_DIED)
            return DIED;
        if (got == (ssize_t)sizeof *reply && reply->kind == KH_CODEC_DONE && reply->sequence == sequence)
            return ANSWERED;
        now_us = kh_clock_monotonic_us();
        left_us = deadline_us - now_us;
        if (left_us <= 0)
            return LATE;
        if (arrival && kh_codec_arrival_prepare(arrival))
            continue;
        wait_us = arrival ? kh_codec_arrival_pause_us(arrival, now_us) : left_us;
        if (wait_us > 0 && !await_message(fd, wait_us < left_us ? wait_us : left_us))
            return BROKEN;
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
    kh_codec_message ping = {.kind = KH_CODEC_PING}, reply;
    outcome got = DIED;

    while (got == DIED) { /* each one read was sent once, so this ends */
        ping.sequence = next_sequence(codec);
        if (!put_message(codec->channels->channels[index].asker_fd, &ping))
            return false;
        got = wait_for(codec, index, ping.sequence, deadline_us, NULL, &reply);
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

/* A message wakes its reader on the sender's own processor where the system takes the others for busy, as it does those of a virtual
 * machine that are halted: the two would then take turns of some milliseconds. An asker that has work of its own while a frame is decoded
 * has its worker woken on another one. Where that may not be said nothing is lost but the time. */
static bool put_message_elsewhere(const kh_codec *codec, unsigned index, const kh_codec_message *message)
{
    pid_t pid = codec->pid_of(codec->context, index);
    int here = sched_getcpu();
    cpu_set_t usual, others;
    bool kept_away = false, sent;

    if (pid > 0 && here >= 0 && sched_getaffinity(pid, sizeof usual, &usual) == 0) {
        others = usual;
        CPU_CLR(here, &others);
        kept_away = CPU_COUNT(&others) > 0 && sched_setaffinity(pid, sizeof others, &others) == 0;
    }
    sent = put_message(codec->channels->channels[index].asker_fd, message);
    if (kept_away)
        (void)sched_setaffinity(pid, sizeof usual, &usual);
    return sent;
}

static outcome send_request(kh_codec *codec, unsigned index, request *asked, kh_codec_message *reply)
{
    const kh_codec_channel *channel = &codec->channels->channels[index];
    kh_codec_arrival *pixels = &asked->pixels;
    kh_codec_message message = {.kind = KH_CODEC_DECODE, .sequence = next_sequence(codec),
                                .codestream_size = asked->stream->size, .pixels_size = pixels->size, .format = *asked->header,
                                .planned = asked->planned, .halvings = asked->halvings};
    bool sent;

    kh_codec_arrival_begin(pixels);
    atomic_store_explicit(&kh_codec_area_progress(codec->channels, index)->finished, 0, memory_order_relaxed);
    strncpy(message.syntax, asked->syntax, sizeof message.syntax - 1);
    memcpy(channel->memory, asked->stream->bytes, asked->stream->size);
    pixels->sent_us = kh_clock_monotonic_us();
    sent = pixels->size < KH_CODEC_LARGE_BYTES ? put_message(channel->asker_fd, &message) : put_message_elsewhere(codec, index, &message);
    if (!sent)
        return BROKEN;
    return wait_for(codec, index, message.sequence, asked->deadline_us, pixels, reply);
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

/* Memory that one large frame has filled is not kept whole by a channel that then decodes small ones. The beginning is: new memory takes
 * longer than what is decoded into it, and while the next large frame fills that, its asker brings in the rest. */
static void punch(const kh_codec *codec, unsigned index, size_t codestream_size, size_t pixels_size)
{
    int fd = codec->channels->channels[index].memory_fd;
    off_t half = (off_t)codec->channels->options.frame_bytes_max;

    if (codestream_size > KEEP_BYTES)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, KEEP_BYTES, half - KEEP_BYTES);
    if (pixels_size > KEEP_BYTES)
        (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, half + KEEP_BYTES, half - KEEP_BYTES);
}

/* One try on one worker. *died is set when the worker went away under it. */
static kh_status try_once(kh_codec *codec, unsigned index, request *asked, bool *died, kh_error *err)
{
    kh_codec_message reply;
    kh_status status;
    outcome got;

    asked->deadline_us = kh_clock_monotonic_us() + asked->allowed_ms * 1000;
    got = send_request(codec, index, asked, &reply);
    codec->slots[index].unsettled = got != ANSWERED;
    *died = got == DIED;
    switch (got) {
    case ANSWERED:
        status = status_of_reply(&reply, err);
        if (status == KH_OK)
            kh_codec_arrival_end(&asked->pixels, reply.finished);
        punch(codec, index, asked->stream->size, asked->pixels.size);
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

/* To be woken takes a worker about as long as planning takes its asker. */
static void announce(kh_codec *codec, unsigned index, const request *asked)
{
    const kh_codec_message message = {.kind = KH_CODEC_COMING, .processor = sched_getcpu()};

    if (asked->stream->size <= ANNOUNCED_BYTES_MAX)
        (void)put_message(codec->channels->channels[index].asker_fd, &message);
}

/* What the pixels will be, and memory for them. */
static kh_status plan(request *asked, kh_codec *codec, unsigned index, kh_error *err)
{
    kh_codec_arrival *pixels = &asked->pixels;
    kh_status status;

    asked->planned = *asked->header;
    status = kh_codec_plan(&asked->planned, &pixels->size, codec->channels->options.frame_bytes_max, asked->syntax, asked->stream,
                           asked->halvings, err);
    if (status != KH_OK)
        return status;
    warn_of_lies(codec, asked->header, &asked->planned, asked->syntax);
    pixels->progress = kh_codec_area_progress(codec->channels, index);
    pixels->area = kh_codec_area_pixels(codec->channels, index);
    pixels->format = &asked->planned;
    pixels->room = pixels->lead < SIZE_MAX - pixels->size ? malloc(pixels->lead + pixels->size) : NULL;
    return pixels->room ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a frame of %zu bytes", pixels->size);
}

static kh_status decode_on_worker(kh_codec *codec, unsigned index, request *asked, kh_error *err)
{
    bool died = false;
    kh_status status = settle_or_kill(codec, index, err);

    if (status != KH_OK)
        return status;
    announce(codec, index, asked);
    status = plan(asked, codec, index, err);
    if (status == KH_OK)
        status = try_once(codec, index, asked, &died, err);
    if (!died)
        return status;
    kh_error_clear(err); /* once may be chance: killed by hand, out of memory */
    status = settle_or_kill(codec, index, err);
    return status == KH_OK ? try_once(codec, index, asked, &died, err) : status;
}

kh_status kh_codec_decode_as(uint8_t **pixels, size_t *size, kh_codec *codec, const char *transfer_syntax_uid,
                             kh_pixel_format *format, const void *codestream, size_t codestream_size, const kh_codec_how *how,
                             kh_error *err)
{
    const kh_codec_options *options = &codec->channels->options;
    kh_codestream stream = {codestream, codestream_size};
    request asked = {.syntax = transfer_syntax_uid, .header = format, .stream = &stream, .halvings = how->halvings,
                     .allowed_ms = options->deadline_base_ms + (int64_t)format->rows * format->columns / 1000,
                     .pixels = {.lead = how->lead, .listener = how->listener}};
    unsigned index = how->seat ? *how->seat : 0;
    const kh_decoder *decoder;
    kh_status status;

    *pixels = NULL;
    *size = 0;
    if (codestream_size > options->frame_bytes_max)
        return kh_error_set(err, KH_E_LIMIT, "codestream of %zu bytes, expected at most %llu", codestream_size,
                            (unsigned long long)options->frame_bytes_max);
    status = kh_decoder_find(&decoder, transfer_syntax_uid, err);
    if (status == KH_OK && !how->seat)
        status = kh_codec_slot_take(&index, codec, kh_clock_monotonic_us() + asked.allowed_ms * 1000, err);
    if (status != KH_OK)
        return status;
    status = decode_on_worker(codec, index, &asked, err);
    if (!how->seat)
        kh_codec_slot_give(codec, index);
    if (status != KH_OK) {
        kh_codec_arrival_fail(&asked.pixels);
        return status;
    }
    *pixels = asked.pixels.room;
    *size = asked.pixels.size;
    *format = asked.planned;
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
