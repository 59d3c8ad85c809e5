/* worker.c - the body of a decode worker: one request at a time, from shared memory into shared memory. */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "dicom/codec/channel.h"
#include "dicom/codec/decoder.h"

#define COMING_US 200 /* a request that was announced takes less */
#define LARGE_PIXELS (2u << 20) /* of a frame; what decoding it took is then given back to the system */

#ifdef KH_CODEC_TEST_HOOKS
/* Misbehaviour on demand, in the tests' own build of this room only. */
bool kh_codec_test_hook(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request);
#endif

/* Other workers' memory and every socket but its own are none of its business. */
static void leave_the_others(kh_codec_channels *channels, unsigned index)
{
    for (unsigned i = 0; i < channels->options.worker_count; i++) {
        kh_codec_channel *channel = &channels->channels[i];

        if (channel->asker_fd >= 0)
            close(channel->asker_fd);
        if (channel->memory_fd >= 0)
            close(channel->memory_fd);
        if (i != index && channel->worker_fd >= 0)
            close(channel->worker_fd);
        if (i != index && channel->memory)
            munmap(channel->memory, kh_codec_area_bytes(channels));
    }
}

void kh_codec_tell(void *context, size_t bytes)
{
    kh_codec_telling *telling = context;

    telling->taken_back = telling->taken_back || bytes == 0;
    atomic_store_explicit(&telling->progress->processor, sched_getcpu(), memory_order_relaxed);
    atomic_store_explicit(&telling->progress->finished, telling->taken_back ? 0 : bytes, memory_order_release);
}

static kh_status decode(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request, kh_error *err)
{
    const kh_codec_channel *channel = &channels->channels[index];
    const kh_codestream stream = {channel->memory, request->codestream_size};
    kh_codec_telling telling = {.progress = kh_codec_area_progress(channels, index)};
    const kh_decode_listener listener = {kh_codec_tell, &telling};
    char syntax[KH_UID_SIZE];
    size_t size;

    memcpy(syntax, request->syntax, sizeof syntax);
    syntax[sizeof syntax - 1] = '\0';
    if (request->codestream_size > channels->options.frame_bytes_max || request->pixels_size > channels->options.frame_bytes_max)
        return kh_error_set(err, KH_E_INTERNAL, "codestream or pixels larger than their memory");
    if (!kh_pixel_format_frame_bytes(&request->planned, &size) || size != request->pixels_size)
        return kh_error_set(err, KH_E_INTERNAL, "pixels of another size than planned");
    return kh_codec_decode_planned(kh_codec_area_pixels(channels, index), size, syntax, &request->planned, &request->format, &stream,
                                   request->halvings, &listener, err);
}

static void answer(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request, kh_codec_message *reply)
{
    kh_error err = KH_ERROR_INIT;

    *reply = (kh_codec_message){.kind = KH_CODEC_DONE, .sequence = request->sequence};
    if (request->kind != KH_CODEC_DECODE)
        return;
#ifdef KH_CODEC_TEST_HOOKS
    if (kh_codec_test_hook(channels, index, request))
        return;
#endif
    reply->status = (uint32_t)decode(channels, index, request, &err);
    reply->finished = atomic_load_explicit(&kh_codec_area_progress(channels, index)->finished, memory_order_relaxed);
    memcpy(reply->text, err.message, sizeof reply->text);
}

/* What was announced, a little while without sleeping, unless that keeps the asker from sending it: false when nothing has come. */
static bool receive_soon(int fd, kh_codec_message *request)
{
    int64_t until_us = kh_clock_monotonic_us() + COMING_US;
    ssize_t got;

    if (request->processor == sched_getcpu())
        return false;
    do
        got = recv(fd, request, sizeof *request, MSG_DONTWAIT);
    while (got < 0 && kh_clock_monotonic_us() < until_us);
    return got == (ssize_t)sizeof *request;
}

static void serve(const kh_codec_channels *channels, unsigned index)
{
    int fd = channels->channels[index].worker_fd;
    kh_codec_message request, reply;

    for (;;) {
        ssize_t got = recv(fd, &request, sizeof request, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        if (got != (ssize_t)sizeof request || (request.kind == KH_CODEC_COMING && !receive_soon(fd, &request)))
            continue;
        if (request.kind == KH_CODEC_COMING) /* of an asker that has gone */
            continue;
        answer(channels, index, &request, &reply);
        if (send(fd, &reply, sizeof reply, MSG_NOSIGNAL) < 0)
            return;
        if ((uint64_t)request.format.rows * request.format.columns >= LARGE_PIXELS)
            malloc_trim(0);
    }
}

void kh_codec_worker_run(kh_codec_channels *channels, unsigned index)
{
    uint64_t address_space = channels->options.address_space_bytes + kh_codec_area_bytes(channels);
    kh_error err = KH_ERROR_INIT;

    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_IGN); /* a terminal's Ctrl-C is for the supervisor to act on */
    leave_the_others(channels, index);
    kh_dcmtk_jpeg_prepare();
    kh_openjpeg_prepare();
    kh_turbojpeg_prepare();
    if (kh_sandbox_enter(channels->channels[index].worker_fd, address_space, &err) != KH_OK) {
        kh_log(KH_LOG_ERROR, "codec", "decode worker %u: %s", index, err.message);
        return;
    }
    serve(channels, index);
}
