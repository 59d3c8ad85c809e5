#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dicom/codec/channel.h"

#define FRAME_BYTES_MAX (UINT64_C(2) << 30)

const kh_codec_options kh_codec_options_default = {2, UINT64_C(256) << 20, UINT64_C(1) << 30, 500};

static kh_status check_options(const kh_codec_options *options, kh_error *err)
{
    if (options->worker_count < 1 || options->worker_count > KH_CODEC_WORKERS_MAX)
        return kh_error_set(err, KH_E_ARG, "%u decode workers, expected 1 to %d", options->worker_count, KH_CODEC_WORKERS_MAX);
    if (options->frame_bytes_max < KH_CODEC_PAGE_BYTES || options->frame_bytes_max > FRAME_BYTES_MAX)
        return kh_error_set(err, KH_E_ARG, "largest frame of %llu bytes, expected 4 KiB to 2 GiB",
                            (unsigned long long)options->frame_bytes_max);
    if (options->deadline_base_ms < 1 || options->deadline_base_ms > 600000)
        return kh_error_set(err, KH_E_ARG, "decoding deadline of %lld ms, expected 1 to 600000",
                            (long long)options->deadline_base_ms);
    return KH_OK;
}

static kh_status channel_open(kh_codec_channel *channel, size_t area_bytes, kh_error *err)
{
    int fds[2];
    void *memory;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return kh_error_errno(err, errno, "sockets of a decode worker");
    channel->asker_fd = fds[0];
    channel->worker_fd = fds[1];
    channel->memory_fd = memfd_create("kakehashi-decode", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (channel->memory_fd < 0 || ftruncate(channel->memory_fd, (off_t)area_bytes) != 0)
        return kh_error_errno(err, errno, "shared memory of a decode worker");
    /* A worker that was taken over must not be able to cut the memory under the others' feet. */
    if (fcntl(channel->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return kh_error_errno(err, errno, "seals of a decode worker's memory");
    memory = mmap(NULL, area_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, channel->memory_fd, 0);
    if (memory == MAP_FAILED)
        return kh_error_errno(err, errno, "shared memory of a decode worker");
    channel->memory = memory;
    return KH_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

kh_status kh_codec_channels_create(kh_codec_channels **out, const kh_codec_options *options, kh_error *err)
{
    kh_codec_channels *channels;
    kh_status status = check_options(options, err);

    *out = NULL;
    if (status != KH_OK)
        return status;
    channels = calloc(1, sizeof *channels);
    if (!channels)
        return kh_error_set(err, KH_E_MEMORY, "no memory for decode channels");
    channels->options = *options;
    channels->options.frame_bytes_max = (options->frame_bytes_max + KH_CODEC_PAGE_BYTES - 1) / KH_CODEC_PAGE_BYTES * KH_CODEC_PAGE_BYTES;
    for (unsigned i = 0; i < KH_CODEC_WORKERS_MAX; i++)
        channels->channels[i] = (kh_codec_channel){-1, -1, -1, NULL};
    for (unsigned i = 0; i < options->worker_count && status == KH_OK; i++)
        status = channel_open(&channels->channels[i], kh_codec_area_bytes(channels), err);
    if (status != KH_OK) {
        kh_codec_channels_free(channels);
        return status;
    }
    *out = channels;
    return KH_OK;
}

void kh_codec_channels_free(kh_codec_channels *channels)
{
    if (!channels)
        return;
    for (unsigned i = 0; i < KH_CODEC_WORKERS_MAX; i++) {
        kh_codec_channel *channel = &channels->channels[i];

        close_fd(&channel->asker_fd);
        close_fd(&channel->worker_fd);
        close_fd(&channel->memory_fd);
        if (channel->memory)
            munmap(channel->memory, kh_codec_area_bytes(channels));
    }
    free(channels);
}

void kh_codec_worker_ended(kh_codec_channels *channels, unsigned index)
{
    const kh_codec_channel *channel = &channels->channels[index];
    kh_codec_message message = {.kind = KH_CODEC_DIED};

    /* What the dead one has not read would make the next one work on memory that has another owner by then. */
    while (recv(channel->worker_fd, &(kh_codec_message){0}, sizeof(kh_codec_message), MSG_DONTWAIT) >= 0)
        continue;
    /* Nobody reads this while no asker waits; when the socket is full of such, the asker will find more than enough. */
    (void)send(channel->worker_fd, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
