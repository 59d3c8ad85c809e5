/* What is fetched from us (C-MOVE and C-GET as provider): byte for byte, with true counts, failures named, cancel heard; stock movescu,
 * getscu and storescp as peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "cache/browse.h"
#include "cache/ingest.h"
#include "dicom/dataset.h"
#include "dicom/shim/user.h"
#include "dicom/writer.h"
#include "pacs-bridge/control.h"
#include "pacs-bridge/identifier.h"
#include "tests/bridge/support.h"
#include "tests/bridge/world.h"

#define OBJECTS 6
#define PIXEL_BYTES 65536

typedef struct peer {
    world it;
    uint16_t port;      /* of storescp */
    char port_text[8], folder[100];
    pid_t pid;          /* of storescp, 0: none runs */
} peer;

static void take_in(kh_cache *cache, unsigned number)
{
    const kh_origin origin = {.facility = "north", .source = "test"};
    kh_ingest_result result;
    kh_incoming *incoming;
    char uid[65];
    uint8_t *dataset;
    size_t size;
    kh_buf head;

    support_object_uid(uid, number);
    dataset = support_make_dataset(number, PIXEL_BYTES, &size);
    kh_buf_init(&head, 65536);
    assert_int_equal(kh_part10_header(&head, KH_SOP_CT_IMAGE, uid, KH_TS_EXPLICIT_LE, "TEST", NULL), KH_OK);
    assert_int_equal(kh_ingest_begin(&incoming, cache, 0, NULL), KH_OK);
    assert_int_equal(kh_ingest_write(incoming, head.data, head.size, NULL), KH_OK);
    assert_int_equal(kh_ingest_write(incoming, dataset, size, NULL), KH_OK);
    assert_int_equal(kh_ingest_commit(incoming, &origin, NULL, &result, NULL), KH_OK);
    kh_buf_release(&head);
    free(dataset);
}

static int start(void **state)
{
    peer *of = calloc(1, sizeof(*of));
    int fd;

    world_make(&of->it);
    fd = support_listen(&of->port);
    close(fd);
    snprintf(of->port_text, sizeof(of->port_text), "%u", of->port);
    snprintf(of->folder, sizeof(of->folder), "%s/got", of->it.dir);
    assert_int_equal(mkdir(of->folder, 0700), 0);
    (void)world_add_node(&of->it, "tester", "TESTER", 0, true);
    (void)world_add_node(&of->it, "storage", "STORESCP", of->port, false);
    for (unsigned i = 1; i <= OBJECTS; i++)
        take_in(of->it.cache, i);
    world_start_bridge(&of->it);
    *state = of;
    return 0;
}

static int stop(void **state)
{
    peer *of = *state;

    if (of->pid) {
        kill(of->pid, SIGKILL);
        (void)support_wait(of->pid);
    }
    world_free(&of->it);
    free(of);
    return 0;
}

/* option: one of storescp's with up to two values, or NULL. */
static void start_storescp_with(peer *of, const char *option, const char *value, const char *second)
{
    const char *argv[12] = {"storescp", "-aet", "STORESCP", "-od", of->folder, "+B"};
    const char *const more[] = {option, value, second};
    size_t count = 6;

    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]) && more[i]; i++)
        argv[count++] = more[i];
    argv[count] = of->port_text;
    of->pid = support_spawn(NULL, argv);
    for (unsigned i = 0; i < 500; i++) { /* until it listens: an echo of ours is refused or answered */
        static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
        const kh_proposal proposal = {KH_SOP_VERIFICATION, syntaxes, 1, false};
        kh_assoc *assoc;
        if (kh_assoc_connect(&assoc, "127.0.0.1", of->port, "TESTER", "STORESCP", &proposal, 1, NULL, NULL, NULL) == KH_OK) {
            (void)!kh_assoc_release(assoc, NULL);
            kh_assoc_free(assoc);
            return;
        }
        kh_clock_sleep_ms(10);
    }
    fail_msg("storescp does not listen");
}

static void start_storescp(peer *of, const char *option, const char *value)
{
    start_storescp_with(of, option, value, NULL);
}

