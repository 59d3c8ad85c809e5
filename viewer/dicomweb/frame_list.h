/* frame_list.h - the frames that an address names, and the media types they can have (PS3.18 8.7.3.3, 10.4.1.1.6). Pure. */
#ifndef KH_VIEWER_DICOMWEB_FRAME_LIST_H
#define KH_VIEWER_DICOMWEB_FRAME_LIST_H

#include <stdint.h>
#include "viewer/dicomweb/accept.h"

#define KH_FRAME_LIST_MAX 2048 /* a target has 4,096 bytes */

/* "1,2,7": ascending, each once, from 1. KH_E_ARG says what is wrong. */
KH_MUST_USE kh_status kh_frame_list_parse(uint32_t numbers[KH_FRAME_LIST_MAX], size_t *count, const char *text, kh_error *err);

#define KH_FRAME_OFFERS_MAX 10
/* What frames stored in this transfer syntax can be given as; decodable: as native samples, too. single: without multipart as well.
 * Returns the count; an offer whose transfer_syntax is explicit VR little endian is native samples. */
size_t kh_frame_offers(kh_offer offers[KH_FRAME_OFFERS_MAX], const char *stored_syntax, bool decodable, bool single);

#endif
