/* How nodes are described and who is meant by a call: hours, nets, certificates, titles of facilities. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cache/node_check.h"
#include "cache/node_hours.h"
#include "cache/nodes.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* 2026-11-20 is a Friday. */
static int64_t local_ms(int day, int hour, int minute)
{
    struct tm when = {.tm_year = 126, .tm_mon = 10, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_isdst = -1};

    return (int64_t)mktime(&when) * 1000;
}

static void hours_are_understood(void **state)
{
    static const struct {
        const char *name, *hours;
        bool understood;
    } cases[] = {
        {"always", "", true},
        {"a window", "18:00-07:00", true},
        {"two", "18:00-24:00,00:00-07:00", true},
        {"days", "mon-fri 18:00-07:00, sat, sun", true},
        {"one day in capitals", "SAT", true},
        {"over the end of the week", "fri-mon 09:00-12:00", true},
        {"hour 24 as an end", "00:00-24:00", true},
        {"hour 24 as a beginning", "24:00-07:00", false},
        {"past 24:00", "18:00-24:01", false},
        {"minute 60", "18:60-19:00", false},
        {"empty window", "18:00-18:00", false},
        {"one digit", "8:00-9:00", false},
        {"no end", "18:00", false},
        {"no such day", "may 18:00-19:00", false},
        {"half a range of days", "mon- 18:00-19:00", false},
        {"a comma too many", "sat,", false},
        {"nothing between commas", "sat,,sun", false},
        {"words behind it", "18:00-19:00 daily", false},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error why = KH_ERROR_INIT;

        if ((kh_hours_check(cases[i].hours, &why) == KH_OK) != cases[i].understood)
            fail_msg("%s: %s", cases[i].name, why.message);
        if (!cases[i].understood)
            assert_false(kh_hours_open(cases[i].hours, local_ms(20, 18, 30)));
    }
}

static void hours_open_and_close(void **state)
{
    static const struct {
        const char *name, *hours;
        int day, hour, minute;
        bool open;
    } cases[] = {
        {"always", "", 20, 3, 0, true},
        {"before the first minute", "18:00-07:00", 20, 17, 59, false},
        {"the first minute", "18:00-07:00", 20, 18, 0, true},
        {"past midnight", "18:00-07:00", 21, 0, 0, true},
        {"the last minute", "18:00-07:00", 21, 6, 59, true},
        {"behind it", "18:00-07:00", 21, 7, 0, false},
        {"by day", "09:00-17:00", 20, 17, 0, false},
        {"Friday's night is on Saturday still Friday's", "fri 18:00-07:00", 21, 6, 0, true},
        {"Saturday has none of its own", "fri 18:00-07:00", 21, 18, 0, false},
        {"nor had Thursday", "fri 18:00-07:00", 20, 6, 0, false},
        {"a whole day", "sat", 21, 23, 59, true},
        {"not the next", "sat", 22, 0, 0, false},
        {"Friday to Monday holds Sunday", "fri-mon 10:00-11:00", 22, 10, 30, true},
        {"and not Tuesday", "fri-mon 10:00-11:00", 24, 10, 30, false},
        {"the second of two", "sat,18:00-19:00", 20, 18, 30, true},
    };

    (void)state;
    set_zone("Asia/Tokyo");
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        if (kh_hours_open(cases[i].hours, local_ms(cases[i].day, cases[i].hour, cases[i].minute)) != cases[i].open)
            fail_msg("%s", cases[i].name);
}

static void next_opening(void **state)
{
    kh_node node = {.hours = "mon-fri 18:00-07:00"};

    (void)state;
    set_zone("Asia/Tokyo");
    assert_false(kh_node_open_now(&node, local_ms(20, 12, 0)));
    assert_int_equal(kh_node_opens_ms(&node, local_ms(20, 12, 0)), local_ms(20, 18, 0));
    assert_int_equal(kh_node_opens_ms(&node, local_ms(20, 12, 0) + 59999), local_ms(20, 18, 0));
    assert_int_equal(kh_node_opens_ms(&node, local_ms(20, 19, 0) + 1), local_ms(20, 19, 0) + 1);
    assert_int_equal(kh_node_opens_ms(&node, local_ms(21, 8, 0)), local_ms(23, 18, 0)); /* over the weekend */
    snprintf(node.hours, sizeof node.hours, "not hours");
    assert_int_equal(kh_node_opens_ms(&node, local_ms(20, 12, 0)), -1);
    /* Summer time begins on 2026-03-29 at 02:00 in Berlin: 02:30 is not on the clock that day, 03:00 is. */
    set_zone("Europe/Berlin");
    assert_false(kh_hours_open("02:00-03:00", 1774746000000)); /* 2026-03-29T01:00Z, 03:00 in Berlin */
    assert_true(kh_hours_open("03:00-04:00", 1774746000000));
    set_zone("Asia/Tokyo");
}

