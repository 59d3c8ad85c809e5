#include "app/decoders.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct kh_decoders {
    kh_codec_channels *channels;
    kh_codec *codec;
    _Atomic int32_t *pid; /* of the worker, 0 while there is none; shared with the keeper */
    pid_t keeper;
};

kh_codec_options kh_decoders_options(const kh_settings *settings)
{
    kh_codec_options options = kh_codec_options_default;

    options.worker_count = 1;
    options.frame_bytes_max = (uint64_t)settings->decode_frame_bytes;
    options.address_space_bytes = (uint64_t)settings->decode_address_space_bytes;
    options.deadline_base_ms = settings->decode_deadline_ms;
    return options;
}

static int32_t pid_of(void *context, unsigned index)
{
    kh_decoders *decoders = context;

    (void)index;
    return atomic_load(decoders->pid);
}

/* One worker after the other, until the command is gone. */
static _Noreturn void keep(kh_decoders *decoders, pid_t command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    while (getppid() == command) {
        int ended;
        pid_t pid = fork();

        if (pid < 0)
            break;
        if (pid == 0) {
            kh_codec_worker_run(decoders->channels, 0);
            _exit(1);
        }
        atomic_store(decoders->pid, pid);
        while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
            continue;
        atomic_store(decoders->pid, 0);
        kh_codec_worker_ended(decoders->channels, 0);
    }
    _exit(1);
}

static kh_status start(kh_decoders *decoders, const kh_settings *settings, kh_error *err)
{
    const kh_codec_options options = kh_decoders_options(settings);
    const pid_t command = getpid();
    kh_status status;

    decoders->pid = mmap(NULL, sizeof(*decoders->pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (decoders->pid == MAP_FAILED) {
        decoders->pid = NULL;
        return kh_error_errno(err, errno, "memory shared with a decode worker");
    }
    status = kh_codec_channels_create(&decoders->channels, &options, err);
    if (status != KH_OK)
        return status;
    decoders->keeper = fork();
    if (decoders->keeper < 0)
        return kh_error_errno(err, errno, "start a decode worker");
    if (decoders->keeper == 0)
        keep(decoders, command);
    return kh_codec_create(&decoders->codec, decoders->channels, pid_of, decoders, err);
}

kh_status kh_decoders_start(kh_decoders **out, const kh_settings *settings, kh_error *err)
{
    kh_decoders *decoders = calloc(1, sizeof(*decoders));
    kh_status status;

    *out = NULL;
    if (!decoders)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a decode worker");
    status = start(decoders, settings, err);
    if (status != KH_OK) {
        kh_decoders_stop(decoders);
        return status;
    }
    *out = decoders;
    return KH_OK;
}

kh_codec *kh_decoders_codec(kh_decoders *decoders)
{
    return decoders->codec;
}

void kh_decoders_stop(kh_decoders *decoders)
{
    if (!decoders)
        return;
    kh_codec_free(decoders->codec);
    if (decoders->keeper > 0) {
        kill(decoders->keeper, SIGKILL); /* the worker is tied to it and goes too */
        while (waitpid(decoders->keeper, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    kh_codec_channels_free(decoders->channels);
    if (decoders->pid)
        munmap(decoders->pid, sizeof(*decoders->pid));
    free(decoders);
}
