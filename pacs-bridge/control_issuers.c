/* control_issuers.c - requests that judge what is stored by the issuers of its patient IDs: see cache/judging.h. */
#include "cache/judging.h"
#include "pacs-bridge/control_ops.h"

/* Who asks says by which rules: a service that was not started anew has the ones of before. */
kh_status kh_op_issuers_begin(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    const char *rules = kh_json_get_text(request, "rules");

    (void)answer;
    return rules ? kh_judging_begin(server->cache, rules, err) : kh_error_set(err, KH_E_ARG, "rules is missing");
}

kh_status kh_op_issuers_step(const kh_control_server *server, const kh_json *request, kh_json_writer *answer, kh_error *err)
{
    (void)request;
    (void)answer;
    return kh_judging_step(server->cache, err);
}
