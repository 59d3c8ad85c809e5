#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "app/command.h"
#include "app/import_told.h"
#include "app/progress.h"
#include "app/session.h"
#include "app/walk.h"
#include "base/clock.h"
#include "base/pool.h"
#include "cache/ingest.h"

/* Several at once share one sync of the index. */
#define THREADS 4
#define QUEUE_FILES 64

typedef struct import_run {
    const kh_command *command;
    kh_session *session;
    const char *facility;
    kh_pool *pool;
    int64_t total;          /* files; -1 while they are counted */
    bool named;             /* the path itself is being imported, not a file found in a folder */
    pthread_mutex_t lock;   /* all below */
    int64_t done, bytes;
    int64_t imported, present, conflicts, foreign, refused;
    kh_status fatal;        /* nothing more can be stored */
    kh_error fatal_err;
    kh_progress progress;
    kh_import_told told;
} import_run;

typedef struct import_job {
    import_run *importer;
    bool named;
    char path[];
} import_job;

static void refuse_locked(import_run *importer, const char *path, const char *why)
{
    kh_progress_clear(&importer->progress);
    fprintf(stderr, "%s: %s\n", path, why);
    importer->refused++;
}

/* "DICM" after 128 bytes (PS3.10 7.1), or group 0002 or 0008 at once, as in files without a header. */
static bool looks_like_dicom(const char *path)
{
    uint8_t bytes[132] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size;

    if (fd < 0)
        return true; /* to be refused with its reason, not passed over */
    size = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    if (size == (ssize_t)sizeof bytes && memcmp(bytes + 128, "DICM", 4) == 0)
        return true;
    return size >= 8 && (bytes[0] == 0x02 || bytes[0] == 0x08) && bytes[1] == 0 && bytes[3] == 0;
}

/* Nothing more is taken in. */
static void end_locked(import_run *importer, const kh_error *why)
{
    if (importer->fatal != KH_OK)
        return;
    importer->fatal = why->status;
    importer->fatal_err = *why;
}

static void tell_locked(import_run *importer, int64_t study_id)
{
    kh_error err = KH_ERROR_INIT;

    if (kh_import_told_count(&importer->told, study_id, &err) != KH_OK)
        end_locked(importer, &err);
}

static void count_locked(import_run *importer, const import_job *job, kh_status status, const kh_ingest_result *result, const kh_error *err)
{
    struct stat file;

    importer->done++;
    if (stat(job->path, &file) == 0)
        importer->bytes += file.st_size;
    if (status == KH_OK && result->conflict)
        importer->conflicts++;
    else if (status == KH_OK && result->duplicate)
        importer->present++;
    else if (status == KH_OK)
        importer->imported++;
    else if (status == KH_E_FORMAT && !job->named && !looks_like_dicom(job->path))
        importer->foreign++;
    else
        refuse_locked(importer, job->path, err->message);
    if (status == KH_E_FULL)
        end_locked(importer, err);
    if (status == KH_OK || job->named || looks_like_dicom(job->path))
        tell_locked(importer, status == KH_OK ? result->study_id : 0);
    kh_progress_update(&importer->progress, importer->done, importer->total, importer->bytes);
}

static void import_one(void *argument, unsigned thread_index)
{
    import_job *job = argument;
    import_run *importer = job->importer;
    kh_origin origin = {.facility = importer->facility, .source = "import"};
    kh_ingest_result result = {0};
    kh_error err = KH_ERROR_INIT;
    kh_status status;

    (void)thread_index;
    status = kh_session_import(importer->session, job->path, &origin, &result, &err);
    pthread_mutex_lock(&importer->lock);
    count_locked(importer, job, status, &result, &err);
    pthread_mutex_unlock(&importer->lock);
    free(job);
}

static kh_status count_file(void *context, const char *path)
{
    (void)path;
    (*(int64_t *)context)++;
    return KH_OK;
}

static void ignore(void *context, const char *path, const char *why)
{
    (void)context;
    (void)path;
    (void)why;
}

static void complain(void *context, const char *path, const char *why)
{
    import_run *importer = context;

    pthread_mutex_lock(&importer->lock);
    refuse_locked(importer, path, why);
    pthread_mutex_unlock(&importer->lock);
}

static kh_status submit(void *context, const char *path)
{
    import_run *importer = context;
    size_t size = strlen(path) + 1;
    import_job *job = malloc(sizeof *job + size);
    kh_status status;

    if (!job)
        return KH_E_MEMORY;
    job->importer = importer;
    job->named = importer->named;
    memcpy(job->path, path, size);
    while ((status = kh_pool_submit(importer->pool, import_one, job, NULL)) == KH_E_BUSY)
        kh_clock_sleep_ms(1);
    if (status != KH_OK)
        free(job);
    pthread_mutex_lock(&importer->lock);
    if (status == KH_OK)
        status = importer->fatal;
    pthread_mutex_unlock(&importer->lock);
    return status;
}

