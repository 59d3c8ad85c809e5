#include "cache/nodes.h"

#include <string.h>
#include "cache/internal.h"
#include "cache/node_check.h"
#include "cache/pulls.h"

#define PULL_EVENTS_MAX 256 /* of one removal; the node's own event stands for the rest */
#define NODE_FIELDS                                                                                                            \
    "name, ae_title, host, port, facility, charset, may_store, may_query, retrieve, may_retrieve, tls, certificates, source,"  \
    " syntaxes, associations, bytes_per_s, hours, hours_in"
#define NODE_FIELD_COUNT 18
#define NODE_COLUMNS "id, " NODE_FIELDS

/* In the order of NODE_FIELDS. */
static void node_values(const kh_node *node, kh_sql_value out[NODE_FIELD_COUNT])
{
    const kh_sql_value values[NODE_FIELD_COUNT] = {
        KH_SQL_T(node->name),         KH_SQL_T(node->ae_title),    KH_SQL_T(node->host),            KH_SQL_I(node->port),
        KH_SQL_T(node->facility),     KH_SQL_T(node->charset),     KH_SQL_I(node->may_store),       KH_SQL_I(node->may_query),
        KH_SQL_I(node->retrieve_by_get), KH_SQL_I(node->may_retrieve), KH_SQL_I(node->tls),         KH_SQL_T(node->certificates),
        KH_SQL_T(node->source),       KH_SQL_T(node->syntaxes),    KH_SQL_I(node->associations),    KH_SQL_I(node->bytes_per_s),
        KH_SQL_T(node->hours),        KH_SQL_T(node->hours_in)};

    memcpy(out, values, sizeof values);
}

static kh_status insert_node(kh_write *write, void *context, kh_error *err)
{
    kh_node *node = context;
    kh_sql *sql = kh_write_sql(write);
    kh_sql_value values[NODE_FIELD_COUNT];
    kh_error why = KH_ERROR_INIT;
    kh_status status;

    node_values(node, values);
    status = kh_sql_run(sql,
                        "INSERT INTO node (" NODE_FIELDS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
                        " ?16, ?17, ?18)",
                        values, NODE_FIELD_COUNT, NULL, &why);
    if (status == KH_E_CONFLICT)
        return kh_error_set(err, status, "a node named %s is there already", node->name);
    if (status != KH_OK)
        return kh_error_set(err, status, "%s", why.message);
    node->id = kh_sql_last_id(sql);
    return kh_write_event(write, KH_EVENT_NODE, node->id, err);
}

kh_status kh_nodes_write(kh_cache *cache, kh_write_function *function, void *context, kh_error *err)
{
    kh_status status = kh_cache_write(cache, function, context, err);

    atomic_fetch_add(&cache->nodes_moved, 1);
    return status;
}

uint64_t kh_nodes_moved(const kh_cache *cache)
{
    return atomic_load(&cache->nodes_moved) + 1;
}

kh_status kh_node_add(kh_cache *cache, kh_node *node, kh_error *err)
{
    kh_status status = kh_node_check(node, err);

    return status == KH_OK ? kh_nodes_write(cache, insert_node, node, err) : status;
}

static void node_of_row(kh_sql_row *row, void *context)
{
    kh_node *out = context;

    memset(out, 0, sizeof *out);
    out->id = kh_sql_int(row, 0);
    KH_COPY(out->name, kh_sql_text(row, 1));
    KH_COPY(out->ae_title, kh_sql_text(row, 2));
    KH_COPY(out->host, kh_sql_text(row, 3));
    out->port = (uint16_t)kh_sql_int(row, 4);
    KH_COPY(out->facility, kh_sql_text(row, 5));
    KH_COPY(out->charset, kh_sql_text(row, 6));
    out->may_store = kh_sql_int(row, 7) != 0;
    out->may_query = kh_sql_int(row, 8) != 0;
    out->retrieve_by_get = kh_sql_int(row, 9) != 0;
    out->may_retrieve = kh_sql_int(row, 10) != 0;
    out->tls = kh_sql_int(row, 11) != 0;
    KH_COPY(out->certificates, kh_sql_text(row, 12));
    KH_COPY(out->source, kh_sql_text(row, 13));
    KH_COPY(out->syntaxes, kh_sql_text(row, 14));
    out->associations = (uint16_t)kh_sql_int(row, 15);
    out->bytes_per_s = kh_sql_int(row, 16);
    KH_COPY(out->hours, kh_sql_text(row, 17));
    KH_COPY(out->hours_in, kh_sql_text(row, 18));
}

