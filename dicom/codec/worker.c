/* worker.c - the body of a decode worker: one request at a time, from shared memory into shared memory. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "dicom/codec/channel.h"
#include "dicom/codec/decoder.h"

#define LARGE_PIXELS (2u << 20) /* of a frame; what decoding it took is then given back to the system */

#ifdef KH_CODEC_TEST_HOOKS
/* Misbehaviour on demand, in the tests' own build of this room only. */
bool kh_codec_test_hook(const kh_codec_message *request, const uint8_t *codestream);
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

static void answer(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request, kh_codec_message *reply)
{
    kh_pixel_format format = request->format;
    kh_error err = KH_ERROR_INIT;
    char syntax[KH_UID_SIZE];
    kh_status status = KH_OK;

    *reply = (kh_codec_message){.kind = KH_CODEC_DONE, .sequence = request->sequence};
    memcpy(syntax, request->syntax, sizeof syntax);
    syntax[sizeof syntax - 1] = '\0';
    if (request->kind != KH_CODEC_DECODE)
        return;
#ifdef KH_CODEC_TEST_HOOKS
    if (kh_codec_test_hook(request, channels->channels[index].memory))
        return;
#endif
    if (request->codestream_size > channels->options.frame_bytes_max)
        status = kh_error_set(&err, KH_E_INTERNAL, "codestream larger than its memory");
    if (status == KH_OK)
        status = kh_codec_decode_reduced_here(kh_codec_area_pixels(channels, index), channels->options.frame_bytes_max, syntax, &format,
                                              channels->channels[index].memory, request->codestream_size, request->halvings, &err);
    reply->status = (uint32_t)status;
    memcpy(reply->text, err.message, sizeof reply->text);
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
        if (got != (ssize_t)sizeof request)
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
