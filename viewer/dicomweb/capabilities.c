/* What this server can do (PS3.18 8.9). */
#include "viewer/dicomweb/internal.h"

void kh_dicomweb_capabilities(kh_dicomweb *dicomweb, kh_http_request *request)
{
    (void)dicomweb;
    kh_http_answer(request, 204, NULL, NULL, 0);
}
