#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void write_message(kh_error *err, const char *format, va_list args)
{
    int n = vsnprintf(err->message, sizeof err->message, format, args);

    if (n < 0)
        err->message[0] = '\0';
}

kh_status kh_error_set(kh_error *err, kh_status status, const char *format, ...)
{
    va_list args;

    if (!err || err->status != KH_OK)
        return status;
    err->status = status;
    va_start(args, format);
    write_message(err, format, args);
    va_end(args);
    return status;
}

static kh_status status_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return KH_E_FULL;
    case ENOMEM:
        return KH_E_MEMORY;
    default:
        return KH_E_IO;
    }
}

kh_status kh_error_errno(kh_error *err, int errno_value, const char *format, ...)
{
    kh_status status = status_of_errno(errno_value);
    size_t used;
    va_list args;

    if (!err || err->status != KH_OK)
        return status;
    err->status = status;
    va_start(args, format);
    write_message(err, format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", strerrordesc_np(errno_value));
    return status;
}

kh_status kh_error_prefix(kh_error *err, const char *format, ...)
{
    char held[sizeof err->message];
    size_t used;
    va_list args;

    if (!err)
        return KH_E_INTERNAL;
    memcpy(held, err->message, sizeof held);
    va_start(args, format);
    write_message(err, format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", held);
    return err->status;
}

void kh_error_clear(kh_error *err)
{
    if (!err)
        return;
    err->status = KH_OK;
    err->message[0] = '\0';
}
