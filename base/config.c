#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"

#define KEYS_MAX 192
#define LINE_BYTES 1024

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static const unit size_units[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024LL * 1024 * 1024}, {"TiB", 1024LL * 1024 * 1024 * 1024}, {NULL, 0}};
static const unit duration_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {NULL, 0}};
static const unit no_units[] = {{"", 1}, {NULL, 0}};

static const unit *units_of(kh_config_type type)
{
    return type == KH_CONFIG_SIZE ? size_units : type == KH_CONFIG_DURATION ? duration_units : no_units;
}

static const char *unit_names(kh_config_type type)
{
    return type == KH_CONFIG_SIZE ? "a unit of B, KiB, MiB, GiB or TiB"
           : type == KH_CONFIG_DURATION ? "a unit of ms, s, min or h"
                                        : "a whole number without a unit";
}

static kh_status parse_number(int64_t *out, const kh_config_key *key, const char *value, kh_error *err)
{
    char *rest;
    long long number;
    int64_t scaled;

    errno = 0;
    number = strtoll(value, &rest, 10);
    if (rest == value || errno != 0)
        return kh_error_set(err, KH_E_ARG, "%s: \"%.64s\" is not a number", key->key, value);
    while (*rest == ' ' || *rest == '\t')
        rest++;
    for (const unit *u = units_of(key->type); u->name; u++) {
        if (strcmp(rest, u->name) != 0)
            continue;
        if (__builtin_mul_overflow((int64_t)number, u->factor, &scaled) || scaled < key->min || scaled > key->max)
            return kh_error_set(err, KH_E_ARG, "%s: %.64s is outside %lld to %lld%s", key->key, value,
                                (long long)key->min, (long long)key->max,
                                key->type == KH_CONFIG_SIZE       ? " B"
                                : key->type == KH_CONFIG_DURATION ? " ms"
                                                                  : "");
        *out = scaled;
        return KH_OK;
    }
    return kh_error_set(err, KH_E_ARG, "%s: \"%.64s\", expected a number and %s", key->key, value, unit_names(key->type));
}

static kh_status set_field(void *settings, const kh_config_key *key, const char *value, kh_error *err)
{
    char *field = (char *)settings + key->offset;
    int64_t number = 0;
    bool flag;
    kh_status status;

    switch (key->type) {
    case KH_CONFIG_TEXT:
        if (strlen(value) >= key->text_size)
            return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %zu", key->key, strlen(value),
                                key->text_size - 1);
        memcpy(field, value, strlen(value) + 1);
        return KH_OK;
    case KH_CONFIG_BOOL:
        flag = strcmp(value, "yes") == 0;
        if (!flag && strcmp(value, "no") != 0)
            return kh_error_set(err, KH_E_ARG, "%s: \"%.64s\", expected yes or no", key->key, value);
        memcpy(field, &flag, sizeof flag);
        return KH_OK;
    case KH_CONFIG_COUNT:
    case KH_CONFIG_SIZE:
    case KH_CONFIG_DURATION:
        status = parse_number(&number, key, value, err);
        if (status == KH_OK)
            memcpy(field, &number, sizeof number);
        return status;
    }
    return kh_error_set(err, KH_E_INTERNAL, "%s: unknown type", key->key);
}

static const kh_config_key *find_key(const kh_config_key *keys, size_t count, const char *section, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, name) == 0)
            return &keys[i];
    return NULL;
}

kh_status kh_config_set(void *settings, const kh_config_key *keys, size_t key_count, const char *section,
                        const char *key_name, const char *value, kh_error *err)
{
    const kh_config_key *key = find_key(keys, key_count, section, key_name);

    if (!key)
        return kh_error_set(err, KH_E_ARG, "unknown key \"%.64s\" in section [%.64s]", key_name, section);
    return set_field(settings, key, value, err);
}

static char *trim(char *text)
{
    size_t length;

    while (isspace((unsigned char)*text))
        text++;
    length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        text[--length] = '\0';
    return text;
}

typedef struct reader {
    void *settings;
    const kh_config_key *keys;
    size_t key_count;
    char section[64];
    bool seen[KEYS_MAX];
} reader;

static kh_status read_section(reader *r, char *line, kh_error *err)
{
    size_t length = strlen(line);

    if (length < 3 || line[length - 1] != ']' || length - 2 >= sizeof r->section)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected [section]", line);
    memcpy(r->section, line + 1, length - 2);
    r->section[length - 2] = '\0';
    return KH_OK;
}

static kh_status read_line(reader *r, char *line, kh_error *err)
{
    char *equals;
    const kh_config_key *key;
    char *name;

    if (*line == '\0' || *line == '#')
        return KH_OK;
    if (*line == '[')
        return read_section(r, line, err);
    equals = strchr(line, '=');
    if (!equals)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected key = value", line);
    *equals = '\0';
    name = trim(line);
    key = find_key(r->keys, r->key_count, r->section, name);
    if (!key)
        return kh_error_set(err, KH_E_ARG, "unknown key \"%.64s\" in section [%.64s]", name, r->section);
    if (r->seen[key - r->keys])
        return kh_error_set(err, KH_E_ARG, "key \"%s\" is given twice", name);
    r->seen[key - r->keys] = true;
    return set_field(r->settings, key, trim(equals + 1), err);
}

kh_status kh_config_read(void *settings, const kh_config_key *keys, size_t key_count, const char *path, kh_error *err)
{
    reader r = {.settings = settings, .keys = keys, .key_count = key_count};
    char line[LINE_BYTES];
    unsigned number = 0;
    kh_status status = KH_OK;
    FILE *file;

    if (key_count > KEYS_MAX)
        return kh_error_set(err, KH_E_INTERNAL, "%zu configuration keys, room for %d", key_count, KEYS_MAX);
    file = fopen(path, "re");
    if (!file)
        return kh_error_errno(err, errno, "configuration file %s", path);
    while (status == KH_OK && fgets(line, sizeof line, file)) {
        number++;
        if (strlen(line) == sizeof line - 1)
            status = kh_error_set(err, KH_E_ARG, "a line of over %zu bytes", sizeof line - 2);
        else
            status = read_line(&r, trim(line), err);
    }
    if (status == KH_OK && ferror(file))
        status = kh_error_set(err, KH_E_IO, "cannot be read");
    fclose(file);
    if (status != KH_OK)
        kh_error_prefix(err, "%s:%u", path, number);
    return status;
}
