/* terminal_commands.h - what the files of `kakehashi terminal` share. */
#ifndef KH_APP_TERMINAL_COMMANDS_H
#define KH_APP_TERMINAL_COMMANDS_H

#include "access/install_links.h"
#include "app/command.h"
#include "app/rows.h"

typedef struct kh_terminal_options {
    const char *facility, *name; /* the words; NULL where there are none */
    const char *days, *hours, *out, *key, *reason, *by, *antivirus, *of, *expiring;
    bool link, aes, json, csv;
} kh_terminal_options;

/* terminal_print.c */
int kh_terminal_print_list(const kh_command *self, const kh_args *args, const kh_terminal_options *options);
int kh_terminal_print_one(const kh_command *self, const kh_args *args, const kh_terminal_options *options);
/* What was issued, and how it is fetched: file or link (NULL: not that way). */
void kh_terminal_print_issued(const kh_terminal_issued *issued, const char *file, const char *link, int hours, bool json);

/* terminal_files.c: what the authority gives out beside certificates of terminals. */
int kh_terminal_list_file(const kh_command *self, const kh_args *args, const kh_terminal_options *options);
int kh_terminal_authority(const kh_command *self, const kh_args *args, const kh_terminal_options *options);
int kh_terminal_server(const kh_command *self, const kh_args *args, const kh_terminal_options *options);
/* A new file, 0600; one that is there is left alone: KH_E_CONFLICT. */
KH_MUST_USE kh_status kh_terminal_write_file(const char *path, const void *bytes, size_t size, kh_error *err);
/* Where terminals find us, "https://images.example/install/SECRET". */
void kh_terminal_link(char out[512], const kh_settings *settings, const char *secret);

#endif
