/* Answers made piece by piece. The connection's thread copies the piece at hand into the library's block, straight from its file; the next
 * ones are made by a worker meanwhile. A file's bytes are taken without waiting for the disk (RWF_NOWAIT); where they are not in memory, or
 * the next piece is not there yet, the connection is paused and a worker fetches them. So an HTTP thread never waits, a worker never waits
 * for a client, and an answer holds a block and a few pieces at any size. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "viewer/http/internal.h"

#define BLOCK_BYTES (256 * 1024)
/* Of an answer that may have to end at once: what is beyond recall is this, and what the system keeps for the connection. A reader of 2
 * Mbit/s has all of it within a second; of 10 MB/s at a round trip of 10 ms nobody is slowed. */
#define CAREFUL_BLOCK_BYTES (32 * 1024)
#define CAREFUL_SOCKET_BYTES (64 * 1024)
#define FETCH_BYTES (1024 * 1024) /* brought into memory at once */
#define AHEAD 4                   /* pieces made before they are wanted */
#define TURN_MS 2                 /* of a worker for one answer, while others may wait */

typedef enum pause_kind { NOT_PAUSED, PAUSED_FOR_NEXT, PAUSED_FOR_BYTES } pause_kind;
typedef enum next_state { NEXT_MORE, NEXT_READY, NEXT_END, NEXT_FAILED } next_state;

struct kh_http_pieces {
    kh_http_server *server;
    struct MHD_Connection *mhd;
    kh_http_connection *connection;
    kh_pool *pool;
    const kh_http_producer *producer;
    void *context;
    atomic_uint holders;   /* the response, and jobs */
    atomic_bool cancelled; /* the response has gone */

    /* connection's thread; the fetching job's while the connection is paused for it */
    kh_http_piece current;
    bool has_current, waits; /* waits: the file system cannot say whether it would */
    size_t head_done, bytes_done;
    uint64_t file_done, fetched; /* up to `fetched` was brought into memory */

    pthread_mutex_t lock; /* guards the rest */
    kh_http_piece ready[AHEAD]; /* a ring */
    unsigned first, count;
    bool making;     /* a job waits or runs */
    next_state last; /* behind those: MORE, END or FAILED */
    pause_kind paused;
};

void kh_http_piece_release(kh_http_piece *piece)
{
    if (piece->release)
        piece->release(piece->held);
    if (piece->file_size > 0)
        close(piece->fd);
    memset(piece, 0, sizeof *piece);
}

static void let_go(kh_http_pieces *pieces)
{
    if (atomic_fetch_sub_explicit(&pieces->holders, 1, memory_order_acq_rel) != 1)
        return;
    if (pieces->has_current)
        kh_http_piece_release(&pieces->current);
    for (; pieces->count > 0; pieces->count--)
        kh_http_piece_release(&pieces->ready[pieces->first++ % AHEAD]);
    pieces->producer->drop(pieces->context);
    pthread_mutex_destroy(&pieces->lock);
    free(pieces);
}

/* --- workers --- */

/* The connection goes on if it was paused for this. */
static void go_on(kh_http_pieces *pieces, pause_kind kind)
{
    bool resume;

    pthread_mutex_lock(&pieces->lock);
    resume = pieces->paused == kind;
    if (resume)
        pieces->paused = NOT_PAUSED;
    pthread_mutex_unlock(&pieces->lock);
    if (resume)
        kh_http_unpause(pieces->server, pieces->connection, pieces->mhd, BLOCK_BYTES);
}

static next_state make_one(kh_http_pieces *pieces, kh_http_piece *piece)
{
    kh_error err = KH_ERROR_INIT;

    memset(piece, 0, sizeof *piece);
    if (atomic_load(&pieces->cancelled))
        return NEXT_END;
    if (pieces->producer->next(pieces->context, piece, &pieces->cancelled, &err) != KH_OK) {
        if (err.status != KH_E_CANCELLED)
            kh_log(KH_LOG_WARN, "http", "an answer breaks off: %s", err.message);
        return NEXT_FAILED;
    }
    return piece->head_size + piece->size + piece->file_size > 0 ? NEXT_READY : NEXT_END;
}

/* True while there is room for another. */
static bool keep(kh_http_pieces *pieces, next_state state, const kh_http_piece *piece)
{
    pthread_mutex_lock(&pieces->lock);
    if (state == NEXT_READY)
        pieces->ready[(pieces->first + pieces->count++) % AHEAD] = *piece;
    else
        pieces->last = state;
    pieces->making = state == NEXT_READY && pieces->count < AHEAD;
    state = pieces->making ? NEXT_MORE : NEXT_END;
    pthread_mutex_unlock(&pieces->lock);
    return state == NEXT_MORE;
}

