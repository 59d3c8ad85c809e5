/* Event streams: a bounded ring per stream that senders fill and the connection's thread empties. While the ring is empty the
 * connection is suspended; a ring that overflows means a client that does not read, and its connection is cut. */
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "viewer/http/internal.h"

#define RING_BYTES (256 * 1024)
#define BLOCK_BYTES (16 * 1024) /* at most so much is handed over at once */

struct kh_http_stream {
    kh_http_server *server;
    struct MHD_Connection *mhd;
    int fd;
    void (*closed)(void *context);
    void *context;
    kh_http_stream *previous, *next; /* server->streams_lock */

    pthread_mutex_t lock; /* guards all below */
    size_t first, count;  /* of the ring */
    bool suspended;       /* by the reader */
    bool ended;           /* what is in the ring goes out, then the answer ends */
    bool dead;            /* the connection has closed */
    char ring[RING_BYTES];
};

static size_t take_locked(kh_http_stream *stream, char *out, size_t max)
{
    size_t size = stream->count < max ? stream->count : max;
    size_t to_end = RING_BYTES - stream->first;
    size_t head = size < to_end ? size : to_end;

    memcpy(out, stream->ring + stream->first, head);
    memcpy(out + head, stream->ring, size - head);
    stream->first = (stream->first + size) % RING_BYTES;
    stream->count -= size;
    return size;
}

static ssize_t read_ring(void *context, uint64_t position, char *out, size_t max)
{
    kh_http_stream *stream = context;
    ssize_t result;

    (void)position;
    pthread_mutex_lock(&stream->lock);
    result = (ssize_t)take_locked(stream, out, max);
    if (result == 0 && stream->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (result == 0) {
        stream->suspended = true;
        MHD_suspend_connection(stream->mhd);
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void resume_locked(kh_http_stream *stream)
{
    if (!stream->suspended)
        return;
    stream->suspended = false;
    MHD_resume_connection(stream->mhd);
}

static kh_http_stream *stream_create(kh_http_request *request, void (*closed)(void *context), void *context)
{
    kh_http_stream *stream = malloc(sizeof *stream);

    if (!stream)
        return NULL;
    memset(stream, 0, offsetof(kh_http_stream, ring));
    stream->server = request->server;
    stream->mhd = request->mhd;
    stream->fd = request->fd;
    stream->closed = closed;
    stream->context = context;
    pthread_mutex_init(&stream->lock, NULL);
    return stream;
}

kh_status kh_http_stream_begin(kh_http_stream **out, kh_http_request *request, void (*closed)(void *context), void *context,
                               kh_error *err)
{
    kh_http_stream *stream = stream_create(request, closed, context);
    struct MHD_Response *response =
        stream ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_ring, stream, NULL) : NULL;
    kh_http_server *server = request->server;

    *out = NULL;
    if (!response) {
        if (stream)
            pthread_mutex_destroy(&stream->lock);
        free(stream);
        return kh_error_set(err, KH_E_MEMORY, "no memory for a stream");
    }
    pthread_mutex_lock(&server->streams_lock);
    stream->next = server->streams;
    if (stream->next)
        stream->next->previous = stream;
    server->streams = stream;
    server->stream_count++;
    pthread_mutex_unlock(&server->streams_lock);
    request->stream = stream;
    kh_http_set_header(request, "Content-Type", "text/event-stream; charset=utf-8");
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_set_header(request, "X-Accel-Buffering", "no");
    *out = stream;
    kh_http_answer_response(request, 200, response, 0);
    return KH_OK;
}

kh_status kh_http_stream_send(kh_http_stream *stream, const char *bytes, size_t size, kh_error *err)
{
    kh_status status = KH_OK;

    pthread_mutex_lock(&stream->lock);
    if (stream->ended || stream->dead) {
        status = kh_error_set(err, KH_E_CANCELLED, "the stream has ended");
    } else if (size > RING_BYTES - stream->count) {
        status = kh_error_set(err, KH_E_FULL, "%zu bytes wait already, limit %d", stream->count, RING_BYTES);
        stream->ended = true;
        stream->count = 0;
        resume_locked(stream);
        shutdown(stream->fd, SHUT_RDWR);
    } else {
        size_t end = (stream->first + stream->count) % RING_BYTES;
        size_t head = size < RING_BYTES - end ? size : RING_BYTES - end;

        memcpy(stream->ring + end, bytes, head);
        memcpy(stream->ring, bytes + head, size - head);
        stream->count += size;
        resume_locked(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    return status;
}

static void end_stream(kh_http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    if (!stream->dead)
        resume_locked(stream);
    pthread_mutex_unlock(&stream->lock);
}

void kh_http_stream_end(kh_http_stream *stream)
{
    end_stream(stream);
}

/* A suspended connection is not watched by the library: a client that left would hold its place until the next event. */
void kh_http_streams_drop_gone(kh_http_server *server)
{
    pthread_mutex_lock(&server->streams_lock);
    for (kh_http_stream *s = server->streams; s; s = s->next) {
        struct pollfd socket = {.fd = s->fd, .events = POLLRDHUP};

        if (poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
            end_stream(s);
    }
    pthread_mutex_unlock(&server->streams_lock);
}

/* The lock keeps the streams alive: a stream leaves the list before it is freed. */
void kh_http_streams_end(kh_http_server *server)
{
    pthread_mutex_lock(&server->streams_lock);
    for (kh_http_stream *s = server->streams; s; s = s->next)
        end_stream(s);
    pthread_mutex_unlock(&server->streams_lock);
}

void kh_http_stream_closed(kh_http_stream *stream)
{
    kh_http_server *server = stream->server;

    pthread_mutex_lock(&stream->lock);
    stream->dead = true;
    pthread_mutex_unlock(&stream->lock);
    stream->closed(stream->context);
    pthread_mutex_lock(&server->streams_lock);
    *(stream->previous ? &stream->previous->next : &server->streams) = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    server->stream_count--;
    pthread_mutex_unlock(&server->streams_lock);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}
