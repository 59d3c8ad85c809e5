/* GET /api/demo: the accounts of a demo (`kakehashi demo`), for its sign-in page; an empty list everywhere else. The settings see to it
 * that this is on a loopback address only. */
#include <fcntl.h>
#include <unistd.h>
#include "viewer/portal/internal.h"

#define FILE_BYTES_MAX 65536

static const char nobody[] = "{\"accounts\":[]}";

static void answer_text(kh_http_request *request, const char *text, size_t size)
{
    kh_http_set_header(request, "Cache-Control", "no-store");
    kh_http_answer(request, 200, "application/json; charset=utf-8", text, size);
}

static void read_accounts(void *context, kh_http_request *request)
{
    const kh_portal *portal = context;
    char text[FILE_BYTES_MAX];
    int fd = open(portal->options.demo_accounts, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;

    if (fd >= 0)
        close(fd);
    if (size > 0)
        answer_text(request, text, (size_t)size);
    else
        answer_text(request, nobody, sizeof nobody - 1);
}

void kh_portal_demo(kh_http_request *request, void *context)
{
    kh_portal *portal = context;

    if (portal->options.demo_accounts && portal->options.demo_accounts[0])
        kh_portal_later(portal, request, read_accounts);
    else
        answer_text(request, nobody, sizeof nobody - 1);
}