static void nets_hold_addresses(void **state)
{
    static const struct {
        const char *name, *nets, *address;
        bool held;
    } cases[] = {
        {"any", "", "10.1.2.3", true},
        {"that one", "10.1.2.3", "10.1.2.3", true},
        {"its neighbour", "10.1.2.3", "10.1.2.4", false},
        {"the first of a net", "10.1.2.0/24", "10.1.2.0", true},
        {"the last of a net", "10.1.2.0/24", "10.1.2.255", true},
        {"behind the net", "10.1.2.0/24", "10.1.3.0", false},
        {"host bits do not matter", "10.1.2.77/24", "10.1.2.1", true},
        {"the second of two", "10.1.2.3,192.168.0.0/16", "192.168.255.1", true},
        {"the second of two behind a blank", "10.1.2.3, 192.168.0.0/16", "192.168.255.1", true},
        {"everything", "0.0.0.0/0", "8.8.8.8", true},
        {"no address", "10.0.0.0/8", "?", false},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++)
        if (kh_nets_hold(cases[i].nets, cases[i].address) != cases[i].held)
            fail_msg("%s", cases[i].name);
}

static void new_fields_are_checked(void **state)
{
    static const struct {
        const char *name, *source, *certificates, *syntaxes;
        bool tls;
        unsigned associations;
        int64_t bytes_per_s;
        kh_status expected;
    } cases[] = {
        {"none of them", "", "", "", false, 0, 0, KH_OK},
        {"all of them", "10.0.0.0/8,172.16.0.1", DIGEST_A "," DIGEST_B, "1.2.840.10008.1.2.4.80,1.2.840.10008.1.2.1", true, 254, 1024,
         KH_OK},
        {"a name in the nets", "pacs.example", "", "", false, 0, 0, KH_E_ARG},
        {"33 bits", "10.0.0.0/33", "", "", false, 0, 0, KH_E_ARG},
        {"no bits", "10.0.0.0/", "", "", false, 0, 0, KH_E_ARG},
        {"short fingerprint", "", "aaaa", "", true, 0, 0, KH_E_ARG},
        {"capitals", "", "A" DIGEST_A, "", true, 0, 0, KH_E_ARG},
        {"certificate without TLS", "", DIGEST_A, "", false, 0, 0, KH_E_ARG},
        {"no such syntax", "", "", "1.2.3", false, 0, 0, KH_E_ARG},
        {"255 associations", "", "", "", false, 255, 0, KH_E_ARG},
        {"under 1 KiB/s", "", "", "", false, 0, 1023, KH_E_ARG},
    };

    (void)state;
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_node node = {.name = "a", .ae_title = "A", .facility = "north", .tls = cases[i].tls,
                        .associations = (uint16_t)cases[i].associations, .bytes_per_s = cases[i].bytes_per_s};
        kh_error why = KH_ERROR_INIT;

        snprintf(node.source, sizeof node.source, "%s", cases[i].source);
        snprintf(node.certificates, sizeof node.certificates, "%s", cases[i].certificates);
        snprintf(node.syntaxes, sizeof node.syntaxes, "%s", cases[i].syntaxes);
        if (kh_node_check(&node, &why) != cases[i].expected)
            fail_msg("%s: %s", cases[i].name, why.message);
    }
}

static kh_node node_of(const char *name, const char *title, const char *facility)
{
    kh_node node = {.may_store = true};

    snprintf(node.name, sizeof node.name, "%s", name);
    snprintf(node.ae_title, sizeof node.ae_title, "%s", title);
    snprintf(node.facility, sizeof node.facility, "%s", facility);
    return node;
}

