/* The people, patients and consents of `./run demo`'s region: an access.db nobody has used yet is filled with what is made up here, and the
 * accounts are written to a file for the demo's sign-in page. The images with these patients are made by phantom/region.sh. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "access/accounts.h"
#include "access/consents.h"
#include "access/facilities.h"
#include "access/invitations.h"
#include "access/links.h"
#include "access/patients.h"
#include "access/people.h"
#include "app/command.h"
#include "app/deciding.h"
#include "app/listener.h"
#include "app/session.h"
#include "app/told.h"
#include "base/clock.h"
#include "base/json.h"

#define BY "demo"
#define FILE_BYTES_MAX 65536
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *code, *name, *kana;
    kh_facility_kind kind;
    kh_facility_part part;
} facilities[] = {
    {"city", "架け橋市民病院", "カケハシシミンビョウイン", KH_FACILITY_HOSPITAL, KH_PART_BOTH},
    {"center", "県立かけはし医療センター", "ケンリツカケハシイリョウセンター", KH_FACILITY_HOSPITAL, KH_PART_BOTH},
    {"yamamoto", "やまもと内科", "ヤマモトナイカ", KH_FACILITY_CLINIC, KH_PART_VIEWER},
    {"sakura", "さくら整形外科", "サクラセイケイゲカ", KH_FACILITY_CLINIC, KH_PART_VIEWER},
    {"midori", "みどり脳神経クリニック", "ミドリノウシンケイクリニック", KH_FACILITY_CLINIC, KH_PART_VIEWER},
    {"umibe", "うみべ診療所", "ウミベシンリョウジョ", KH_FACILITY_CLINIC, KH_PART_VIEWER},
    {"network", "かけはし医療連携協議会 事務局", "カケハシイリョウレンケイキョウギカイ", KH_FACILITY_OTHER, KH_PART_VIEWER},
};

static const struct {
    const char *login, *name, *kana, *facility;
    kh_person_role role;
    const char *what_ja, *what_en;
} people[] = {
    {"yamamoto", "山本 健一", "ヤマモト ケンイチ", "yamamoto", KH_ROLE_DOCTOR, "診療所の医師。患者番号 Y-0012 で検索",
     "clinic doctor; search patient number Y-0012"},
    {"sakura", "桜井 美咲", "サクライ ミサキ", "sakura", KH_ROLE_DOCTOR, "診療所の医師。S-100 は開示、S-200 は同意撤回",
     "clinic doctor; S-100 is open, S-200 was withdrawn"},
    {"midori", "緑川 徹", "ミドリカワ トオル", "midori", KH_ROLE_DOCTOR, "診療所の医師。番号の登録待ちの患者がいる",
     "clinic doctor; a patient's number is awaited"},
    {"umibe", "浜田 由美", "ハマダ ユミ", "umibe", KH_ROLE_DOCTOR, "同意のない診療所。緊急閲覧（県立かけはし医療センター、M-2005）",
     "no consent here; emergency access (center, M-2005)"},
    {"kangoshi", "森 彩", "モリ アヤ", "yamamoto", KH_ROLE_NURSE, "看護師", "nurse"},
    {"dokuei", "黒田 真", "クロダ マコト", "city", KH_ROLE_RADIOLOGIST, "市民病院の放射線科医。C-1001 で検索",
     "radiologist of the city hospital; search C-1001"},
    {"gishi", "石井 亮", "イシイ リョウ", "center", KH_ROLE_RADIOGRAPHER, "医療センターの診療放射線技師", "radiographer of the center"},
    {"renkei", "中村 恵", "ナカムラ メグミ", "city", KH_ROLE_REGISTRAR, "市民病院の地域連携室。画像は見られない",
     "liaison office of the city hospital; sees no images"},
    {"sekinin", "小林 守", "コバヤシ マモル", "center", KH_ROLE_MANAGER, "医療センターの運用責任者", "manager of the center"},
    {"jimukyoku", "大野 進", "オオノ ススム", "network", KH_ROLE_OFFICE, "事務局。運用管理の画面", "network office; the operators' page"},
    {"kansa", "清水 律", "シミズ リツ", "network", KH_ROLE_AUDITOR, "監査人", "auditor"},
};

#define YAMADA "Yamada^Hanako", "山田^花子", "やまだ^はなこ", "19560214", "F", "3300"
#define SUZUKI "Suzuki^Ichirou", "鈴木^一郎", "すずき^いちろう", "19480503", "M", "3301"
#define SATOU "Satou^Kazuko", "佐藤^和子", "さとう^かずこ", "19611120", "F", "3302"
#define TAKAHASHI "Takahashi^Minoru", "高橋^実", "たかはし^みのる", "19390708", "M", ""
static const struct {
    const char *facility, *number, *alphabetic, *ideographic, *phonetic, *birth_date, *sex, *card;
} patients[] = {
    {"city", "C-1001", YAMADA},   {"center", "M-2001", YAMADA},  {"yamamoto", "Y-0012", YAMADA}, {"city", "C-1002", SUZUKI},
    {"sakura", "S-100", SUZUKI},  {"city", "C-1003", SATOU},     {"sakura", "S-200", SATOU},     {"center", "M-2004", TAKAHASHI},
    {"center", "M-2005", "Itou^Makoto", "伊藤^誠", "いとう^まこと", "19700130", "M", ""},
    {"city", "C-1006", "Watanabe^Yuki", "渡辺^由紀", "わたなべ^ゆき", "19820919", "F", ""},
};

static const kh_link_end links[][2] = {
    {{"city", "C-1001"}, {"center", "M-2001"}},     {{"city", "C-1001"}, {"yamamoto", "Y-0012"}},
    {{"center", "M-2001"}, {"yamamoto", "Y-0012"}}, {{"city", "C-1002"}, {"sakura", "S-100"}},
    {{"city", "C-1003"}, {"sakura", "S-200"}},
};

/* What each hospital shows to whom. number "": it has not arrived yet [AZ-18]. */
static const struct {
    const char *hospital, *patient, *site, *number;
    bool withdrawn;
} consents[] = {
    {"city", "C-1001", "yamamoto", "Y-0012", false}, {"center", "M-2001", "yamamoto", "Y-0012", false},
    {"center", "M-2001", "city", "C-1001", false},   {"city", "C-1001", "center", "M-2001", false},
    {"city", "C-1002", "sakura", "S-100", false},    {"city", "C-1003", "sakura", "S-200", true},
    {"center", "M-2004", "midori", "", false},
};