static kh_status walk(const char *path, kh_walk_visit *visit, kh_walk_complain *tell, void *context, kh_error *err)
{
    struct stat file;

    if (stat(path, &file) != 0)
        return kh_error_errno(err, errno, "%s", path);
    if (S_ISDIR(file.st_mode))
        return kh_walk_folder(path, visit, tell, context, err);
    if (kh_walk_is_dicomdir(path))
        return kh_walk_dicomdir(path, visit, tell, context, err);
    return visit(context, path);
}

static bool is_folder(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 && S_ISDIR(file.st_mode);
}

static void import_path(import_run *importer, const char *path)
{
    kh_error err = KH_ERROR_INIT;

    importer->named = !is_folder(path);
    if (walk(path, submit, complain, importer, &err) != KH_OK && err.status != KH_OK)
        complain(importer, path, err.message);
}

static void print_counts(import_run *importer)
{
    printf("%" PRId64 " imported, %" PRId64 " already here, %" PRId64 " conflicts, %" PRId64 " not DICOM, %" PRId64 " refused\n",
           importer->imported, importer->present, importer->conflicts, importer->foreign, importer->refused);
    if (importer->conflicts > 0)
        puts("a conflict is an object whose identifier is here already with other bytes: the first stays, the other is in quarantine");
}

static int import_all(import_run *importer, char **paths, size_t path_count)
{
    kh_error err = KH_ERROR_INIT;
    int64_t total = 0;

    for (size_t i = 0; i < path_count; i++)
        if (walk(paths[i], count_file, ignore, &total, &err) != KH_OK)
            kh_error_clear(&err); /* told when it is imported */
    importer->total = total;
    if (kh_import_told_begin(&importer->told, importer->session, importer->facility, &err) != KH_OK ||
        kh_pool_create(&importer->pool, "import", THREADS, QUEUE_FILES, &err) != KH_OK)
        return kh_command_failed(importer->command, &err);
    kh_progress_begin(&importer->progress, stdout, "files", total, 0);
    for (size_t i = 0; i < path_count && importer->fatal == KH_OK; i++)
        import_path(importer, paths[i]);
    kh_pool_stop(importer->pool);
    kh_progress_end(&importer->progress);
    if (kh_import_told_end(&importer->told, &err) != KH_OK)
        end_locked(importer, &err);
    print_counts(importer);
    if (importer->fatal != KH_OK)
        return kh_command_failed(importer->command, &importer->fatal_err);
    return importer->refused == 0 ? KH_EXIT_OK : KH_EXIT_FAILED;
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *facility = "local";
    const kh_option options[] = {{"--facility", &facility, NULL}};
    import_run importer = {.command = self, .total = -1};
    kh_error err = KH_ERROR_INIT;
    kh_args args;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count == 0)
        return kh_command_usage(self, "no path, expected files or folders");
    if (!kh_session_name_valid(facility))
        return kh_command_usage(self, "--facility: \"%.64s\", expected 1 to 64 of A-Z a-z 0-9 _ . -", facility);
    importer.facility = facility;
    if (kh_session_open(&importer.session, &args.settings, &err) != KH_OK)
        return kh_command_failed(self, &err);
    pthread_mutex_init(&importer.lock, NULL);
    status = import_all(&importer, args.words, args.word_count);
    pthread_mutex_destroy(&importer.lock);
    kh_session_close(importer.session);
    return status;
}

const kh_command kh_command_import = {
    .name = "import",
    .summary = "take in DICOM files from folders, disks and CDs",
    .help = "NAME\n"
            "  kakehashi import - take in DICOM files from folders, disks and CDs\n\n"
            "SYNOPSIS\n"
            "  kakehashi import [OPTIONS] PATH...\n\n"
            "DESCRIPTION\n"
            "  A folder is searched with all folders inside it; a DICOMDIR brings the files it names; anything else is a file.\n"
            "  Files are copied, never changed. Works beside a running service and without one. Files that are no DICOM are passed\n"
            "  over when they were found in a folder. What is refused is named with the reason; the rest is taken in all the same.\n\n"
            "OPTIONS\n"
            "  --facility NAME         the hospital the files come from, part of every patient's key (local)\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi import --facility city-hospital /media/cdrom\n"
            "  kakehashi import /media/cdrom/DICOMDIR\n\n"
            "EXIT STATUS\n"
            "  0 everything is here, 1 something was refused, 2 not understood\n",
    .run = run,
};
