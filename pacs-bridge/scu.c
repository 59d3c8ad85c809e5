#include "pacs-bridge/scu.h"

#include <stdio.h>
#include "base/clock.h"
#include "pacs-bridge/dimse_status.h"
#include "pacs-bridge/query.h"

void kh_scu_init(kh_scu *scu, const char *ae_title)
{
    *scu = (kh_scu){.ae_title = ae_title, .limits = kh_net_limits_default};
}

void kh_scu_title(const kh_scu *scu, const kh_node *node, char ae_title[KH_AE_TITLE_SIZE])
{
    if (!scu->cache || kh_title_of_facility(scu->cache, node->facility, ae_title, NULL) != KH_OK)
        snprintf(ae_title, KH_AE_TITLE_SIZE, "%s", scu->ae_title);
}

static kh_status connect_node(kh_assoc **out, const kh_scu *scu, const kh_node *node, const kh_proposal *proposals, size_t count,
                              kh_error *err)
{
    char ae_title[KH_AE_TITLE_SIZE];
    kh_tls_credentials *credentials = NULL;
    kh_status status;

    kh_scu_title(scu, node, ae_title);
    if (node->tls && !(credentials = kh_tls_store_get(scu->tls)))
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s needs TLS, and there is no good certificate of ours", node->name);
    status = kh_assoc_connect_tls(out, credentials, node->host, node->port, ae_title, node->ae_title, proposals, count, &scu->limits,
                                  scu->stop, err);
    kh_tls_credentials_unref(credentials);
    return status;
}

kh_status kh_scu_connect(kh_assoc **out, const kh_scu *scu, const kh_node *node, const kh_proposal *proposals, size_t count,
                         kh_error *err)
{
    const kh_node_call call = {scu->urgent, scu->wait_ms, scu->stop};
    void *place = NULL;
    kh_status status = KH_OK;

    *out = NULL;
    if (!node->host[0])
        return kh_error_set(err, KH_E_ARG, "node %s has no host: it only sends", node->name);
    if (node->tls && !scu->tls)
        return kh_error_set(err, KH_E_UNSUPPORTED, "node %s needs TLS, and [dicom] tls_certificate is not set", node->name);
    if (scu->use)
        status = kh_node_use_call(scu->use, node, &call, &place, err);
    if (status == KH_OK)
        status = connect_node(out, scu, node, proposals, count, err);
    if (status != KH_OK) {
        if (place)
            kh_node_use_hang_up(place);
        return status;
    }
    if (scu->logged)
        kh_assoc_log(*out, node->name);
    if (place) {
        kh_assoc_at_end(*out, kh_node_use_hang_up, place);
        kh_node_use_reached(scu->use, node);
        kh_assoc_set_rate(*out, kh_node_use_rate(scu->use, node));
    }
    return KH_OK;
}

kh_status kh_scu_echo(const kh_scu *scu, const kh_node *node, int64_t *took_us, kh_error *err)
{
    static const char *const syntaxes[] = {KH_TS_IMPLICIT_LE};
    const kh_proposal proposal = {KH_SOP_VERIFICATION, syntaxes, 1, false};
    int64_t begin_us = kh_clock_monotonic_us();
    kh_assoc *assoc = NULL;
    uint16_t answer = 0;
    kh_status status;

    *took_us = 0;
    status = kh_scu_connect(&assoc, scu, node, &proposal, 1, err);
    if (status == KH_OK)
        status = kh_user_echo(assoc, &answer, err);
    if (status == KH_OK && answer != KH_DIMSE_SUCCESS)
        status = kh_error_set(err, KH_E_PEER, "node %s answers C-ECHO with %04X, %s", node->name, answer,
                              kh_dimse_status_text(answer));
    *took_us = kh_clock_monotonic_us() - begin_us;
    if (status == KH_OK)
        (void)!kh_assoc_release(assoc, NULL); /* the echo has been answered: that was the question */
    kh_assoc_free(assoc);
    return status;
}

kh_status kh_scu_find_studies(const kh_scu *scu, const kh_node *node, const kh_find_filter *filter, kh_found_study_visit *visit,
                              void *context, kh_error *err)
{
    kh_query query;
    kh_status status = kh_query_open(&query, scu, node, err);

    if (status == KH_OK)
        status = kh_query_studies(&query, filter, visit, context, err);
    kh_query_close(&query, status);
    return status;
}

kh_status kh_scu_find_instances(const kh_scu *scu, const kh_node *node, const char *study_uid, int64_t count_max,
                                kh_found_instance_visit *visit, void *context, kh_error *err)
{
    kh_query query;
    kh_status status = kh_query_open(&query, scu, node, err);

    if (status == KH_OK)
        status = kh_query_instances(&query, study_uid, count_max, visit, context, err);
    kh_query_close(&query, status);
    return status;
}