static kh_status add_facilities(kh_access *access, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < COUNT(facilities); i++) {
        kh_facility facility = {.kind = facilities[i].kind, .part = facilities[i].part, .published = true};

        snprintf(facility.code, sizeof facility.code, "%s", facilities[i].code);
        snprintf(facility.name, sizeof facility.name, "%s", facilities[i].name);
        snprintf(facility.kana, sizeof facility.kana, "%s", facilities[i].kana);
        status = kh_facility_add(access, &facility, err);
    }
    return status;
}

/* A password of its own for each account, made now: the same demo elsewhere has others. */
static kh_status set_password(kh_accounts *accounts, kh_access *access, int64_t person_id, char password[KH_SECRET_SIZE], kh_error *err)
{
    char secret[KH_SECRET_SIZE];
    kh_password_fault fault = KH_PASSWORD_GOOD;
    kh_status status = kh_invitation_make(access, person_id, password, err); /* 256 random bits; the next one makes it good for nothing else */

    password[20] = '\0';
    if (status == KH_OK)
        status = kh_invitation_make(access, person_id, secret, err);
    return status == KH_OK ? kh_invitation_accept(accounts, secret, password, &fault, err) : status;
}

static kh_status add_person(kh_accounts *accounts, kh_access *access, size_t which, char password[KH_SECRET_SIZE], kh_error *err)
{
    kh_person person = {.role = people[which].role, .birth_date = "19700401"};
    kh_status status;

    snprintf(person.login, sizeof person.login, "%s", people[which].login);
    snprintf(person.name, sizeof person.name, "%s", people[which].name);
    snprintf(person.kana, sizeof person.kana, "%s", people[which].kana);
    snprintf(person.facility, sizeof person.facility, "%s", people[which].facility);
    status = kh_person_add(access, &person, err);
    if (status == KH_OK)
        status = kh_person_train(access, person.login, "20260401", err);
    if (status == KH_OK)
        status = kh_person_activate(access, person.login, err);
    return status == KH_OK ? set_password(accounts, access, person.id, password, err) : status;
}