static kh_status update_node(kh_write *write, void *context, kh_error *err)
{
    kh_node *node = context;
    kh_sql *sql = kh_write_sql(write);
    kh_sql_value values[NODE_FIELD_COUNT];
    kh_node before;
    kh_status status;

    node_values(node, values);
    status = kh_sql_first(sql, "SELECT " NODE_COLUMNS " FROM node WHERE name = ?1", values, 1, node_of_row, &before, err);
    if (status == KH_E_NOT_FOUND)
        return kh_error_set(err, status, "no node of that name");
    if (status == KH_OK)
        status = kh_sql_run(sql,
                            "UPDATE node SET (" NODE_FIELDS ") = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
                            " ?16, ?17, ?18) WHERE name = ?1",
                            values, NODE_FIELD_COUNT, NULL, err);
    if (status != KH_OK)
        return status;
    node->id = before.id;
    return kh_write_event(write, KH_EVENT_NODE, node->id, err);
}

kh_status kh_node_set(kh_cache *cache, kh_node *node, kh_error *err)
{
    kh_status status = kh_node_check(node, err);

    return status == KH_OK ? kh_nodes_write(cache, update_node, node, err) : status;
}

static kh_status cancel_pulls_of(kh_write *write, int64_t node_id, kh_error *err)
{
    kh_sql *sql = kh_write_sql(write);
    const kh_sql_value values[] = {KH_SQL_I(node_id), KH_SQL_I(KH_PULL_CANCELLED), KH_SQL_I(kh_write_now_ms(write))};
    kh_sql_row *row;
    bool has_row;
    int64_t told = 0;
    kh_status status = kh_sql_query(&row, sql,
                                    "UPDATE pull SET state = ?2, reason = 'the node was removed', updated_ms = ?3"
                                    " WHERE node_id = ?1 AND state < 2 RETURNING id",
                                    values, 3, err);

    while (status == KH_OK && told < PULL_EVENTS_MAX && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        status = kh_write_event(write, KH_EVENT_PULL, kh_sql_int(row, 0), err);
        told++;
    }
    kh_sql_end(row);
    return status;
}

static kh_status delete_node(kh_write *write, void *context, kh_error *err)
{
    const char *name = context;
    const kh_sql_value value = KH_SQL_T(name);
    kh_node node;
    kh_status status =
        kh_sql_first(kh_write_sql(write), "SELECT " NODE_COLUMNS " FROM node WHERE name = ?1", &value, 1, node_of_row, &node, err);

    if (status == KH_E_NOT_FOUND)
        return kh_error_set(err, status, "no node of that name");
    if (status == KH_OK)
        status = kh_sql_run(kh_write_sql(write), "DELETE FROM node WHERE name = ?1", &value, 1, NULL, err);
    if (status == KH_OK)
        status = cancel_pulls_of(write, node.id, err);
    return status == KH_OK ? kh_write_event(write, KH_EVENT_NODE, node.id, err) : status;
}

kh_status kh_node_remove(kh_cache *cache, const char *name, kh_error *err)
{
    return kh_nodes_write(cache, delete_node, (void *)(uintptr_t)name, err);
}

static kh_status find_node(kh_cache *cache, const char *query, const kh_sql_value *values, size_t count, kh_node *out,
                           const char *what, kh_error *err)
{
    kh_status status;

    memset(out, 0, sizeof *out);
    status = kh_cache_first(cache, query, values, count, node_of_row, out, err);
    return status == KH_E_NOT_FOUND ? kh_error_set(err, status, "no node %s", what) : status;
}

