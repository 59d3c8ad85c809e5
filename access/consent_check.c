#include "access/consent_check.h"

#include <string.h>
#include "access/internal.h"

kh_status kh_check_codes(const char *field, const char *text, kh_error *err)
{
    if (strlen(text) >= KH_CODES_SIZE)
        return kh_error_set(err, KH_E_ARG, "%s has %zu bytes, expected at most %d", field, strlen(text), KH_CODES_SIZE - 1);
    for (const char *p = text; *p;) {
        size_t size = strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ");

        if (size < 1 || size > 16 || (p[size] != '\0' && p[size] != ',') || (p[size] == ',' && p[size + 1] == '\0'))
            return kh_error_set(err, KH_E_ARG, "%s: expected codes of capital letters, digits, _, separated by commas", field);
        p += size + (p[size] == ',');
    }
    return KH_OK;
}

static kh_status check_words(const kh_consent_sheet *s, const char *by, kh_error *err)
{
    const struct {
        const char *field, *text;
        size_t size;
        bool demanded;
    } rows[] = {
        {"who enters it", by, 65, true},
        {"explainer", s->explainer, 193, true},
        {"department", s->department, 129, false},
        {"fax", s->fax, 33, false},
        {"author", s->author, 193, false},
        {"proxy's name", s->proxy_name, 193, s->signer != KH_SIGNER_PATIENT},
        {"proxy's relation", s->proxy_relation, 65, s->signer != KH_SIGNER_PATIENT},
        {"closed, why", s->closed_reason ? s->closed_reason : "", 257, s->closed && s->closed[0]},
        {"withdrawn, why", s->withdrawn_reason ? s->withdrawn_reason : "", 257, false},
        {"team", s->team, 65, s->form == KH_CONSENT_TEAM},
        {"person", s->person, 65, s->form == KH_CONSENT_DOCTOR || s->form == KH_CONSENT_STAND_IN},
    };
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < sizeof rows / sizeof rows[0]; i++)
        status = kh_access_check_text(rows[i].field, rows[i].text, rows[i].size, rows[i].demanded, err);
    return status;
}

static kh_status check_signature(const kh_consent_rules *rules, const kh_consent_sheet *s, kh_error *err)
{
    char today[9];
    kh_status status = kh_access_check_day("date of the consent", s->signed_date, true, err);

    kh_access_today(today);
    if (status != KH_OK)
        return status;
    if (strcmp(s->signed_date, today) > 0)
        return kh_error_set(err, KH_E_ARG, "date of the consent is in the future");
    if (s->signer < KH_SIGNER_PATIENT || s->signer > KH_SIGNER_LAST)
        return kh_error_set(err, KH_E_ARG, "signer: expected patient, family, guardian, representative or scribe");
    if (s->signer == KH_SIGNER_SCRIBE && !rules->scribe)
        return kh_error_set(err, KH_E_ARG, "signer: nobody may write for the patient in this network");
    if (s->signer == KH_SIGNER_PATIENT && (s->proxy_name[0] || s->proxy_relation[0]))
        return kh_error_set(err, KH_E_ARG, "signer: the patient signed, and a proxy is named");
    return s->explained ? KH_OK
                        : kh_error_set(err, KH_E_ARG, "explained: the patient has to be told that it can be stopped any day [AZ-12]");
}

