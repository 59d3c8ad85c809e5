/* items.h - what a grant, or a discloser's policy, opens. Stored as these bits: never renumbered. */
#ifndef KH_ACCESS_ITEMS_H
#define KH_ACCESS_ITEMS_H

#define KH_ITEM_IMAGES 1u
#define KH_ITEM_REPORTS 2u
#define KH_ITEM_TAKE 4u /* objects may go out as they are [AZ-35] */
#define KH_ITEM_ALL 7u

#define KH_CODES_SIZE 256 /* "CT,MR": modalities, body parts, departments */

#endif