/* The file for the sign-in page: {"accounts": [{"login", "password", "name", "facility", "role", "ja", "en"}]}. */
static kh_status add_people(kh_accounts *accounts, kh_access *access, kh_buf *text, kh_error *err)
{
    kh_json_writer json;
    kh_status status = KH_OK;

    kh_json_writer_init(&json, text);
    kh_json_object_begin(&json);
    kh_json_key(&json, "accounts");
    kh_json_array_begin(&json);
    for (size_t i = 0; status == KH_OK && i < COUNT(people); i++) {
        char password[KH_SECRET_SIZE];

        status = add_person(accounts, access, i, password, err);
        kh_json_object_begin(&json);
        kh_json_put_text(&json, "login", people[i].login);
        kh_json_put_text(&json, "password", status == KH_OK ? password : "");
        kh_json_put_text(&json, "name", people[i].name);
        kh_json_put_text(&json, "role", kh_role_text(people[i].role));
        kh_json_put_text(&json, "ja", people[i].what_ja);
        kh_json_put_text(&json, "en", people[i].what_en);
        kh_json_object_end(&json);
    }
    kh_json_array_end(&json);
    kh_json_object_end(&json);
    return status == KH_OK ? kh_json_writer_status(&json, err) : status;
}

static kh_status add_patients(kh_access *access, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < COUNT(patients); i++) {
        kh_registered patient = {.id = 0};

        snprintf(patient.facility, sizeof patient.facility, "%s", patients[i].facility);
        snprintf(patient.number, sizeof patient.number, "%s", patients[i].number);
        snprintf(patient.name_alphabetic, sizeof patient.name_alphabetic, "%s", patients[i].alphabetic);
        snprintf(patient.name_ideographic, sizeof patient.name_ideographic, "%s", patients[i].ideographic);
        snprintf(patient.name_phonetic, sizeof patient.name_phonetic, "%s", patients[i].phonetic);
        snprintf(patient.birth_date, sizeof patient.birth_date, "%s", patients[i].birth_date);
        snprintf(patient.sex, sizeof patient.sex, "%s", patients[i].sex);
        snprintf(patient.card, sizeof patient.card, "%s", patients[i].card);
        status = kh_registered_add(access, &patient, BY, false, err);
    }
    for (size_t i = 0; status == KH_OK && i < COUNT(links); i++)
        status = kh_link_make(access, &links[i][0], &links[i][1], BY, err);
    return status;
}

static kh_status add_consents(kh_access *access, kh_error *err)
{
    kh_status status = KH_OK;
    time_t now = (time_t)(kh_clock_wall_ms() / 1000);
    struct tm local;
    char today[9] = "";

    if (!localtime_r(&now, &local) || strftime(today, sizeof today, "%Y%m%d", &local) != 8)
        return kh_error_set(err, KH_E_INTERNAL, "the day of today cannot be told");
    for (size_t i = 0; status == KH_OK && i < COUNT(consents); i++) {
        const kh_consent_place place = {consents[i].site, consents[i].number};
        kh_consent_sheet sheet = kh_consent_of_sites(consents[i].hospital, consents[i].patient, today, &place, 1);
        int64_t id = 0;

        sheet.explained = true;
        sheet.explainer = "地域連携室";
        sheet.items = KH_ITEM_IMAGES | KH_ITEM_REPORTS;
        status = kh_consent_add(access, &kh_consent_rules_default, &sheet, BY, &id, err);
        if (status == KH_OK && consents[i].withdrawn)
            status = kh_consent_withdraw(access, id, consents[i].site, "本人の申し出", BY, err);
    }
    return status;
}

