#include "tests/faults/replay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/faults/interpose.h"

#define BLOCK 4096
#define NOTHING SIZE_MAX

/* A change of one node: bytes or size of a file, one name of a directory. */
typedef struct change {
    size_t when; /* the record */
    bool is_sync, is_truncate;
    uint64_t offset;
    const uint8_t *bytes; /* in the journal's own block */
    size_t size;
    const char *name;     /* last part of the path, name_size bytes */
    size_t name_size, target;
} change;

typedef struct node {
    bool is_dir, is_live;
    uint64_t inode;
    char path[96]; /* where it is while the journal is read */
    size_t count, room;
    change *changes;
} node;

struct journal {
    uint8_t *bytes;
    size_t record_count, node_count, node_room, mark_count, mark_room;
    node *nodes; /* 0 is the folder itself */
    struct { size_t when; uint64_t number; } *marks;
};

static void give_up(const char *why)
{
    fprintf(stderr, "journal: %s\n", why);
    abort();
}

static void *grown(void *held, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return held;
    *room = *room ? 2 * *room : 16;
    held = realloc(held, *room * size);
    if (!held)
        give_up("no memory");
    return held;
}

static change *add_change(node *n, size_t when)
{
    n->changes = grown(n->changes, n->count, &n->room, sizeof n->changes[0]);
    n->changes[n->count] = (change){.when = when, .target = NOTHING};
    return &n->changes[n->count++];
}

static size_t add_node(journal *j, bool is_dir, const char *path, uint64_t inode)
{
    j->nodes = grown(j->nodes, j->node_count, &j->node_room, sizeof j->nodes[0]);
    j->nodes[j->node_count] = (node){.is_dir = is_dir, .is_live = true, .inode = inode};
    snprintf(j->nodes[j->node_count].path, sizeof j->nodes[0].path, "%s", path);
    return j->node_count++;
}

static size_t find_path(const journal *j, const char *path)
{
    for (size_t i = j->node_count; i-- > 0;)
        if (j->nodes[i].is_live && strcmp(j->nodes[i].path, path) == 0)
            return i;
    give_up(path);
    return 0;
}

/* The newest with that number: the file system may give a number again. */
static size_t find_inode(const journal *j, uint64_t inode)
{
    for (size_t i = j->node_count; i-- > 0;)
        if (!j->nodes[i].is_dir && j->nodes[i].inode == inode)
            return i;
    give_up("a file that was never made");
    return 0;
}

/* The directory of path now holds target under its last part. */
static void set_name(journal *j, size_t when, const char *path, const uint8_t *held, size_t target)
{
    const char *slash = strrchr(path, '/');
    size_t start = slash ? (size_t)(slash - path) + 1 : 0;
    char parent[96];
    change *c;

    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 0, path);
    c = add_change(&j->nodes[find_path(j, parent)], when);
    c->name = (const char *)held + start;
    c->name_size = strlen(path) - start;
    c->target = target;
}

static void read_rename(journal *j, size_t when, const char *from, const uint8_t *from_held, const uint8_t *to_held, size_t to_size)
{
    size_t moved = find_path(j, from);
    char to[96];

    snprintf(to, sizeof to, "%.*s", (int)to_size, (const char *)to_held);
    for (size_t i = 0; i < j->node_count; i++) /* what stood there */
        if (j->nodes[i].is_live && strcmp(j->nodes[i].path, to) == 0)
            j->nodes[i].is_live = false;
    set_name(j, when, to, to_held, moved);
    set_name(j, when, from, from_held, NOTHING);
    snprintf(j->nodes[moved].path, sizeof j->nodes[moved].path, "%s", to);
}

