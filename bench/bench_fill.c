/* bench_fill.c - an index of many studies: patients, names, dates and kinds of examination as a Japanese region has them, one series and
 * one object each, written by the cache's own functions as if they had arrived. The objects have no files: for questions to the index.
 * Usage: bench_fill DIR STUDIES. The folder must be new. The same number gives the same index. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "cache/internal.h"
#include "cache/rows.h"

#define UID_ROOT "1.2.826.0.1.3680043.10.9."
#define AT_ONCE 100 /* studies in one transaction */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct spelling {
    const char *kanji, *kana, *letters;
} spelling;

/* Frequent ones first. */
static const spelling families[] = {
    {"佐藤", "サトウ", "SATO"}, {"鈴木", "スズキ", "SUZUKI"}, {"高橋", "タカハシ", "TAKAHASHI"}, {"田中", "タナカ", "TANAKA"},
    {"伊藤", "イトウ", "ITO"}, {"渡辺", "ワタナベ", "WATANABE"}, {"山本", "ヤマモト", "YAMAMOTO"}, {"中村", "ナカムラ", "NAKAMURA"},
    {"小林", "コバヤシ", "KOBAYASHI"}, {"加藤", "カトウ", "KATO"}, {"吉田", "ヨシダ", "YOSHIDA"}, {"山田", "ヤマダ", "YAMADA"},
    {"佐々木", "ササキ", "SASAKI"}, {"山口", "ヤマグチ", "YAMAGUCHI"}, {"松本", "マツモト", "MATSUMOTO"}, {"井上", "イノウエ", "INOUE"},
    {"木村", "キムラ", "KIMURA"}, {"林", "ハヤシ", "HAYASHI"}, {"斎藤", "サイトウ", "SAITO"}, {"清水", "シミズ", "SHIMIZU"},
    {"山崎", "ヤマザキ", "YAMAZAKI"}, {"森", "モリ", "MORI"}, {"池田", "イケダ", "IKEDA"}, {"橋本", "ハシモト", "HASHIMOTO"},
    {"阿部", "アベ", "ABE"}, {"石川", "イシカワ", "ISHIKAWA"}, {"山下", "ヤマシタ", "YAMASHITA"}, {"中島", "ナカジマ", "NAKAJIMA"},
    {"石井", "イシイ", "ISHII"}, {"小川", "オガワ", "OGAWA"}, {"前田", "マエダ", "MAEDA"}, {"岡田", "オカダ", "OKADA"},
    {"長谷川", "ハセガワ", "HASEGAWA"}, {"藤田", "フジタ", "FUJITA"}, {"後藤", "ゴトウ", "GOTO"}, {"近藤", "コンドウ", "KONDO"},
    {"村上", "ムラカミ", "MURAKAMI"}, {"遠藤", "エンドウ", "ENDO"}, {"青木", "アオキ", "AOKI"}, {"坂本", "サカモト", "SAKAMOTO"},
    {"斉藤", "サイトウ", "SAITO"}, {"福田", "フクダ", "FUKUDA"}, {"太田", "オオタ", "OTA"}, {"西村", "ニシムラ", "NISHIMURA"},
    {"藤井", "フジイ", "FUJII"}, {"金子", "カネコ", "KANEKO"}, {"岡本", "オカモト", "OKAMOTO"}, {"藤原", "フジワラ", "FUJIWARA"},
    {"中野", "ナカノ", "NAKANO"}, {"三浦", "ミウラ", "MIURA"}, {"原田", "ハラダ", "HARADA"}, {"中川", "ナカガワ", "NAKAGAWA"},
    {"松田", "マツダ", "MATSUDA"}, {"竹内", "タケウチ", "TAKEUCHI"}, {"小野", "オノ", "ONO"}, {"田村", "タムラ", "TAMURA"},
    {"𠮷田", "ヨシダ", "YOSHIDA"}, {"髙橋", "タカハシ", "TAKAHASHI"}, {"榊原", "サカキバラ", "SAKAKIBARA"}, {"勅使河原", "テシガワラ", "TESHIGAWARA"},
};
static const spelling givens[] = {
    {"清", "キヨシ", "KIYOSHI"}, {"和子", "カズコ", "KAZUKO"}, {"幸子", "サチコ", "SACHIKO"}, {"実", "ミノル", "MINORU"},
    {"洋子", "ヨウコ", "YOKO"}, {"博", "ヒロシ", "HIROSHI"}, {"恵子", "ケイコ", "KEIKO"}, {"茂", "シゲル", "SHIGERU"},
    {"節子", "セツコ", "SETSUKO"}, {"一郎", "イチロウ", "ICHIRO"}, {"花子", "ハナコ", "HANAKO"}, {"太郎", "タロウ", "TARO"},
    {"健一", "ケンイチ", "KENICHI"}, {"直美", "ナオミ", "NAOMI"}, {"誠", "マコト", "MAKOTO"}, {"由美子", "ユミコ", "YUMIKO"},
    {"大輔", "ダイスケ", "DAISUKE"}, {"美咲", "ミサキ", "MISAKI"}, {"翔太", "ショウタ", "SHOTA"}, {"さくら", "サクラ", "SAKURA"},
    {"拓也", "タクヤ", "TAKUYA"}, {"真由美", "マユミ", "MAYUMI"}, {"健太郎", "ケンタロウ", "KENTARO"}, {"千代", "チヨ", "CHIYO"},
    {"陽菜", "ヒナ", "HINA"}, {"蓮", "レン", "REN"}, {"結衣", "ユイ", "YUI"}, {"正雄", "マサオ", "MASAO"},
    {"フミ", "フミ", "FUMI"}, {"勇", "イサム", "ISAMU"}, {"久美子", "クミコ", "KUMIKO"}, {"龍之介", "リュウノスケ", "RYUNOSUKE"},
};
static const struct {
    const char *modality, *sop_class, *description, *body_part;
    unsigned share;
} kinds[] = {
    {"CT", "1.2.840.10008.5.1.4.1.1.2", "胸部CT 単純", "CHEST", 20},     {"CT", "1.2.840.10008.5.1.4.1.1.2", "ABDOMEN CE", "ABDOMEN", 15},
    {"MR", "1.2.840.10008.5.1.4.1.1.4", "頭部MRI", "HEAD", 12},         {"MR", "1.2.840.10008.5.1.4.1.1.4", "L-SPINE MRI", "LSPINE", 8},
    {"CR", "1.2.840.10008.5.1.4.1.1.1", "胸部 正面", "CHEST", 25},       {"DX", "1.2.840.10008.5.1.4.1.1.1.1", "Knee Rt 2R", "KNEE", 8},
    {"US", "1.2.840.10008.5.1.4.1.1.6.1", "腹部エコー", "ABDOMEN", 9}, {"MG", "1.2.840.10008.5.1.4.1.1.1.2", "MAMMOGRAPHY", "BREAST", 3},
};

