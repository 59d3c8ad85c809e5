/* Settings as text: read from a file, set by a word, written as in the file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/settings.h"
#include "app/settings_units.h"

kh_status kh_settings_read(kh_settings *out, const char *path, kh_error *err)
{
    size_t count;
    const kh_config_key *keys = kh_settings_keys(&count);

    *out = kh_settings_default;
    return path ? kh_config_read(out, keys, count, path, err) : KH_OK;
}

kh_status kh_settings_set(kh_settings *settings, const char *assignment, kh_error *err)
{
    char section[32], key[64];
    const char *dot = strchr(assignment, '.');
    const char *equals = strchr(assignment, '=');
    size_t section_length, key_length, count;
    const kh_config_key *keys = kh_settings_keys(&count);

    if (!dot || !equals || equals < dot)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\", expected section.key=value", assignment);
    section_length = (size_t)(dot - assignment);
    key_length = (size_t)(equals - dot - 1);
    if (section_length >= sizeof section || key_length >= sizeof key)
        return kh_error_set(err, KH_E_ARG, "\"%.64s\": no such setting", assignment);
    memcpy(section, assignment, section_length);
    section[section_length] = '\0';
    memcpy(key, dot + 1, key_length);
    key[key_length] = '\0';
    return kh_config_set(settings, keys, count, section, key, equals + 1, err);
}

typedef struct unit {
    int64_t factor;
    const char *name;
} unit;

/* The largest unit that says the number exactly. */
static void format_number(char *out, size_t out_size, int64_t value, const unit *units)
{
    while (units->factor > 1 && (value == 0 || value % units->factor != 0))
        units++;
    snprintf(out, out_size, "%" PRId64 "%s%s", value / units->factor, *units->name ? " " : "", units->name);
}

void kh_settings_format(char *out, size_t out_size, const kh_settings *settings, const kh_config_key *key)
{
    static const unit sizes[] = {{TIB, "TiB"}, {GIB, "GiB"}, {MIB, "MiB"}, {KIB, "KiB"}, {1, "B"}};
    static const unit durations[] = {{HOUR, "h"}, {MINUTE, "min"}, {SECOND, "s"}, {1, "ms"}};
    static const unit counts[] = {{1, ""}};
    const char *field = (const char *)settings + key->offset;
    int64_t number;
    bool flag;

    switch (key->type) {
    case KH_CONFIG_TEXT:
        snprintf(out, out_size, "%s", field);
        return;
    case KH_CONFIG_BOOL:
        memcpy(&flag, field, sizeof flag);
        snprintf(out, out_size, "%s", flag ? "yes" : "no");
        return;
    case KH_CONFIG_COUNT:
    case KH_CONFIG_SIZE:
    case KH_CONFIG_DURATION:
        memcpy(&number, field, sizeof number);
        format_number(out, out_size, number, key->type == KH_CONFIG_SIZE ? sizes : key->type == KH_CONFIG_DURATION ? durations : counts);
        return;
    }
}