kh_status kh_node_find(kh_cache *cache, const char *name, kh_node *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(name);

    return find_node(cache, "SELECT " NODE_COLUMNS " FROM node WHERE name = ?1", &value, 1, out, "of that name", err);
}

kh_status kh_node_by_id(kh_cache *cache, int64_t id, kh_node *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_I(id);

    return find_node(cache, "SELECT " NODE_COLUMNS " FROM node WHERE id = ?1", &value, 1, out, "with that id", err);
}

/* What of the caller is not the node's, NULL when all is. */
static const char *mismatch(const kh_node *node, const kh_caller *caller)
{
    if (node->tls && !caller->tls)
        return "it may call by TLS only";
    if (!node->tls && caller->tls)
        return "it is not set up for TLS";
    if (caller->tls && !kh_node_has_certificate(node, caller->certificate))
        return "its certificate is not the one bound to it";
    if (caller->address && !kh_nets_hold(node->source, caller->address))
        return "it may not call from that address";
    return NULL;
}

kh_status kh_node_by_caller(kh_cache *cache, const kh_caller *caller, kh_node *out, kh_error *err)
{
    const kh_sql_value values[] = {KH_SQL_T(caller->ae_title), KH_SQL_T(caller->address ? caller->address : ""),
                                   KH_SQL_T(caller->facility)};
    const char *why = NULL;
    bool has_row = true;
    kh_node node;
    kh_sql *sql;
    kh_sql_row *row = NULL;
    kh_status status = kh_reader_acquire(&sql, cache->readers, err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = kh_sql_query(&row, sql,
                              "SELECT " NODE_COLUMNS " FROM node WHERE ae_title = ?1 AND (?3 = '' OR facility = ?3)"
                              " ORDER BY host <> '' AND host = ?2 DESC, id",
                              values, 3, err);
    while (status == KH_OK && !out->id && (status = kh_sql_next(row, &has_row, err)) == KH_OK && has_row) {
        const char *breach;

        node_of_row(row, &node);
        breach = mismatch(&node, caller);
        if (!breach)
            *out = node;
        else if (!why)
            why = breach;
    }
    kh_sql_end(row);
    kh_reader_release(cache->readers, sql);
    if (status != KH_OK || out->id)
        return status;
    return why ? kh_error_set(err, KH_E_DENIED, "node with that AE title: %s", why)
               : kh_error_set(err, KH_E_NOT_FOUND, "no node calls with that AE title");
}

kh_status kh_node_destination(kh_cache *cache, const char *ae_title, kh_node *out, kh_error *err)
{
    const kh_sql_value value = KH_SQL_T(ae_title);

    return find_node(cache, "SELECT " NODE_COLUMNS " FROM node WHERE ae_title = ?1 AND host <> '' ORDER BY id LIMIT 1", &value, 1, out,
                     "with an address has that AE title", err);
}

typedef struct telling {
    kh_node_visit *visit;
    void *context;
} telling;

static kh_status tell_node(kh_sql_row *row, void *context, kh_error *err)
{
    const telling *of = context;
    kh_node node;

    (void)err;
    node_of_row(row, &node);
    return of->visit(of->context, &node);
}

kh_status kh_node_list(kh_cache *cache, kh_node_visit *visit, void *context, kh_error *err)
{
    telling of = {visit, context};

    return kh_cache_each(cache, "SELECT " NODE_COLUMNS " FROM node ORDER BY name", NULL, 0, tell_node, &of, err);
}

kh_status kh_node_any(kh_cache *cache, bool *out, kh_error *err)
{
    kh_node node;
    kh_error none = KH_ERROR_INIT;
    kh_status status = find_node(cache, "SELECT " NODE_COLUMNS " FROM node WHERE may_store + may_query + may_retrieve > 0 LIMIT 1", NULL, 0,
                                 &node, "may call", &none);

    *out = status == KH_OK;
    if (status == KH_OK || status == KH_E_NOT_FOUND)
        return KH_OK;
    return kh_error_set(err, status, "%s", none.message);
}