/* A number for a number, the same every time (a finaliser of MurmurHash3). */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdu;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53u;
    return value ^ value >> 33;
}

/* The first of a list are drawn most. */
static size_t draw(uint64_t random, size_t count)
{
    double at = (double)(random & 0xffffff) / 0x1000000;

    return (size_t)(at * at * (double)count);
}

static void join(char *out, size_t size, const char *family, const char *given)
{
    snprintf(out, size, "%s^%s", family, given);
}

/* Most are told in three groups, some in one. */
static void name_of(uint64_t patient, kh_person_name *out)
{
    uint64_t random = mix(patient * 3 + 1);
    const spelling *family = &families[draw(random, COUNT(families))], *given = &givens[draw(random >> 24, COUNT(givens))];
    unsigned form = (unsigned)(random >> 56) % 20;

    memset(out, 0, sizeof *out);
    if (form < 18)
        join(out->alphabetic, sizeof out->alphabetic, family->letters, given->letters);
    if (form < 15 || form >= 18)
        join(out->ideographic, sizeof out->ideographic, family->kanji, given->kanji);
    if (form < 15)
        join(out->phonetic, sizeof out->phonetic, family->kana, given->kana);
}

static void date_of(uint64_t study, uint64_t studies, uint64_t random, char date[9])
{
    int64_t day = (int64_t)(study * 3650 / studies) + (int64_t)(random % 15) - 7; /* of ten years, nearly as they came */

    if (day < 0)
        day = 0;
    snprintf(date, 9, "%04d%02d%02d", (int)(2016 + day / 365), (int)(1 + day % 365 / 31), (int)(1 + day % 365 % 31 % 28));
}

static size_t kind_of(uint64_t random)
{
    unsigned at = (unsigned)(random % 100);
    size_t kind = 0;

    while (at >= kinds[kind].share)
        at -= kinds[kind++].share;
    return kind;
}

