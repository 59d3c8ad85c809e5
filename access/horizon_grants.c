#include "access/horizon_grants.h"

#include <stdlib.h>
#include <string.h>

struct kh_horizon_grant {
    int64_t id, from_ms, to_ms;
    char floor[9];
    uint8_t items, codes; /* codes: which of them */
    bool to_site, withdrawn;
};

/* Room for one more in an array of so many. */
static bool grow(void **array, size_t *room, size_t count, size_t size)
{
    size_t more = *room ? *room * 2 : 64;
    void *grown;

    if (count < *room)
        return true;
    grown = reallocarray(*array, more, size);
    if (!grown)
        return false;
    *array = grown;
    *room = more;
    return true;
}

static kh_status no_memory(kh_error *err)
{
    return kh_error_set(err, KH_E_MEMORY, "no memory for the grants of a horizon");
}

/* *at: where the list of modalities stands; KH_HORIZON_CODES_MAX when there is no place for it. */
static kh_status find_codes(kh_horizon_grants *of, const char *codes, size_t *at, kh_error *err)
{
    for (*at = 0; *at < of->codes_count; ++*at)
        if (strcmp(of->codes[*at], codes) == 0)
            return KH_OK;
    if (of->codes_count == KH_HORIZON_CODES_MAX)
        return KH_OK;
    if ((of->codes_count & (of->codes_count - 1)) == 0) { /* full: 0, 1, 2, 4, ... */
        void *grown = reallocarray(of->codes, of->codes_count ? of->codes_count * 2 : 1, sizeof *of->codes);

        if (!grown)
            return no_memory(err);
        of->codes = grown;
    }
    memcpy(of->codes[of->codes_count++], codes, strlen(codes) + 1);
    return KH_OK;
}

static size_t begin_of(const kh_horizon_grants *of)
{
    return of->patients > 0 ? of->first[of->patients] : 0;
}

kh_status kh_horizon_grants_add(kh_horizon_grants *of, const kh_grant_fact *grant, kh_error *err)
{
    size_t codes = 0;
    kh_status status;

    if (of->incomplete || of->count - begin_of(of) == KH_GATHER_GRANTS_MAX) /* gather.c takes no more either */
        return KH_OK;
    status = find_codes(of, grant->modalities, &codes, err);
    if (status != KH_OK)
        return status;
    if (codes == KH_HORIZON_CODES_MAX || of->count == KH_HORIZON_GRANTS_MAX) {
        of->incomplete = true;
        return KH_OK;
    }
    if (!grow((void **)&of->grants, &of->room, of->count, sizeof *of->grants))
        return no_memory(err);
    of->grants[of->count] = (kh_horizon_grant){.id = grant->id,
                                               .from_ms = grant->from_ms,
                                               .to_ms = grant->to_ms,
                                               .items = (uint8_t)grant->items,
                                               .codes = (uint8_t)codes,
                                               .to_site = grant->to_site,
                                               .withdrawn = grant->withdrawn};
    memcpy(of->grants[of->count++].floor, grant->floor, sizeof grant->floor);
    return KH_OK;
}

kh_status kh_horizon_grants_keep(kh_horizon_grants *of, kh_error *err)
{
    if (of->incomplete)
        kh_horizon_grants_drop(of);
    if (!grow((void **)&of->first, &of->patients_room, of->patients + 1, sizeof *of->first))
        return no_memory(err);
    if (of->patients == 0)
        of->first[0] = 0;
    of->first[++of->patients] = (uint32_t)of->count;
    return KH_OK;
}

void kh_horizon_grants_drop(kh_horizon_grants *of)
{
    of->count = begin_of(of);
    of->incomplete = false;
}

bool kh_horizon_grants_get(const kh_horizon_grants *of, size_t patient, kh_gathered *out)
{
    size_t begin = patient < of->patients ? of->first[patient] : 0, end = patient < of->patients ? of->first[patient + 1] : 0;

    if (begin == end)
        return false;
    for (size_t i = begin; i < end; i++) {
        const kh_horizon_grant *from = &of->grants[i];
        kh_grant_fact *to = &out->grants[i - begin];

        to->id = from->id;
        to->to_site = from->to_site;
        to->withdrawn = from->withdrawn;
        to->from_ms = from->from_ms;
        to->to_ms = from->to_ms;
        to->items = from->items;
        memcpy(to->floor, from->floor, sizeof to->floor);
        memcpy(to->modalities, of->codes[from->codes], strlen(of->codes[from->codes]) + 1);
    }
    out->facts.linked = true;
    out->facts.grants = out->grants;
    out->facts.grant_count = end - begin;
    return true;
}

void kh_horizon_grants_release(kh_horizon_grants *of)
{
    free(of->first);
    free(of->grants);
    free(of->codes);
    memset(of, 0, sizeof *of);
}