static kh_status write_file(const char *path, const kh_buf *text, kh_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, text->data, text->size) == (ssize_t)text->size;

    if (fd >= 0 && close(fd) != 0)
        written = false;
    return written ? KH_OK : kh_error_set(err, KH_E_IO, "%s: cannot be written: %m", path);
}

static kh_status fill(const kh_settings *settings, const char *path, kh_error *err)
{
    const kh_auditing_change change = {.who = kh_session_asked_by(NULL), .text = "demo: an invented region"};
    kh_told told = {0};
    kh_access *access = NULL;
    kh_accounts *accounts = NULL;
    bool any = false;
    kh_buf text;
    kh_status status = kh_deciding_access(&access, settings, NULL, err);

    kh_buf_init(&text, FILE_BYTES_MAX);
    if (status == KH_OK)
        status = kh_person_any_office(access, &any, err);
    if (status == KH_OK && any)
        status = kh_error_set(err, KH_E_CONFLICT, "there are accounts here already: the demo's people are for an empty data folder only");
    if (status == KH_OK)
        status = kh_told_begin(&told, settings, &change, err);
    if (status == KH_OK)
        status = kh_accounts_create(&accounts, access, &kh_accounts_options_default, err);
    if (status == KH_OK)
        status = add_facilities(access, err);
    if (status == KH_OK)
        status = add_people(accounts, access, &text, err);
    if (status == KH_OK)
        status = add_patients(access, err);
    if (status == KH_OK)
        status = add_consents(access, err);
    if (status == KH_OK)
        status = write_file(path, &text, err);
    kh_told_end(&told, status);
    kh_buf_release(&text);
    kh_accounts_free(accounts);
    kh_access_close(access);
    return status;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_args args;
    kh_error err = KH_ERROR_INIT;
    uint32_t address = 0;
    int status = kh_command_begin(self, &args, argc, argv, NULL, 0);

    if (status != KH_COMMAND_GO)
        return status;
    if (args.word_count != 1)
        return kh_command_usage(self, "%zu words, expected one file", args.word_count);
    if (kh_address_parse(&address, args.settings.http_address, &err) != KH_OK || !kh_address_is_loopback(address))
        return kh_command_usage(self, "[http] address is not a loopback address: accounts whose passwords are shown belong on one machine");
    if (fill(&args.settings, args.words[0], &err) != KH_OK)
        return kh_command_failed(self, &err);
    printf("%zu accounts, %zu patients; %s\n", COUNT(people), COUNT(patients), args.words[0]);
    return KH_EXIT_OK;
}

const kh_command kh_command_demo = {
    .name = "demo",
    .summary = "people, patients and consents of an invented region",
    .help =
        "NAME\n"
        "  kakehashi demo - people, patients and consents of an invented region\n\n"
        "SYNOPSIS\n"
        "  kakehashi demo [OPTIONS] FILE\n\n"
        "DESCRIPTION\n"
        "  For `./run demo`: fills a data folder that has no accounts yet with two hospitals, four clinics, a network office, a person of\n"
        "  each role, and patients whose consent stands, was withdrawn, or waits for a number. Everybody in it is made up. The accounts\n"
        "  with their passwords, made anew each time, are written to FILE; [access] demo_accounts shows them on the sign-in page.\n"
        "  Refused where [http] address is not a loopback address, and where there are accounts.\n\n"
        "OPTIONS\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi demo accounts.json\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it failed, 2 not understood or refused\n",
    .run = run,
};