static bool submit(kh_http_pieces *pieces, kh_pool_job *job);

static void make_pieces(void *argument, unsigned thread_index)
{
    kh_http_pieces *pieces = argument;
    int64_t deadline_ms = kh_clock_monotonic_ms() + TURN_MS;
    bool more;

    (void)thread_index;
    do {
        kh_http_piece piece;
        next_state state = make_one(pieces, &piece);

        more = keep(pieces, state, &piece);
        go_on(pieces, PAUSED_FOR_NEXT);
    } while (more && kh_clock_monotonic_ms() < deadline_ms);
    if (more && !submit(pieces, make_pieces)) { /* asked for again when they are wanted */
        pthread_mutex_lock(&pieces->lock);
        pieces->making = false;
        pthread_mutex_unlock(&pieces->lock);
        go_on(pieces, PAUSED_FOR_NEXT);
    }
    let_go(pieces);
}

/* Errors show again when the bytes are read. */
static void fetch(void *argument, unsigned thread_index)
{
    kh_http_pieces *pieces = argument;
    const kh_http_piece *piece = &pieces->current;
    uint64_t left = piece->file_size - pieces->file_done;
    size_t size = left < FETCH_BYTES ? (size_t)left : FETCH_BYTES, done = 0;
    uint8_t *bytes = malloc(size);

    (void)thread_index;
    while (bytes && done < size) {
        ssize_t got = pread(piece->fd, bytes + done, size - done, (off_t)(piece->offset + pieces->file_done + done));

        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        done += got > 0 ? (size_t)got : 0;
    }
    free(bytes);
    pieces->fetched = pieces->file_done + size;
    go_on(pieces, PAUSED_FOR_BYTES);
    let_go(pieces);
}

static bool submit(kh_http_pieces *pieces, kh_pool_job *job)
{
    atomic_fetch_add_explicit(&pieces->holders, 1, memory_order_relaxed);
    if (kh_pool_submit(pieces->pool, job, pieces, NULL) == KH_OK)
        return true;
    atomic_fetch_sub_explicit(&pieces->holders, 1, memory_order_relaxed);
    return false;
}

/* --- the connection's thread --- */

#define COLD (-1)
#define BROKEN (-2)

static ssize_t copy_file(kh_http_pieces *pieces, char *out, size_t max)
{
    const kh_http_piece *piece = &pieces->current;
    uint64_t left = piece->file_size - pieces->file_done;
    struct iovec to = {.iov_base = out, .iov_len = left < max ? (size_t)left : max};
    off_t offset = (off_t)(piece->offset + pieces->file_done);
    bool may_wait = pieces->waits || pieces->file_done < pieces->fetched;
    ssize_t got;

    do
        got = preadv2(piece->fd, &to, 1, offset, may_wait ? 0 : RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EOPNOTSUPP && !may_wait) {
        pieces->waits = true;
        got = pread(piece->fd, to.iov_base, to.iov_len, offset);
    }
    if (got <= 0)
        return got < 0 && errno == EAGAIN ? COLD : BROKEN; /* 0: the file is cut */
    pieces->file_done += (uint64_t)got;
    return got;
}

static ssize_t copy_memory(const void *bytes, size_t size, size_t *done, char *out, size_t max)
{
    size_t part = size - *done < max ? size - *done : max;

    memcpy(out, (const char *)bytes + *done, part);
    *done += part;
    return (ssize_t)part;
}

/* Of the piece at hand, which is let go at its end. */
static ssize_t copy(kh_http_pieces *pieces, char *out, size_t max)
{
    const kh_http_piece *piece = &pieces->current;
    ssize_t got;

    if (pieces->head_done < piece->head_size)
        got = copy_memory(piece->head, piece->head_size, &pieces->head_done, out, max);
    else if (pieces->bytes_done < piece->size)
        got = copy_memory(piece->bytes, piece->size, &pieces->bytes_done, out, max);
    else
        got = copy_file(pieces, out, max);
    if (pieces->head_done == piece->head_size && pieces->bytes_done == piece->size && pieces->file_done == piece->file_size) {
        kh_http_piece_release(&pieces->current);
        pieces->has_current = false;
    }
    return got;
}

static bool pause_for(kh_http_pieces *pieces, pause_kind kind)
{
    bool paused = kh_http_pause(pieces->server, pieces->connection, pieces->mhd, true);

    if (paused)
        pieces->paused = kind;
    return paused;
}