static void read_one(journal *j, size_t when, const journal_record *r, const uint8_t *name_held, const uint8_t *data)
{
    char name[96];
    change *c;
    size_t at;

    snprintf(name, sizeof name, "%.*s", (int)r->name_size, (const char *)name_held);
    switch ((journal_op)r->op) {
    case JOURNAL_CREATE:
    case JOURNAL_MKDIR:
        at = add_node(j, r->op == JOURNAL_MKDIR, name, r->inode);
        set_name(j, when, name, name_held, at);
        break;
    case JOURNAL_WRITE:
    case JOURNAL_TRUNCATE:
        c = add_change(&j->nodes[find_inode(j, r->inode)], when);
        c->is_truncate = r->op == JOURNAL_TRUNCATE;
        c->offset = r->offset;
        c->bytes = data;
        c->size = r->size;
        break;
    case JOURNAL_SYNC:
        add_change(&j->nodes[find_inode(j, r->inode)], when)->is_sync = true;
        break;
    case JOURNAL_SYNC_DIR:
        add_change(&j->nodes[find_path(j, name)], when)->is_sync = true;
        break;
    case JOURNAL_RENAME:
        read_rename(j, when, name, name_held, data, r->size);
        break;
    case JOURNAL_UNLINK:
        j->nodes[find_path(j, name)].is_live = false;
        set_name(j, when, name, name_held, NOTHING);
        break;
    case JOURNAL_MARK:
        j->marks = grown(j->marks, j->mark_count, &j->mark_room, sizeof j->marks[0]);
        j->marks[j->mark_count].when = when;
        j->marks[j->mark_count++].number = r->offset;
        break;
    }
}

static uint8_t *read_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *bytes;

    if (fd < 0 || fstat(fd, &st) != 0)
        give_up("cannot be opened");
    *size = (size_t)st.st_size;
    bytes = malloc(*size + 1);
    for (size_t done = 0; done < *size;) {
        ssize_t count = bytes ? read(fd, bytes + done, *size - done) : -1;

        if (count <= 0)
            give_up("cannot be read");
        done += (size_t)count;
    }
    close(fd);
    return bytes;
}

journal *journal_load(const char *path)
{
    journal *j = calloc(1, sizeof *j);
    journal_record r;
    size_t size;

    if (!j)
        give_up("no memory");
    j->bytes = read_file(path, &size);
    add_node(j, true, "", 0);
    for (size_t at = 0; at + sizeof r <= size; at += sizeof r + r.name_size + r.size) {
        memcpy(&r, j->bytes + at, sizeof r);
        if (r.name_size + r.size > size - at - sizeof r)
            break; /* killed in the middle of a record */
        read_one(j, j->record_count++, &r, j->bytes + at + sizeof r, j->bytes + at + sizeof r + r.name_size);
    }
    return j;
}

void journal_free(journal *j)
{
    for (size_t i = 0; i < j->node_count; i++)
        free(j->nodes[i].changes);
    free(j->nodes);
    free(j->marks);
    free(j->bytes);
    free(j);
}

size_t journal_count(const journal *j)
{
    return j->record_count;
}

void journal_marks(const journal *j, size_t cut, void (*visit)(void *context, uint64_t number), void *context)
{
    for (size_t i = 0; i < j->mark_count && j->marks[i].when < cut; i++)
        visit(context, j->marks[i].number);
}

bool journal_after_mark(const journal *j, size_t nth, size_t *cut)
{
    if (nth >= j->mark_count)
        return false;
    *cut = j->marks[nth].when + 1;
    return true;
}

typedef struct state {
    const journal *j;
    size_t cut, tail; /* tail: of LOST_TAIL, the record from which on all is lost */
    lost kind;
    uint64_t seed;
} state;

