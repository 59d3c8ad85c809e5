/* A whole file: data set, every element, image attributes, frame table, display tables. */
#include <stdlib.h>
#include "dicom/display.h"
#include "dicom/frames.h"
#include "dicom/text.h"
#include "tests/fuzz/fuzz.h"

/* Nesting is bounded by the reader; the walk may follow it. */
static void read_item(const kh_item *item)
{
    char text[64];
    kh_person_name name;
    int64_t number;
    double real;

    for (size_t i = 0; i < kh_item_element_count(item); i++) {
        const kh_element *element = kh_item_element(item, i);
        uint32_t count = kh_item_value_count(item, element->tag);
        if (!kh_item_find(item, element->tag))
            abort();
        (void)kh_item_string(item, element->tag, count / 2, text, sizeof(text));
        (void)kh_item_int(item, element->tag, count, &number);
        (void)kh_item_double(item, element->tag, count > 0 ? count - 1 : 0, &real);
        if (i == 0) /* fuzz_text goes deeper and faster */
            kh_item_text(item, element->tag, 0, text, sizeof(text));
        if (element->vr == KH_VR('P', 'N'))
            kh_item_person_name(item, element->tag, &name);
        for (uint32_t k = 0; k < element->item_count; k++)
            read_item(kh_element_item(element, k));
    }
}

/* What the table promises must be in the file. */
static void check_table(const kh_frame_table *table, const kh_source *pixels)
{
    for (uint32_t i = 0; i < table->extent_count; i++) {
        const kh_extent *extent = &table->extents[i];
        if (extent->length > 0 && (extent->offset > pixels->size || extent->length > pixels->size - extent->offset))
            abort();
    }
    for (uint32_t i = 0; i < table->frame_count; i++) {
        if (table->first_extent[i] > table->first_extent[i + 1])
            abort();
    }
    if (table->first_extent[table->frame_count] != table->extent_count)
        abort();
}

/* Each table holds what it says: the sanitizers look on. */
static void read_display(const kh_dataset *dataset, const kh_image_info *info)
{
    kh_display *display;
    unsigned sum = 0;
    size_t size;

    if (kh_display_read(&display, &size, dataset, info, NULL) != KH_OK)
        return;
    for (uint32_t i = 0; i < 3 * display->palette.count; i++)
        sum += display->palette.rgb[i];
    for (uint32_t i = 0; i < display->modality.count; i++)
        sum += display->modality.values[i];
    for (uint32_t n = 0; n < display->voi_count; n++)
        sum += display->voi[n].count > 0 ? display->voi[n].values[display->voi[n].count - 1] : 0u;
    for (uint32_t n = 0; n < display->overlay_count; n++) {
        const kh_overlay *overlay = &display->overlays[n];
        uint64_t bits = (uint64_t)overlay->rows * overlay->columns * (overlay->frame_count ? overlay->frame_count : 1);

        if (overlay->bit < 0)
            sum += overlay->bits[(bits - 1) / 8];
    }
    for (uint32_t frame = 0; frame <= display->frame_shutter_count; frame++) {
        const kh_shutter *shutter = kh_display_shutter(display, frame);

        for (uint32_t i = 0; i < 2 * shutter->vertex_count; i++)
            sum += (unsigned)shutter->vertices[i];
    }
    if (sum == 1 && size == 0)
        abort();
    free(display);
}

static void read_image(const kh_dataset *dataset, const kh_source *source)
{
    kh_source pixels = *source;
    kh_frame_table table;
    kh_image_info info;
    size_t size;
    const uint8_t *inflated = kh_dataset_inflated(dataset, &size);

    if (inflated)
        kh_source_init_memory(&pixels, inflated, size);
    if (kh_image_info_read(&info, dataset, NULL) != KH_OK)
        return;
    (void)kh_image_info_slice(&info, info.frame_count - 1)->position_mm[0];
    read_display(dataset, &info);
    if (kh_frame_table_read(&table, dataset, &info, source, NULL) == KH_OK) {
        check_table(&table, &pixels);
        kh_frame_table_release(&table);
    }
    kh_image_info_release(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    kh_dataset_limits limits = kh_dataset_limits_default;
    kh_source source;
    kh_dataset *dataset;
    kh_error err = KH_ERROR_INIT;

    limits.inflated_bytes = 1u << 20;
    kh_source_init_memory(&source, bytes, size);
    if (kh_dataset_read_file(&dataset, &source, &limits, &err) != KH_OK) {
        if (err.message[0] == '\0' || dataset)
            abort();
        return 0;
    }
    read_item(kh_dataset_meta(dataset));
    read_item(kh_dataset_main(dataset));
    read_image(dataset, &source);
    kh_dataset_free(dataset);
    return 0;
}
