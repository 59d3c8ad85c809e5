#include "tests/portal/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const role_names[] = {"bridge", "web"};

static void add_studies(fixture *f)
{
    for (unsigned i = 0; i < SLICES; i++)
        f->slices[i] = samples_add(&f->samples, &(sample_image){.study = 1, .series = 1, .instance = i + 1, .rows = 512,
                                                                .columns = 512, .value = 10 * (int)i, .z_mm = -2.5 * i});
    f->broken =
        samples_add(&f->samples, &(sample_image){.study = 1, .series = 2, .instance = 1, .rows = 64, .columns = 64, .broken = true});
    f->report = samples_add(&f->samples, &(sample_image){.study = 1, .series = 3, .instance = 1, .no_pixels = true});
    f->other = samples_add(
        &f->samples,
        &(sample_image){
            .study = 2,
            .series = 1,
            .instance = 1,
            .rows = 700,
            .columns = 1300,
            .value = 40,
            .patient_id = "K-000123",
            .date = "20250102",
            .name =
                "Yamada^Hanako=\xe5\xb1\xb1\xe7\x94\xb0^\xe8\x8a\xb1\xe5\xad\x90=\xe3\x82\x84\xe3\x81\xbe\xe3\x81\xa0^\xe3\x81\xaf\xe3\x81\xaa\xe3\x81\x93"});
}

static void start(fixture *f)
{
    kh_error err = KH_ERROR_INIT;

    f->options.listen_fd = client_listen(&f->port);
    if (kh_portal_start(&f->portal, &f->options, &err) != KH_OK)
        fail_msg("%s", err.message);
}

int fixture_open(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    samples_open(&f->samples);
    add_studies(f);
    atomic_store(&f->samples.page->roles[0].pid, 1);
    atomic_store(&f->samples.page->roles[1].pid, 2);
    atomic_store(&f->samples.page->roles[1].starts, 3);
    f->options = kh_portal_options_default;
    f->options.cache = f->samples.cache;
    f->options.tile_bytes_max = 16u << 20;
    f->options.role_names = role_names;
    f->options.role_count = 2;
    f->options.version = "0.1.0";
    start(f);
    *state = f;
    return 0;
}

int fixture_close(void **state)
{
    fixture *f = *state;

    kh_portal_stop(f->portal, 1000);
    samples_close(&f->samples);
    free(f);
    return 0;
}

void fixture_restart(fixture *f)
{
    kh_portal_stop(f->portal, 1000);
    start(f);
}

client_answer get(fixture *f, const char *target, const char *headers)
{
    return client_get(f->port, target, headers);
}

unsigned get_code(fixture *f, const char *target)
{
    client_answer answer = get(f, target, "");
    unsigned code = answer.code;

    client_answer_free(&answer);
    return code;
}

json_t *get_json(fixture *f, const char *target)
{
    client_answer answer = get(f, target, "");
    char type[64] = "";
    json_error_t why;
    json_t *json = answer.body ? json_loadb((char *)answer.body, answer.body_size, JSON_REJECT_DUPLICATES, &why) : NULL;

    if (answer.code != 200 || !json)
        fail_msg("%s: %u, %s", target, answer.code, answer.body ? (char *)answer.body : "");
    assert_true(client_header(&answer, "Content-Type", type, sizeof type));
    assert_string_equal(type, "application/json; charset=utf-8");
    client_answer_free(&answer);
    return json;
}

double get_metric(fixture *f, const char *name)
{
    client_answer answer = get(f, "/metrics", "");
    char line[128];
    const char *found;
    double value;

    snprintf(line, sizeof line, "\nkakehashi_%s ", name);
    found = answer.code == 200 ? strstr((char *)answer.body, line) : NULL;
    if (!found)
        fail_msg("no metric %s", name);
    value = strtod(found + strlen(line), NULL);
    client_answer_free(&answer);
    return value;
}

const char *tile_target(const kh_ingest_result *object, const char *query)
{
    static _Thread_local char target[200];

    snprintf(target, sizeof target, "/tiles/%lld/%lld-0/0/0/0.jpg%s", (long long)object->series_id,
             (long long)object->object_id, query);
    return target;
}
