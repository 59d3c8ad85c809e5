/* kakehashi network: the stop switch (TB-16). */
#include <stdio.h>
#include <string.h>
#include "access/facilities.h"
#include "app/desk.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json.h"

static kh_status show(kh_desk *desk, bool json, kh_error *err)
{
    kh_suspension state;
    kh_json_writer writer;
    char time[KH_DESK_TIME_SIZE];
    kh_buf text;
    kh_status status = kh_network_state(desk->access, &state, err);

    if (status != KH_OK)
        return status;
    kh_desk_time(time, state.since_ms);
    if (!json) {
        if (kh_suspension_at(&state, kh_clock_wall_ms()))
            printf("stopped since %s by %s: %s\n", time, state.by, state.reason);
        else
            puts("running");
        return KH_OK;
    }
    kh_buf_init(&text, 4096);
    kh_json_writer_init(&writer, &text);
    kh_json_object_begin(&writer);
    kh_json_put_bool(&writer, "stopped", kh_suspension_at(&state, kh_clock_wall_ms()));
    kh_json_put_text(&writer, "since", time);
    kh_json_put_text(&writer, "by", state.by);
    kh_json_put_text(&writer, "reason", state.reason);
    kh_json_object_end(&writer);
    status = kh_json_writer_status(&writer, err);
    if (status == KH_OK)
        puts(kh_buf_text(&text));
    kh_buf_release(&text);
    return status;
}

static kh_status change(kh_desk *desk, const char *reason, kh_error *err)
{
    kh_status status = kh_desk_record(desk, err, NULL, "network %s%s", reason ? "stop: " : "resume", reason ? reason : "");

    if (status != KH_OK)
        return status;
    return kh_desk_record_end(
        desk, NULL, reason ? kh_network_stop(desk->access, reason, kh_session_asked_by(NULL), err) : kh_network_resume(desk->access, err));
}

static int run(const kh_command *self, int argc, char **argv)
{
    const char *reason = NULL;
    bool json = false;
    const kh_option options[] = {{"--reason", &reason, NULL}, {"--json", NULL, &json}};
    kh_error err = KH_ERROR_INIT;
    kh_status status;
    kh_desk desk;
    kh_args args;
    const char *verb;
    bool stop, looks;
    int code = kh_command_begin(self, &args, argc, argv, options, sizeof options / sizeof options[0]);

    if (code != KH_COMMAND_GO)
        return code;
    verb = args.word_count > 0 ? args.words[0] : "";
    if (args.word_count > 1)
        return kh_command_usage(self, "\"%.64s\" is not expected", args.words[1]);
    stop = strcmp(verb, "stop") == 0;
    looks = strcmp(verb, "show") == 0;
    if (!stop && !looks && strcmp(verb, "resume") != 0)
        return kh_command_usage(self, "\"%.64s\", expected stop, resume or show", verb);
    if (stop && !reason)
        return kh_command_usage(self, "--reason is missing");
    status = kh_desk_open(&desk, &args.settings, looks ? KH_DESK_LOOKS : KH_DESK_CHANGES, false, &err);
    if (status == KH_OK)
        status = looks ? show(&desk, json, &err) : change(&desk, stop ? reason : NULL, &err);
    kh_desk_close(&desk);
    if (status != KH_OK)
        return kh_command_failed(self, &err);
    if (!looks)
        puts(stop ? "the network is stopped: only its office may sign in" : "the network runs");
    return KH_EXIT_OK;
}

const kh_command kh_command_network = {
    .name = "network",
    .summary = "the stop switch of the network: stop, resume, show",
    .help =
        "NAME\n"
        "  kakehashi network - the stop switch of the network: stop, resume, show\n\n"
        "SYNOPSIS\n"
        "  kakehashi network stop --reason TEXT\n"
        "  kakehashi network resume\n"
        "  kakehashi network show [--json]\n\n"
        "DESCRIPTION\n"
        "  After a leak: nobody sees anything until measures are in place. All sessions but the network office's end, tokens are no longer\n"
        "  good, nodes are answered nothing, within a second in all processes of a running service. Stopping and resuming are recorded first.\n\n"
        "OPTIONS\n"
        "  --reason TEXT           why\n"
        "  --json                  as JSON\n" KH_ARGS_COMMON_HELP "\n"
        "EXAMPLES\n"
        "  kakehashi network stop --reason \"a password was published\"\n\n"
        "EXIT STATUS\n"
        "  0 done, 1 it did not work, 2 not understood\n",
    .run = run,
};
