/* rendered_profile.h - the ICC profile of colours that go out as a picture (PS3.18 8.3.5.1.5, PS3.3 C.11.15). */
#ifndef KH_VIEWER_DICOMWEB_RENDERED_PROFILE_H
#define KH_VIEWER_DICOMWEB_RENDERED_PROFILE_H

#include <stdbool.h>
#include "base/buf.h"

#define KH_PROFILE_BYTES_MAX ((size_t)4 << 20)

/* Is it a profile of RGB colours that says its own length? */
bool kh_profile_is_rgb(const uint8_t *bytes, size_t size);
/* Does it describe sRGB (IEC 61966-2-1), by its own name? */
bool kh_profile_is_srgb(const uint8_t *bytes, size_t size);
/* A profile of sRGB (ICC.1:2010, version 4.2, matrix and one curve), appended to out. */
KH_MUST_USE kh_status kh_profile_write_srgb(kh_buf *out, kh_error *err);

/* Put the profile into the JPEG (ICC.1 annex B.4) or PNG (iCCP) that stands in picture from `from` on to its end. KH_E_INTERNAL when it is
 * no such picture. Pure. */
KH_MUST_USE kh_status kh_profile_embed_jpeg(kh_buf *picture, size_t from, const uint8_t *profile, size_t size, kh_error *err);
KH_MUST_USE kh_status kh_profile_embed_png(kh_buf *picture, size_t from, const uint8_t *profile, size_t size, kh_error *err);

#endif
