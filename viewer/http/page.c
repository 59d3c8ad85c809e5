/* A page for a person where there is nothing else to show: one sentence in each language and the way back. No script; base.css is its only
 * style. */
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "viewer/http/internal.h"

#define PAGE_BYTES_MAX 4096
#define PROBLEM_BYTES_MAX 400

/* A client's own words may be in it. */
static void escape(char *safe, size_t size, const char *text)
{
    size_t used = 0;

    safe[0] = '\0';
    for (; *text && used + 8 < size; text++)
        used += (size_t)snprintf(safe + used, size - used, *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : "%c", *text);
}

void kh_http_answer_page(kh_http_request *request, unsigned code, const char *japanese, const char *english, const char *problem)
{
    char safe[PROBLEM_BYTES_MAX];
    kh_buf page;

    escape(safe, sizeof safe, problem);
    kh_buf_init(&page, PAGE_BYTES_MAX);
    if (kh_buf_appendf(
            &page, NULL,
            "<!doctype html><html lang=\"ja\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>Kakehashi</title>"
            "<link rel=\"stylesheet\" href=\"/web/base.css\"></head><body><main class=\"page list-message\"><h1>%s</h1><p lang=\"en\">%s</p>%s%s%s"
            "<p><a class=\"button\" href=\"/\"><span>検査一覧へ / <span lang=\"en\">To the studies</span></span></a></p></main></body></html>\n",
            japanese, english, safe[0] ? "<p lang=\"en\">" : "", safe, safe[0] ? "</p>" : "") == KH_OK) {
        kh_http_set_header(request, "Cache-Control", "no-store");
        kh_http_answer(request, code, "text/html; charset=utf-8", page.data, page.size);
    } else {
        kh_http_answer_code(request, code, english);
    }
    kh_buf_release(&page);
}

bool kh_http_wants_page(const kh_http_request *request)
{
    const char *accept = kh_http_header(request, "Accept");

    return accept && strstr(accept, "text/html") != NULL;
}