static kh_status check_targets(const kh_consent_rules *rules, const kh_consent_sheet *s, kh_error *err)
{
    size_t most = s->direction == KH_CONSENT_SHOW ? KH_CONSENT_SITES_MAX : rules->places_max;
    bool places = s->form == KH_CONSENT_SITES || (s->direction & KH_CONSENT_VIEW);

    if (s->form < KH_CONSENT_SITES || s->form > KH_CONSENT_FORM_LAST)
        return kh_error_set(err, KH_E_ARG, "form: expected sites, doctor, team, all or stand-in");
    if (s->direction < KH_CONSENT_VIEW || s->direction > KH_CONSENT_BOTH)
        return kh_error_set(err, KH_E_ARG, "direction: expected view, show or both");
    if (places && s->place_count == 0)
        return kh_error_set(err, KH_E_ARG, "places: none is named");
    if (!places && s->place_count > 0)
        return kh_error_set(err, KH_E_ARG, "places: a sheet that shows to people or to all names none");
    if (s->place_count > most)
        return kh_error_set(err, KH_E_ARG, "places: %zu, expected at most %zu on one sheet", s->place_count, most);
    if ((s->form == KH_CONSENT_TEAM) != (s->member_count > 0))
        return kh_error_set(err, KH_E_ARG, "members: a team has some, nothing else has");
    if (s->member_count > rules->team_max || s->member_count > KH_CONSENT_TEAM_MAX)
        return kh_error_set(err, KH_E_ARG, "members: %zu, expected at most %u", s->member_count, rules->team_max);
    if (s->excluded_count > (s->form == KH_CONSENT_ALL ? KH_CONSENT_EXCLUDED_MAX : 0))
        return kh_error_set(err, KH_E_ARG, "excluded: %zu facilities, expected at most %d, and only from all", s->excluded_count,
                            KH_CONSENT_EXCLUDED_MAX);
    return KH_OK;
}

static kh_status check_places(const kh_consent_sheet *s, kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < s->place_count; i++) {
        status = kh_access_check_text("number at a place", s->places[i].number, KH_PATIENT_NUMBER_SIZE, false, err);
        if (status == KH_OK && strcmp(s->places[i].facility, s->facility) == 0)
            status = kh_error_set(err, KH_E_ARG, "places: %s is where the sheet was taken", s->facility);
        for (size_t k = 0; status == KH_OK && k < i; k++)
            if (strcmp(s->places[i].facility, s->places[k].facility) == 0)
                status = kh_error_set(err, KH_E_ARG, "places: %s is named twice", s->places[i].facility);
    }
    return status;
}

static kh_status check_extent(const kh_consent_sheet *s, kh_error *err)
{
    if (s->from_ms < 0 || s->to_ms < 0 || (s->to_ms > 0 && s->to_ms <= s->from_ms))
        return kh_error_set(err, KH_E_ARG, "to: not after from");
    if (s->form == KH_CONSENT_STAND_IN && (s->from_ms == 0 || s->to_ms == 0))
        return kh_error_set(err, KH_E_ARG, "from and to: a stand-in has both");
    if (s->look_back_years < KH_LOOK_BACK_SETTING || s->look_back_years > KH_LOOK_BACK_YEARS_MAX)
        return kh_error_set(err, KH_E_ARG, "look-back: %d years, expected 0 to %d", s->look_back_years, KH_LOOK_BACK_YEARS_MAX);
    for (const char *p = s->floors ? s->floors : ""; *p;) {
        size_t size = strcspn(p, ","), code = strcspn(p, "=,");
        char day[9] = "";

        if (code == 0 || p[code] != '=' || size - code - 1 > 8)
            return kh_error_set(err, KH_E_ARG, "floors: expected FACILITY=YYYYMMDD, separated by commas");
        memcpy(day, p + code + 1, size - code - 1);
        if (kh_access_check_day("floors", day, false, err) != KH_OK)
            return KH_E_ARG;
        p += size + (p[size] == ',');
    }
    if (s->items == 0 || (s->items & ~KH_ITEM_ALL))
        return kh_error_set(err, KH_E_ARG, "items: expected images, reports, take");
    return kh_check_codes("modalities", s->modalities, err);
}

kh_status kh_consent_check(const kh_consent_rules *rules, const kh_consent_sheet *sheet, const char *by, kh_error *err)
{
    kh_status status = check_targets(rules, sheet, err);

    if (status == KH_OK)
        status = check_words(sheet, by, err);
    if (status == KH_OK)
        status = check_signature(rules, sheet, err);
    if (status == KH_OK)
        status = check_places(sheet, err);
    return status == KH_OK ? check_extent(sheet, err) : status;
}
