#include "tests/codec/service.h"

#include "base/clock.h"
#include "tests/cmocka_all.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

bool kh_codec_test_hook(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request);

static bool is_tag(const uint8_t *codestream, const char *tag)
{
    return memcmp(codestream + 60, tag, 4) == 0;
}

/* So many bytes of pixels, which will be others in the end, are said to be finished, long enough for the asker to look. */
static void tell_lies(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request, uint64_t finished)
{
    memset(kh_codec_area_pixels(channels, index), 0xEE, request->pixels_size);
    atomic_store(&kh_codec_area_progress(channels, index)->finished, finished);
    poll(NULL, 0, 100);
}

/* As many lines are made anew as were told of before they were taken back. */
static void tell_again(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request)
{
    kh_codec_telling telling = {.progress = kh_codec_area_progress(channels, index)};

    memset(kh_codec_area_pixels(channels, index), 0xEE, request->pixels_size);
    kh_codec_tell(&telling, request->pixels_size / 2);
    poll(NULL, 0, 100);
    kh_codec_tell(&telling, 0);
    kh_codec_tell(&telling, request->pixels_size / 2);
}

/* Runs in the worker, behind its closed door. True: the request is answered as it is. */
bool kh_codec_test_hook(const kh_codec_channels *channels, unsigned index, const kh_codec_message *request)
{
    const uint8_t *codestream = channels->channels[index].memory;

    if (is_tag(codestream, TAG_CRASH))
        __builtin_trap();
    if (is_tag(codestream, TAG_SPIN))
        for (volatile unsigned i = 0;; i++)
            continue;
    if (is_tag(codestream, TAG_SLOW))
        poll(NULL, 0, 300);
    if (is_tag(codestream, TAG_OPEN))
        (void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (is_tag(codestream, TAG_SOCKET))
        (void)!socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (is_tag(codestream, TAG_FORK))
        (void)!fork();
    if (is_tag(codestream, TAG_ANEW)) {
        tell_lies(channels, index, request, request->pixels_size / 2);
        atomic_store(&kh_codec_area_progress(channels, index)->finished, 0);
    }
    if (is_tag(codestream, TAG_AGAIN))
        tell_again(channels, index, request);
    if (is_tag(codestream, TAG_FAIL)) {
        tell_lies(channels, index, request, request->pixels_size / 2);
        __builtin_trap();
    }
    if (is_tag(codestream, TAG_BOAST))
        tell_lies(channels, index, request, UINT64_MAX);
    if (is_tag(codestream, TAG_MEMORY) && mmap(NULL, 4u << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                                               -1, 0) != MAP_FAILED)
        __builtin_trap();
    return false;
}

int32_t test_service_pid_of(void *context, unsigned index)
{
    return ((test_service_page *)context)->pids[index];
}

static void start_worker(test_service *service, unsigned index)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (int fault = SIGQUIT; fault <= SIGSEGV; fault++) /* cmocka's handlers would go on with the next test in the worker */
            if (fault != SIGKILL)
                signal(fault, SIG_DFL);
        kh_codec_worker_run(service->channels, index);
        _exit(0);
    }
    service->page->pids[index] = pid;
}

static void supervise(test_service *service)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0; i < service->channels->options.worker_count; i++)
        start_worker(service, i);
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);

        for (unsigned i = 0; pid > 0 && i < service->channels->options.worker_count; i++) {
            if (service->page->pids[i] != pid)
                continue;
            service->page->pids[i] = 0;
            service->page->last_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
            service->page->deaths++;
            kh_codec_worker_ended(service->channels, i);
            start_worker(service, i);
        }
    }
}

void test_service_start(test_service *service, unsigned worker_count, uint64_t frame_bytes_max, int64_t deadline_base_ms)
{
    kh_codec_options options = {worker_count, frame_bytes_max, UINT64_C(1) << 30, deadline_base_ms};
    kh_error err = KH_ERROR_INIT;

    *service = (test_service){0};
    service->page = mmap(NULL, sizeof *service->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(service->page != MAP_FAILED);
    assert_int_equal(kh_codec_channels_create(&service->channels, &options, &err), KH_OK);
    service->supervisor = fork();
    if (service->supervisor == 0) {
        supervise(service);
        _exit(0);
    }
    assert_int_equal(kh_codec_create(&service->codec, service->channels, test_service_pid_of, service->page, &err), KH_OK);
}

void test_service_stop(test_service *service)
{
    kh_codec_free(service->codec);
    kill(service->supervisor, SIGKILL); /* the workers are tied to it and go too */
    waitpid(service->supervisor, NULL, 0);
    kh_codec_channels_free(service->channels);
    munmap(service->page, sizeof *service->page);
}

void test_service_kill(test_service *service, unsigned index)
{
    pid_t pid;

    while ((pid = service->page->pids[index]) <= 0)
        kh_clock_sleep_ms(1);
    kill(pid, SIGKILL);
}

void test_stream_init(test_stream *stream, uint32_t columns, uint32_t rows, uint8_t value, const char *tag)
{
    size_t left = (size_t)columns * rows, at = 64;

    stream->bytes = calloc(1, 64 + 2 * (left / 128 + 1));
    assert_non_null(stream->bytes);
    stream->bytes[0] = 1;
    stream->bytes[4] = 64;
    if (tag)
        memcpy(stream->bytes + 60, tag, 4);
    while (left > 0) {
        size_t run = left > 128 ? 128 : left;

        stream->bytes[at++] = run == 1 ? 0 : (uint8_t)(257 - run);
        stream->bytes[at++] = value;
        left -= run;
    }
    stream->size = at;
    stream->format = (kh_pixel_format){.rows = rows, .columns = columns, .samples = 1, .bits_allocated = 8, .bits_stored = 8,
                                       .high_bit = 7, .photometric = KH_PHOTOMETRIC_MONOCHROME2};
}

void test_stream_release(test_stream *stream)
{
    free(stream->bytes);
}
