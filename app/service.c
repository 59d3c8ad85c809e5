/* service.c - what the roles inherit: folder, sockets, page, channels; and the table of the roles. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "app/decoders.h"
#include "app/door.h"
#include "app/listener.h"
#include "app/role_parts.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "cache/identity.h"
#include "store/file.h"

#define LOCK_TRIES 20

void kh_role_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void kh_role_drop_channels(kh_codec_channels **channels)
{
    kh_codec_channels_free(*channels);
    *channels = NULL;
}

int kh_role_failed(const char *what, const kh_error *err)
{
    kh_log(KH_LOG_ERROR, "start", "%s: %s", what, err->message);
    return 1;
}

bool kh_role_told_to_stop(int64_t timeout_ms)
{
    struct timespec wait = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    sigset_t mask;
    int number;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    if (timeout_ms >= 0)
        return sigtimedwait(&mask, NULL, &wait) == SIGTERM;
    while (sigwait(&mask, &number) != 0)
        continue;
    return true;
}

/* Certificates that cannot be used are told before anything is started. */
static kh_status open_tls_socket(kh_service *service, kh_error *err)
{
    const kh_settings *settings = service->settings;
    kh_tls_credentials *credentials = NULL;
    kh_tls_files files;
    kh_status status;

    if (!kh_session_tls_files(&files, settings))
        return KH_OK;
    status = kh_tls_credentials_create(&credentials, &files, err);
    kh_tls_credentials_unref(credentials);
    if (status == KH_OK)
        status = kh_listener_open(&service->dicom_tls_fd, service->dicom_open ? settings->dicom_tls_address : KH_LOOPBACK,
                                  service->dicom_tls_port ? service->dicom_tls_port : (uint16_t)settings->dicom_tls_port,
                                  &service->dicom_tls_port, err);
    return status == KH_OK ? KH_OK : kh_error_prefix(err, "[dicom] TLS");
}

static kh_status open_sockets(kh_service *service, kh_error *err)
{
    const kh_settings *settings = service->settings;
    uint32_t address = 0;
    kh_status status;

    status = kh_address_parse(&address, settings->dicom_address, err);
    if (status != KH_OK)
        return status;
    /* The bridge asks for the configured address as soon as it knows a node. */
    service->dicom_open = kh_address_is_loopback(address);
    status = kh_door_check(settings, err);
    if (status != KH_OK)
        return status;
    status = kh_listener_open(&service->http_fd, settings->http_address, (uint16_t)settings->http_port, &service->http_port, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[http]");
    status = kh_listener_open(&service->dicom_fd, service->dicom_open ? settings->dicom_address : KH_LOOPBACK,
                              (uint16_t)settings->dicom_port, &service->dicom_port, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[dicom]");
    return open_tls_socket(service, err);
}

static bool reopen(int *fd, const char *address, uint16_t *port, const char *what)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_listener_open(fd, address, *port, port, &err) == KH_OK) {
        kh_log(KH_LOG_INFO, "supervisor", "%s: listening on %s:%u", what, address, (unsigned)*port);
        return true;
    }
    kh_log(KH_LOG_ERROR, "supervisor", "%s: %s", what, err.message);
    return false;
}

static void reopen_dicom(void *context)
{
    kh_service *service = context;
    bool tls = service->dicom_tls_fd >= 0;

    kh_role_close(&service->dicom_fd);
    kh_role_close(&service->dicom_tls_fd);
    service->dicom_open = true;
    if (!reopen(&service->dicom_fd, service->settings->dicom_address, &service->dicom_port, "DICOM"))
        reopen(&service->dicom_fd, KH_LOOPBACK, &service->dicom_port, "DICOM on this machine only");
    if (tls && !reopen(&service->dicom_tls_fd, service->settings->dicom_tls_address, &service->dicom_tls_port, "DICOM by TLS"))
        reopen(&service->dicom_tls_fd, KH_LOOPBACK, &service->dicom_tls_port, "DICOM by TLS on this machine only");
}

static void fill_roles(kh_service *service)
{
    size_t count = 0;

    service->roles[count++] = (kh_role){.name = "bridge", .run = kh_run_bridge, .reopen = reopen_dicom, .context = service,
                                        .memory_bytes_max = (uint64_t)service->settings->bridge_memory_bytes};
    service->roles[count++] = (kh_role){.name = "web", .run = kh_run_web, .context = service};
    for (unsigned i = 0; i < (unsigned)service->settings->decode_workers; i++)
        service->roles[count++] =
            (kh_role){.name = "decode", .index = i, .stage = 1, .run = kh_run_decode, .ended = kh_decode_ended, .context = service};
    for (unsigned i = 0; i < (unsigned)service->settings->dicom_transcoders; i++)
        service->roles[count++] = (kh_role){
            .name = "transcode", .index = i, .stage = 1, .run = kh_run_transcode, .ended = kh_transcode_ended, .context = service};
    service->role_count = count;
}

/* A browser's connections are many: take all descriptors the administrator allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        kh_log(KH_LOG_WARN, "start", "descriptors: %s", strerror(errno));
}

/* A command that asks whether a service runs holds the lock for a moment. */
static kh_status take_folder(kh_service *service, kh_error *err)
{
    char path[KH_SESSION_PATH_SIZE];
    kh_paths paths;
    kh_status status = kh_paths_init(&paths, service->settings->data_dir, err);

    if (status == KH_OK)
        status = kh_identity_expect(&paths, service->settings->archive_id, err);
    if (status == KH_OK)
        status = kh_dir_ensure(service->settings->data_dir, err);
    if (status != KH_OK)
        return kh_error_prefix(err, "[service] data_dir");
    kh_session_lock_path(path, service->settings);
    for (int i = 0; i < LOCK_TRIES; i++) {
        status = kh_lock_acquire(&service->lock_fd, path, err);
        if (status != KH_E_BUSY)
            return status;
        kh_error_clear(err);
        kh_clock_sleep_ms(KH_INDEX_LOOK_MS);
    }
    return kh_error_set(err, KH_E_BUSY, "another service runs on %s", service->settings->data_dir);
}

kh_status kh_service_init(kh_service *service, const kh_settings *settings, kh_error *err)
{
    kh_codec_options codec = kh_decoders_options(settings);
    kh_status status;

    *service = (kh_service){.settings = settings, .http_fd = -1, .dicom_fd = -1, .dicom_tls_fd = -1, .lock_fd = -1};
    umask(077);
    raise_descriptor_limit();
    codec.worker_count = (unsigned)settings->decode_workers;
    status = take_folder(service, err);
    if (status == KH_OK)
        status = open_sockets(service, err);
    if (status == KH_OK)
        status = kh_page_create(&service->page, err);
    if (status == KH_OK)
        status = kh_codec_channels_create(&service->channels, &codec, err);
    codec.worker_count = (unsigned)settings->dicom_transcoders;
    if (status == KH_OK)
        status = kh_codec_channels_create(&service->transcoders, &codec, err);
    if (status != KH_OK) {
        kh_service_release(service);
        return status;
    }
    fill_roles(service);
    return KH_OK;
}

void kh_service_close_sockets(kh_service *service)
{
    kh_role_close(&service->http_fd);
    kh_role_close(&service->dicom_fd);
    kh_role_close(&service->dicom_tls_fd);
}

void kh_service_release(kh_service *service)
{
    kh_service_close_sockets(service);
    kh_role_drop_channels(&service->channels);
    kh_role_drop_channels(&service->transcoders);
    kh_page_free(service->page);
    service->page = NULL;
    if (service->lock_fd >= 0)
        kh_lock_release(service->lock_fd);
    service->lock_fd = -1;
}
