/* How forms, directions, signers and items are written, and the day a look-back begins. */
#include "access/consents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const kh_consent_rules kh_consent_rules_default = {.look_back_years = 1, .places_max = 4, .team_max = 23, .scribe = false};

static const char *const forms[] = {"sites", "doctor", "team", "all", "stand-in"};
static const char *const directions[] = {"view", "show", "both"};
static const char *const signers[] = {"patient", "family", "guardian", "representative", "scribe"};
static const char *const items_words[] = {"images", "reports", "take"};

#define WORD(table, number) ((number) >= 1 && (size_t)(number) <= sizeof(table) / sizeof(table)[0] ? (table)[(number)-1] : NULL)

static int number_of(const char *const *table, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i], text) == 0)
            return (int)i + 1;
    return 0;
}
#define NUMBER(table, text) number_of(table, sizeof(table) / sizeof(table)[0], text)

const char *kh_consent_form_text(kh_consent_form form)
{
    return WORD(forms, form);
}

kh_consent_form kh_consent_form_of(const char *text)
{
    return (kh_consent_form)NUMBER(forms, text);
}

const char *kh_consent_direction_text(kh_consent_direction direction)
{
    return WORD(directions, direction);
}

kh_consent_direction kh_consent_direction_of(const char *text)
{
    return (kh_consent_direction)NUMBER(directions, text);
}

const char *kh_consent_signer_text(kh_consent_signer signer)
{
    return WORD(signers, signer);
}

kh_consent_signer kh_consent_signer_of(const char *text)
{
    return (kh_consent_signer)NUMBER(signers, text);
}

void kh_items_text(char out[32], unsigned items)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < 3; i++)
        if (items & 1u << i)
            used += (size_t)snprintf(out + used, 32 - used, "%s%s", used ? "," : "", items_words[i]);
}

bool kh_items_of(unsigned *out, const char *text)
{
    unsigned items = 0;

    for (const char *p = text; *p;) {
        size_t size = strcspn(p, ",");
        unsigned one = 0;

        for (size_t i = 0; i < 3; i++)
            if (strlen(items_words[i]) == size && memcmp(items_words[i], p, size) == 0)
                one = 1u << i;
        if (one == 0)
            return false;
        items |= one;
        p += size + (p[size] == ',');
    }
    *out = items;
    return items != 0;
}

void kh_look_back_floor(char out[9], const char *day, int years)
{
    int year = 0, month_day = 0;

    out[0] = '\0';
    if (years == KH_LOOK_BACK_NONE || sscanf(day, "%4d%4d", &year, &month_day) != 2 || years < 0 || years > year)
        return;
    year -= years;
    if (month_day == 229 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
        month_day = 228;
    snprintf(out, 9, "%04u%04u", (unsigned)year % 10000, (unsigned)month_day % 10000);
}