static void facts_of(uint64_t study, uint64_t studies, kh_facts *out)
{
    uint64_t random = mix(study * 7 + 5), patients = studies * 2 / 5 + 1, patient = mix(study) % patients;
    size_t kind = kind_of(random >> 16);

    memset(out, 0, sizeof *out);
    snprintf(out->patient_id, sizeof out->patient_id, "%08" PRIu64, mix(patient * 2 + 1) % 90000000 + 10000000);
    name_of(patient, &out->name);
    snprintf(out->birth_date, sizeof out->birth_date, "%04u%02u%02u", 1930 + (unsigned)(patient % 85), 1 + (unsigned)(patient % 12),
             1 + (unsigned)(patient % 28));
    snprintf(out->sex, sizeof out->sex, "%s", patient & 1 ? "F" : "M");
    date_of(study, studies, random, out->study_date);
    snprintf(out->study_time, sizeof out->study_time, "%02u%02u%02u", 8 + (unsigned)(random >> 40) % 10, (unsigned)(random >> 45) % 60,
             (unsigned)(random >> 51) % 60);
    snprintf(out->study_description, sizeof out->study_description, "%s", kinds[kind].description);
    snprintf(out->accession, sizeof out->accession, "A%010" PRIu64, study);
    snprintf(out->study_id, sizeof out->study_id, "%" PRIu64, study);
    snprintf(out->modality, sizeof out->modality, "%s", kinds[kind].modality);
    snprintf(out->body_part, sizeof out->body_part, "%s", kinds[kind].body_part);
    snprintf(out->sop_class_uid, sizeof out->sop_class_uid, "%s", kinds[kind].sop_class);
    snprintf(out->transfer_syntax_uid, sizeof out->transfer_syntax_uid, "1.2.840.10008.1.2.1");
    snprintf(out->study_uid, sizeof out->study_uid, UID_ROOT "%" PRIu64, study);
    snprintf(out->series_uid, sizeof out->series_uid, UID_ROOT "%" PRIu64 ".1", study);
    snprintf(out->sop_instance_uid, sizeof out->sop_instance_uid, UID_ROOT "%" PRIu64 ".1.1", study);
    out->series_number = out->instance_number = 1;
    out->bytes = 526336;
    out->described = true;
    out->frame_count = 1;
}

typedef struct batch {
    uint64_t first, count, studies;
    int64_t ids[AT_ONCE], origins[3], facilities[3];
} batch;

static kh_status insert_batch(kh_write *write, void *context, kh_error *err)
{
    const batch *of = context;
    kh_status status = KH_OK;

    for (uint64_t i = 0; i < of->count && status == KH_OK; i++) {
        kh_facts facts;
        kh_row_job job = {.facts = &facts, .object_id = of->ids[i]};

        facts_of(of->first + i, of->studies, &facts);
        job.origin_id = of->origins[facts.patient_id[0] % 3];
        job.facility_id = of->facilities[facts.patient_id[0] % 3];
        status = kh_rows_insert(write, &job, err);
        if (status == KH_OK && job.is_held)
            status = kh_error_set(err, KH_E_CONFLICT, "study %" PRIu64 " is there already: the folder is not new", of->first + i);
    }
    return status;
}

static kh_status fill_batch(kh_cache *cache, batch *of, kh_error *err)
{
    kh_status status = KH_OK;
    uint64_t taken = 0;

    while (taken < of->count && (status = kh_id_take(cache->ids, &of->ids[taken], err)) == KH_OK)
        taken++;
    if (status == KH_OK)
        status = kh_cache_write(cache, insert_batch, of, err);
    for (uint64_t i = 0; i < taken; i++)
        kh_id_settle(cache->ids, of->ids[i]);
    return status;
}

static kh_status fill(kh_cache *cache, uint64_t studies, kh_error *err)
{
    static const char *const hospitals[] = {"north", "south", "bench"};
    batch of = {.studies = studies};
    kh_status status = KH_OK;

    for (size_t i = 0; i < COUNT(hospitals) && status == KH_OK; i++) {
        const kh_origin origin = {.facility = hospitals[i], .source = "bench"};

        status = kh_origin_number(cache->origins, &origin, &of.origins[i], &of.facilities[i], err);
    }
    for (of.first = 0; of.first < studies && status == KH_OK; of.first += AT_ONCE) {
        of.count = studies - of.first < AT_ONCE ? studies - of.first : AT_ONCE;
        status = fill_batch(cache, &of, err);
        if ((of.first + of.count) % 100000 == 0)
            fprintf(stderr, "  %" PRIu64 " studies\n", of.first + of.count);
    }
    return status;
}

int main(int argc, char **argv)
{
    kh_cache_options options = kh_cache_options_default;
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    uint64_t studies = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    int64_t start = kh_clock_monotonic_ms();
    kh_status status;

    if (studies < 1 || studies > 20000000) {
        fprintf(stderr, "usage: bench_fill DIR STUDIES\n");
        return 2;
    }
    options.dir = argv[1];
    options.owner = true;
    options.events_kept = 1000;
    status = kh_cache_open(&cache, &options, &err);
    if (status == KH_OK)
        status = fill(cache, studies, &err);
    kh_cache_close(cache);
    if (status != KH_OK) {
        fprintf(stderr, "bench_fill: %s\n", err.message);
        return 1;
    }
    printf("%.1f\n", (double)(kh_clock_monotonic_ms() - start) / 1000);
    return 0;
}
