#include "app/consent_options.h"

#include <stdio.h>
#include <string.h>

const char *const kh_consent_words[KH_WORDS] = {
    "form", "direction", "places", "person", "team", "members", "excluded", "signed", "signer", "proxy_name", "proxy_relation", "explainer",
    "department", "fax", "holder", "author", "from", "to", "look_back", "items", "modalities", "sheet_of", "explained", "floors"};

static const char *const option_names[KH_CONSENT_OPTIONS] = {
    "--form",   "--direction",  "--places",         "--person",    "--team",       "--members", "--excluded", "--signed",
    "--signer", "--proxy-name", "--proxy-relation", "--explainer", "--department", "--fax",     "--holder",   "--author",
    "--from",   "--to",         "--look-back",      "--items",     "--modalities", "--sheet-of"};

size_t kh_consent_options_table(kh_consent_options *o, kh_option *out)
{
    for (size_t i = 0; i < KH_CONSENT_OPTIONS; i++)
        out[i] = (kh_option){option_names[i], &o->words[i], NULL};
    return KH_CONSENT_OPTIONS;
}

static const char *word(const kh_consent_options *o, kh_consent_word which)
{
    return o->words[which] ? o->words[which] : "";
}

/* "a,b": into a text of its own, cut there. */
static kh_status split(kh_consent_filled *f, int which, const char *text, const char *const **out, size_t *count, kh_error *err)
{
    char *p = f->lists[which];

    *count = 0;
    *out = f->items[which];
    if (strlen(text) >= sizeof f->lists[which])
        return kh_error_set(err, KH_E_ARG, "a list of %zu bytes, expected less than %zu", strlen(text), sizeof f->lists[which]);
    memcpy(p, text, strlen(text) + 1);
    while (*p) {
        size_t size = strcspn(p, ",");

        if (size == 0 || *count == KH_CONSENT_EXCLUDED_MAX)
            return kh_error_set(err, KH_E_ARG, "a list with an empty member, or of more than %d", KH_CONSENT_EXCLUDED_MAX);
        f->items[which][(*count)++] = p;
        p += size;
        if (*p)
            *p++ = '\0';
    }
    return KH_OK;
}

static kh_status fill_places(kh_consent_filled *f, const char *text, kh_error *err)
{
    kh_consent_sheet *s = &f->sheet;
    const char *const *list;
    size_t count;
    kh_status status = split(f, 0, text, &list, &count, err);

    if (status == KH_OK && count > KH_CONSENT_SITES_MAX)
        status = kh_error_set(err, KH_E_ARG, "places: %zu, expected at most %d", count, KH_CONSENT_SITES_MAX);
    for (size_t i = 0; status == KH_OK && i < count; i++) {
        status = kh_rights_place_parse(&f->places[i], list[i], false, err);
        f->named[i] = (kh_consent_place){f->places[i].facility, f->places[i].number};
    }
    s->places = f->named;
    s->place_count = count;
    return status;
}

static kh_status fill_numbers(kh_consent_sheet *s, const kh_consent_options *o, kh_error *err)
{
    const char *look_back = word(o, KH_WORD_LOOK_BACK), *items = word(o, KH_WORD_ITEMS);
    long long years = KH_LOOK_BACK_SETTING;
    kh_status status = kh_rights_time_parse(&s->from_ms, "from", word(o, KH_WORD_FROM), err);

    if (status == KH_OK)
        status = kh_rights_time_parse(&s->to_ms, "to", word(o, KH_WORD_TO), err);
    if (status == KH_OK && strcmp(look_back, "none") == 0)
        years = KH_LOOK_BACK_NONE;
    else if (status == KH_OK && look_back[0])
        status = kh_args_number(&years, "look-back", look_back, 0, KH_LOOK_BACK_YEARS_MAX, err);
    s->look_back_years = (int)years;
    s->items = KH_ITEM_IMAGES | KH_ITEM_REPORTS;
    if (status == KH_OK && items[0] && !kh_items_of(&s->items, items))
        status = kh_error_set(err, KH_E_ARG, "items: expected images, reports, take");
    if (status == KH_OK && word(o, KH_WORD_SHEET_OF)[0])
        status = kh_rights_id_parse(&s->sheet_of, word(o, KH_WORD_SHEET_OF), err);
    return status;
}

kh_status kh_consent_options_fill(kh_consent_filled *out, const kh_rights_place *at, const kh_consent_options *o, kh_error *err)
{
    kh_consent_sheet *s = &out->sheet;
    const char *form = word(o, KH_WORD_FORM), *direction = word(o, KH_WORD_DIRECTION), *signer = word(o, KH_WORD_SIGNER);
    const char *explained = word(o, KH_WORD_EXPLAINED);
    kh_status status;

    *s = (kh_consent_sheet){.facility = at->facility,
                            .number = at->number,
                            .form = form[0] ? kh_consent_form_of(form) : KH_CONSENT_SITES,
                            .direction = direction[0] ? kh_consent_direction_of(direction) : KH_CONSENT_SHOW,
                            .signed_date = word(o, KH_WORD_SIGNED),
                            .signer = signer[0] ? kh_consent_signer_of(signer) : KH_SIGNER_PATIENT,
                            .proxy_name = word(o, KH_WORD_PROXY_NAME),
                            .proxy_relation = word(o, KH_WORD_PROXY_RELATION),
                            .explained = strcmp(explained, "yes") == 0,
                            .explainer = word(o, KH_WORD_EXPLAINER),
                            .department = word(o, KH_WORD_DEPARTMENT),
                            .fax = word(o, KH_WORD_FAX),
                            .holder = word(o, KH_WORD_HOLDER),
                            .author = word(o, KH_WORD_AUTHOR),
                            .person = word(o, KH_WORD_PERSON),
                            .team = word(o, KH_WORD_TEAM),
                            .modalities = word(o, KH_WORD_MODALITIES),
                            .floors = word(o, KH_WORD_FLOORS)};
    status = fill_places(out, word(o, KH_WORD_PLACES), err);
    if (status == KH_OK)
        status = split(out, 0, word(o, KH_WORD_MEMBERS), &s->members, &s->member_count, err);
    if (status == KH_OK)
        status = split(out, 1, word(o, KH_WORD_EXCLUDED), &s->excluded, &s->excluded_count, err);
    return status == KH_OK ? fill_numbers(s, o, err) : status;
}
