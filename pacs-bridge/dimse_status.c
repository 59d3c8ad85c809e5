#include "pacs-bridge/dimse_status.h"

#include <stddef.h>
#include "dicom/shim/dimse.h"

#define TOO_LARGE 0xc001 /* Error: cannot understand; one of our own in that class, so that a sender does not try again */

uint16_t kh_dimse_status_store(kh_status status)
{
    switch (status) {
    case KH_OK:
        return KH_DIMSE_SUCCESS;
    case KH_E_ARG:
    case KH_E_FORMAT:
    case KH_E_NOT_FOUND:
    case KH_E_PEER:
        return KH_DIMSE_CANNOT_UNDERSTAND;
    case KH_E_UNSUPPORTED:
        return KH_DIMSE_CLASS_NOT_SUPPORTED;
    case KH_E_LIMIT:
        return TOO_LARGE;
    case KH_E_CONFLICT:
        return KH_DIMSE_CLASS_MISMATCH;
    case KH_E_BUSY:
    case KH_E_FULL:
    case KH_E_IO:
    case KH_E_MEMORY:
    case KH_E_TIMEOUT:
    case KH_E_CANCELLED:
        return KH_DIMSE_OUT_OF_RESOURCES;
    case KH_E_DENIED:
        return KH_DIMSE_NOT_AUTHORISED;
    case KH_E_CORRUPT:
    case KH_E_INTERNAL:
        break;
    }
    return KH_DIMSE_PROCESSING_FAILURE;
}

const char *kh_dimse_status_text(uint16_t status)
{
    static const struct {
        uint16_t mask, value;
        const char *text;
    } rows[] = {
        {0xffff, 0x0000, "success"},
        {0xffff, 0x0110, "processing failure"},
        {0xffff, 0x0112, "no such object"},
        {0xffff, 0x0113, "no such event type"},
        {0xffff, 0x0115, "invalid argument"},
        {0xffff, 0x0117, "invalid SOP Instance UID"},
        {0xffff, 0x0122, "SOP class not supported"},
        {0xffff, 0x0123, "no such action"},
        {0xffff, 0x0124, "not authorised"},
        {0xffff, 0x0211, "operation not recognised"},
        {0xffff, 0x0213, "resource limitation"},
        {0xffff, 0xa701, "out of resources: cannot count the matches"},
        {0xffff, 0xa702, "out of resources: cannot perform sub-operations"},
        {0xffff, 0xa801, "move destination unknown"},
        {0xff00, 0xa700, "out of resources"},
        {0xff00, 0xa900, "identifier or data set does not match the SOP class"},
        {0xffff, 0xb000, "one or more sub-operations failed"},
        {0xf000, 0xb000, "warning"},
        {0xf000, 0xc000, "cannot understand or process"},
        {0xffff, 0xfe00, "cancelled"},
        {0xfffe, 0xff00, "pending"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((status & rows[i].mask) == rows[i].value)
            return rows[i].text;
    return "unknown status";
}
