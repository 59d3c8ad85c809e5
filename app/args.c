#include "app/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/kakehashi.conf"
#define SETS_MAX 64

typedef struct common_options {
    const char *config, *data_dir;
    const char *sets[SETS_MAX];
    size_t set_count;
    const char *set; /* the newest, moved into sets */
} common_options;

static const kh_option *find_option(const kh_option *options, size_t count, const char *word, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length && memcmp(options[i].name, word, length) == 0)
            return &options[i];
    return NULL;
}

/* Stores the option that begins at argv[*index]; *index moves to its last word. */
static kh_status take_option(const kh_option *option, int argc, char **argv, int *index, kh_error *err)
{
    const char *equals = strchr(argv[*index], '=');

    if (!option->value) {
        if (equals)
            return kh_error_set(err, KH_E_ARG, "%s takes no value", option->name);
        *option->flag = true;
        return KH_OK;
    }
    if (equals) {
        *option->value = equals + 1;
        return KH_OK;
    }
    if (*index + 1 >= argc)
        return kh_error_set(err, KH_E_ARG, "%s: a value is missing", option->name);
    *option->value = argv[++*index];
    return KH_OK;
}

static kh_status take_word(kh_args *out, common_options *common, const kh_option *const tables[2], const size_t counts[2], int argc,
                           char **argv, int *index, kh_error *err)
{
    const char *word = argv[*index];
    size_t length = strcspn(word, "=");
    const kh_option *option = NULL;
    kh_status status;

    if (word[0] != '-' || word[1] == '\0') {
        out->words[out->word_count++] = argv[*index];
        return KH_OK;
    }
    for (int i = 0; i < 2 && !option; i++)
        option = find_option(tables[i], counts[i], word, length);
    if (!option)
        return kh_error_set(err, KH_E_ARG, "unknown option %.64s", word);
    status = take_option(option, argc, argv, index, err);
    if (status == KH_OK && common->set) {
        if (common->set_count == SETS_MAX)
            return kh_error_set(err, KH_E_ARG, "--set: more than %d times", SETS_MAX);
        common->sets[common->set_count++] = common->set;
        common->set = NULL;
    }
    return status;
}

static kh_status read_settings(kh_settings *settings, const common_options *common, kh_error *err)
{
    const char *path = common->config ? common->config : getenv("KAKEHASHI_CONFIG");
    kh_status status;

    if (!path && access(CONFIG_PATH, F_OK) == 0)
        path = CONFIG_PATH;
    status = kh_settings_read(settings, path, err);
    for (size_t i = 0; status == KH_OK && i < common->set_count; i++) {
        status = kh_settings_set(settings, common->sets[i], err);
        if (status != KH_OK)
            kh_error_prefix(err, "--set");
    }
    if (status == KH_OK && common->data_dir) {
        if (strlen(common->data_dir) >= sizeof settings->data_dir)
            return kh_error_set(err, KH_E_ARG, "--data-dir: %zu bytes, expected at most %zu", strlen(common->data_dir),
                                sizeof settings->data_dir - 1);
        memcpy(settings->data_dir, common->data_dir, strlen(common->data_dir) + 1);
    }
    return status == KH_OK ? kh_settings_check(settings, err) : status;
}

kh_status kh_args_parse(kh_args *out, int argc, char **argv, const kh_option *options, size_t option_count, kh_error *err)
{
    common_options common = {0};
    const kh_option shared[] = {
        {"--config", &common.config, NULL},
        {"--data-dir", &common.data_dir, NULL},
        {"--set", &common.set, NULL},
        {"--help", NULL, &out->help},
        {"-h", NULL, &out->help},
    };
    const kh_option *const tables[2] = {options, shared};
    const size_t counts[2] = {option_count, sizeof shared / sizeof shared[0]};
    kh_status status = KH_OK;
    int i;

    out->words = argv;
    out->word_count = 0;
    out->help = false;
    for (i = 1; i < argc && status == KH_OK && strcmp(argv[i], "--") != 0; i++)
        status = take_word(out, &common, tables, counts, argc, argv, &i, err);
    if (status != KH_OK)
        return status;
    for (i++; i < argc; i++)
        out->words[out->word_count++] = argv[i];
    if (out->help)
        return KH_OK;
    return read_settings(&out->settings, &common, err);
}

kh_status kh_args_number(long long *out, const char *option, const char *text, long long min, long long max, kh_error *err)
{
    char *rest;

    errno = 0;
    *out = strtoll(text, &rest, 10);
    if (rest == text || *rest != '\0' || errno != 0 || *out < min || *out > max)
        return kh_error_set(err, KH_E_ARG, "%s: \"%.64s\", expected %lld to %lld", option, text, min, max);
    return KH_OK;
}
