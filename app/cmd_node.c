#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/session.h"
#include "cache/nodes.h"
#include "pacs-bridge/scu.h"

typedef struct node_options {
    const char *name, *ae_title, *host, *port, *facility, *charset, *retrieve;
    bool may_store, may_query;
} node_options;

static kh_status print_node(void *context, const kh_node *node)
{
    char address[264] = "-", may[16];
    bool *header = context;

    if (!*header)
        printf("%-20s %-16s %-28s %-20s %-12s %s\n", "NAME", "AE TITLE", "ADDRESS", "FACILITY", "MAY", "FETCHED BY");
    *header = true;
    if (node->host[0])
        snprintf(address, sizeof address, "%s:%u", node->host, (unsigned)node->port);
    snprintf(may, sizeof may, "%s%s%s", node->may_store ? "store" : "", node->may_store && node->may_query ? "," : "",
             node->may_query ? "query" : "");
    printf("%-20s %-16s %-28s %-20s %-12s %s\n", node->name, node->ae_title, address, node->facility, may,
           !node->host[0] ? "-" : node->retrieve_by_get ? "get" : "move");
    return KH_OK;
}

static int list(const kh_command *self, const kh_args *args)
{
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    bool header = false;
    kh_status status = kh_session_read(&cache, &args->settings, &err);

    if (status == KH_OK)
        status = kh_node_list(cache, print_node, &header, &err);
    kh_cache_close(cache);
    if (status == KH_OK && header)
        return KH_EXIT_OK;
    if (status != KH_OK && status != KH_E_NOT_FOUND)
        return kh_command_failed(self, &err);
    puts("no nodes: `kakehashi node add` brings the first");
    return KH_EXIT_OK;
}

/* What does not fit its field is told here; what does not make sense, by the index. */
static kh_status copy_text(char *out, size_t out_size, const char *option, const char *text, kh_error *err)
{
    if (strlen(text) >= out_size)
        return kh_error_set(err, KH_E_ARG, "%s: %zu bytes, expected at most %zu", option, strlen(text), out_size - 1);
    memcpy(out, text, strlen(text) + 1);
    return KH_OK;
}

static kh_status fill_node(kh_node *node, const node_options *options, kh_error *err)
{
    long long port = 0;

    *node = (kh_node){.may_store = options->may_store || !options->may_query, .may_query = options->may_query};
    if (!options->name || !options->ae_title || !options->facility)
        return kh_error_set(err, KH_E_ARG, "%s is missing",
                            !options->name       ? "the node's name"
                            : !options->ae_title ? "--ae-title"
                                                 : "--facility");
    if ((options->host == NULL) != (options->port == NULL))
        return kh_error_set(err, KH_E_ARG, "--host and --port go together");
    if (options->port && kh_args_number(&port, "--port", options->port, 1, 65535, err) != KH_OK)
        return KH_E_ARG;
    if (options->retrieve && strcmp(options->retrieve, "move") != 0 && strcmp(options->retrieve, "get") != 0)
        return kh_error_set(err, KH_E_ARG, "--retrieve \"%.16s\", expected move or get", options->retrieve);
    node->retrieve_by_get = options->retrieve && strcmp(options->retrieve, "get") == 0;
    node->port = (uint16_t)port;
    if (copy_text(node->name, sizeof node->name, "name", options->name, err) != KH_OK ||
        copy_text(node->ae_title, sizeof node->ae_title, "--ae-title", options->ae_title, err) != KH_OK ||
        copy_text(node->facility, sizeof node->facility, "--facility", options->facility, err) != KH_OK ||
        copy_text(node->host, sizeof node->host, "--host", options->host ? options->host : "", err) != KH_OK ||
        copy_text(node->charset, sizeof node->charset, "--charset", options->charset ? options->charset : "", err) != KH_OK)
        return KH_E_ARG;
    return KH_OK;
}