/* Every file of the folder ends with the data set of the object whose UID its name holds. */
static void assert_got(const peer *of, unsigned expected)
{
    DIR *dir = opendir(of->folder);
    struct dirent *entry;
    unsigned count = 0;

    while ((entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');
        char path[400];
        uint8_t *file, *dataset;
        size_t file_size, size;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", of->folder, entry->d_name);
        file = support_read_file(path, &file_size);
        dataset = support_make_dataset((unsigned)strtoul(dot + 1, NULL, 10), PIXEL_BYTES, &size);
        assert_true(file_size > size);
        assert_memory_equal(file + file_size - size, dataset, size);
        free(file);
        free(dataset);
        unlink(path);
        count++;
    }
    closedir(dir);
    assert_int_equal(count, expected);
}

/* --- our own user side --- */

typedef struct outcome {
    kh_dimse final;
    unsigned pending, cancel_after; /* 0: never */
    int32_t remaining; /* of the last pending response */
    bool counts_fit;
    uint32_t failed_uids;
} outcome;

static kh_status note_progress(void *context, const kh_dimse *response, bool *alive, kh_error *err)
{
    outcome *to = context;

    *alive = true;
    if (!response || !kh_dimse_pending(response->status))
        return KH_OK;
    to->pending++;
    to->remaining = response->remaining;
    to->counts_fit = to->counts_fit && response->remaining + response->completed + response->failed + response->warning == OBJECTS;
    return to->cancel_after && to->pending >= to->cancel_after ? kh_error_set(err, KH_E_CANCELLED, "enough") : KH_OK;
}

static void count_failed(outcome *to, const kh_buf *identifier)
{
    kh_dataset *dataset;
    kh_source source;

    if (identifier->size == 0)
        return;
    kh_source_init_memory(&source, identifier->data, identifier->size);
    assert_int_equal(kh_dataset_read(&dataset, &source, KH_TS_EXPLICIT_LE, &kh_dataset_limits_default, NULL), KH_OK);
    to->failed_uids = kh_item_value_count(kh_dataset_main(dataset), KH_TAG(0x0008, 0x0058));
    kh_dataset_free(dataset);
}

static outcome move_to(const peer *of, const char *destination, const kh_key *keys, size_t key_count, unsigned cancel_after)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE};
    const kh_proposal proposal = {KH_SOP_STUDY_ROOT_MOVE, syntaxes, 1, false};
    outcome result = {.counts_fit = true, .cancel_after = cancel_after};
    kh_error err = KH_ERROR_INIT;
    kh_buf identifier, failed;
    kh_assoc *assoc;
    kh_status status;

    assert_int_equal(kh_assoc_connect(&assoc, "127.0.0.1", of->it.port, "TESTER", "KAKEHASHI", &proposal, 1, NULL, NULL, NULL), KH_OK);
    kh_buf_init(&identifier, 65536);
    kh_buf_init(&failed, 65536);
    assert_int_equal(kh_identifier_build(&identifier, KH_TS_EXPLICIT_LE, "", keys, key_count, NULL), KH_OK);
    status = kh_user_move(assoc, kh_assoc_context_find(assoc, KH_SOP_STUDY_ROOT_MOVE, NULL), 77, destination, identifier.data,
                          identifier.size, note_progress, &result, &result.final, &failed, &err);
    if (status != (cancel_after ? KH_E_CANCELLED : KH_OK))
        fail_msg("%s", err.message);
    if (status == KH_OK)
        count_failed(&result, &failed);
    kh_buf_release(&identifier);
    kh_buf_release(&failed);
    assert_int_equal(kh_assoc_release(assoc, NULL), KH_OK);
    kh_assoc_free(assoc);
    return result;
}

static const kh_key study_keys[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "STUDY"},
                                    {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), SUPPORT_STUDY_UID}};

static void assert_counts(const outcome *of, uint16_t status, int completed, int failed)
{
    if (of->final.status != status || of->final.completed != completed || of->final.failed != failed)
        fail_msg("%04X, %d completed, %d failed (%s); expected %04X, %d, %d", of->final.status, of->final.completed, of->final.failed,
                 of->final.comment, status, completed, failed);
    assert_int_equal(of->final.warning, 0);
    assert_int_equal(of->failed_uids, failed);
    assert_true(of->counts_fit);
}

