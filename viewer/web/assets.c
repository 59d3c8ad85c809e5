#include "viewer/web/assets.h"

#include <string.h>

/* made by embed.cmake; the last one has no path */
extern const kh_asset kh_asset_table[];
extern const char kh_asset_version_text[];

const char *kh_asset_version(void)
{
    return kh_asset_version_text;
}

const kh_asset *kh_asset_find(const char *path)
{
    for (const kh_asset *asset = kh_asset_table; asset->path; asset++)
        if (strcmp(asset->path, path) == 0)
            return asset;
    return NULL;
}

const kh_asset *kh_asset_all(size_t *count)
{
    *count = 0;
    while (kh_asset_table[*count].path)
        ++*count;
    return kh_asset_table;
}