static void all_of_a_caller_must_fit(void **state)
{
    fixture *f = *state;
    kh_node plain = node_of("plain", "CT", "north"), bound = node_of("bound", "CT", "south"), found;
    static const struct {
        const char *name;
        kh_caller caller;
        const char *found; /* NULL: refused with status */
        kh_status status;
    } cases[] = {
        {"plain as plain", {"CT", "", "10.0.0.5", false, ""}, "plain", KH_OK},
        {"plain from elsewhere", {"CT", "", "10.0.1.5", false, ""}, NULL, KH_E_DENIED},
        {"bound with its certificate", {"CT", "", "10.9.9.9", true, DIGEST_B}, "bound", KH_OK},
        {"bound with its other certificate", {"CT", "", "10.9.9.9", true, DIGEST_A}, "bound", KH_OK},
        {"bound with somebody's certificate", {"CT", "", "10.9.9.9", true, "cccc"}, NULL, KH_E_DENIED},
        {"bound without TLS falls to the plain one", {"CT", "", "10.0.0.5", false, ""}, "plain", KH_OK},
        {"bound without TLS at its own hospital's title", {"CT", "south", "10.0.0.5", false, ""}, NULL, KH_E_DENIED},
        {"plain at the other hospital's title", {"CT", "south", "10.9.9.9", true, DIGEST_A}, "bound", KH_OK},
        {"plain over TLS", {"CT", "north", "10.0.0.5", true, DIGEST_A}, NULL, KH_E_DENIED},
        {"no such hospital", {"CT", "west", "10.0.0.5", false, ""}, NULL, KH_E_NOT_FOUND},
        {"no such title", {"MR", "", "10.0.0.5", false, ""}, NULL, KH_E_NOT_FOUND},
    };

    snprintf(plain.source, sizeof plain.source, "10.0.0.0/24");
    bound.tls = true;
    snprintf(bound.certificates, sizeof bound.certificates, "%s,%s", DIGEST_A, DIGEST_B);
    assert_ok(kh_node_add(f->cache, &plain, err));
    assert_ok(kh_node_add(f->cache, &bound, err));
    for (size_t i = 0; i < KH_COUNT(cases); i++) {
        kh_error why = KH_ERROR_INIT;
        kh_status status = kh_node_by_caller(f->cache, &cases[i].caller, &found, &why);

        if (status != cases[i].status || (cases[i].found && strcmp(found.name, cases[i].found) != 0))
            fail_msg("%s: %d %s", cases[i].name, status, why.message);
    }
}

static void fields_come_back(void **state)
{
    fixture *f = *state;
    kh_node node = node_of("a", "A", "north"), found;

    assert_ok(kh_node_add(f->cache, &node, err));
    node.tls = node.may_retrieve = true;
    node.associations = 3;
    node.bytes_per_s = 1 << 20;
    snprintf(node.certificates, sizeof node.certificates, "%s", DIGEST_A);
    snprintf(node.source, sizeof node.source, "10.0.0.0/8");
    snprintf(node.syntaxes, sizeof node.syntaxes, "1.2.840.10008.1.2.4.80");
    snprintf(node.hours, sizeof node.hours, "18:00-07:00");
    snprintf(node.hours_in, sizeof node.hours_in, "mon-fri");
    assert_ok(kh_node_set(f->cache, &node, err));
    assert_ok(kh_node_find(f->cache, "a", &found, err));
    assert_memory_equal(&found, &node, sizeof node);
    snprintf(node.name, sizeof node.name, "b");
    assert_int_equal(kh_node_set(f->cache, &node, NULL), KH_E_NOT_FOUND);
    snprintf(node.name, sizeof node.name, "a");
    snprintf(node.hours, sizeof node.hours, "late");
    assert_int_equal(kh_node_set(f->cache, &node, NULL), KH_E_ARG);
}

static kh_status count_titles(void *context, const char *ae_title, const char *facility)
{
    (void)facility;
    *(size_t *)context += ae_title[0] != '\0';
    return KH_OK;
}

static void titles_of_facilities(void **state)
{
    fixture *f = *state;
    char facility[65], title[KH_AE_TITLE_SIZE];
    size_t count = 0;

    assert_ok(kh_title_add(f->cache, "KH_NORTH", "north", err));
    assert_ok(kh_title_add(f->cache, "KH_NORTH2", "north", err));
    assert_int_equal(kh_title_add(f->cache, "KH_NORTH", "south", NULL), KH_E_CONFLICT);
    assert_int_equal(kh_title_add(f->cache, "BACK\\SLASH", "south", NULL), KH_E_ARG);
    assert_int_equal(kh_title_add(f->cache, "SOUTH", "so/uth", NULL), KH_E_ARG);
    assert_ok(kh_title_facility(f->cache, "KH_NORTH2", facility, err));
    assert_string_equal(facility, "north");
    assert_ok(kh_title_of_facility(f->cache, "north", title, err));
    assert_string_equal(title, "KH_NORTH");
    assert_int_equal(kh_title_facility(f->cache, "KH_SOUTH", facility, NULL), KH_E_NOT_FOUND);
    assert_ok(kh_title_list(f->cache, count_titles, &count, err));
    assert_int_equal(count, 2);
    assert_ok(kh_title_remove(f->cache, "KH_NORTH", err));
    assert_int_equal(kh_title_remove(f->cache, "KH_NORTH", NULL), KH_E_NOT_FOUND);
    assert_ok(kh_title_of_facility(f->cache, "north", title, err));
    assert_string_equal(title, "KH_NORTH2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_are_understood),
        cmocka_unit_test(hours_open_and_close),
        cmocka_unit_test(next_opening),
        cmocka_unit_test(nets_hold_addresses),
        cmocka_unit_test(new_fields_are_checked),
        cmocka_unit_test_setup_teardown(all_of_a_caller_must_fit, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(fields_come_back, cache_set_up, cache_tear_down),
        cmocka_unit_test_setup_teardown(titles_of_facilities, cache_set_up, cache_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