/* --- tests --- */

static void move_study(void **state)
{
    peer *of = *state;
    outcome result;

    start_storescp(of, NULL, NULL);
    result = move_to(of, "STORESCP", study_keys, 2, 0);
    assert_counts(&result, KH_DIMSE_SUCCESS, OBJECTS, 0);
    assert_int_equal(result.pending, OBJECTS);
    assert_int_equal(result.remaining, 0);
    assert_int_equal(result.final.remaining, -1);
    assert_got(of, OBJECTS);
}

static void move_series_and_images(void **state)
{
    peer *of = *state;
    char series_uid[65], uid[65];
    const kh_key series[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"}, study_keys[1],
                             {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};
    const kh_key image[] = {{KH_TAG_SOP_INSTANCE_UID, KH_VR('U', 'I'), uid}, {KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "IMAGE"},
                            study_keys[1], {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), series_uid}};
    outcome result;

    start_storescp(of, NULL, NULL);
    support_series_uid(series_uid, 3);
    support_object_uid(uid, 3);
    result = move_to(of, "STORESCP", series, 3, 0);
    assert_int_equal(result.final.completed, 3);
    assert_got(of, 3);
    result = move_to(of, "STORESCP", image, 4, 0);
    assert_int_equal(result.final.completed, 1);
    assert_got(of, 1);
    support_object_uid(uid, 4); /* of the other series */
    result = move_to(of, "STORESCP", image, 4, 0);
    assert_int_equal(result.final.status, KH_DIMSE_SUCCESS);
    assert_int_equal(result.final.completed, 0);
}

static void refused_moves(void **state)
{
    peer *of = *state;
    const kh_key series[] = {{KH_TAG_QUERY_RETRIEVE_LEVEL, KH_VR('C', 'S'), "SERIES"},
                             {KH_TAG_SERIES_INSTANCE_UID, KH_VR('U', 'I'), "1.2"}};
    const kh_key all[] = {study_keys[0], {KH_TAG_STUDY_INSTANCE_UID, KH_VR('U', 'I'), ""}};
    const kh_key none[] = {study_keys[0]};

    assert_int_equal(move_to(of, "NOBODY", study_keys, 2, 0).final.status, KH_DIMSE_DESTINATION_UNKNOWN);
    assert_int_equal(move_to(of, "TESTER", study_keys, 2, 0).final.status, KH_DIMSE_DESTINATION_UNKNOWN); /* has no address */
    assert_int_equal(move_to(of, "KAKEHASHI", study_keys, 2, 0).final.status, KH_DIMSE_DESTINATION_UNKNOWN);
    assert_int_equal(move_to(of, "STORESCP", series, 2, 0).final.status, KH_DIMSE_CLASS_MISMATCH);
    assert_int_equal(move_to(of, "STORESCP", all, 2, 0).final.status, KH_DIMSE_CLASS_MISMATCH);
    assert_int_equal(move_to(of, "STORESCP", none, 1, 0).final.status, KH_DIMSE_CLASS_MISMATCH);
}

static void nobody_listens(void **state)
{
    outcome result = move_to(*state, "STORESCP", study_keys, 2, 0);

    assert_counts(&result, KH_DIMSE_CANNOT_PERFORM, 0, OBJECTS);
}

/* It takes implicit VR only: what is held in explicit VR is written anew. */
static void other_syntax(void **state)
{
    outcome result;

    start_storescp(*state, "+xi", NULL);
    result = move_to(*state, "STORESCP", study_keys, 2, 0);
    assert_counts(&result, KH_DIMSE_SUCCESS, OBJECTS, 0);
    assert_int_equal(support_count_files(((peer *)*state)->folder), OBJECTS);
}