static int add(const kh_command *self, const kh_args *args, const node_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    kh_status status;
    kh_node node;

    if (fill_node(&node, options, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    status = kh_session_open(&session, &args->settings, &err);
    if (status == KH_OK)
        status = kh_session_node_add(session, &node, &err);
    kh_session_close(session);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("node %s added\n", node.name);
    return KH_EXIT_OK;
}

static int remove_node(const kh_command *self, const kh_args *args, const char *name)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    kh_status status = kh_session_open(&session, &args->settings, &err);

    if (status == KH_OK)
        status = kh_session_node_remove(session, name, &err);
    kh_session_close(session);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("node %s removed\n", name);
    return KH_EXIT_OK;
}

static int echo(const kh_command *self, const kh_args *args, const char *name)
{
    kh_error err = KH_ERROR_INIT;
    kh_cache *cache = NULL;
    int64_t took_us = 0;
    kh_node node;
    kh_scu scu;
    kh_status status = kh_session_read(&cache, &args->settings, &err);

    if (status == KH_OK)
        status = kh_node_find(cache, name, &node, &err);
    kh_cache_close(cache);
    kh_scu_init(&scu, args->settings.dicom_ae_title);
    if (status == KH_OK)
        status = kh_scu_echo(&scu, &node, &took_us, &err);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("node %s answers, %.1f ms\n", name, (double)took_us / 1000);
    return KH_EXIT_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    node_options node = {0};
    const kh_option options[] = {
        {"--name", &node.name, NULL},         {"--ae-title", &node.ae_title, NULL},   {"--ae", &node.ae_title, NULL},
        {"--host", &node.host, NULL},         {"--port", &node.port, NULL},           {"--facility", &node.facility, NULL},
        {"--charset", &node.charset, NULL},   {"--retrieve", &node.retrieve, NULL}, {"--may-store", NULL, &node.may_store}, {"--may-query", NULL, &node.may_query},
    };
    kh_args args;
    const char *verb;
    int status = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (!node.name && args.word_count > 1)
        node.name = args.words[1];
    if (args.word_count > 2)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[2]);
    if (strcmp(verb, "list") == 0)
        return list(self, &args);
    if (strcmp(verb, "add") == 0)
        return add(self, &args, &node);
    if (strcmp(verb, "remove") != 0 && strcmp(verb, "echo") != 0)
        return kh_command_usage(self, "\"%.64s\", expected add, list, echo or remove", verb);
    if (!node.name)
        return kh_command_usage(self, "the node's name is missing");
    return strcmp(verb, "echo") == 0 ? echo(self, &args, node.name) : remove_node(self, &args, node.name);
}

const kh_command kh_command_node = {
    .name = "node",
    .summary = "the hospitals' systems we talk with: add, list, echo, remove",
    .help = "NAME\n"
            "  kakehashi node - the hospitals' systems we talk with: add, list, echo, remove\n\n"
            "SYNOPSIS\n"
            "  kakehashi node add NAME --ae-title TITLE --facility NAME [--host HOST --port PORT] [OPTIONS]\n"
            "  kakehashi node list\n"
            "  kakehashi node echo NAME\n"
            "  kakehashi node remove NAME\n\n"
            "DESCRIPTION\n"
            "  A node is a DICOM application entity: a PACS, a scanner, a workstation. Only nodes may call the service, everybody else is\n"
            "  refused. Studies are fetched from nodes with an address. While no node is known the service listens on this machine only;\n"
            "  with the first one it opens the configured address. `echo` asks a node whether it is there (C-ECHO).\n"
            "  At the hospital's side the service must be known as well: its AE title, this machine's address, its DICOM port.\n\n"
            "OPTIONS\n"
            "  --ae-title TITLE        its application entity title, up to 16 characters\n"
            "  --facility NAME         the hospital it belongs to; objects and patients from it are kept apart by this name\n"
            "  --host HOST             name or IPv4 address; without it the node can only send\n"
            "  --port PORT             1 to 65535\n"
            "  --charset NAMES         Specific Character Set of keys sent to it, such as \"\\ISO 2022 IR 87\"\n"
            "  --retrieve move|get     studies are fetched from it by C-MOVE, the default, or by C-GET: then it need not reach us\n"
            "  --may-store             it may send objects; so may every node for which neither is said\n"
            "  --may-query             it may ask what is here\n" KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi node add city-pacs --ae-title CITYPACS --host 10.1.2.3 --port 104 --facility city-hospital\n"
            "  kakehashi node echo city-pacs\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
