#include <stdio.h>
#include <string.h>
#include "viewer/dicomweb/internal.h"

void kh_dicomweb_address(const kh_dicomweb *dicomweb, const kh_http_request *request, char out[KH_DICOMWEB_ADDRESS_SIZE])
{
    const char *host = kh_http_header(request, "Host"), *public_address = dicomweb->options.public_address;
    int size;

    if (public_address && *public_address)
        size = snprintf(out, KH_DICOMWEB_ADDRESS_SIZE, "%s" KH_DICOMWEB_PATH, public_address);
    else
        size = snprintf(out, KH_DICOMWEB_ADDRESS_SIZE, "http://%s" KH_DICOMWEB_PATH, host ? host : "");
    if (size >= KH_DICOMWEB_ADDRESS_SIZE) /* a name of a host has at most 253 bytes */
        memcpy(out, KH_DICOMWEB_PATH, sizeof KH_DICOMWEB_PATH);
}