/* It would take explicit VR, but is to be sent implicit. */
static void syntax_of_the_node(void **state)
{
    peer *of = *state;
    DIR *dir;
    struct dirent *entry;
    outcome result;
    kh_node node;

    assert_int_equal(kh_node_find(of->it.cache, "storage", &node, NULL), KH_OK);
    strcpy(node.syntaxes, KH_TS_IMPLICIT_LE);
    assert_int_equal(kh_node_set(of->it.cache, &node, NULL), KH_OK);
    start_storescp(of, NULL, NULL);
    result = move_to(of, "STORESCP", study_keys, 2, 0);
    assert_counts(&result, KH_DIMSE_SUCCESS, OBJECTS, 0);
    dir = opendir(of->folder);
    while ((entry = readdir(dir))) {
        char path[400];
        uint8_t *file;
        size_t size;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", of->folder, entry->d_name);
        file = support_read_file(path, &size);
        assert_null(memmem(file, size, KH_TS_EXPLICIT_LE, strlen(KH_TS_EXPLICIT_LE)));
        free(file);
    }
    closedir(dir);
}

/* A node that takes objects of another class only. */
static void other_class(void **state)
{
    peer *of = *state;
    char path[120];
    FILE *profile;
    outcome result;

    snprintf(path, sizeof(path), "%s/scp.cfg", of->it.dir);
    profile = fopen(path, "we");
    assert_non_null(profile);
    fprintf(profile, "[[TransferSyntaxes]]\n[Any]\nTransferSyntax1 = LittleEndianExplicit\n[[PresentationContexts]]\n[Only]\n"
                     "PresentationContext1 = MRImageStorage\\Any\nPresentationContext2 = VerificationSOPClass\\Any\n"
                     "[[Profiles]]\n[Mr]\nPresentationContexts = Only\n");
    assert_int_equal(fclose(profile), 0);
    start_storescp_with(of, "-xf", path, "Mr");
    result = move_to(of, "STORESCP", study_keys, 2, 0);
    assert_counts(&result, KH_DIMSE_CANNOT_PERFORM, 0, OBJECTS);
    assert_non_null(strstr(result.final.comment, "does not take"));
}

/* Cut the file of an object short. */
static void damage(const peer *of, int64_t object_id)
{
    char path[64], target[300];
    ssize_t length;
    int fd;

    assert_int_equal(kh_object_open(of->it.cache, object_id, &fd, NULL), KH_OK);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof(target) - 1);
    assert_true(length > 0);
    target[length] = '\0';
    close(fd);
    assert_int_equal(chmod(target, 0600), 0);
    assert_int_equal(truncate(target, 1000), 0);
}

/* One file of the six is cut short: that one fails, the others come. */
static void damaged_object(void **state)
{
    peer *of = *state;
    outcome result;

    damage(of, 2);
    start_storescp(of, NULL, NULL);
    result = move_to(of, "STORESCP", study_keys, 2, 0);
    assert_counts(&result, KH_DIMSE_SUBOPERATIONS_FAILED, OBJECTS - 1, 1);
    assert_got(of, OBJECTS - 1);
}

static void cancelled_move(void **state)
{
    peer *of = *state;
    int64_t begin_ms;
    outcome result;

    start_storescp(of, "--sleep-after", "1");
    begin_ms = kh_clock_monotonic_ms();
    result = move_to(of, "STORESCP", study_keys, 2, 1);
    assert_int_equal(result.final.status, KH_DIMSE_CANCELLED);
    assert_true(result.final.completed <= 2); /* the one under way at most */
    assert_int_equal(result.final.remaining, OBJECTS - result.final.completed);
    assert_true(kh_clock_monotonic_ms() - begin_ms < 5000);
}

static void stock_movescu(void **state)
{
    peer *of = *state;
    const char *argv[] = {"movescu", "-S", "-aet", "TESTER", "-aec", "KAKEHASHI", "-aem", "STORESCP", "-k", "0008,0052=STUDY",
                          "-k", "0020,000d=" SUPPORT_STUDY_UID, "127.0.0.1", of->it.port_text, NULL};

    start_storescp(of, NULL, NULL);
    assert_int_equal(support_run(NULL, argv), 0);
    assert_got(of, OBJECTS);
}

static void stock_getscu(void **state)
{
    peer *of = *state;
    const char *argv[] = {"getscu", "-S", "+B", "-aet", "TESTER", "-aec", "KAKEHASHI", "-od", of->folder, "-k", "0008,0052=STUDY",
                          "-k", "0020,000d=" SUPPORT_STUDY_UID, "127.0.0.1", of->it.port_text, NULL};

    assert_int_equal(support_run(NULL, argv), 0);
    assert_got(of, OBJECTS);
}

