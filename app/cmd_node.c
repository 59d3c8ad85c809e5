#include <stdio.h>
#include <string.h>
#include "app/command.h"
#include "app/node_options.h"
#include "app/session.h"
#include "cache/nodes.h"
#include "pacs-bridge/scu.h"

static kh_status print_node(void *context, const kh_node *node)
{
    char address[264] = "-", may[KH_NODE_MAY_SIZE];
    bool *header = context;

    if (!*header)
        printf("%-20s %-16s %-28s %-20s %-16s %-14s %s\n", "NAME", "AE TITLE", "ADDRESS", "FACILITY", "MAY", "TLS", "FETCHED BY");
    *header = true;
    if (node->host[0])
        snprintf(address, sizeof address, "%s:%u", node->host, (unsigned)node->port);
    kh_node_may_text(may, node);
    printf("%-20s %-16s %-28s %-20s %-16s %-14s %s\n", node->name, node->ae_title, address, node->facility, may,
           !node->tls              ? "-"
           : node->certificates[0] ? "bound"
                                   : "no certificate",
           !node->host[0]          ? "-"
           : node->retrieve_by_get ? "get"
                                   : "move");
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

static int add(const kh_command *self, const kh_args *args, const kh_node_options *options)
{
    kh_node node = {.may_store = true};
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    kh_status status;

    if (!options->ae_title || !options->facility)
        return kh_command_usage(self, "%s is missing", options->ae_title ? "--facility" : "--ae-title");
    if (strlen(options->name) >= sizeof node.name)
        return kh_command_usage(self, "name: %zu bytes, expected at most %zu", strlen(options->name), sizeof node.name - 1);
    memcpy(node.name, options->name, strlen(options->name) + 1);
    if (kh_node_options_apply(&node, options, &err) != KH_OK)
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

static kh_status find_node(const kh_args *args, const char *name, kh_node *node, kh_error *err)
{
    kh_cache *cache = NULL;
    kh_status status = kh_session_read(&cache, &args->settings, err);

    if (status == KH_OK)
        status = kh_node_find(cache, name, node, err);
    kh_cache_close(cache);
    return status;
}

static int set(const kh_command *self, const kh_args *args, const kh_node_options *options)
{
    kh_error err = KH_ERROR_INIT;
    kh_session *session = NULL;
    kh_node node;
    kh_status status = find_node(args, options->name, &node, &err);

    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (kh_node_options_apply(&node, options, &err) != KH_OK)
        return kh_command_usage(self, "%s", err.message);
    status = kh_session_open(&session, &args->settings, &err);
    if (status == KH_OK)
        status = kh_session_node_set(session, &node, &err);
    kh_session_close(session);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("node %s changed\n", node.name);
    return KH_EXIT_OK;
}

/* With how to say "no limit" of the option behind it. */
static void show_text(const char *label, const char *value, const char *none)
{
    printf("%-14s %s\n", label, value[0] ? value : none);
}

static int show(const kh_command *self, const kh_args *args, const char *name)
{
    kh_error err = KH_ERROR_INIT;
    char may[KH_NODE_MAY_SIZE], text[300];
    kh_node node;
    kh_status status = find_node(args, name, &node, &err);

    if (status != KH_OK)
        return kh_command_failed(self, &err);
    kh_node_may_text(may, &node);
    show_text("name", node.name, "-");
    show_text("AE title", node.ae_title, "-");
    show_text("facility", node.facility, "-");
    snprintf(text, sizeof text, "%s:%u", node.host, (unsigned)node.port);
    show_text("address", node.host[0] ? text : "", "none: it only sends");
    show_text("calls from", node.source, "any address");
    show_text("may", may, "-");
    show_text("fetched by", !node.host[0] ? "-" : node.retrieve_by_get ? "C-GET" : "C-MOVE", "-");
    show_text("charset", node.charset, "default");
    show_text("syntaxes", node.syntaxes, "any");
    show_text("TLS", node.tls ? "always" : "", "never");
    if (node.tls)
        show_text("certificate", node.certificates, "none bound: it cannot call");
    snprintf(text, sizeof text, "%u", (unsigned)node.associations);
    show_text("associations", node.associations ? text : "", "no limit of its own");
    snprintf(text, sizeof text, "%lld bytes/s", (long long)node.bytes_per_s);
    show_text("bandwidth", node.bytes_per_s ? text : "", "no limit");
    show_text("hours", node.hours, "always");
    show_text("hours in", node.hours_in, "always");
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
    kh_scu scu = {0};
    kh_node node;
    kh_status status = kh_session_read(&cache, &args->settings, &err);

    if (status == KH_OK)
        status = kh_node_find(cache, name, &node, &err);
    if (status == KH_OK)
        status = kh_session_scu(&scu, &args->settings, cache, &err);
    if (status == KH_OK)
        status = kh_scu_echo(&scu, &node, &took_us, &err);
    kh_session_scu_release(&scu);
    kh_cache_close(cache);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    printf("node %s answers, %.1f ms\n", name, (double)took_us / 1000);
    return KH_EXIT_OK;
}

static int run(const kh_command *self, int argc, char **argv)
{
    kh_node_options node = {0};
    kh_option options[KH_NODE_OPTIONS_MAX];
    kh_args args;
    const char *verb;
    int status = kh_command_begin(self, &args, argc, argv, options, kh_node_options_table(&node, options));

    if (status != KH_COMMAND_GO)
        return status;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (!node.name && args.word_count > 1)
        node.name = args.words[1];
    if (args.word_count > 2)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[2]);
    if (strcmp(verb, "list") == 0)
        return list(self, &args);
    if (strcmp(verb, "add") != 0 && strcmp(verb, "set") != 0 && strcmp(verb, "show") != 0 && strcmp(verb, "remove") != 0 &&
        strcmp(verb, "echo") != 0)
        return kh_command_usage(self, "\"%.64s\", expected add, set, show, list, echo or remove", verb);
    if (!node.name)
        return kh_command_usage(self, "the node's name is missing");
    if (strcmp(verb, "add") == 0)
        return add(self, &args, &node);
    if (strcmp(verb, "set") == 0)
        return set(self, &args, &node);
    if (strcmp(verb, "show") == 0)
        return show(self, &args, node.name);
    return strcmp(verb, "echo") == 0 ? echo(self, &args, node.name) : remove_node(self, &args, node.name);
}

const kh_command kh_command_node = {
    .name = "node",
    .summary = "the hospitals' systems we talk with: add, set, show, list, echo, remove",
    .help = "NAME\n"
            "  kakehashi node - the hospitals' systems we talk with: add, set, show, list, echo, remove\n\n"
            "SYNOPSIS\n"
            "  kakehashi node add NAME --ae-title TITLE --facility NAME [--host HOST --port PORT] [OPTIONS]\n"
            "  kakehashi node set NAME [OPTIONS]\n"
            "  kakehashi node show NAME\n"
            "  kakehashi node list\n"
            "  kakehashi node echo NAME\n"
            "  kakehashi node remove NAME\n\n"
            "DESCRIPTION\n"
            "  A node is a DICOM application entity: a PACS, a scanner, a workstation. Only nodes may call the service, everybody else is\n"
            "  refused. Studies are fetched from nodes with an address. While no node is known the service listens on this machine only;\n"
            "  with the first one it opens the configured address. `set` changes what its options say and keeps the rest; `show` says all\n"
            "  of one node; `echo` asks a node whether it is there (C-ECHO) and how long that took.\n"
            "  At the hospital's side the service must be known as well: its AE title, this machine's address, its DICOM port.\n"
            "  With --tls a node talks on the TLS port only (see [dicom] tls_port in `kakehashi config`); it is taken for itself when\n"
            "  its AE title, its certificate and the address it calls from all fit.\n\n"
            "OPTIONS\n" KH_NODE_OPTIONS_HELP KH_ARGS_COMMON_HELP "\n"
            "EXAMPLES\n"
            "  kakehashi node add city-pacs --ae-title CITYPACS --host 10.1.2.3 --port 104 --facility city-hospital\n"
            "  kakehashi node add city-pacs --ae-title CITYPACS --host pacs.city.example --port 2762 --facility city-hospital \\\n"
            "      --tls --certificate citypacs.pem --may store,find,move\n"
            "  kakehashi node set city-pacs --hours \"mon-fri 18:00-07:00, sat, sun\" --bandwidth \"2 MiB\"\n"
            "  kakehashi node echo city-pacs\n\n"
            "EXIT STATUS\n"
            "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
