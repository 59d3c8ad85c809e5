#include "viewer/http/http_status.h"

unsigned kh_http_code(kh_status status)
{
    switch (status) {
    case KH_OK:
        return 200;
    case KH_E_ARG:
        return 400;
    case KH_E_FORMAT:
    case KH_E_UNSUPPORTED:
        return 422;
    case KH_E_LIMIT:
        return 413;
    case KH_E_NOT_FOUND:
        return 404;
    case KH_E_CONFLICT:
        return 409;
    case KH_E_DENIED:
        return 403;
    case KH_E_BUSY:
    case KH_E_MEMORY:
    case KH_E_CANCELLED:
        return 503;
    case KH_E_FULL:
        return 507;
    case KH_E_TIMEOUT:
        return 504;
    case KH_E_PEER:
        return 502;
    case KH_E_IO:
    case KH_E_CORRUPT:
    case KH_E_INTERNAL:
        return 500;
    }
    return 500;
}

bool kh_http_status_is_public(kh_status status)
{
    return status != KH_E_IO && status != KH_E_MEMORY && status != KH_E_INTERNAL;
}

unsigned kh_http_retry_after_s(unsigned code)
{
    return code == 503 ? 1 : code == 507 ? 60 : 0;
}

const char *kh_http_code_text(unsigned code)
{
    switch (code) {
    case 400:
        return "bad argument";
    case 404:
        return "not found";
    case 405:
        return "method not allowed";
    case 410:
        return "gone";
    case 413:
        return "over a limit";
    case 414:
        return "target too long";
    case 421:
        return "foreign host";
    case 431:
        return "headers too large";
    case 501:
        return "unsupported";
    case 503:
        return "busy";
    }
    return "error";
}