static void stock_getscu_of_a_patient(void **state)
{
    peer *of = *state;
    const char *argv[] = {"getscu", "-P", "+B", "-aet", "TESTER", "-aec", "KAKEHASHI", "-od", of->folder, "-k", "0008,0052=PATIENT",
                          "-k", "0010,0020=T-1", "127.0.0.1", of->it.port_text, NULL};

    assert_int_equal(support_run(NULL, argv), 0);
    assert_got(of, OBJECTS);
}

/* --- as user: one of us fetches from the other --- */

static kh_status count_object(void *context, const char *uid)
{
    (void)uid;
    ++*(unsigned *)context;
    return KH_OK;
}

/* Another service, which knows the first as a hospital that is asked by C-GET. */
static void start_fetcher(world *it, const peer *of, const char *ae_title)
{
    kh_node node = {.name = "hospital", .ae_title = "KAKEHASHI", .host = "127.0.0.1", .port = of->it.port, .facility = "north",
                    .retrieve_by_get = true};

    world_make(it);
    snprintf(it->options.ae_title, sizeof(it->options.ae_title), "%s", ae_title);
    assert_int_equal(kh_node_add(it->cache, &node, NULL), KH_OK);
    world_start_bridge(it);
}

static kh_pull fetch(world *it)
{
    int64_t pull_id;

    assert_int_equal(kh_control_pull_file(it->data_dir, "hospital", SUPPORT_STUDY_UID, 0, "test", &pull_id, NULL), KH_OK);
    return world_await_pull(it, pull_id, 20000);
}

static void pull_by_get(void **state)
{
    const peer *of = *state;
    unsigned count = 0;
    world it;
    kh_pull pull;

    start_fetcher(&it, of, "TESTER");
    pull = fetch(&it);
    if (pull.state != KH_PULL_COMPLETE)
        fail_msg("%s: %s", kh_pull_state_text(pull.state), pull.reason);
    assert_int_equal(pull.received, OBJECTS);
    assert_int_equal(kh_browse_object_uids(it.cache, "north", SUPPORT_STUDY_UID, count_object, &count, NULL), KH_OK);
    assert_int_equal(count, OBJECTS);
    for (int64_t id = 1; id <= OBJECTS; id++) { /* the same bytes arrived, behind a header of ours */
        uint8_t ours[200000], theirs[200000];
        char uid[65];
        uint8_t *dataset;
        ssize_t size;
        size_t length;
        kh_object object;
        int fd;
        assert_int_equal(kh_browse_object(it.cache, id, &object, NULL), KH_OK);
        assert_int_equal(kh_object_open(it.cache, id, &fd, NULL), KH_OK);
        size = read(fd, ours, sizeof(ours));
        close(fd);
        snprintf(uid, sizeof(uid), "%s", object.sop_instance_uid);
        dataset = support_make_dataset((unsigned)strtoul(strrchr(uid, '.') + 1, NULL, 10), PIXEL_BYTES, &length);
        assert_true(size > (ssize_t)length);
        memcpy(theirs, dataset, length);
        assert_memory_equal(ours + size - (ssize_t)length, theirs, length);
        free(dataset);
    }
    world_free(&it);
}

/* One of the objects cannot be sent there: the rest is here, and the job says so. */
static void pull_by_get_partly(void **state)
{
    const peer *of = *state;
    world it;
    kh_pull pull;

    damage(of, 2);
    start_fetcher(&it, of, "TESTER");
    pull = fetch(&it);
    assert_int_equal(pull.state, KH_PULL_PARTIAL);
    assert_int_equal(pull.received, OBJECTS - 1);
    assert_int_equal(pull.expected, OBJECTS);
    assert_non_null(strstr(pull.reason, "refused by the hospital"));
    world_free(&it);
}

/* Our user side cancels after the first object. */
typedef struct getting {
    kh_assoc *assoc;
    unsigned stored;
} getting;

