/* gut.h - stomach and bowel of the model; see body.h. */
#ifndef KH_PHANTOM_GUT_H
#define KH_PHANTOM_GUT_H

#include "phantom/body.h"

void ph_paint_gut(const ph_level *level, ph_canvas *canvas);

#endif
