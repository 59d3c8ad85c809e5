/* node_options.h - a node as the command line says it. Threads: one at a time. */
#ifndef KH_APP_NODE_OPTIONS_H
#define KH_APP_NODE_OPTIONS_H

#include "app/args.h"
#include "cache/nodes.h"

typedef struct kh_node_options {
    const char *name, *ae_title, *host, *port, *facility, *charset, *retrieve, *may, *certificate, *fingerprint, *from, *syntaxes,
        *associations, *bandwidth, *hours, *hours_in;
    bool may_store, may_query, tls, no_tls;
} kh_node_options;

#define KH_NODE_OPTIONS_MAX 24
/* The table for kh_command_begin(); how many were written. */
size_t kh_node_options_table(kh_node_options *options, kh_option out[KH_NODE_OPTIONS_MAX]);
/* Change what the options say of *node; the name is not changed. KH_E_ARG with the option. */
KH_MUST_USE kh_status kh_node_options_apply(kh_node *node, const kh_node_options *options, kh_error *err);
/* "store,find,move", what of it applies; "-" for none. */
#define KH_NODE_MAY_SIZE 16
void kh_node_may_text(char out[KH_NODE_MAY_SIZE], const kh_node *node);
/* The options' part of the help text. */
#define KH_NODE_OPTIONS_HELP \
    "  --ae-title TITLE        its application entity title, up to 16 characters\n" \
    "  --facility NAME         the hospital it belongs to; objects and patients from it are kept apart by this name\n" \
    "  --host HOST             name or IPv4 address; without it the node can only send\n" \
    "  --port PORT             1 to 65535\n" \
    "  --from NETS             IPv4 addresses and nets it may call from, such as 10.1.2.0/24,10.9.9.9, or any; when not said:\n" \
    "                          from the address given as --host, from anywhere when that is a name or missing\n" \
    "  --may LIST              what it may do when it calls: store, find, move (and C-GET), separated by commas, or nothing;\n" \
    "                          store when not said. --may-store and --may-query (find and move) say the same\n" \
    "  --retrieve move|get     studies are fetched from it by C-MOVE, the default, or by C-GET: then it need not reach us\n" \
    "  --charset NAMES         Specific Character Set of keys sent to it, such as \"\\ISO 2022 IR 87\"\n" \
    "  --syntaxes LIST         transfer syntaxes it is to use, best first, by UID or as explicit, implicit, deflated, rle, jpeg,\n" \
    "                          jpeg-12, jpeg-lossless, jpeg-ls, jpeg-2000-lossless, jpeg-2000, htj2k-lossless; or any\n" \
    "  --tls, --no-tls         all talk with it is encrypted, both ways; without encryption it is refused\n" \
    "  --certificate FILE      the certificate it shows when it calls (PEM or DER): bound to its title, no other is taken\n" \
    "  --fingerprint SHA256    the same by its SHA-256; up to four with commas, for the days of a renewal\n" \
    "  --associations N        so many at once, its own and as many of ours, 0 to 254; 0: no limit of its own\n" \
    "  --bandwidth RATE        in a second, both directions together, such as \"2 MiB\"; or none\n" \
    "  --hours WINDOWS         when it may be asked and sent to, local time, such as 18:00-07:00 or\n" \
    "                          \"mon-fri 18:00-07:00, sat, sun\"; or always. Pulls wait until then\n" \
    "  --hours-in WINDOWS      when it may call\n"

#endif