static kh_status take_and_answer(void *context, uint8_t context_id, const kh_dimse *request, kh_error *err)
{
    getting *to = context;
    kh_dimse response;
    kh_status sink_status, status;
    kh_buf data;

    kh_buf_init(&data, 1048576);
    status = kh_assoc_receive_data(to->assoc, context_id, kh_data_sink_buf, &data, &sink_status, NULL, err);
    kh_buf_release(&data);
    to->stored++;
    kh_dimse_respond(&response, request, KH_DIMSE_SUCCESS);
    return status == KH_OK ? kh_assoc_send(to->assoc, context_id, &response, err) : status;
}

static kh_status stop_after_one(void *context, const kh_dimse *response, bool *alive, kh_error *err)
{
    const getting *to = context;

    (void)response;
    *alive = true;
    return to->stored >= 1 ? kh_error_set(err, KH_E_CANCELLED, "enough") : KH_OK;
}

static void cancelled_get(void **state)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE};
    const kh_proposal proposals[] = {{KH_SOP_STUDY_ROOT_GET, syntaxes, 1, false}, {KH_SOP_CT_IMAGE, syntaxes, 1, true}};
    const peer *of = *state;
    getting to = {0};
    kh_buf identifier;
    kh_dimse final;

    assert_int_equal(kh_assoc_connect(&to.assoc, "127.0.0.1", of->it.port, "TESTER", "KAKEHASHI", proposals, 2, NULL, NULL, NULL), KH_OK);
    kh_buf_init(&identifier, 65536);
    assert_int_equal(kh_identifier_build(&identifier, KH_TS_EXPLICIT_LE, "", study_keys, 2, NULL), KH_OK);
    assert_int_equal(kh_user_get(to.assoc, kh_assoc_context_find(to.assoc, KH_SOP_STUDY_ROOT_GET, NULL), 5, identifier.data,
                                 identifier.size, take_and_answer, stop_after_one, &to, &final, NULL, NULL),
                     KH_E_CANCELLED);
    kh_buf_release(&identifier);
    assert_int_equal(final.status, KH_DIMSE_CANCELLED);
    assert_true(to.stored <= 3); /* the cancel may meet one that is on its way, and another that is being sent */
    assert_int_equal(final.completed, to.stored);
    assert_int_equal(final.remaining, OBJECTS - (int)to.stored);
    assert_int_equal(kh_assoc_release(to.assoc, NULL), KH_OK);
    kh_assoc_free(to.assoc);
}

/* Without role selection nothing can be sent back. */
static void get_without_roles(void **state)
{
    static const char *const syntaxes[] = {KH_TS_EXPLICIT_LE};
    const kh_proposal proposals[] = {{KH_SOP_STUDY_ROOT_GET, syntaxes, 1, false}, {KH_SOP_CT_IMAGE, syntaxes, 1, false}};
    const peer *of = *state;
    getting to = {0};
    kh_buf identifier;
    kh_dimse final;

    assert_int_equal(kh_assoc_connect(&to.assoc, "127.0.0.1", of->it.port, "TESTER", "KAKEHASHI", proposals, 2, NULL, NULL, NULL), KH_OK);
    kh_buf_init(&identifier, 65536);
    assert_int_equal(kh_identifier_build(&identifier, KH_TS_EXPLICIT_LE, "", study_keys, 2, NULL), KH_OK);
    assert_int_equal(kh_user_get(to.assoc, kh_assoc_context_find(to.assoc, KH_SOP_STUDY_ROOT_GET, NULL), 5, identifier.data,
                                 identifier.size, take_and_answer, stop_after_one, &to, &final, NULL, NULL),
                     KH_OK);
    kh_buf_release(&identifier);
    assert_int_equal(final.status, KH_DIMSE_CANNOT_PERFORM);
    assert_int_equal(final.failed, OBJECTS);
    assert_int_equal(to.stored, 0);
    kh_assoc_free(to.assoc);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(move_study),   TEST(move_series_and_images), TEST(refused_moves),  TEST(nobody_listens),
        TEST(other_syntax), TEST(other_class), TEST(syntax_of_the_node), TEST(damaged_object), TEST(cancelled_move), TEST(stock_movescu),
        TEST(stock_getscu), TEST(stock_getscu_of_a_patient), TEST(pull_by_get), TEST(pull_by_get_partly),
        TEST(cancelled_get), TEST(get_without_roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
