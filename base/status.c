#include "base/status.h"

const char *kh_status_text(kh_status status)
{
    switch (status) {
    case KH_OK:
        return "ok";
    case KH_E_ARG:
        return "bad argument";
    case KH_E_FORMAT:
        return "bad format";
    case KH_E_UNSUPPORTED:
        return "unsupported";
    case KH_E_LIMIT:
        return "over a limit";
    case KH_E_NOT_FOUND:
        return "not found";
    case KH_E_CONFLICT:
        return "conflict";
    case KH_E_BUSY:
        return "busy";
    case KH_E_FULL:
        return "no space";
    case KH_E_IO:
        return "input or output error";
    case KH_E_MEMORY:
        return "out of memory";
    case KH_E_TIMEOUT:
        return "timed out";
    case KH_E_PEER:
        return "peer failed";
    case KH_E_DENIED:
        return "not allowed";
    case KH_E_CANCELLED:
        return "cancelled";
    case KH_E_CORRUPT:
        return "corrupt";
    case KH_E_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}