/* Wait until a worker has brought the bytes into memory. False: that cannot be. */
static bool wait_for_bytes(kh_http_pieces *pieces)
{
    bool paused;

    pthread_mutex_lock(&pieces->lock);
    paused = pause_for(pieces, PAUSED_FOR_BYTES);
    pthread_mutex_unlock(&pieces->lock);
    if (!paused || submit(pieces, fetch))
        return paused;
    pthread_mutex_lock(&pieces->lock);
    pieces->paused = NOT_PAUSED;
    pthread_mutex_unlock(&pieces->lock);
    kh_http_unpause(pieces->server, pieces->connection, pieces->mhd, BLOCK_BYTES);
    return false;
}

static void make_more_locked(kh_http_pieces *pieces)
{
    if (!pieces->making && pieces->last == NEXT_MORE)
        pieces->making = submit(pieces, make_pieces);
}

/* The oldest that is ready becomes the one at hand. There is none yet: may_wait pauses. */
static next_state take_next(kh_http_pieces *pieces, bool may_wait)
{
    next_state state = NEXT_READY;

    pthread_mutex_lock(&pieces->lock);
    if (pieces->count > 0) {
        pieces->current = pieces->ready[pieces->first];
        pieces->first = (pieces->first + 1) % AHEAD;
        pieces->count--;
        pieces->has_current = true;
        pieces->head_done = pieces->bytes_done = 0;
        pieces->file_done = pieces->fetched = 0;
        if (pieces->count <= AHEAD / 2)
            make_more_locked(pieces);
    } else {
        make_more_locked(pieces);
        state = pieces->last;
        if (state == NEXT_MORE && (!pieces->making || (may_wait && !pause_for(pieces, PAUSED_FOR_NEXT))))
            state = NEXT_FAILED;
    }
    pthread_mutex_unlock(&pieces->lock);
    return state;
}

static int socket_of(const kh_http_pieces *pieces)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(pieces->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

/* Whoever must not get more gets nothing more, not even what was written to the socket and is still there. */
static ssize_t cut_off(const kh_http_pieces *pieces)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(socket_of(pieces), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_pieces(void *context, uint64_t position, char *out, size_t max)
{
    kh_http_pieces *pieces = context;
    size_t used = 0;

    (void)position;
    if (pieces->producer->goes_on && !pieces->producer->goes_on(pieces->context))
        return cut_off(pieces);
    while (used < max) {
        ssize_t got;

        if (!pieces->has_current) {
            next_state state = take_next(pieces, used == 0);

            if (used == 0 && state == NEXT_END)
                return MHD_CONTENT_READER_END_OF_STREAM;
            if (used == 0 && state == NEXT_FAILED)
                return MHD_CONTENT_READER_END_WITH_ERROR;
            if (state != NEXT_READY)
                break;
        }
        got = copy(pieces, out + used, max - used);
        if (got == BROKEN || (got == COLD && used == 0 && !wait_for_bytes(pieces)))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (got < 0)
            break;
        used += (size_t)got;
    }
    if (used == 0)
        return 0;
    atomic_fetch_add_explicit(&kh_http_counts_here(pieces->server)->bytes_sent, used, memory_order_relaxed);
    kh_http_connection_expect_read(pieces->connection, used);
    return (ssize_t)used;
}

static void response_gone(void *context)
{
    kh_http_pieces *pieces = context;

    atomic_store(&pieces->cancelled, true);
    let_go(pieces);
}

void kh_http_answer_pieces(kh_http_request *request, unsigned code, const char *content_type, uint64_t size, kh_pool *pool,
                           const kh_http_producer *producer, void *context)
{
    kh_http_pieces *pieces = calloc(1, sizeof *pieces);
    struct MHD_Response *response = NULL;

    if (!pieces) {
        producer->drop(context);
        kh_http_answer_response(request, code, NULL, 0);
        return;
    }
    pieces->server = request->server;
    pieces->mhd = request->mhd;
    pieces->connection = request->connection;
    pieces->pool = pool;
    pieces->producer = producer;
    pieces->context = context;
    atomic_init(&pieces->holders, 1);
    pthread_mutex_init(&pieces->lock, NULL);
    response =
        MHD_create_response_from_callback(size, producer->goes_on ? CAREFUL_BLOCK_BYTES : BLOCK_BYTES, read_pieces, pieces, response_gone);
    if (producer->goes_on)
        (void)setsockopt(socket_of(pieces), SOL_SOCKET, SO_SNDBUF, &(int){CAREFUL_SOCKET_BYTES}, sizeof(int));
    /* libmicrohttpd 0.9.75 ends chunks that a HEAD does not have: its "0" would stand before the next answer. Without chunks it closes. */
    if (response && request->is_head && size == KH_HTTP_SIZE_UNKNOWN)
        (void)MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
    if (!response)
        let_go(pieces);
    else if (content_type)
        kh_http_set_header(request, "Content-Type", content_type);
    kh_http_answer_response(request, code, response, 0);
}
