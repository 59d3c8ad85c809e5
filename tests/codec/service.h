/* service.h - a supervisor in a process of its own, as in the service: it forks decode workers and forks again those that die. */
#ifndef KH_TESTS_CODEC_SERVICE_H
#define KH_TESTS_CODEC_SERVICE_H

#include <sys/types.h>
#include "dicom/codec/channel.h"

typedef struct test_service_page { /* shared by all processes of a test */
    volatile int32_t pids[KH_CODEC_WORKERS_MAX];
    volatile int32_t deaths;
    volatile int32_t last_signal; /* that ended a worker */
} test_service_page;

typedef struct test_service {
    kh_codec_channels *channels;
    test_service_page *page;
    kh_codec *codec;
    pid_t supervisor;
} test_service;

void test_service_start(test_service *service, unsigned worker_count, uint64_t frame_bytes_max, int64_t deadline_base_ms);
void test_service_stop(test_service *service);
/* SIGKILL to worker `index`, once there is one: 0 in its place while it is being started would mean our own process group. */
void test_service_kill(test_service *service, unsigned index);
kh_codec_pid_of test_service_pid_of; /* context: the page */

/* An RLE frame of one segment, 8 bits, columns x rows pixels, all of one value. tag (4 characters or NULL) stands in a place of
 * the header that no decoder reads; the workers of the tests do. */
typedef struct test_stream {
    uint8_t *bytes; /* owned */
    size_t size;
    kh_pixel_format format;
} test_stream;

void test_stream_init(test_stream *stream, uint32_t columns, uint32_t rows, uint8_t value, const char *tag);
void test_stream_release(test_stream *stream);

#define TAG_CRASH "CRSH" /* the worker faults */
#define TAG_SPIN "SPIN"  /* never answers */
#define TAG_SLOW "SLOW"  /* waits 300 ms, then decodes */
#define TAG_OPEN "OPEN"  /* opens a file */
#define TAG_SOCKET "SOCK" /* makes a socket */
#define TAG_FORK "FORK"
#define TAG_ANEW "ANEW"  /* makes half of the pixels wrong, then takes them back and decodes */
#define TAG_AGAIN "AGIN" /* the same, and tells of the pixels made anew as it did of those before */
#define TAG_FAIL "FAIL"  /* tells of half of the pixels, then faults */
#define TAG_BOAST "BOAS" /* tells of more pixels than there are before it decodes */
#define TAG_MEMORY "BIGM" /* must not get 4 GiB */

#endif
