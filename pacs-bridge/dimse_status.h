/* dimse_status.h - the one table from our status to what a DICOM peer is told (PS3.4 B.2.3, PS3.7 C), so that it can tell "again later"
 * (A7xx) from "never" (A9xx, Cxxx, 01xx). Threads: constant. */
#ifndef KH_PACS_BRIDGE_DIMSE_STATUS_H
#define KH_PACS_BRIDGE_DIMSE_STATUS_H

#include <stdint.h>
#include "base/status.h"

/* For the response to C-STORE. */
uint16_t kh_dimse_status_store(kh_status status);
/* Words for a status a peer has sent: "out of resources", ..., "unknown status". Never NULL. */
const char *kh_dimse_status_text(uint16_t status);

#endif
