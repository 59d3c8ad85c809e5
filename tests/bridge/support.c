#include "tests/bridge/support.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "dicom/syntax.h"
#include "dicom/writer.h"

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int support_listen(uint16_t *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

int support_connect(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        abort();
    return fd;
}

pid_t support_spawn(const char *output, const char *const *argv)
{
    pid_t pid = fork();

    if (pid < 0)
        abort();
    if (pid == 0) {
        int fd = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    return pid;
}

int support_wait(pid_t pid)
{
    int state = 0;

    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            abort();
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

int support_run(const char *output, const char *const *argv)
{
    return support_wait(support_spawn(output, argv));
}

void support_make_dir(char out[64])
{
    const char *base = getenv("TMPDIR");

    snprintf(out, 64, "%.40s/kh-bridge-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(out))
        abort();
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void support_remove_dir(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint8_t *support_read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long end;

    if (!file)
        abort();
    fseek(file, 0, SEEK_END);
    end = ftell(file);
    rewind(file);
    bytes = malloc((size_t)end + 1);
    if (!bytes || fread(bytes, 1, (size_t)end, file) != (size_t)end)
        abort();
    bytes[end] = 0;
    *size = (size_t)end;
    fclose(file);
    return bytes;
}

void support_object_uid(char out[65], unsigned number)
{
    snprintf(out, 65, "1.2.826.0.1.3680043.10.1.%u", number);
}

void support_series_uid(char out[65], unsigned number)
{
    snprintf(out, 65, "1.2.826.0.1.3680043.10.3.%u", 1 + number % 2);
}

static unsigned counted;

static int count_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)path;
    (void)info;
    (void)walk;
    counted += kind != FTW_D && kind != FTW_DP;
    return 0;
}

unsigned support_count_files(const char *dir)
{
    counted = 0;
    (void)nftw(dir, count_one, 16, FTW_PHYS);
    return counted;
}

static void write_pixels(kh_writer *writer, size_t pixel_bytes)
{
    uint8_t *pixels = malloc(pixel_bytes);

    for (size_t i = 0; i < pixel_bytes; i++)
        pixels[i] = (uint8_t)(i * 7 + i / 251);
    kh_writer_bytes(writer, KH_TAG_PIXEL_DATA, KH_VR('O', 'W'), pixels, pixel_bytes);
    free(pixels);
}

static void write_dataset(kh_buf *out, unsigned number, size_t pixel_bytes)
{
    uint16_t rows = 512, columns = (uint16_t)(pixel_bytes / 1024), one = 1, sixteen = 16, twelve = 12, eleven = 11, zero = 0;
    kh_writer *writer = NULL;
    char uid[65], series_uid[65];

    support_object_uid(uid, number);
    support_series_uid(series_uid, number);
    if (kh_writer_create(&writer, out, true, "", NULL) != KH_OK)
        abort();
    kh_writer_text(writer, KH_TAG_SOP_CLASS_UID, KH_VR('U', 'I'), KH_SOP_CT_IMAGE);
    kh_writer_text(writer, KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uid);
    kh_writer_text(writer, KH_TAG_STUDY_DATE, KH_VR('D', 'A'), "20261120");
    kh_writer_text(writer, KH_TAG_MODALITY, KH_VR('C', 'S'), "CT");
    kh_writer_text(writer, KH_TAG_PATIENT_NAME, KH_VR('P', 'N'), "Test^Bridge");
    kh_writer_text(writer, KH_TAG_PATIENT_ID, KH_VR('L', 'O'), "T-1");
    kh_writer_text(writer, KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), SUPPORT_STUDY_UID);
    kh_writer_text(writer, KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid);
    kh_writer_is(writer, KH_TAG_INSTANCE_NUMBER, number);
    kh_writer_us(writer, KH_TAG_SAMPLES_PER_PIXEL, &one, 1);
    kh_writer_text(writer, KH_TAG_PHOTOMETRIC_INTERPRETATION, KH_VR('C', 'S'), "MONOCHROME2");
    kh_writer_us(writer, KH_TAG_ROWS, &rows, 1);
    kh_writer_us(writer, KH_TAG_COLUMNS, &columns, 1);
    kh_writer_us(writer, KH_TAG_BITS_ALLOCATED, &sixteen, 1);
    kh_writer_us(writer, KH_TAG_BITS_STORED, &twelve, 1);
    kh_writer_us(writer, KH_TAG_HIGH_BIT, &eleven, 1);
    kh_writer_us(writer, KH_TAG_PIXEL_REPRESENTATION, &zero, 1);
    write_pixels(writer, pixel_bytes);
    if (kh_writer_finish(writer, NULL) != KH_OK)
        abort();
    kh_writer_free(writer);
}

uint8_t *support_make_dataset(unsigned number, size_t pixel_bytes, size_t *size)
{
    uint8_t *bytes;
    kh_buf body;

    kh_buf_init(&body, pixel_bytes + 65536);
    write_dataset(&body, number, pixel_bytes);
    bytes = kh_buf_take(&body, size);
    return bytes;
}

void support_write_object(const char *path, unsigned number, size_t pixel_bytes, uint8_t **dataset, size_t *dataset_size)
{
    kh_buf head, body;
    char uid[65];
    FILE *file = fopen(path, "wb");

    support_object_uid(uid, number);
    kh_buf_init(&head, 65536);
    kh_buf_init(&body, pixel_bytes + 65536);
    write_dataset(&body, number, pixel_bytes);
    if (!file || kh_part10_header(&head, KH_SOP_CT_IMAGE, uid, KH_TS_EXPLICIT_LE, "TEST", NULL) != KH_OK ||
        fwrite(head.data, 1, head.size, file) != head.size || fwrite(body.data, 1, body.size, file) != body.size)
        abort();
    fclose(file);
    kh_buf_release(&head);
    if (dataset)
        *dataset = kh_buf_take(&body, dataset_size);
    kh_buf_release(&body);
}

/* --- PDUs --- */

static size_t put_item(uint8_t *out, uint8_t type, const void *body, size_t size)
{
    out[0] = type;
    out[1] = 0;
    out[2] = (uint8_t)(size >> 8);
    out[3] = (uint8_t)size;
    memcpy(out + 4, body, size);
    return 4 + size;
}

static size_t put_context(uint8_t *out, uint8_t id, const char *abstract_syntax)
{
    uint8_t body[256] = {id, 0, 0, 0};
    size_t at = 4;

    at += put_item(body + at, 0x30, abstract_syntax, strlen(abstract_syntax));
    at += put_item(body + at, 0x40, KH_TS_EXPLICIT_LE, strlen(KH_TS_EXPLICIT_LE));
    at += put_item(body + at, 0x40, KH_TS_IMPLICIT_LE, strlen(KH_TS_IMPLICIT_LE));
    return put_item(out, 0x20, body, at);
}

size_t support_associate_rq(uint8_t out[1024], const char *calling, const char *called)
{
    static const char application[] = "1.2.840.10008.3.1.1.1";
    uint8_t user[64];
    size_t at = 6 + 68, user_size = 0;

    memset(out, 0, 1024);
    out[0] = 0x01;
    out[7] = 0x01; /* protocol version */
    memset(out + 10, ' ', 32);
    memcpy(out + 10, called, strlen(called));
    memcpy(out + 26, calling, strlen(calling));
    at += put_item(out + at, 0x10, application, strlen(application));
    at += put_context(out + at, 1, KH_SOP_VERIFICATION);
    at += put_context(out + at, 3, KH_SOP_CT_IMAGE);
    user_size += put_item(user + user_size, 0x51, (uint8_t[4]){0, 0, 0x40, 0}, 4);
    user_size += put_item(user + user_size, 0x52, "1.2.3", 5);
    at += put_item(out + at, 0x50, user, user_size);
    for (unsigned i = 0; i < 4; i++)
        out[2 + i] = (uint8_t)((at - 6) >> (24 - 8 * i));
    return at;
}

size_t support_read(int fd, void *bytes, size_t count, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    size_t got = 0;

    while (got < count && poll(&waiting, 1, timeout_ms) > 0) {
        ssize_t n = read(fd, (uint8_t *)bytes + got, count - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}
