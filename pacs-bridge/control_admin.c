#include "pacs-bridge/control_admin.h"

#include <stdlib.h>
#include <string.h>

#define ASSOCIATIONS_TOLD 100 /* fit into a line, whatever their texts hold */
#define REFUSALS_TOLD 30
#define AWAY_TOLD 40
#define CONTACTS_TOLD 500

static kh_status op_echo(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *name = kh_json_get_text(request, "name");
    kh_error why = KH_ERROR_INIT;
    int64_t took_us = 0;
    kh_node node;
    kh_status status;

    if (!name)
        return kh_error_set(err, KH_E_ARG, "name is missing");
    if (!server->pulls.echo)
        return kh_error_set(err, KH_E_UNSUPPORTED, "nobody asks nodes here");
    status = kh_node_find(server->cache, name, &node, err);
    if (status != KH_OK)
        return status;
    status = server->pulls.echo(server->pulls.context, &node, &took_us, &why);
    if (status == KH_E_BUSY)
        return kh_error_set(err, status, "%s", why.message);
    kh_json_put_bool(answer, "answers", status == KH_OK);
    kh_json_put_int(answer, "took_us", took_us);
    kh_json_put_text(answer, "reason", why.message);
    return KH_OK;
}

static kh_status op_contacts(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_node_contact *all = calloc(CONTACTS_TOLD, sizeof(*all));
    size_t count = all && server->pulls.use ? kh_node_use_contacts(server->pulls.use, all, CONTACTS_TOLD) : 0;

    (void)request;
    if (!all)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list of contacts");
    kh_json_key(answer, "contacts");
    kh_json_array_begin(answer);
    for (size_t i = 0; i < count; i++) {
        kh_json_object_begin(answer);
        kh_json_put_int(answer, "node", all[i].node_id);
        kh_json_put_int(answer, "called_ms", all[i].called_ms);
        kh_json_put_int(answer, "reached_ms", all[i].reached_ms);
        kh_json_object_end(answer);
    }
    kh_json_array_end(answer);
    free(all);
    return KH_OK;
}

static void put_association(kh_json_writer *json, const kh_association *it)
{
    const kh_association_counts *counts = &it->counts;

    kh_json_object_begin(json);
    kh_json_put_int(json, "id", (int64_t)it->number);
    kh_json_put_text(json, "peer", it->peer);
    kh_json_put_text(json, "address", it->address);
    kh_json_put_text(json, "calling", it->calling);
    kh_json_put_text(json, "called", it->called);
    kh_json_put_bool(json, "tls", it->tls);
    kh_json_put_int(json, "since_ms", it->since_ms);
    kh_json_put_int(json, "stored", (int64_t)counts->stored);
    kh_json_put_int(json, "known", (int64_t)counts->known);
    kh_json_put_int(json, "refused", (int64_t)counts->refused);
    kh_json_put_int(json, "echoes", (int64_t)counts->echoes);
    kh_json_put_int(json, "queries", (int64_t)counts->queries);
    kh_json_put_int(json, "retrievals", (int64_t)counts->retrievals);
    kh_json_put_int(json, "bytes", (int64_t)counts->bytes);
    if (it->ended_ms) {
        kh_json_put_int(json, "ended_ms", it->ended_ms);
        kh_json_put_int(json, "status", it->refused_status);
        kh_json_put_text(json, "reason", it->refused_words);
    }
    kh_json_object_end(json);
}

static void put_all(kh_json_writer *json, const char *key, const kh_association *all, size_t count)
{
    kh_json_key(json, key);
    kh_json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        put_association(json, &all[i]);
    kh_json_array_end(json);
}

static kh_status op_associations(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_association *all = calloc(ASSOCIATIONS_TOLD, sizeof(*all));
    unsigned active = 0;

    (void)request;
    if (!all)
        return kh_error_set(err, KH_E_MEMORY, "no memory for a list of associations");
    put_all(answer, "associations", all, kh_associations_list(server->pulls.associations, all, ASSOCIATIONS_TOLD, &active));
    kh_json_put_int(answer, "active", active);
    free(all);
    return KH_OK;
}

static void put_turned_away(kh_json_writer *json, const kh_turned_away *all, size_t count)
{
    kh_json_key(json, "turned_away");
    kh_json_array_begin(json);
    for (size_t i = 0; i < count; i++) {
        kh_json_object_begin(json);
        kh_json_put_text(json, "address", all[i].address);
        kh_json_put_text(json, "calling", all[i].calling);
        kh_json_put_text(json, "called", all[i].called);
        kh_json_put_bool(json, "tls", all[i].tls);
        kh_json_put_text(json, "reason", all[i].words);
        kh_json_put_int(json, "ended_ms", all[i].last_ms);
        kh_json_put_int(json, "times", (int64_t)all[i].times);
        kh_json_object_end(json);
    }
    kh_json_array_end(json);
}

static kh_status op_refusals(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    kh_association *all = calloc(REFUSALS_TOLD, sizeof(*all));
    kh_turned_away *away = calloc(AWAY_TOLD, sizeof(*away));
    kh_status status = all && away ? KH_OK : kh_error_set(err, KH_E_MEMORY, "no memory for a list of refusals");

    (void)request;
    if (status == KH_OK) {
        put_all(answer, "refusals", all, kh_associations_refusals(server->pulls.associations, all, REFUSALS_TOLD));
        put_turned_away(answer, away, kh_associations_turned_away(server->pulls.associations, away, AWAY_TOLD));
    }
    free(all);
    free(away);
    return status;
}

bool kh_control_admin_op(const kh_control_server *server, const char *name, const kh_json *request, kh_json_writer *answer,
                         kh_status *status, kh_error *err)
{
    if (strcmp(name, "node.echo") == 0)
        *status = op_echo(server, request, answer, err);
    else if (strcmp(name, "node.contacts") == 0)
        *status = op_contacts(server, request, answer, err);
    else if (strcmp(name, "association.list") == 0)
        *status = op_associations(server, request, answer, err);
    else if (strcmp(name, "refusal.list") == 0)
        *status = op_refusals(server, request, answer, err);
    else
        return false;
    return true;
}