static uint64_t mixed(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t x = seed + a * 0x9e3779b97f4a7c15u + b * 0xc2b2ae3d27d4eb4fu;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* How many of the node's changes are on the disk, for its part `salt` (a block, the size). */
static size_t survivors(const state *s, size_t node_number, uint64_t salt)
{
    const node *n = &s->j->nodes[node_number];
    size_t total = 0, synced = 0, tail = 0;

    for (; total < n->count && n->changes[total].when < s->cut; total++) {
        if (n->changes[total].is_sync)
            synced = total + 1;
        if (n->changes[total].when < s->tail)
            tail = total + 1;
    }
    switch (s->kind) {
    case LOST_ALL:
        return synced;
    case LOST_NOTHING:
        return total;
    case LOST_TAIL:
        return tail > synced ? tail : synced;
    case LOST_SOME:
        break;
    }
    return synced + mixed(s->seed, node_number, salt) % (total - synced + 1);
}

static size_t size_after(const node *n, size_t count)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        const change *c = &n->changes[i];

        if (c->is_truncate)
            size = c->offset;
        else if (!c->is_sync && c->offset + c->size > size)
            size = c->offset + c->size;
    }
    return size;
}

/* The part of the change that lies in one block. */
static void apply(uint8_t *bytes, size_t block, const change *c)
{
    size_t from = block * BLOCK, to = from + BLOCK;

    if (c->is_truncate) {
        if (c->offset < to)
            memset(bytes + (c->offset > from ? c->offset : from), 0, to - (c->offset > from ? c->offset : from));
        return;
    }
    if (c->offset > from)
        from = c->offset;
    if (c->offset + c->size < to)
        to = c->offset + c->size;
    if (from < to)
        memcpy(bytes + from, c->bytes + (from - c->offset), to - from);
}

static void write_file(const state *s, size_t number, const char *path)
{
    const node *n = &s->j->nodes[number];
    size_t size = size_after(n, survivors(s, number, UINT64_MAX)), blocks = (size + BLOCK - 1) / BLOCK;
    uint8_t *bytes = calloc(blocks + 1, BLOCK);
    size_t *counts = calloc(blocks + 1, sizeof counts[0]);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (!bytes || !counts || fd < 0)
        give_up("a state cannot be written");
    for (size_t block = 0; block < blocks; block++)
        counts[block] = survivors(s, number, block);
    for (size_t i = 0; i < n->count && n->changes[i].when < s->cut; i++) {
        const change *c = &n->changes[i];
        size_t first = c->offset / BLOCK, last = c->is_truncate ? blocks : (c->offset + c->size + BLOCK - 1) / BLOCK;

        for (size_t block = first; block < last && block < blocks && !c->is_sync; block++)
            if (i < counts[block])
                apply(bytes, block, c);
    }
    for (size_t done = 0; done < size;) {
        ssize_t count = write(fd, bytes + done, size - done);

        if (count <= 0)
            give_up("a state cannot be written");
        done += (size_t)count;
    }
    close(fd);
    free(counts);
    free(bytes);
}

static void write_dir(const state *s, size_t number, const char *path)
{
    const node *n = &s->j->nodes[number];
    size_t count = survivors(s, number, 0);

    for (size_t i = 0; i < count; i++) {
        const change *c = &n->changes[i];
        bool is_last = !c->is_sync && c->target != NOTHING;
        char child[PATH_MAX];

        for (size_t k = i + 1; k < count && is_last; k++)
            is_last = n->changes[k].is_sync || n->changes[k].name_size != c->name_size ||
                      memcmp(n->changes[k].name, c->name, c->name_size) != 0;
        if (!is_last)
            continue;
        if (snprintf(child, sizeof child, "%s/%.*s", path, (int)c->name_size, c->name) >= (int)sizeof child)
            give_up("a path is too long");
        if (!s->j->nodes[c->target].is_dir)
            write_file(s, c->target, child);
        else if (mkdir(child, 0700) == 0)
            write_dir(s, c->target, child);
        else
            give_up("a state cannot be written");
    }
}

void journal_materialise(const journal *j, size_t cut, lost kind, uint64_t seed, const char *dir)
{
    state s = {.j = j, .cut = cut, .kind = kind, .seed = seed, .tail = cut - mixed(seed, 1, 2) % (cut < 64 ? cut + 1 : 64)};

    write_dir(&s, 0, dir);
}
